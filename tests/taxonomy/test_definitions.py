"""Every fast routine against its definition in a few slow lines, over random trees and lineages."""

import pickle

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from taxoeval.taxonomy import Taxonomy, Tree, near_duplicates, tree_from_parents

RANKS = ("order", "family", "genus", "species")


@st.composite
def trees(draw):
    """Trees and forests in preorder: chains, stars, single children, unequal depths."""
    n = draw(st.integers(1, 40))
    open_path, parents = [], []
    for i in range(n):
        keep = draw(st.integers(0, len(open_path)))
        open_path = open_path[:keep]
        parents.append(open_path[-1] if open_path else -1)
        open_path.append(i)
    return Tree(parents, [f"n{i}" for i in range(n)])


@st.composite
def lineages(draw):
    """Rows over four ranks with holes anywhere, names that recur in other places, and at least one name each."""
    letters = st.sampled_from(["", "A", "B", "C"])
    row = st.tuples(*[letters] * len(RANKS)).filter(any)
    rows = draw(st.lists(row, min_size=1, max_size=25))
    return [tuple(f"{rank[0]}{name}" if name else "" for rank, name in zip(RANKS, row, strict=True)) for row in rows]


def line(tree, i):
    """A node and its ancestors, upwards, by walking."""
    path = []
    while i >= 0:
        path.append(i)
        i = int(tree.parent[i])
    return path


def children(tree, i):
    return [j for j in range(tree.n) if tree.parent[j] == i]


@given(trees())
def test_derived_arrays_are_what_their_names_say(tree):
    below = [[j for j in range(tree.n) if i in line(tree, j)] for i in range(tree.n)]
    leaves = [i for i in range(tree.n) if not children(tree, i)]
    assert tree.depth.tolist() == [len(line(tree, i)) - 1 for i in range(tree.n)]
    assert tree.size.tolist() == [len(nodes) for nodes in below]
    assert all(nodes == list(range(i, i + len(nodes))) for i, nodes in enumerate(below))
    assert tree.height.tolist() == [
        max(len(line(tree, j)) for j in below[i]) - len(line(tree, i)) for i in range(tree.n)
    ]
    assert tree.leaves.tolist() == leaves
    assert tree.is_leaf.tolist() == [i in leaves for i in range(tree.n)]
    assert tree.n_leaves_below.tolist() == [len(set(nodes) & set(leaves)) for nodes in below]
    assert [tree.ancestors(i).tolist() for i in range(tree.n)] == [line(tree, i)[1:] for i in range(tree.n)]


@given(trees())
def test_lca_of_all_pairs_by_walking(tree):
    ids = np.arange(-1, tree.n)
    expected = [[max(set(line(tree, a)) & set(line(tree, b)), default=-1) for b in ids] for a in ids]
    found = tree.lca(ids[:, None], ids[None, :])
    assert found.tolist() == expected
    assert found.dtype == np.int64


@given(trees(), st.data())
def test_restriction_keeps_the_set_and_all_ancestors(tree, data):
    wanted = data.draw(st.lists(st.integers(0, tree.n - 1), min_size=1))
    smaller, id_map = tree.restrict(wanted)
    kept = sorted({j for i in wanted for j in line(tree, i)})
    assert np.flatnonzero(id_map >= 0).tolist() == kept
    assert smaller.names.tolist() == [tree.names[i] for i in kept]
    for i in kept:
        assert [smaller.names[j] for j in line(smaller, id_map[i])] == [tree.names[j] for j in line(tree, i)]


@given(trees(), st.data())
def test_subtree_is_the_clade(tree, data):
    node = data.draw(st.integers(0, tree.n - 1))
    clade, id_map = tree.subtree(node)
    assert clade.names.tolist() == [tree.names[j] for j in range(tree.n) if node in line(tree, j)]
    assert (clade.parent < 0).sum() == 1
    assert id_map[node] == 0
    assert (id_map >= 0).sum() == clade.n


@given(trees(), st.randoms(use_true_random=False))
def test_a_shuffled_parent_list_gives_the_same_tree_up_to_sibling_order(tree, random):
    rows = list(range(tree.n))
    random.shuffle(rows)
    parents = [None if tree.parent[i] < 0 else int(tree.parent[i]) for i in rows]
    again, node = tree_from_parents(rows, parents, [tree.names[i] for i in rows])
    for row, i in enumerate(rows):
        assert [again.names[j] for j in line(again, node[row])] == [tree.names[j] for j in line(tree, i)]


@given(trees())
def test_only_preorder_is_accepted(tree):
    rng = np.random.default_rng(tree.n)
    for _ in range(5):
        parent = np.array([-1, *(rng.integers(-1, i) for i in range(1, tree.n))])
        path, ordered = [], True
        for i, p in enumerate(parent):  # in preorder the parent is on the path from the root to the node before
            while path and path[-1] != p:
                path.pop()
            ordered &= bool(path) or p == -1
            path.append(i)
        try:
            Tree(parent, [""] * tree.n)
            accepted = True
        except ValueError:
            accepted = False
        assert accepted == ordered


@given(trees())
def test_newick_and_pickle_round_trip(tree):
    one, _ = tree.subtree(0)
    assert Tree.from_newick(one.to_newick()) == one
    again = pickle.loads(pickle.dumps(tree))  # noqa: S301
    assert again == tree
    assert not again.parent.flags.writeable


def naive_paths(rows):
    """The taxa of lineages: every prefix of the known (rank, name) pairs."""
    paths = set()
    for row in rows:
        known = [(rank, name) for rank, name in enumerate(row) if name]
        paths |= {tuple(known[: k + 1]) for k in range(len(known))}
    return paths


@given(lineages())
def test_taxa_are_the_different_known_paths(rows):
    taxonomy, taxon = Taxonomy.from_columns(list(zip(*rows, strict=True)), ranks=RANKS)
    paths = [tuple((rank, name) for rank, name in enumerate(taxonomy.lineage(i)) if name) for i in range(taxonomy.n)]
    assert sorted(paths) == sorted(naive_paths(rows))
    assert [taxonomy.lineage(i) for i in taxon] == rows
    assert taxonomy.ids(rows).tolist() == taxon.tolist()
    for i in range(taxonomy.n):
        above = {int(taxonomy.rank[j]): j for j in line(taxonomy, i)}
        assert taxonomy.ancestor[i].tolist() == [above.get(r, -1) for r in range(len(RANKS))]
        assert paths[i][:-1] == (paths[taxonomy.parent[i]] if taxonomy.parent[i] >= 0 else ())
    for rank in RANKS:
        assert taxonomy.at(rank).tolist() == taxonomy.ancestor[:, RANKS.index(rank)].tolist()


@given(lineages(), st.randoms(use_true_random=False))
def test_neither_row_order_nor_repeats_matter(rows, random):
    shuffled = rows * 2
    random.shuffle(shuffled)
    assert Taxonomy.from_lineages(rows, ranks=RANKS) == Taxonomy.from_lineages(shuffled, ranks=RANKS)


@given(lineages())
def test_the_same_taxa_through_every_door_are_the_same_taxonomy(rows):
    taxonomy = Taxonomy.from_lineages(rows, ranks=RANKS)
    leaves = [taxonomy.lineage(i) for i in taxonomy.leaves]
    assert Taxonomy.from_lineages(leaves, ranks=RANKS) == taxonomy
    read = Taxonomy.from_parents(
        range(taxonomy.n), taxonomy.parent.tolist(), taxonomy.names, [RANKS[r] for r in taxonomy.rank], ranks=RANKS
    )
    assert read.taxonomy == taxonomy
    assert read.taxon.tolist() == list(range(taxonomy.n))
    assert pickle.loads(pickle.dumps(taxonomy)) == taxonomy  # noqa: S301


@given(lineages(), st.data())
def test_restricting_a_taxonomy_is_building_it_from_fewer_lineages(rows, data):
    taxonomy = Taxonomy.from_lineages(rows, ranks=RANKS)
    some = data.draw(st.lists(st.sampled_from(rows), min_size=1))
    smaller, id_map = taxonomy.restrict(taxonomy.ids(some))
    assert smaller == Taxonomy.from_lineages(some, ranks=RANKS)
    assert id_map[taxonomy.ids(some)].tolist() == smaller.ids(some).tolist()


@settings(max_examples=50)
@given(lineages())
def test_near_duplicates_by_comparing_all_pairs(rows):
    taxonomy = Taxonomy.from_lineages(rows, ranks=RANKS)
    found = {(r.name, r.rank, r.taxa): r.kind for r in near_duplicates(taxonomy)}
    expected = {}
    for name, rank in {(taxonomy.names[i], int(taxonomy.rank[i])) for i in range(taxonomy.n)}:
        taxa = [i for i in range(taxonomy.n) if taxonomy.names[i] == name and taxonomy.rank[i] == rank]
        clash = any(
            x and y and x != y
            for a in taxa
            for b in taxa
            for x, y in zip(taxonomy.lineage(a), taxonomy.lineage(b), strict=True)
        )
        if len(taxa) > 1:
            expected[name, RANKS[rank], tuple(taxa)] = "conflict" if clash else "hole"
    assert found == expected

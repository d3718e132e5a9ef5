"""Any tree against the dendrogram, and the files for viewers."""

import numpy as np
import pytest

from taxoeval import Taxonomy
from taxoeval.errors import TaxoevalError
from taxoeval.structure.clade_recall import clade_recall
from taxoeval.structure.dendrogram import dendrogram
from taxoeval.structure.itol import COLOURS, OTHER, UNKNOWN, node_ids, rank_strips, write_itol
from taxoeval.structure.tree_agreement import tree_agreement
from taxoeval.taxonomy import Tree
from tests.structure.planted import planted, row


def test_a_tree_agrees_with_itself_and_with_a_copy_with_other_lengths():
    tree = Tree.from_newick("(((a:1,b:1):1,c:2):1,(d:1,(e:0.5,f:0.5):0.5):2);")
    other = Tree.from_newick("((d:1,(f:0.1,e:0.1):0.9):9,(c:2,(b:1,a:1):1):8);")
    result = tree_agreement(tree, other, permutations=99)
    assert result.recovered.all()
    assert result.robinson_foulds.plain == 0
    assert row(result, "correlation of distances along both trees").value[0] > 0.8
    same = tree_agreement(tree, tree, permutations=99)
    assert row(same, "correlation of distances along both trees").value[0] == pytest.approx(1)
    assert row(same, "clades of the given tree recovered").p[0] < 0.05


def test_the_taxonomy_as_a_tree_gives_what_clade_recall_gives():
    vectors, taxon, taxonomy = planted(noise=2.0)
    recall = clade_recall(vectors, taxon, taxonomy, permutations=0)
    result = tree_agreement(taxonomy, recall.dendrogram.tree, permutations=0)
    assert result.robinson_foulds == recall.robinson_foulds
    assert len(result.jaccard) == result.robinson_foulds.clades == len(recall.taxon) - 1  # the last genus is a family
    assert set(np.round(result.jaccard, 9)) <= set(np.round(recall.jaccard, 9))


def test_species_in_one_tree_alone_are_named_and_left_out():
    result = tree_agreement(
        Tree.from_newick("(((Pica_pica,Pica_hudsonia),Corvus_corax),(Larus_canus,Larus_argentatus));"),
        Tree.from_newick("((('Pica  pica','Corvus corax'),Larus_canus),('Larus argentatus',Apus_apus));"),
    )
    assert result.only_reference == ("Pica_hudsonia",)
    assert result.only_other == ("Apus_apus",)
    assert result.reference.n_leaves_below[0] == result.other.n_leaves_below[0] == 4
    assert result.recovered.tolist() == [True, False]
    assert result.jaccard == pytest.approx([1, 0.5])


def test_a_forest_is_joined_by_a_root():
    forest = Tree([-1, 0, 0, -1, 3, 3], ["", "a", "b", "", "c", "d"])
    result = tree_agreement(forest, Tree.from_newick("((a,b),(c,d));"), permutations=0)
    assert result.recovered.tolist() == [True, True]


def test_trees_that_share_too_little_or_name_a_leaf_twice_are_errors():
    a, b = Tree.from_newick("((a,b),c,d);"), Tree.from_newick("((a,b),(x,y));")
    with pytest.raises(TaxoevalError, match=r"share 2 of 4 and 4 species; four are needed \(names such as 'a' and 'a'"):
        tree_agreement(a, b)
    with pytest.raises(TaxoevalError, match="two leaves of the tree are named 'a b'"):
        tree_agreement(Tree([-1, 0, 0], ["", "a_b", "a b"]), b)


def test_a_star_has_no_clade_to_recover():
    result = tree_agreement(Tree.from_newick("(a,b,c,d);"), Tree.from_newick("((a,b),(c,d));"), permutations=3)
    assert np.isnan([one.value[0] for one in result.rows]).all()
    assert "no clade" in result.rows[0].reason[0]


def test_a_real_phylogeny_of_birds(shared_data):
    phylogeny = Tree.from_newick(shared_data / "taxonomies" / "megatrees_tree_bird_McTavish.nwk.gz")
    rng = np.random.default_rng(0)
    some = np.sort(rng.choice(phylogeny.leaves, 60, replace=False))
    smaller, _ = phylogeny.restrict(some)
    result = tree_agreement(phylogeny, smaller, permutations=5)
    assert result.recovered.all()
    assert result.robinson_foulds.plain == 0
    assert row(result, "correlation of distances along both trees").value[0] == pytest.approx(1)
    assert len(result.only_reference) == len(phylogeny.leaves) - 60


def read(path):
    """The head of an annotation file, and its rows of data."""
    lines = path.read_text().splitlines()
    at = lines.index("DATA")
    return lines[:at], [line.split("\t") for line in lines[at + 1 :]]


def test_files_for_viewers_name_every_leaf_and_node(tmp_path):
    vectors, taxon, taxonomy = planted(holes=True)
    tree, found = dendrogram(vectors, taxon, taxonomy)
    strips = rank_strips(tree, found.species, taxonomy)
    count = found.count[np.argsort(tree.place)]
    support = np.where(tree.tree.is_leaf, np.nan, 0.5)
    paths = write_itol(tmp_path, tree.tree, strips=strips, tips={"images": count}, clades={"support %": support})
    assert [path.name for path in paths] == [
        "tree.nwk",
        "names.txt",
        "strip_order.txt",
        "strip_family.txt",
        "strip_genus.txt",
        "bars_images.txt",
        "clades_support.txt",
    ]
    back = Tree.from_newick(paths[0])
    leaves = list(back.names[back.leaves])
    np.testing.assert_array_equal(back.parent, tree.tree.parent)
    for path in paths[2:6]:
        assert [cells[0] for cells in read(path)[1]] == leaves
    family = {name: cells[2] for name, cells in zip(leaves, read(paths[3])[1], strict=True)}
    for species, lineage in zip(found.species, found.lineage, strict=True):
        expected = str(taxonomy.names[lineage[1]]) if lineage[1] >= 0 else "unknown"
        assert family[str(taxonomy.names[species])] == expected
    assert [float(cells[1]) for cells in read(paths[5])[1]] == count.tolist()
    assert [cells[0] for cells in read(paths[6])[1]] == list(back.names[~back.is_leaf])
    assert read(paths[6])[1][0] == ["n0", "2", "5.50", "#737373", "1", "1", "0.5"]


def test_names_are_made_safe_and_shown_as_they_are(tmp_path):
    names = ["Aus (Bus) b's", "Aus [Bus] b's", "n0", "a:b,c;", "", "tab\there"]
    tree = Tree([-1, 0, 0, 0, 0, 0, 0], ["the root", *names])
    ids = node_ids(tree)
    assert len(set(ids)) == 7
    assert all(i.replace("_", "").isalnum() and i.isascii() for i in ids)
    paths = write_itol(tmp_path, tree)
    assert list(Tree.from_newick(paths[0]).names) == ids
    shown = dict(read(paths[1])[1])
    assert shown[ids[0]] == "the root"
    assert shown[ids[1]] == "Aus (Bus) b's"
    assert shown[ids[6]] == "tab here"
    assert ids[5] not in shown


def test_colours_go_to_the_commonest_and_holes_are_white(tmp_path):
    categories = [c for i, c in enumerate("abcdefghi") for _ in range(10 - i)] + [""]
    tree = Tree([-1, *[0] * len(categories)], ["", *[f"t{i}" for i in range(len(categories))]])
    head, rows = read(write_itol(tmp_path, tree, strips={"family": categories})[2])
    shade = {cells[2]: cells[1] for cells in rows}
    assert [shade[c] for c in "abcdefg"] == list(COLOURS)
    assert shade["h"] == shade["i"] == OTHER
    assert shade["unknown"] == UNKNOWN
    legend = next(line for line in head if line.startswith("LEGEND_LABELS"))
    assert legend.split("\t")[1:] == [*"abcdefg", "others", "unknown"]


def test_titles_alike_get_files_of_their_own_and_wrong_lengths_are_errors(tmp_path):
    tree = Tree.from_newick("(a,b);")
    paths = write_itol(tmp_path, tree, tips={"a b": [1, np.nan], "a_b": [1, 2]})
    assert [path.name for path in paths[2:]] == ["bars_a_b.txt", "bars_a_b_2.txt"]
    assert read(paths[2])[1] == [["a", "1"]]
    with pytest.raises(ValueError, match="n: one for each leaf is needed, 2 in all; got 3"):
        write_itol(tmp_path, tree, tips={"n": [1, 2, 3]})
    with pytest.raises(ValueError, match="n: one for each node is needed, 3 in all; got 2"):
        write_itol(tmp_path, tree, clades={"n": [1, 2]})


def test_species_of_one_name_can_be_told_apart_in_the_files(tmp_path):
    taxonomy = Taxonomy.from_lineages([("A", "alba"), ("B", "alba"), ("B", "nigra")], ranks=("genus", "species"))
    tree, _ = dendrogram(np.eye(3), np.flatnonzero(taxonomy.rank == 1), taxonomy)
    back = Tree.from_newick(write_itol(tmp_path, tree.tree)[0])
    assert sorted(back.names[back.leaves]) == ["A_alba", "B_alba", "nigra"]

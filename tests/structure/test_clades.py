"""Clades by recall, Jaccard and purity against loops over nodes and pairs; Robinson-Foulds against two libraries."""

from io import StringIO
from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import squareform

from taxoeval import Taxonomy
from taxoeval.errors import TaxoevalError
from taxoeval.structure.centroids import centroids, tree_distance
from taxoeval.structure.clade_recall import clade_recall
from taxoeval.structure.clade_sets import CladeSets, best_fit, overlap
from taxoeval.structure.clade_support import clade_support
from taxoeval.structure.dendrogram import join
from taxoeval.structure.dendrogram_purity import _null, _of_lineage, dendrogram_purity, purities
from taxoeval.structure.robinson_foulds import robinson_foulds
from taxoeval.taxonomy import Tree, tree_from_parents
from tests.structure.planted import planted, row
from tests.structure.random_trees import noise, random_taxonomy, species_of


def random_tree(rng, c, collapse=0.3):
    """A tree over the leaves 0 .. c - 1 with some polytomies, and which species each leaf is."""
    distance = rng.random((c, c))
    found = join(np.round((distance + distance.T) * (1 - np.eye(c)), 1 if collapse else 9), range(c))
    return found.tree, found.place


def leaves_below(tree, place):
    """The species below each node."""
    species = np.argsort(place)
    return [set(species[np.flatnonzero((tree.leaves >= v) & (tree.leaves < v + tree.size[v]))]) for v in range(tree.n)]


def might_belong(lineage, place, member, other):
    """Whether `other`, unknown at a rank, might be in the taxon of `member` there."""
    pairs = [(lineage[member][p], lineage[other][p]) for p in range(place)]
    return lineage[other][place] < 0 and all(a == b or a < 0 or b < 0 for a, b in pairs)


def by_hand(lineage, tree, place):
    """Jaccard, recovered and purity of each taxon, from all nodes and all pairs."""
    below = leaves_below(tree, place)
    found = {}
    for rank in range(lineage.shape[1]):
        for taxon in set(lineage[:, rank]) - {-1}:
            members = set(np.flatnonzero(lineage[:, rank] == taxon))
            doubt = {s for s in range(len(lineage)) if might_belong(lineage, rank, min(members), s)}
            if len(members) < 2 or len(members) + len(doubt) == len(lineage):
                continue
            nodes = [b - doubt for b in below]
            jaccard = max(len(members & b) / len(members | b) for b in nodes)
            purity = []
            for pair in combinations(members, 2):
                meet = min((b for b in nodes if set(pair) <= b), key=len)
                purity.append(len(meet & members) / len(meet))
            found[taxon] = (jaccard, members in nodes, np.mean(purity), len(members))
    return found


@pytest.mark.parametrize("holes", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_best_jaccard_recovery_and_purity_equal_all_nodes_and_pairs(seed, holes):
    rng = np.random.default_rng(seed)
    taxonomy = random_taxonomy(rng, 25, holes)
    lineage = taxonomy.ancestor[species_of(taxonomy)].astype(int)
    tree, place = random_tree(rng, 25)
    assert (tree.n < 2 * 25 - 1) or seed
    sets = CladeSets.of_lineage(lineage)
    fit, purity = best_fit(sets, tree, place), purities(sets, tree, place)
    expected = by_hand(lineage, tree, place)
    assert set(sets.taxon) == set(expected)
    for s, taxon in enumerate(sets.taxon):
        assert (fit.jaccard[s], fit.recovered[s], purity[s], sets.size[s]) == pytest.approx(expected[taxon])
    below = leaves_below(tree, place)
    for s in np.flatnonzero(fit.recovered & (np.bincount(sets.doubt_of, minlength=len(sets.size)) == 0)):
        assert below[fit.node[s]] == set(sets.species[sets.of == s])


def as_skbio(tree, place):
    """The same tree with the numbers of the species as names."""
    from skbio import TreeNode

    names = np.full(tree.n, "", dtype=object)
    names[tree.leaves] = [f"s{s}" for s in np.argsort(place)]
    return TreeNode.read(StringIO(Tree(tree.parent, names).to_newick()))


@pytest.mark.parametrize("seed", range(5))
def test_plain_robinson_foulds_is_that_of_scikit_bio(seed):
    rng = np.random.default_rng(seed)
    (a, place_a), (b, place_b) = random_tree(rng, 30), random_tree(rng, 30, collapse=0)
    found = robinson_foulds(a, np.argsort(place_a), b, np.argsort(place_b))
    one, other = as_skbio(a, place_a), as_skbio(b, place_b)
    assert found.plain == one.compare_rfd(other, rooted=True)
    assert found.plain / found.largest == pytest.approx(one.compare_rfd(other, proportion=True, rooted=True))


@pytest.mark.parametrize("seed", range(5))
def test_plain_robinson_foulds_is_that_of_ete3_on_binary_trees(seed):
    import ete3

    rng = np.random.default_rng(seed)
    (a, place_a), (b, place_b) = random_tree(rng, 12, collapse=0), random_tree(rng, 12, collapse=0)
    found = robinson_foulds(a, np.argsort(place_a), b, np.argsort(place_b))
    one, other = (ete3.Tree(str(as_skbio(t, p)).replace("'", ""), format=1) for t, p in ((a, place_a), (b, place_b)))
    assert found.plain == one.robinson_foulds(other)[0]


def follows(taxonomy):
    """Distances in space that are those in the taxonomy, and a little noise."""
    species = species_of(taxonomy)
    distance = tree_distance(taxonomy.ancestor[species].astype(int)) + 0.0
    jitter = np.random.default_rng(0).random(distance.shape) / 100
    return (distance + jitter + jitter.T) * (1 - np.eye(len(species)))


@pytest.mark.parametrize("method", ["average", "neighbour_joining"])
def test_a_dendrogram_that_follows_the_taxonomy_has_recall_1_though_rf_is_not_0(method):
    taxonomy = random_taxonomy(np.random.default_rng(2), 60)
    species = species_of(taxonomy)
    found = join(follows(taxonomy), range(60), method)
    sets = CladeSets.of_lineage(taxonomy.ancestor[species].astype(int))
    fit = best_fit(sets, found.tree, found.place)
    assert fit.recovered.all()
    assert (fit.jaccard == 1).all()
    assert (purities(sets, found.tree, found.place) == 1).all()
    taxa = taxonomy.restrict(species)[0]
    distance = robinson_foulds(taxa, np.arange(60), found.tree, np.argsort(found.place))
    assert distance.misses == 0
    assert distance.plain == distance.floor > 0


def test_recall_jaccard_and_their_null():
    vectors, taxon, taxonomy = planted(effects=(6.0, 3.0, 1.5, 0.3), noise=0.3, dimension=60)
    result = clade_recall(vectors, taxon, taxonomy, permutations=99)
    recall, jaccard = row(result, "clade recall"), row(result, "best Jaccard of clades")
    assert recall.value[:3].tolist() == jaccard.value[:3].tolist() == [1, 1, 1]
    assert recall.n.tolist() == [3, 6, 11, 0]
    assert (recall.p[:3] == 0.01).all()
    assert (recall.null[:3] < 0.1).all()
    assert (jaccard.null[:3] < 0.6).all()
    assert recall.reason[3] == "a species is one leaf of the dendrogram"
    misses, plain = row(result, "Robinson-Foulds, misses alone"), row(result, "Robinson-Foulds, plain")
    assert misses.value[0] == 0
    assert misses.p[0] == 0.01
    assert f"floor {plain.value[0]:.3f}" in plain.reason[0]
    assert result.recovered.all()
    assert result.null.shape == (99, 2, 4)


def test_noise_has_no_clades_and_a_p_like_any():
    vectors, taxon, taxonomy = planted(effects=(0, 0, 0, 1.0), zipf=True, holes=True)
    result = clade_recall(vectors, taxon, taxonomy, permutations=99)
    assert (row(result, "best Jaccard of clades").p[:3] > 0.05).all()
    assert result.robinson_foulds.misses >= result.robinson_foulds.clades - 2


def test_a_chain_of_single_children_counts_at_each_rank_but_once_in_rf():
    lineages = [(o, f"{o}f", f"{o}g", f"{o}{i}") for o in "AB" for i in range(3)]
    taxonomy = Taxonomy.from_lineages(lineages, ranks=("order", "family", "genus", "species"))
    vectors = np.repeat(np.eye(2), 3, axis=0) + 0.01 * np.random.default_rng(0).random((6, 2))
    result = clade_recall(vectors, species_of(taxonomy), taxonomy, permutations=9)
    assert row(result, "clade recall").n.tolist() == [2, 2, 2, 0]
    assert result.robinson_foulds.clades == 2
    assert row(result, "clade recall").reason[0] == "untested: no more than 10 ways to deal the parts out"


@pytest.mark.parametrize("images", [np.ones((6, 3)), np.eye(6)])
def test_a_star_is_no_tree(images):
    taxonomy = random_taxonomy(np.random.default_rng(0), 6)
    for one in clade_recall(images, species_of(taxonomy), taxonomy, permutations=9).rows:
        assert np.isnan(one.value).all()
        assert set(one.reason) == {"all species are equally far apart in space: there is no dendrogram"}
    for one in dendrogram_purity(images, species_of(taxonomy), taxonomy, permutations=9).rows:
        assert np.isnan(one.value).all()


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_species_have_no_clades(n):
    taxonomy = random_taxonomy(np.random.default_rng(0), n)
    for function in (clade_recall, clade_support, dendrogram_purity):
        for one in function(np.eye(3)[:n], species_of(taxonomy), taxonomy).rows:
            assert np.isnan(one.value).all()


def test_support_is_how_often_resampled_images_make_the_clade():
    vectors, taxon, taxonomy = planted(effects=(6.0, 3.0, 1.5, 0.3), noise=0.3, dimension=60)
    sure = clade_support(vectors, taxon, taxonomy, repeats=12)
    assert row(sure, "clade support").value[:3].tolist() == [1, 1, 1]
    vectors, taxon, taxonomy = planted(effects=(1.0, 1.0, 1.0, 0.3), noise=1.5)
    result = clade_support(vectors, taxon, taxonomy, repeats=40)
    share = row(result, "clade support").value
    assert 0.05 < share[2] < 0.95
    assert result.single == 0
    inner = ~result.dendrogram.tree.is_leaf
    inner[0] = False
    assert np.isfinite(result.node[inner]).all()
    assert np.isnan(result.node[~inner]).all()
    recall = clade_recall(vectors, taxon, taxonomy, permutations=0)
    recovered = recall.node[recall.recovered]
    np.testing.assert_allclose(result.node[recovered], result.taxon_support[recall.recovered])


def test_support_of_species_with_one_image_says_so():
    rng = np.random.default_rng(0)
    taxonomy = random_taxonomy(rng, 20)
    vectors, taxon = noise(rng, taxonomy, images=1)
    result = clade_support(vectors, taxon, taxonomy, repeats=3)
    assert set(np.unique(result.taxon_support)) <= {0, 1}
    assert result.single == 1
    assert row(result, "clade support").reason[1] == "100% of the species have one image"


def test_purity_rows_weigh_by_pairs_and_by_taxa():
    vectors, taxon, taxonomy = planted(noise=3.0)
    result = dendrogram_purity(vectors, taxon, taxonomy, permutations=49)
    pairs, taxa = result.rows
    at = result.rank == 2
    weight = result.size[at] * (result.size[at] - 1)
    assert pairs.value[2] == pytest.approx(np.average(result.purity[at], weights=weight))
    assert taxa.value[2] == pytest.approx(result.purity[at].mean())
    assert np.isnan(pairs.value[3])


def test_purity_of_images_reaches_the_finest_rank_and_draws_some():
    vectors, taxon, taxonomy = planted(effects=(2.0, 1.0, 1.0, 1.0), noise=0.2, holes=True)
    result = dendrogram_purity(vectors, taxon, taxonomy, of="images", most=80, permutations=49)
    assert len(result.leaf_taxon) == 80
    assert result.left_out == len(taxon) - 80
    assert (taxonomy.rank[result.leaf_taxon] == 3).all()
    pairs = result.rows[0]
    assert pairs.value[3] > 0.95
    assert (pairs.p == 0.02).all()
    assert pairs.null[3] < 0.15
    with pytest.raises(TaxoevalError, match='of must be "species" or "images"'):
        dendrogram_purity(vectors, taxon, taxonomy, of="genera")


def test_images_left_over_do_not_go_to_whole_clades():
    """24 species and 36 images: the twelve second images must not all be of the first species in the tree."""
    vectors, taxon, taxonomy = planted()
    leaves = dendrogram_purity(vectors, taxon, taxonomy, of="images", most=36, permutations=0).leaf_taxon
    count = np.unique(leaves, return_counts=True)[1]
    assert sorted(count) == [1] * 12 + [2] * 12
    assert 1 < count[:12].sum() - 12 < 11


def test_null_of_purity_of_images_keeps_species_together():
    """Species far apart, genera of no account: at the genus a permuted tree has as much purity as the true one."""
    vectors, taxon, taxonomy = planted(effects=(0, 0, 0, 3.0), noise=0.1, dimension=40)
    result = dendrogram_purity(vectors, taxon, taxonomy, of="images", permutations=99)
    assert result.rows[0].null[2] == pytest.approx(result.rows[0].value[2], abs=0.1)
    assert result.rows[0].p[2] > 0.05


def test_results_do_not_depend_on_the_order_of_the_images():
    vectors, taxon, taxonomy = planted(holes=True, noise=2.0)
    order = np.random.default_rng(0).permutation(len(taxon))
    for function in (clade_recall, dendrogram_purity):
        one = function(vectors, taxon, taxonomy, permutations=5)
        other = function(vectors[order], taxon[order], taxonomy, permutations=5)
        for a, b in zip(one.rows, other.rows, strict=True):
            np.testing.assert_allclose(a.value, b.value, atol=1e-9)


def test_ten_thousand_species_take_one_look_a_member():
    rng = np.random.default_rng(0)
    c = 10_000
    lineage = np.stack([np.arange(c) // k for k in (5000, 500, 50, 5)], axis=1) + np.array([0, 10, 100, 1000]) * c
    parent = np.full(2 * c - 1, -1)
    parent[:-1] = (np.arange(2 * c - 2) // 2) + c  # joined two by two
    tree, node = tree_from_parents(range(2 * c - 1), parent.tolist())
    place = np.searchsorted(tree.leaves, node[:c])
    fit = best_fit(CladeSets.of_lineage(lineage), tree, rng.permutation(place))
    assert len(fit.jaccard) == 2 + 20 + 200 + 2000
    assert fit.jaccard.max() < 1


def test_centroids_of_one_vector_make_polytomies_that_recall_no_clade_by_luck():
    lineages = [(g, f"{g}{i}") for g in "ABC" for i in range(4)]
    taxonomy = Taxonomy.from_lineages(lineages, ranks=("genus", "species"))
    vectors = np.repeat(np.eye(3), 4, axis=0)
    vectors[4:] = np.array([0, 1, 0])  # B and C are copies of one vector
    found = clade_recall(vectors, species_of(taxonomy), taxonomy, permutations=9)
    assert found.recovered.tolist() == [True, False, False]
    assert found.jaccard.tolist() == [1, 0.5, 0.5]
    assert len(centroids(vectors, species_of(taxonomy), taxonomy)) == 12


@pytest.mark.parametrize("holes", [0.0, 0.3])
def test_members_that_change_places_are_lineages_dealt_out(holes):
    rng = np.random.default_rng(4)
    taxonomy = random_taxonomy(rng, 30, holes)
    vectors, taxon = noise(rng, taxonomy)
    found = centroids(vectors, taxon, taxonomy)
    tree = join(found.distance, found.names)
    drawn = _null(found, found.species, np.arange(len(found)), tree, 6, 0)
    expected = [_of_lineage(found.lineage[order], tree) for order in found.reorderings(6, 0)]
    np.testing.assert_allclose(drawn, expected, rtol=1e-12)


@pytest.mark.parametrize("holes", [0.0, 0.3])
def test_gaps_are_where_members_meet_and_the_best_node_is_the_first_of_the_best(holes):
    rng = np.random.default_rng(5)
    lineage = random_taxonomy(rng, 24, holes)
    lineage = lineage.ancestor[species_of(lineage)].astype(int)
    sets = CladeSets.of_lineage(lineage)
    tree = join(squareform(rng.integers(1, 4, 24 * 23 // 2).astype(float)), np.arange(24)).tree  # with polytomies
    place = rng.permutation(24)
    fit, found = best_fit(sets, tree, place), overlap(sets, tree, place)
    below = leaves_below(tree, np.arange(24))
    for number in range(len(sets.size)):
        doubt = set(place[sets.doubtful[sets.doubt_of == number]].tolist())
        member = set(place[sets.species[sets.of == number]].tolist())
        value = [len(b & member) / len((b - doubt) | member) if len(b) > 1 else 0.0 for b in below]
        best = max(value)
        assert fit.jaccard[number] == pytest.approx(max(best, 1 / len(member)))
        assert fit.node[number] == (-1 if best < 1 / len(member) else value.index(best))
        assert fit.recovered[number] == (best == 1)
        at = found.of == number
        met = {}
        for a, b in combinations(sorted(member), 2):
            node = int(tree.lca(tree.leaves[a], tree.leaves[b]))
            met[node] = met.get(node, 0) + 1
        for node in np.unique(found.node[at]).tolist():
            assert found.pairs[at & (found.node == node)].sum() == met.pop(node)
        assert not met

"""The dendrogram against scipy and scikit-bio, and its doors to Newick and ete3."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

from taxoeval.errors import TaxoevalError
from taxoeval.structure.centroids import centroids, tree_distance, upper
from taxoeval.structure.cophenetic import cophenetic
from taxoeval.structure.dendrogram import Dendrogram, dendrogram, join
from taxoeval.taxonomy import Tree
from tests.structure.planted import planted
from tests.structure.random_trees import noise, random_taxonomy, species_of


def distances(n, seed=0, dimension=5):
    points = np.random.default_rng(seed).normal(size=(n, dimension))
    return np.linalg.norm(points[:, None] - points, axis=2)


@pytest.mark.parametrize("n", [2, 3, 30])
def test_ways_along_the_branches_are_scipys_cophenetic_distances(n):
    distance = distances(n)
    merges = linkage(squareform(distance), "average")
    np.testing.assert_allclose(upper(join(distance, range(n)).distance()), cophenet(merges), atol=1e-10)


def test_neighbour_joining_is_that_of_scikit_bio_whatever_its_root():
    from skbio import DistanceMatrix
    from skbio.tree import nj

    distance, names = distances(25), [str(i) for i in range(25)]
    theirs = nj(DistanceMatrix(distance, names)).cophenet()
    ours = join(distance, names, "neighbour_joining")
    np.testing.assert_allclose(ours.distance(), theirs.filter(names).data, atol=1e-9)
    root_to_leaf = [ours.tree.length[[*ours.tree.ancestors(leaf)[:-1], leaf]].sum() for leaf in ours.leaf]
    assert max(root_to_leaf) == pytest.approx(ours.distance().max() / 2)  # the root is half way


def test_neighbour_joining_recovers_a_tree_with_unequal_rates():
    tree = Tree.from_newick("((a:1,b:6):2,(c:1,(d:5,e:1):1):2);")
    truth = Dendrogram(tree, tree.leaves)
    found = join(truth.distance(), list("abcde"), "neighbour_joining")
    np.testing.assert_allclose(found.distance(), truth.distance(), atol=1e-9)
    averaged = join(truth.distance(), list("abcde"))
    assert not np.allclose(averaged.distance(), truth.distance())


def test_ties_are_polytomies_and_their_order_is_of_no_account():
    distance = np.array([[0, 1, 1, 5], [1, 0, 1, 5], [1, 1, 0, 5], [5, 5, 5, 0.0]])
    assert join(distance, list("abcd")).tree.to_newick() == "(d:2.5,(a:0.5,b:0.5,c:0.5):2.0);"
    copies = join(np.zeros((4, 4)), list("abcd"))
    assert copies.tree.to_newick() == "(a:0.0,b:0.0,c:0.0,d:0.0);"
    assert join(np.zeros((4, 4)), list("abcd"), "neighbour_joining").tree.height.max() == 1


def test_leaves_bear_the_names_of_their_species():
    vectors, taxon, taxonomy = planted(holes=True)
    tree, found = dendrogram(vectors, taxon, taxonomy)
    assert tuple(tree.tree.names[tree.leaf]) == found.names
    assert set(tree.tree.names[~tree.tree.is_leaf]) == {""}
    np.testing.assert_array_equal(tree.tree.leaves[tree.place], tree.leaf)


def test_newick_and_ete3_keep_the_tree():
    vectors, taxon, taxonomy = planted()
    tree, _ = dendrogram(vectors, taxon, taxonomy)
    assert Tree.from_newick(tree.tree.to_newick()) == tree.tree
    there = tree.tree.to_ete()
    assert sorted(leaf.name for leaf in there.get_leaves()) == sorted(tree.tree.names[tree.leaf])
    back = Tree.from_ete(there)
    np.testing.assert_array_equal(back.parent, tree.tree.parent)
    a, b = (tree.tree.names[tree.leaf[i]] for i in (0, 9))
    assert there.get_distance(a, b) == pytest.approx(tree.distance()[0, 9])


def test_one_and_two_species_are_trees():
    assert join(np.zeros((1, 1)), ["a"]).tree.to_newick() == "a;"
    assert join(np.array([[0, 1.0], [1, 0]]), ["a", "b"], "neighbour_joining").tree.to_newick() == "(a:0.5,b:0.5);"


def test_an_unknown_method_is_an_error():
    with pytest.raises(TaxoevalError, match='method must be "average" or "neighbour_joining"; got \'ward\''):
        join(np.zeros((3, 3)), "abc", "ward")


def test_both_cophenetic_correlations_equal_scipy_and_numpy():
    vectors, taxon, taxonomy = planted(noise=2.0, zipf=True)
    result = cophenetic(vectors, taxon, taxonomy, permutations=99, clouds=5)
    found = centroids(vectors, taxon, taxonomy)
    flat = upper(found.distance)
    fit, along = cophenet(linkage(flat, "average"), flat)
    tree_like, agreement = result.rows
    assert tree_like.value[0] == pytest.approx(fit)
    assert agreement.value[0] == pytest.approx(np.corrcoef(along, upper(tree_distance(found.lineage)))[0, 1])
    assert (tree_like.higher_is_better, agreement.higher_is_better) == (None, True)
    assert len(result.null) == 5
    assert tree_like.null[0] == result.null.mean()
    assert agreement.null[0] == 0
    for one in result.rows:
        assert one.low[0] < one.value[0] < one.high[0]


def test_a_cloud_is_no_more_tree_like_than_clouds_and_clusters_are():
    rng = np.random.default_rng(1)
    taxonomy = random_taxonomy(rng, 60)
    vectors, taxon = noise(rng, taxonomy, images=1)
    assert cophenetic(vectors, taxon, taxonomy, permutations=19, clouds=39).rows[0].p[0] > 0.05
    vectors, taxon, taxonomy = planted(effects=(2.0, 1.0, 1.0, 0.3))
    found = cophenetic(vectors, taxon, taxonomy, permutations=99, clouds=39)
    assert found.rows[0].p[0] == pytest.approx(1 / 40)
    assert found.rows[1].p[0] == pytest.approx(1 / 100)


@pytest.mark.parametrize("vectors", [np.ones((6, 3)), np.eye(2), np.eye(1)])
def test_no_cophenetic_correlation_is_nan_with_the_reason(vectors):
    taxonomy = random_taxonomy(np.random.default_rng(0), len(vectors))
    for one in cophenetic(vectors, species_of(taxonomy), taxonomy, clouds=2).rows:
        assert np.isnan([one.value[0], one.p[0], one.null[0]]).all()
        assert one.reason[0]

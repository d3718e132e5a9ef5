"""Centroids, distances in the tree, and weighted sums against loops over images and pairs."""

import numpy as np
import pytest

from taxoeval.errors import TaxoevalError
from taxoeval.metrics import rank_height
from taxoeval.structure.arrangements import log_arrangements
from taxoeval.structure.centroids import centroids, tree_distance
from taxoeval.structure.image_weights import halves, resamples, weighted_sums
from taxoeval.structure.split_half import split_half
from tests.structure.planted import planted
from tests.structure.random_trees import noise, random_taxonomy, species_of


def test_a_centroid_is_the_direction_of_the_mean_of_unit_vectors():
    vectors, taxon, taxonomy = planted(holes=True)
    found = centroids(vectors, taxon, taxonomy)
    finest = taxonomy.rank[taxon] == 3
    assert found.left_out == (~finest).sum() > 0
    np.testing.assert_array_equal(found.species, np.unique(taxon[finest]))
    for species, vector, count in zip(found.species, found.vector, found.count, strict=True):
        of = vectors[taxon == species]
        mean = np.mean(of / np.linalg.norm(of, axis=1, keepdims=True), axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-12)
        assert count == len(of)


@pytest.mark.parametrize("holes", [0.0, 0.3])
def test_tree_distance_is_the_rank_height_of_the_metrics(holes):
    taxonomy = random_taxonomy(np.random.default_rng(1), 40, holes)
    species = species_of(taxonomy)
    naive = np.array([rank_height([a] * len(species), species, taxonomy) for a in species])
    np.testing.assert_array_equal(tree_distance(taxonomy.ancestor[species].astype(int)), naive)


def test_a_hole_between_two_ranks_brings_nobody_closer():
    lineage = np.array([[0, 1, 2, 3], [0, 1, 2, 4], [0, -1, 5, 6], [0, -1, 5, 7]])
    assert tree_distance(lineage).tolist() == [[0, 1, 3, 3], [1, 0, 3, 3], [3, 3, 0, 1], [3, 3, 1, 0]]


def test_names_that_two_species_bear_become_paths():
    from taxoeval import Taxonomy

    taxonomy = Taxonomy.from_lineages([("A", "alba"), ("B", "alba"), ("B", "nigra")], ranks=("genus", "species"))
    taxon = species_of(taxonomy)
    assert centroids(np.eye(3), taxon, taxonomy).names == ("A > alba", "B > alba", "nigra")


def test_images_that_cancel_out_have_no_direction():
    taxonomy = random_taxonomy(np.random.default_rng(0), 2)
    a, b = species_of(taxonomy)
    found = centroids(np.array([[1.0, 0], [-1, 0], [0, 1]]), np.array([a, a, b]), taxonomy)
    assert found.vector.tolist() == [[0, 0], [0, 1]]
    assert found.distance.tolist() == [[0, 1], [1, 0]]


def test_copies_of_a_vector_are_at_distance_zero():
    rng = np.random.default_rng(0)
    taxonomy = random_taxonomy(rng, 5)
    found = centroids(np.repeat(rng.normal(size=(1, 300)), 5, axis=0), species_of(taxonomy), taxonomy)
    assert (found.distance == 0).all()


def test_no_label_of_the_finest_rank_and_vectors_that_are_no_numbers_are_errors():
    taxonomy = random_taxonomy(np.random.default_rng(0), 5)
    with pytest.raises(TaxoevalError, match="no image is labelled with a species"):
        centroids(np.eye(2), np.array([0, 0]), taxonomy)
    with pytest.raises(TaxoevalError, match="vector 1 of 2 holds NaN"):
        centroids(np.array([[1.0], [np.nan]]), species_of(taxonomy)[:2], taxonomy)


def test_reorderings_keep_species_among_those_known_to_the_same_ranks():
    vectors, taxon, taxonomy = planted(holes=True)
    found = centroids(vectors, taxon, taxonomy)
    known = found.lineage >= 0
    assert not known.all()
    orders = list(found.reorderings(20, 0))
    for order in orders:
        assert sorted(order) == list(range(len(found)))
        np.testing.assert_array_equal(known[order], known)
    assert len({tuple(order) for order in orders}) == 20


def arrangements_by_hand(lineage):
    """Different matrices of tree distance over all permutations."""
    from itertools import permutations

    tree = tree_distance(lineage)
    return len({tree[np.ix_(order, order)].tobytes() for order in permutations(range(len(lineage)))})


@pytest.mark.parametrize("seed", range(6))
def test_arrangements_are_the_different_trees(seed):
    taxonomy = random_taxonomy(np.random.default_rng(seed), 6)
    species = species_of(taxonomy)
    ways = np.exp(log_arrangements(taxonomy, species))
    assert ways[-1] == pytest.approx(arrangements_by_hand(taxonomy.ancestor[species].astype(int)))
    clade = int(np.flatnonzero(taxonomy.rank == 0)[0])
    below = species[taxonomy.ancestor[species, 0] == clade]
    assert ways[clade] == pytest.approx(arrangements_by_hand(taxonomy.ancestor[below].astype(int)))


def test_weighted_sums_equal_a_loop_whatever_the_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    vectors, code = rng.normal(size=(50, 3)), rng.integers(-1, 4, size=50)
    weights = rng.integers(3, size=(2, 50)).astype(np.uint16)
    monkeypatch.setattr("taxoeval.structure.sums._BLOCK", 21)
    found = weighted_sums(vectors, code, weights, 4)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for w in range(2):
        for s in range(4):
            expected = sum((weights[w, i] * unit[i] for i in range(50) if code[i] == s), np.zeros(3))
            np.testing.assert_allclose(found[w, s], expected, atol=1e-12)


def test_halves_and_resamples_stay_within_species():
    rng = np.random.default_rng(0)
    code = rng.permutation(np.repeat([-1, 0, 1, 2], [3, 1, 4, 5]))
    for half in halves(code, 10, rng):
        assert [half[code == s].sum() for s in (-1, 0, 1, 2)] == [0, 0, 2, 2]
    drawn = resamples(code, 400, rng)
    assert [set(drawn[:, code == s].sum(axis=1)) for s in (-1, 0, 1, 2)] == [{0}, {1}, {4}, {5}]
    assert drawn[:, code == 2].mean(axis=0) == pytest.approx(np.ones(5), abs=0.15)
    assert drawn[:, code == 2].var() == pytest.approx(0.8, abs=0.1)  # of a multinomial with 5 draws


def test_the_ceiling_is_what_centroids_reach_against_the_truth():
    rng = np.random.default_rng(0)
    taxonomy = random_taxonomy(rng, 120)
    taxon = np.repeat(species_of(taxonomy), 6)
    truth = np.repeat(rng.normal(size=(120, 20)) * np.linspace(0.3, 3, 20), 6, axis=0)
    vectors = truth + 1.5 * rng.normal(size=truth.shape)
    found = split_half(vectors, taxon, centroids(vectors, taxon, taxonomy), splits=5)
    noisy, clean = (centroids(x, taxon, taxonomy).distance[np.triu_indices(120, 1)] for x in (vectors, truth))
    assert found.n_species == 120
    assert found.ceiling[0] == pytest.approx(np.corrcoef(noisy, clean)[0, 1], abs=0.02)


def test_no_ceiling_without_species_of_two_images():
    vectors, taxon = noise(np.random.default_rng(0), taxonomy := random_taxonomy(np.random.default_rng(0), 9), images=1)
    found = split_half(vectors, taxon, centroids(vectors, taxon, taxonomy))
    assert np.isnan(found.ceiling).all()
    assert found.reason == "fewer than 3 species have two images"

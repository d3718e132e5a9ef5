"""Triplets against three nested loops."""

from itertools import permutations

import numpy as np
import pytest

from taxoeval import Taxonomy
from taxoeval.structure.centroids import centroids
from taxoeval.structure.triplet_draw import Rings, draw_triplets
from taxoeval.structure.triplets import triplets
from tests.structure.planted import planted, row
from tests.structure.random_trees import noise, random_taxonomy, species_of


def shared_rank(a, b):
    """Place of the finest taxon two lineages share, -1 for none."""
    same = [p for p in range(len(a)) if a[p] == b[p] >= 0]
    return same[-1] if same else -1


def resolved(i, j, k):
    """Whether j is surely nearer to i than k is: the taxon of i and j has not got k."""
    near = shared_rank(i, j)
    return any(i[p] >= 0 and k[p] >= 0 and i[p] != k[p] for p in range(near + 1))


def all_triplets(lineage):
    """(i, j, k) and both ranks, of all that are resolved."""
    for i, j, k in permutations(range(len(lineage)), 3):
        near, far = shared_rank(lineage[i], lineage[j]), shared_rank(lineage[i], lineage[k])
        if near > far and resolved(lineage[i], lineage[j], lineage[k]):
            yield i, j, k, near, far


@pytest.mark.parametrize("holes", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_few_triplets_are_all_there_once(seed, holes):
    taxonomy = random_taxonomy(np.random.default_rng(seed), 12, holes)
    lineage = taxonomy.ancestor[species_of(taxonomy)].astype(int)
    draw = draw_triplets(lineage, 10**6, np.random.default_rng(0))
    columns = (draw.i, draw.j, draw.k, draw.near, draw.far)
    found = list(zip(*(column.tolist() for column in columns), strict=True))
    assert (np.diff(draw.i) >= 0).all()
    assert len(found) == len(set(found))
    assert set(found) == set(all_triplets(lineage))
    if holes:
        assert draw.unresolved.sum() > 0


@pytest.mark.parametrize("holes", [0.0, 0.3])
def test_agreement_equals_the_loop_with_each_species_counting_the_same(holes):
    rng = np.random.default_rng(1)
    taxonomy = random_taxonomy(rng, 14, holes)
    vectors, taxon = noise(rng, taxonomy)
    found = centroids(vectors, taxon, taxonomy)
    rings = Rings.of(found.lineage).size
    total, count = np.zeros((5, 6)), np.zeros((5, 6))
    for i, j, k, near, far in all_triplets(found.lineage):
        weight = 1 / (rings[i, near + 1] * rings[i, far + 1])
        total[near, far + 1] += weight * (found.cosine[i, j] > found.cosine[i, k])
        count[near, far + 1] += weight
    result = triplets(vectors, taxon, taxonomy, per_pair=10**6, permutations=5)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(result.value, total / count, atol=1e-12)


def test_draws_come_near_the_exact_value():
    vectors, taxon, taxonomy = planted(effects=(0.5, 0.5, 0.5, 1.0), species=48)
    exact = triplets(vectors, taxon, taxonomy, per_pair=10**6, permutations=0)
    drawn = triplets(vectors, taxon, taxonomy, per_pair=4000, permutations=0)
    assert drawn.n.max() == 4000 < exact.n.max()
    np.testing.assert_allclose(drawn.value, exact.value, atol=0.03)


def test_space_that_follows_the_tree_agrees_and_noise_does_not():
    vectors, taxon, taxonomy = planted(effects=(4.0, 2.0, 1.0, 0.3), noise=0.05, dimension=200)
    perfect = row(triplets(vectors, taxon, taxonomy, permutations=99), "triplets")
    assert perfect.value[:3].tolist() == [1, 1, 1]
    assert (perfect.p[:3] == 0.01).all()
    vectors, taxon, taxonomy = planted(effects=(0, 0, 0, 1.0), dimension=50)
    found = row(triplets(vectors, taxon, taxonomy, permutations=99), "triplets, next rank")
    assert ((found.low < 0.5) & (found.high > 0.5))[:3].all()
    np.testing.assert_allclose(found.null[:3], 0.5, atol=0.03)
    assert (found.p[:3] > 0.05).all()
    assert np.isnan(found.value[3])
    assert found.reason[3] == "a species has one centroid: no two of one species"


def test_copies_of_one_vector_tie():
    taxonomy = random_taxonomy(np.random.default_rng(0), 12)
    result = triplets(np.ones((12, 4)), species_of(taxonomy), taxonomy, permutations=9)
    assert set(result.value[result.n > 0]) == {0.5}


def test_rows_are_means_of_the_table():
    vectors, taxon, taxonomy = planted(holes=True)
    result = triplets(vectors, taxon, taxonomy, permutations=9)
    np.testing.assert_allclose(result.rows[0].value[2], np.nanmean(result.value[2, :3]))
    np.testing.assert_allclose(result.rows[1].value[2], result.value[2, 2])
    assert result.rows[0].n[2] == result.n[2].sum()
    assert result.levels == ("nothing shared", *taxonomy.ranks)


def test_single_child_chains_leave_a_rank_without_triplets():
    taxonomy = Taxonomy.from_lineages(
        [("A", "a", "1"), ("A", "a", "2"), ("B", "b", "3"), ("B", "b", "4")], ranks=("order", "genus", "species")
    )
    result = triplets(np.eye(4), species_of(taxonomy), taxonomy, permutations=9)
    assert result.n.tolist() == [[0, 0, 0, 0], [8, 0, 0, 0], [0, 0, 0, 0]]
    assert "no two species are nearest relatives by order" in result.rows[0].reason[0]
    assert "next to others of their order" in result.rows[1].reason[1]


def test_one_species_has_no_triplets():
    taxonomy = random_taxonomy(np.random.default_rng(0), 1)
    result = triplets(np.eye(1), species_of(taxonomy), taxonomy)
    assert np.isnan(result.rows[0].value).all()

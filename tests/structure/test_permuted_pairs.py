"""Correlations with species permuted, of sorted pairs and by rank, each against scipy."""

import numpy as np
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from taxoeval.structure import permuted_pairs
from taxoeval.structure.centroids import tree_distance, upper
from taxoeval.structure.pair_correlation import SortedPairs, level_ranks, midranks, pair_correlations
from taxoeval.structure.permuted_pairs import permuted_correlations
from tests.structure.random_trees import random_taxonomy, species_of


def square(rng, c, ties):
    points = rng.normal(size=(c, 3))
    found = np.linalg.norm(points[:, None] - points, axis=2)
    return found.round(1 if ties else 12)


@pytest.mark.parametrize("together", [1, 1 << 18])
@pytest.mark.parametrize("large", [1, 3, 8, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_permuted_species_correlate_as_scipy_says(seed, large, together, monkeypatch):
    monkeypatch.setattr(permuted_pairs, "_LARGE", large)
    monkeypatch.setattr(permuted_pairs, "_TOGETHER", together)
    rng = np.random.default_rng(seed)
    taxonomy = random_taxonomy(rng, 40, holes=0.2 * (seed % 2))
    lineage = taxonomy.ancestor[species_of(taxonomy)].astype(np.int64)
    tree, space = tree_distance(lineage), square(rng, len(lineage), ties=seed > 1)
    orders = np.vstack([np.arange(len(tree)), *(rng.permutation(len(tree)) for _ in range(4))])
    flat = upper(tree)
    pearson = permuted_correlations(tree, np.arange(flat.max() + 1.0), upper(space), orders)
    spearman = permuted_correlations(tree, level_ranks(flat), midranks(upper(space)), orders)
    for i, order in enumerate(orders):
        moved = upper(space[np.ix_(order, order)])
        assert pearson[i] == pytest.approx(pearsonr(flat, moved)[0], abs=1e-10)
        assert spearman[i] == pytest.approx(spearmanr(flat, moved)[0], abs=1e-10)


@pytest.mark.parametrize("ties", [False, True])
def test_some_of_the_sorted_pairs_correlate_as_if_sorted_alone(ties):
    rng = np.random.default_rng(4)
    tree, space = rng.choice([1, 2, 5], size=90, p=[0.1, 0.2, 0.7]), rng.normal(size=90).round(1 if ties else 9)
    pairs = SortedPairs.of(tree, space)
    for share in (1.0, 0.5, 0.1):
        kept = rng.random(90) < share
        np.testing.assert_allclose(pairs.correlations(kept), pair_correlations(tree[kept], space[kept]), rtol=1e-9)
    for kept in (tree == 5, np.zeros(90, dtype=bool), np.arange(90) == 3):
        assert np.isnan(pairs.correlations(kept)).all()


@pytest.mark.parametrize("values", [[0.3, 0.1, 0.3, 0.2], [1.0], [2.0, 2.0], []])
def test_midranks_are_those_of_scipy(values):
    values = np.array(values)
    np.testing.assert_array_equal(midranks(values), rankdata(values) - 1)

"""The beginnings of k-means against scikit-learn's own."""

import numpy as np
import pytest
from sklearn.cluster import KMeans, kmeans_plusplus

from taxoeval.structure.seeds import greedy_seeds, seeded


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("k", [1, 2, 5, 20])
def test_seeds_are_those_of_scikit_learn(k, copies):
    points = np.repeat(np.random.default_rng(k).normal(size=(60 // copies, 4)), copies, axis=0)
    square = ((points[:, None] - points) ** 2).sum(axis=2)
    theirs = kmeans_plusplus(points, k, random_state=3)[1]
    np.testing.assert_array_equal(greedy_seeds(square, k, np.random.RandomState(3)), theirs)


@pytest.mark.parametrize("seed", range(5))
def test_k_means_from_them_is_that_of_scikit_learn(seed):
    points = np.random.default_rng(seed).normal(size=(80, 6)) + 4
    square = ((points[:, None] - points) ** 2).sum(axis=2)
    ours = KMeans(9, init=seeded(square), n_init=1, random_state=seed).fit_predict(points)
    np.testing.assert_array_equal(ours, KMeans(9, n_init=1, random_state=seed).fit_predict(points))


def test_more_seeds_than_different_points_are_still_seeds():
    square = np.zeros((6, 6))
    assert set(greedy_seeds(square, 4, np.random.RandomState(0))) <= set(range(6))

"""The components and the neighbours of a map against their definitions."""

import importlib

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

maps = importlib.import_module("taxoeval.structure.maps")


@pytest.mark.parametrize(("n", "d"), [(200, 60), (80, 3), (30, 60), (40, 40)])
def test_components_are_those_of_the_singular_values(n, d):
    points = np.random.default_rng(n).normal(size=(n, d)) * 0.9 ** np.arange(d)
    centred = points - points.mean(axis=0)
    left, size, direction = np.linalg.svd(centred, full_matrices=False)
    turn = np.sign(direction[np.arange(len(direction)), np.abs(direction).argmax(axis=1)])
    plain = (left * size * turn)[:, :50]
    kept = size[:50] > 1e-9  # a direction in which nothing lies can be any
    found = maps._components(centred)
    assert found.shape == plain.shape
    np.testing.assert_allclose(found[:, kept], plain[:, kept], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found[:, ~kept], 0, atol=1e-9)


def test_neighbours_kept_are_counted_one_by_one():
    rng = np.random.default_rng(0)
    units = rng.normal(size=(60, 5))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    place = units[:, :2] + 0.1 * rng.normal(size=(60, 2))
    space, drawn = (NearestNeighbors(n_neighbors=10).fit(p).kneighbors(return_distance=False) for p in (units, place))
    kept = np.mean([len(set(a) & set(b)) for a, b in zip(space.tolist(), drawn.tolist(), strict=True)]) / 10
    assert maps._kept(units, place).value[0] == pytest.approx(kept)

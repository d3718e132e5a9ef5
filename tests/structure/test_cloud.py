"""Clouds against points drawn in the axes of the space, and what is worked out from them against its definition."""

import numpy as np
import pytest

from taxoeval.structure.centroids import upper
from taxoeval.structure.cloud import Cloud
from taxoeval.structure.cophenetic import _tree_likeness
from taxoeval.structure.dendrogram import join
from taxoeval.structure.hyperbolicity import relative_delta


@pytest.mark.parametrize("shape", [(30, 6), (6, 30), (1, 4)])
def test_a_cloud_is_turned_round_and_nothing_else(shape):
    rng = np.random.default_rng(0)
    points = 3 + rng.normal(size=shape) * np.arange(1, shape[1] + 1)
    mean = points.mean(axis=0)
    _, size, axes = np.linalg.svd(points - mean, full_matrices=False)
    normal = np.random.default_rng(1).normal(size=(50, len(size)))
    plain = mean + normal @ (axes * (size / np.sqrt(max(len(points) - 1, 1)))[:, None])
    plain /= np.linalg.norm(plain, axis=1, keepdims=True)
    found = Cloud.of(points).draw(50, np.random.default_rng(1))
    np.testing.assert_allclose(found @ found.T, plain @ plain.T, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ["average", "neighbour_joining"])
@pytest.mark.parametrize("copies", [1, 3])
def test_tree_likeness_needs_no_pairs(method, copies):
    points = np.repeat(np.random.default_rng(2).normal(size=(12, 5)), copies, axis=0)
    distance = np.round(((points[:, None] - points) ** 2).sum(axis=2), 3)
    along = upper(join(distance, range(len(distance)), method).distance())
    plain = np.corrcoef(along, upper(distance))[0, 1]
    assert _tree_likeness(distance, method) == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_hyperbolicity_looks_at_the_pairs_that_could_be_the_largest(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(25, 3)).round(seed % 3)  # ties, and copies of a point
    points[:4] = points[4]
    distance = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
    product = (distance[7][:, None] + distance[7] - distance) / 2
    delta = max((np.minimum(row, product).max(axis=1) - row).max() for row in product)
    assert relative_delta(points, 7) == pytest.approx(2 * delta / distance.max(), rel=1e-6)  # of squares less squares

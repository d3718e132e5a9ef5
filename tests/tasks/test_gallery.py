"""The nearest of a row of similarities."""

import numpy as np
import pytest

from taxoeval.tasks.gallery import nearest


@pytest.mark.parametrize("k", [1, 3, 8, 9, 40])
def test_nearest_are_those_of_a_full_sort(k):
    rng = np.random.default_rng(k)
    distinct = rng.permuted(np.tile(np.arange(40, dtype=np.float32), (20, 1)), axis=1)
    distinct[:, :5] = -np.inf  # barred
    order = np.argsort(-distinct, axis=1, kind="stable")[:, :k]
    found, values = nearest(distinct.copy(), k)
    expected = np.take_along_axis(distinct, order, axis=1)
    np.testing.assert_array_equal(np.sort(values, axis=1), np.sort(expected, axis=1))
    reached = np.sort(np.where(expected > -np.inf, order, -1), axis=1)
    np.testing.assert_array_equal(np.sort(np.where(values > -np.inf, found, -1), axis=1), reached)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_of_a_few_the_first_among_equals_come_first(k):
    tied = np.random.default_rng(k).integers(0, 3, (30, 12)).astype(np.float32)
    expected = np.argsort(-tied, axis=1, kind="stable")[:, :k]
    found, values = nearest(tied.copy(), k)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(values, np.take_along_axis(tied, expected, axis=1))

"""Intervals of all parts at once are those of each part alone."""

import numpy as np
import pytest

from taxoeval.metrics.statistics import wilson, wilson_by_part, wilson_of_groups


def test_equal_to_each_part_alone():
    rng = np.random.default_rng(0)
    n = 400
    groups = rng.integers(0, 40, n)
    part = groups // 3  # 14 parts of one to three groups
    values = rng.random(n) < rng.random(40)[groups]
    values = np.where(rng.random(n) < 0.1, np.nan, values.astype(float))
    values[part == 4] = 1.0  # all right: no spread between groups
    values[part == 6] = np.nan
    found = wilson_by_part(values, part, groups, parts=15)  # the last is empty
    for one in range(14):
        here = part == one
        several = len(np.unique(groups[here & ~np.isnan(values)])) > 1
        alone = wilson(values[here], groups=groups[here] if several else None)
        assert [found.estimate[one], found.low[one], found.high[one]] == pytest.approx(
            [float(alone.estimate), float(alone.low), float(alone.high)], nan_ok=True
        ), one
        assert found.n[one] == alone.n
    assert np.isnan([found.estimate[14], found.low[14], found.high[14]]).all()
    assert 0 < found.low[4] < 1
    assert found.high[4] == 1


def test_groups_that_hardly_count_give_the_interval_over_images():
    """Two groups, of 1,000 images and one: worth little more than one group, whose spread nobody can see."""
    values = np.r_[np.ones(700), np.zeros(300), 1.0]
    found = wilson_by_part(values, np.zeros(1001, dtype=int), np.r_[np.zeros(1000), 1].astype(int), parts=1)
    over_images = wilson(values)
    assert (found.low[0], found.high[0]) == (float(over_images.low), float(over_images.high))


def test_messages():
    with pytest.raises(ValueError, match=r"values must be 0, 1 or NaN for Wilson's interval, got 0.5"):
        wilson_by_part([0.5], [0], [0], parts=1)


def test_sums_of_groups_say_the_same():
    values, part, groups = [1, 1, 0, 1, 0, 0, 1], [0, 0, 0, 2, 2, 2, 2], [7, 7, 8, 9, 9, 9, 3]
    of_sums = wilson_of_groups(np.array([2, 0, 1, 1]), np.array([2, 1, 1, 3]), np.array([0, 0, 2, 2]), parts=3)
    of_values = wilson_by_part(values, part, groups, parts=3)
    for name in ("estimate", "low", "high", "n"):
        np.testing.assert_array_equal(getattr(of_sums, name), getattr(of_values, name))
    assert np.isnan(of_sums.low[1])

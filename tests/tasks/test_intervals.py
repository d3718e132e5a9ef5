"""Intervals of many columns at once are those of each alone, but for the luck of the draw."""

import numpy as np
import pytest

from taxoeval.metrics import statistics
from taxoeval.tasks import intervals as module
from taxoeval.tasks.intervals import Column, intervals


def columns_of(seed, n=400):
    rng = np.random.default_rng(seed)
    lineage = np.stack([rng.integers(-1, 5, size=n), rng.integers(40, size=n)], axis=1)
    weights = rng.integers(1, 4, size=n).astype(float)
    values = [np.where(rng.random(n) < 0.1, np.nan, rng.random(n)) for _ in range(3)]
    given = [Column(v, np.where(np.isnan(v), 0.0, weights), rank) for v in values for rank in (None, 0, 1)]
    return [*given, given[1], given[0]], lineage[:, 1], lineage


def test_each_column_has_the_mean_and_about_the_interval_it_has_alone():
    columns, groups, lineage = columns_of(0)
    found = intervals(columns, groups, lineage)
    for column, mean in zip(columns, found, strict=True):
        alone = statistics.bootstrap(
            column.values,
            groups=groups if column.rank is None else lineage[:, column.rank],
            weights=column.weights,
            average="micro" if column.rank is None else "macro",
            seed=1,
        )
        assert (mean.value, mean.n) == (pytest.approx(float(alone.estimate), rel=1e-12), int(alone.n))
        width = float(alone.high - alone.low)
        assert [mean.low, mean.high] == pytest.approx([float(alone.low), float(alone.high)], abs=0.2 * width)


def test_columns_that_are_alike_get_the_same_interval():
    columns, groups, lineage = columns_of(1)
    found = intervals(columns, groups, lineage)
    assert (found[-2], found[-1]) == (found[1], found[0])


def test_columns_may_come_in_blocks(monkeypatch):
    columns, groups, lineage = columns_of(2)
    whole = intervals(columns, groups, lineage)
    monkeypatch.setattr(module, "_HELD", 1)
    monkeypatch.setattr(module, "_FEWEST", 2)
    parts = intervals(columns, groups, lineage)
    np.testing.assert_allclose([m.value for m in parts], [m.value for m in whole], rtol=1e-12)
    np.testing.assert_allclose([m.low for m in parts], [m.low for m in whole], atol=0.03)


def test_no_columns_and_columns_of_nothing():
    none = np.zeros(0, dtype=np.int64)
    assert intervals([], none) == []
    (mean,) = intervals([Column(np.zeros(0), np.zeros(0))], none)
    assert np.isnan(mean.value)
    assert mean.n == 0

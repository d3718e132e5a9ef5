"""Kinds of row: what is drawn once must be drawn as often as its rows would be."""

import numpy as np
import pytest

from taxoeval.metrics import statistics
from taxoeval.metrics.statistics._kinds import Kinds
from taxoeval.metrics.statistics._runs import Runs
from taxoeval.metrics.statistics.alike import alike, distinct

NAN = np.nan


def groups_and_table(seed):
    """One group whose rows are all alike, one of a single row, a large one of few kinds, small ones of many."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat([4, 7, 9, 11, 12], [20, 1, 300, 9, 30]))
    table = rng.random((len(group), 2))
    table[group == 4] = 0.5
    table[group == 9] = rng.integers(2, size=(300, 2))
    return group, table


def test_rows_that_are_alike_are_those_that_numpy_finds():
    rng = np.random.default_rng(0)
    table = rng.integers(3, size=(200, 3)) * rng.choice([-0.1, 0.1], size=(200, 3))  # with 0.0 and -0.0
    order, start = rng.permutation(200), rng.integers(4, size=200)
    first, code = alike(table, order, start)
    rows = np.column_stack([start, table[order]])
    np.testing.assert_array_equal(rows[first][code], rows)
    assert len(first) == len(np.unique(rows, axis=0))


def test_columns_that_are_alike():
    one, two = np.array([1.0, NAN, 0.0]), np.array([0.0, NAN, 1.0])  # of one sum
    assert distinct([one, two, one.copy(), two, one + 1]) == ([0, 1, 4], [0, 1, 0, 1, 2])
    assert distinct([]) == ([], [])


def test_kinds_are_the_rows_of_each_group():
    group, table = groups_and_table(1)
    runs = Runs.of(group)
    kinds = Kinds.of(table, runs)
    np.testing.assert_array_equal(kinds.rows[kinds.of_row], table[runs.order])
    np.testing.assert_array_equal(kinds.number, [1, 1, 4, 9, 30])
    np.testing.assert_array_equal(kinds.one_by_one(), [False, False, False, True, True])
    times = np.bincount(kinds.of_row)
    for first, number, size in zip(kinds.first, kinds.number, kinds.sizes, strict=True):
        here = slice(first, first + number)
        assert (np.diff(times[here]) >= 0).all()
        rest = np.cumprod(np.r_[1, 1 - kinds.share[here]])
        np.testing.assert_allclose(kinds.share[here] * rest[:-1], times[here] / size)


def test_frequencies_are_those_of_drawing_rows():
    """Each group gets the rows asked for; means and variances over 4000 draws are the multinomial's."""
    group, table = groups_and_table(2)
    runs = Runs.of(group)
    kinds = Kinds.of(table, runs)
    asked = np.array([40, 0, 300, 18, 30])
    drawn = kinds.frequencies(np.tile(asked, (4000, 1)), np.random.default_rng(3))
    np.testing.assert_array_equal(np.add.reduceat(drawn, kinds.first, axis=1), np.tile(asked, (4000, 1)))
    share = np.bincount(kinds.of_row) / np.repeat(kinds.sizes, kinds.number)
    rows = np.repeat(asked, kinds.number)
    error = np.sqrt(rows * share * (1 - share))
    assert (np.abs(drawn.mean(axis=0) - rows * share) <= 4.5 * error / np.sqrt(4000)).all()
    np.testing.assert_allclose(drawn.std(axis=0), error, atol=0.01, rtol=0.08)


def test_sums_are_those_of_drawing_rows():
    group, table = groups_and_table(4)
    runs = Runs.of(group)
    kinds = Kinds.of(table, runs)
    rng = np.random.default_rng(5)
    for g, (start, size) in enumerate(zip(runs.starts, runs.sizes, strict=True)):
        sums = kinds.sums(g, 4000, rng)
        rows = table[runs.order[start : start + size]]
        error = rows.std(axis=0) * np.sqrt(size)
        assert (np.abs(sums.mean(axis=0) - rows.sum(axis=0)) <= 4.5 * error / np.sqrt(4000) + 1e-9).all()
        np.testing.assert_allclose(sums.std(axis=0), error, rtol=0.06, atol=1e-9)


@pytest.mark.parametrize("alike_within", [False, True])
def test_macro_means_with_uneven_weights_have_the_distribution_of_gathering_rows(alike_within):
    """Draw groups, draw the rows of each anew, weigh them, average over the groups that have any."""
    rng = np.random.default_rng(6)
    groups = np.repeat(np.arange(20), rng.integers(1, 60, size=20))
    n = len(groups)
    values = np.stack([rng.integers(2, size=n), rng.random(20)[groups] + 0.3 * rng.random(n)], axis=1)
    values[rng.random(values.shape) < 0.05] = NAN
    values[groups == 3] = NAN
    values[groups == 5] = 1.0
    if alike_within:
        values = rng.random((20, 2))[groups]
    weights = rng.integers(1, 6, size=(n, 1)) * np.ones(2)
    ours = statistics.bootstrap(
        values, groups=groups, weights=weights, average="macro", resamples=20_000, level=0.8, seed=7
    )
    members = [np.flatnonzero(groups == g) for g in range(20)]
    naive = np.empty((3000, 2))
    with np.errstate(invalid="ignore"):
        for i in range(len(naive)):
            rows = [rng.choice(members[g], size=len(members[g])) for g in rng.integers(20, size=20)]
            within = [
                np.nansum(values[r] * weights[r], axis=0) / (~np.isnan(values[r]) * weights[r]).sum(axis=0)
                for r in rows
            ]
            naive[i] = np.nanmean(within, axis=0)
    noise = 4 * np.sqrt(0.09 / 3000) / 0.175 * naive.std(axis=0)
    ends = np.quantile(naive, [0.1, 0.9], axis=0)
    assert (np.abs(np.stack([ours.low, ours.high]) - ends) <= noise).all()

"""Sums of a table's columns over bootstrap resamples of its rows: exact draws, but rarely a row is gathered.

A resample enters a mean only through how often each row was drawn. So the frequencies are drawn, many resamples at a
time, and one matrix product sums all columns; rows that are alike are drawn as one, with a (conditional) binomial.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics.statistics._kinds import BINOMIAL, Kinds
from taxoeval.metrics.statistics._runs import Runs
from taxoeval.metrics.statistics.alike import alike, distinct
from taxoeval.metrics.statistics.means import ratio

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

BLOCK = 1 << 18
"""Frequencies made at a time: 2 MiB, so that they are still in the cache when they are multiplied."""
_PRODUCT = 1 << 18
"""Multiplications of one matrix product: so few that BLAS stays on one thread, see `_product`."""


def one_stage(table: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Column sums over resamples of the rows of ``(n, columns)``: ``(resamples, columns)``."""
    n = len(table)
    kind, code = alike(table, np.arange(n), np.zeros(n, dtype=np.int64))
    if len(kind) * BINOMIAL <= n:  # some thousand images with a handful of different values
        share = np.bincount(code) / n
        return np.asarray(rng.multinomial(n, share, size=resamples).astype(np.float64) @ table[kind])
    sums = np.empty((resamples, table.shape[1]))
    step = max(1, min(resamples, BLOCK // n))
    frequency = np.empty((step, n))
    for first in range(0, resamples, step):
        drawn = rng.integers(n, size=(min(step, resamples - first), n))
        for i, rows in enumerate(drawn):
            frequency[i] = np.bincount(rows, minlength=n)
        sums[first : first + step] = _product(frequency[: len(drawn)], table)
    return sums


def two_stage(table: Floats, runs: Runs, resamples: int, rng: np.random.Generator) -> Floats:
    """Column sums over resamples of the groups, and of the rows within each drawn group: ``(resamples, columns)``.

    A group drawn c times gives c times its size rows, all drawn alike: one multinomial over the kinds of row it has.
    """
    first, which = distinct(list(table.T))
    kinds = Kinds.of(table[:, first], runs)
    n_groups = len(runs.starts)
    if len(kinds.rows) == n_groups:  # within each group all rows are alike
        return one_stage(kinds.rows * runs.sizes[:, None], resamples, rng)[:, which]
    sums = np.empty((resamples, len(first)))
    for some, drawn in _drawn_groups(n_groups, resamples, max(n_groups, len(kinds.rows)), rng):
        sums[some] = _product(kinds.frequencies(drawn * runs.sizes, rng), kinds.rows)
    return sums[:, which]


def two_stage_means(total: Floats, count: Floats, runs: Runs, resamples: int, rng: np.random.Generator) -> Floats:
    """Means over the drawn groups of total over count within each, where both are drawn anew: ``(resamples, columns)``.

    For weights that differ within a group, of which the mean over groups is no ratio of sums.
    """
    first, which = distinct([*total.T, *count.T])
    of_total, of_count = np.split(np.array(which), 2)
    kinds = Kinds.of(np.hstack([total, count])[:, first], runs)
    single = kinds.number == 1
    settled = ratio(*(kinds.rows[kinds.first[single]][:, of] for of in (of_total, of_count)))
    sums, number = np.zeros((2, resamples, total.shape[1]))
    times = np.empty((int((~single).sum()), resamples), dtype=np.uint8)  # no group is drawn 256 times
    for some, drawn in _drawn_groups(len(runs.starts), resamples, len(runs.starts), rng):
        sums[some] = drawn[:, single] @ np.nan_to_num(settled)
        number[some] = drawn[:, single] @ ~np.isnan(settled)
        times[:, some] = drawn[:, ~single].T
    for group, of_group in zip(np.flatnonzero(~single).tolist(), times, strict=True):
        resample = np.repeat(np.arange(resamples), of_group)
        anew = kinds.sums(group, len(resample), rng)
        within = ratio(anew[:, of_total], anew[:, of_count])
        known = ~np.isnan(within)
        for j, (column, there) in enumerate(zip(within.T, known.T, strict=True)):
            sums[:, j] += np.bincount(resample[there], column[there], resamples)
            number[:, j] += np.bincount(resample[there], minlength=resamples)
    return ratio(sums, number)


def _drawn_groups(n_groups: int, resamples: int, width: int, rng: np.random.Generator) -> Iterator[tuple[slice, Ids]]:
    """How often each group is drawn, ``(k, n_groups)``, for as many resamples at a time as need ``(k, width)``."""
    step = max(1, BLOCK // width)
    for start in range(0, resamples, step):
        k = min(step, resamples - start)
        drawn = rng.integers(n_groups, size=(k, n_groups)) + n_groups * np.arange(k)[:, None]
        yield slice(start, start + k), np.bincount(drawn.ravel(), minlength=k * n_groups).reshape(k, n_groups)


def _product(frequency: Floats, table: Floats) -> Floats:
    """``frequency @ table`` in small pieces: threads that must wait for each other can make it ten times slower."""
    step = max(1, _PRODUCT // (len(frequency) * table.shape[1]))
    sums = np.zeros((len(frequency), table.shape[1]))
    for first in range(0, len(table), step):
        sums += frequency[:, first : first + step] @ table[first : first + step]
    return sums

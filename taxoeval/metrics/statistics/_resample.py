"""Sums of a table's columns over bootstrap resamples of its rows: exact draws, but rarely a row is gathered.

A resample enters a mean only through how often each row was drawn. So the frequencies are drawn, many resamples at a
time, and one matrix product sums all columns; rows that are alike are drawn as one, with a (conditional) binomial.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

BLOCK = 1 << 18
"""Frequencies made at a time: 2 MiB, so that they are still in the cache when they are multiplied."""
_BINOMIAL = 10
"""Drawing one binomial costs about as much as drawing this many rows."""
_PRODUCT = 1 << 17
"""Multiplications of one matrix product: so few that BLAS stays on one thread, see `_product`."""


@dataclass(frozen=True, eq=False)
class Runs:
    """Rows sorted by group: the rows of group g are ``starts[g] : starts[g] + sizes[g]``."""

    order: Ids
    starts: Ids
    sizes: Ids

    @classmethod
    def of(cls, group: NDArray[np.generic]) -> "Runs":
        """Sort the rows by group, keeping their order within each."""
        order = np.argsort(group, kind="stable")
        if not len(order):
            return cls(order, order, order)
        ordered = group[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        return cls(order, starts, np.diff(np.r_[starts, len(order)]))

    def number(self) -> Ids:
        """The group of each row, counted from 0; rows in their original order."""
        number = np.empty(len(self.order), dtype=np.int64)
        number[self.order] = np.repeat(np.arange(len(self.starts)), self.sizes)
        return number

    def sums(self, table: Floats) -> Floats:
        """Sum of each column over the rows of each group, ``(n_groups, columns)``; rows in their original order."""
        if not len(self.starts):
            return np.zeros((0, table.shape[1]))
        # column by column: the rows of ten million samples are never copied as a whole
        return np.stack([np.add.reduceat(column[self.order], self.starts) for column in table.T], axis=1)


def one_stage(table: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Column sums over resamples of the rows of ``(n, columns)``: ``(resamples, columns)``."""
    n = len(table)
    kinds, inverse = _alike(table)
    if len(kinds) * _BINOMIAL <= n:  # some thousand images with a handful of different values
        share = np.bincount(inverse) / n
        return np.asarray(rng.multinomial(n, share, size=resamples).astype(np.float64) @ kinds)
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
    ordered = table[runs.order]
    cells = _cells(ordered, runs)
    n, n_groups = len(ordered), len(runs.starts)
    if len(cells.rows) == n_groups:  # within each group all rows are alike
        return one_stage(cells.rows * runs.sizes[:, None], resamples, rng)
    by_cell = (len(cells.rows) - n_groups) * _BINOMIAL <= n
    sums = np.empty((resamples, table.shape[1]))
    step = max(1, min(resamples, BLOCK // n))
    for first in range(0, resamples, step):
        k = min(step, resamples - first)
        drawn = rng.integers(n_groups, size=(k, n_groups)) + n_groups * np.arange(k)[:, None]
        rows = np.bincount(drawn.ravel(), minlength=k * n_groups).reshape(k, n_groups) * runs.sizes
        if by_cell:
            sums[first : first + k] = _product(cells.draw(rows, rng), cells.rows)
        else:
            sums[first : first + k] = _product(_draw_rows(rows, runs, n, rng), ordered)
    return sums


def two_stage_by_group(columns: Floats, runs: Runs, number: int, rng: np.random.Generator) -> Floats:
    """Sums of ``(columns, n)`` over each drawn group of a few resamples: ``(columns, number, n_groups)``.

    The rows are in the order of the runs. For what is not a ratio of sums, such as a mean over groups of means whose
    weights differ within the group.
    """
    drawn = rng.integers(len(runs.starts), size=number * len(runs.starts))
    size = runs.sizes[drawn]
    ends = np.cumsum(size)
    rows = (rng.random(ends[-1]) * np.repeat(size, size)).astype(np.int64)
    rows += np.repeat(runs.starts[drawn], size)
    sums = np.stack([np.add.reduceat(column[rows], ends - size) for column in columns])
    return sums.reshape(len(columns), number, len(runs.starts))


@dataclass(frozen=True, eq=False)
class _Cells:
    """The different rows of each group, by group, and the share each kind has among its group's rows."""

    rows: Floats
    group: Ids
    place: Ids  # of the cell within its group: 0, 1, ...
    conditional: Floats  # chance of this kind, given that the row is of none of the kinds before it in its group

    def draw(self, rows: Ids, rng: np.random.Generator) -> Floats:
        """How many of ``(k, n_groups)`` rows are of each kind: ``(k, cells)``, one binomial after the other."""
        left = rows.copy()
        found = np.empty((len(rows), len(self.rows)))
        for place in range(int(self.place.max()) + 1):
            here = np.flatnonzero(self.place == place)
            of = self.group[here]
            certain = self.conditional[here] >= 1
            taken = left[:, of]
            taken[:, ~certain] = rng.binomial(taken[:, ~certain], self.conditional[here][~certain])
            found[:, here] = taken
            left[:, of] -= taken
        return found


def _cells(ordered: Floats, runs: Runs) -> _Cells:
    """Kinds of row of each group, the rows being in the order of the runs."""
    _, kind = _alike(ordered)
    group = np.repeat(np.arange(len(runs.starts)), runs.sizes)
    code = group * (int(kind.max()) + 1) + kind
    _, first, count = np.unique(code, return_index=True, return_counts=True)
    of = group[first]
    starts = np.searchsorted(of, np.arange(len(runs.starts)))
    before = np.cumsum(count) - count
    left = runs.sizes[of] - (before - before[starts][of])
    return _Cells(ordered[first], of, np.arange(len(of)) - starts[of], count / left)


def _alike(table: Floats) -> tuple[Floats, Ids]:
    """The different rows of a table, and which of them each row is.

    Column by column: each joins the codes so far, which stay below n. Much faster than sorting rows as records.
    """
    code = np.zeros(len(table), dtype=np.int64)
    for column in table.T:
        values, inverse = np.unique(column, return_inverse=True)
        if len(values) > 1:
            kinds, code = np.unique(code * len(values) + inverse, return_inverse=True)
            if len(kinds) == len(table):  # all different already
                break
    _, first, code = np.unique(code, return_index=True, return_inverse=True)
    return table[first], code


def _draw_rows(rows: Ids, runs: Runs, n: int, rng: np.random.Generator) -> Floats:
    """How often each of n rows is drawn if ``(k, n_groups)`` rows are drawn from each group: ``(k, n)``."""
    k = len(rows)
    times = rows.ravel()
    starts = (runs.starts + n * np.arange(k)[:, None]).ravel()
    drawn = (rng.random(int(times.sum())) * np.repeat(np.tile(runs.sizes, k), times)).astype(np.int64)
    drawn += np.repeat(starts, times)
    return np.bincount(drawn, minlength=k * n).reshape(k, n).astype(np.float64)


def _product(frequency: Floats, table: Floats) -> Floats:
    """``frequency @ table`` in small pieces: threads that must wait for each other can make it ten times slower."""
    step = max(1, _PRODUCT // (len(frequency) * table.shape[1]))
    sums = np.zeros((len(frequency), table.shape[1]))
    for first in range(0, len(table), step):
        sums += frequency[:, first : first + step] @ table[first : first + step]
    return sums

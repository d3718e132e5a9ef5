"""Rows and columns that are alike are drawn and summed once: exact draws of a multinomial over the kinds of row.

Of a group's rows, drawn uniformly, only how often each kind was met enters a sum. Where a group has few kinds for its
size, these numbers are drawn, one (conditional) binomial after the other; elsewhere the rows, one by one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics.statistics._runs import Runs
from taxoeval.metrics.statistics.alike import alike

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

BINOMIAL = 10
"""Drawing one binomial costs about as much as drawing this many rows."""
_FEW = 4  # groups to which the kinds are dealt out at once, not place by place
_ROWS = 1 << 12  # drawn at a time: 32 KiB


@dataclass(frozen=True, eq=False)
class Kinds:
    """The different rows of each group, group by group, rare ones first.

    Attributes
    ----------
    rows
        ``(kinds, columns)``.
    times
        ``(kinds,)`` how many rows of its group are of each kind.
    share
        ``(kinds,)`` chance that a row is of this kind, given that it is of none of the kinds before it in its group.
    first, number
        ``(n_groups,)`` first kind of each group, and how many it has.
    of_row
        Kind of each row; rows sorted by group.
    starts, sizes
        Of the groups, see `Runs`.
    """

    rows: Floats
    times: Ids
    share: Floats
    first: Ids
    number: Ids
    of_row: Ids
    starts: Ids
    sizes: Ids

    @classmethod
    def of(cls, table: Floats, runs: Runs) -> "Kinds":
        """Kinds of the rows of a table, which are in their original order."""
        group = runs.of_ordered()
        found, code = alike(table, runs.order, group)
        times = np.bincount(code)
        order = np.lexsort((found, times, group[found]))
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        found, times = found[order], times[order]
        first = np.searchsorted(group[found], np.arange(len(runs.starts)))
        number = np.diff(np.r_[first, len(found)])
        before = np.cumsum(times) - times  # in all groups; the first of each group starts at its first row
        left = np.repeat(runs.starts + runs.sizes, number) - before
        rows = table[runs.order[found]]
        return cls(rows, times, times / left, first, number, place[code], runs.starts, runs.sizes)

    def one_by_one(self) -> NDArray[np.bool_]:
        """Which groups have so many kinds that their rows are drawn one by one."""
        return (self.number - 1) * BINOMIAL > self.sizes

    def frequencies(self, rows: Ids, rng: np.random.Generator) -> Floats:
        """How many of ``(k, n_groups)`` rows are of each kind: ``(k, kinds)``."""
        rest, single = self.one_by_one(), self.number == 1
        found = self._drawn(rows, np.flatnonzero(rest), rng)
        found[:, self.first[single]] = rows[:, single]
        place, group = 0, np.flatnonzero(~rest & ~single)
        left = rows[:, group]
        while len(group) > _FEW:
            kind, last = self.first[group] + place, self.number[group] == place + 1
            taken = left.copy()
            taken[:, ~last] = rng.binomial(left[:, ~last], self.share[kind[~last]])
            found[:, kind] = taken
            group, left, place = group[~last], (left - taken)[:, ~last], place + 1
        for i, g in enumerate(group):
            kinds = slice(self.first[g] + place, self.first[g] + self.number[g])
            found[:, kinds] = rng.multinomial(left[:, i], self.times[kinds] / self.times[kinds].sum())
        return found

    def _drawn(self, rows: Ids, group: Ids, rng: np.random.Generator) -> Floats:
        """Frequencies of the kinds of some groups, whose rows are drawn one by one; 0 for those of other groups."""
        kinds, times = len(self.rows), rows[:, group]
        found = np.zeros((len(rows), kinds))
        if not times.any():
            return found
        step = 1 + _ROWS * len(rows) // int(times.sum())
        for first in range(0, len(rows), step):
            some = times[first : first + step]
            kind = self.of_row[self._rows(np.tile(group, len(some)), some.ravel(), rng)]
            if len(some) > 1:
                kind += np.repeat(kinds * np.arange(len(some)), some.sum(axis=1))
            found[first : first + step] = np.bincount(kind, minlength=kinds * len(some)).reshape(-1, kinds)
        return found

    def _rows(self, group: Ids, times: Ids, rng: np.random.Generator) -> Ids:
        """So many rows of each group, drawn uniformly."""
        drawn = rng.random(int(times.sum()))
        drawn *= np.repeat(self.sizes[group].astype(np.float64), times)
        rows = drawn.astype(np.int64)
        rows += np.repeat(self.starts[group], times)
        return rows

    def sums(self, group: int, repeats: int, rng: np.random.Generator) -> Floats:
        """Sums over as many rows as a group has, drawn from it anew, several times: ``(repeats, columns)``."""
        size, number = int(self.sizes[group]), int(self.number[group])
        kinds = slice(self.first[group], self.first[group] + number)
        if not self.one_by_one()[group]:
            return np.asarray(rng.multinomial(size, self.times[kinds] / size, size=repeats) @ self.rows[kinds])
        of_row = self.of_row[self.starts[group] : self.starts[group] + size] - self.first[group]
        found = np.empty((repeats, self.rows.shape[1]))
        step = 1 + _ROWS // size
        for first in range(0, repeats, step):
            kind = of_row[rng.integers(size, size=(min(step, repeats - first), size))]
            kind += number * np.arange(len(kind))[:, None]
            drawn = np.bincount(kind.ravel(), minlength=number * len(kind)).reshape(-1, number)
            found[first : first + step] = drawn @ self.rows[kinds]
        return found

"""Rows sorted by group, and sums over each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


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
        number[self.order] = self.of_ordered()
        return number

    def of_ordered(self) -> Ids:
        """The group of each row, counted from 0; rows sorted by group."""
        return np.repeat(np.arange(len(self.starts)), self.sizes)

    def sums(self, table: Floats) -> Floats:
        """Sum of each column over the rows of each group, ``(n_groups, columns)``; rows in their original order."""
        if not len(self.starts):
            return np.zeros((0, table.shape[1]))
        # column by column: the rows of ten million samples are never copied as a whole
        return np.stack([np.add.reduceat(column[self.order], self.starts) for column in table.T], axis=1)

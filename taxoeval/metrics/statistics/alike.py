"""Which rows of a table, and which columns, are the same: what is alike is drawn and summed once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_ODD = np.uint64(0x9E3779B97F4A7C15)


def alike(table: Floats, order: Ids, start: Ids) -> tuple[Ids, Ids]:
    """Kinds of the rows ``table[order]``: the first row of each, and of which kind each row is.

    Rows are alike if all their columns are, and ``start``.
    """
    key = start.astype(np.uint64)
    for column in table.T:
        key += (column[order] + 0.0).view(np.uint64)  # -0.0 + 0.0 is 0.0
        key ^= key >> np.uint64(32)
        key *= _ODD
        key ^= key >> np.uint64(29)
    _, first, code = np.unique(key, return_index=True, return_inverse=True)
    if all(np.array_equal(column, column[first][code]) for column in (start, *(c[order] for c in table.T))):
        return first, code
    return np.arange(len(key)), np.arange(len(key))  # two different rows share a key: then no two count as alike


def distinct(columns: Sequence[Floats]) -> tuple[list[int], list[int]]:
    """The different ones among some columns, by place, and for each column which of them it equals, bit by bit."""
    first: list[int] = []
    which: list[int] = []
    found: dict[int, list[int]] = {}
    bits = [np.ascontiguousarray(column).view(np.int64) for column in columns]
    for j, column in enumerate(bits):
        same = found.setdefault(int(column.sum()), [])
        equal = next((i for i in same if np.array_equal(bits[first[i]], column)), None)
        if equal is None:
            equal = len(first)
            same.append(equal)
            first.append(j)
        which.append(equal)
    return first, which

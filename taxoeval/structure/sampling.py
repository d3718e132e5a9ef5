"""Some of the images, read from vectors that may be too many for memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.sums import Rows, blocks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def few_of_each(label: NDArray[Any], most: int, rng: np.random.Generator) -> Ints:
    """Positions of at most `most` images, ascending: one of every label first, then a second of each, and so on.

    Examples
    --------
    >>> few_of_each(np.array([7, 7, 7, 7, 9]), 3, np.random.default_rng(0)).shape
    (3,)
    """
    order = rng.permutation(len(label))
    order = order[np.argsort(label[order], kind="stable")]
    start = np.flatnonzero(np.diff(label[order], prepend=-1))
    turn = np.arange(len(order)) - np.repeat(start, np.diff(np.append(start, len(order))))
    first = np.argsort(turn, kind="stable")[:most]
    return np.sort(order[first])


def rows_at(vectors: Rows, positions: Ints, *, unit: bool = True) -> Floats:
    """The vectors at ascending positions, ``(len(positions), d)``; read by slices, as that is all vectors must offer.

    Examples
    --------
    >>> rows_at(np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 2.0]]), np.array([0, 2]))
    array([[0.6, 0.8],
           [0. , 1. ]])
    """
    n, d = vectors.shape
    step = max(1, (1 << 22) // max(1, d))
    found, filled = np.empty((len(positions), d)), 0
    for first in range(0, n, step):
        inside = positions[np.searchsorted(positions, first) : np.searchsorted(positions, first + step)] - first
        if len(inside):
            kept = np.asarray(vectors[first : min(n, first + step)])[inside]
            for _, block in blocks(kept, unit=unit):
                found[filled : filled + len(block)] = block
                filled += len(block)
    return found

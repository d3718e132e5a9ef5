"""Sums of vectors per species with other weights than one: half of the images, or as many drawn with replacement."""

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.sums import Rows, blocks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_READ = 1 << 22
"""Numbers read at a time: 32 MB, in which most species come several times."""

_PART = 256
"""Images that are summed at a time, for all sets of weights: so few that they stay near the processor."""


def weighted_sums(vectors: Rows, code: Ints, weights: NDArray[np.uint16], n_species: int) -> Floats:
    """Weighted sums of unit vectors per species, for several sets of weights in one pass.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`.
    code
        ``(n,)`` the species of each image, ``0 .. n_species - 1``, or ``-1`` for none.
    weights
        ``(w, n)`` how often each image counts.
    n_species
        How many species there are.

    Returns
    -------
    sums
        ``(w, n_species, d)``.

    Examples
    --------
    >>> weighted_sums(np.eye(2), np.array([0, 0]), np.array([[2, 1]], dtype=np.uint16), 1)
    array([[[2., 1.]]])
    """
    from scipy.sparse import csr_array

    w, d = len(weights), vectors.shape[1]
    total = np.zeros((w, n_species, d))
    for rows, block in blocks(vectors, size=max(1, _READ // max(1, d))):
        own, weight = code[rows], weights[:, rows]
        order = np.argsort(own, kind="stable")
        order = order[np.searchsorted(own[order], 0) :]
        for some in np.split(order, _edges(own[order])):
            present, start, size = np.unique(own[some], return_index=True, return_counts=True)
            first = (np.arange(w)[:, None] * len(some) + start).ravel()
            gather = csr_array(
                (
                    weight[:, some].ravel().astype(np.float64),
                    np.tile(np.arange(len(some)), w),
                    np.append(first, w * size.sum()),
                ),
                shape=(w * len(present), len(some)),
            )
            total[:, present] += (gather @ block[some]).reshape(w, len(present), d)
    return total


def _edges(code: Ints) -> Ints:
    """Where sorted species are cut into parts of some hundred images, none of them in two."""
    start = np.flatnonzero(np.diff(code, prepend=-1))
    return start[1:][np.diff(start // _PART) > 0]


def halves(code: Ints, splits: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """``(splits, n)`` 1 for a random half of the images of each species (the smaller one of an odd number), else 0.

    Examples
    --------
    >>> halves(np.array([0, 0, 1, 1, 1, 2]), 1, np.random.default_rng(0)).sum()
    np.uint64(2)
    """
    found = np.zeros((splits, len(code)), dtype=np.uint16)
    for row in found:
        order, turn, size = _turns(code, rng)
        row[order] = turn < size // 2
    found[:, code < 0] = 0
    return found


def resamples(code: Ints, number: int, rng: np.random.Generator) -> NDArray[np.uint16]:
    """``(number, n)`` how often each image is drawn when every species draws its images anew, with replacement.

    Examples
    --------
    >>> drawn = resamples(np.array([0, 0, 0, 1, -1]), 1, np.random.default_rng(0))
    >>> drawn[0, :3].sum(), drawn[0, 3:]
    (np.uint64(3), array([1, 0], dtype=uint16))
    """
    found = np.zeros((number, len(code)), dtype=np.uint16)
    order, turn, size = _turns(code, rng)
    first = np.arange(len(code)) - turn
    for row in found:
        drawn = order[first + rng.integers(size)]
        row[:] = np.bincount(drawn, minlength=len(code))
    found[:, code < 0] = 0
    return found


def _turns(code: Ints, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Images by species, at random within each; the turn of each within its species, and how many this has."""
    order = np.lexsort((rng.random(len(code)), code))
    start = np.flatnonzero(np.diff(code[order], prepend=-2))
    size = np.diff(np.append(start, len(code)))
    return order, np.arange(len(code)) - np.repeat(start, size), np.repeat(size, size)

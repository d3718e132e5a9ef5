"""Sums of vectors per species with other weights than one: half of the images, or as many drawn with replacement."""

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.sums import Rows, blocks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
    for rows, block in blocks(vectors):
        known = np.flatnonzero(code[rows] >= 0)
        present, place = np.unique(code[rows][known], return_inverse=True)
        for i in range(w):
            weight = weights[i, rows][known].astype(np.float64)
            gather = csr_array((weight, (place, known)), shape=(len(present), len(block)))
            total[i, present] += gather @ block
    return total


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

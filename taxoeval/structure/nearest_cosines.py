"""Cosines with the nearest neighbours in double precision: of one large sample, or of many small ones at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.knn_graph import all_alike, knn_graph
from taxoeval.structure.sums import blocks

Floats = NDArray[np.float64]

_MORE = 4
"""Neighbours beyond those asked for that single precision proposes."""
_HELD = 1 << 22
"""Numbers held at a time: 32 MB."""


def nearest_cosines(units: NDArray[Any], k: int) -> Floats:
    """The k largest cosines of every vector with the others, exactly.

    Single precision proposes a few neighbours more, in half the time, and the cosines with these are worked out in
    double precision. Where the last one proposed is not farther off than rounding may be wrong by, all are.

    Parameters
    ----------
    units
        ``(n, d)`` vectors, divided by their length here.
    k
        How many.

    Returns
    -------
    cosine
        ``(n, k)``, largest first.

    Raises
    ------
    TaxoevalError
        If there are not more than k vectors, or all point the same way.

    Examples
    --------
    >>> nearest_cosines(np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 1.0]]), 2)
    array([[0.6, 0. ],
           [0.8, 0.6],
           [0.8, 0. ]])
    """
    n, d = units.shape
    if n <= 2 * (k + _MORE):
        return np.asarray(nearest_in_samples(units, np.arange(n)[None], k)[0])
    exact = np.concatenate([block for _, block in blocks(units)])
    graph = knn_graph(exact.astype(np.float32), k + _MORE)
    found = np.empty((n, k))
    step = max(1, _HELD // ((k + _MORE) * d))
    for first in range(0, n, step):
        rows = slice(first, first + step)
        near = np.einsum("id,ijd->ij", exact[rows], exact[graph.neighbour[rows]])
        found[rows] = -np.sort(-near, axis=1)[:, :k]
    rounding = (d + 16) * 2.0**-24  # of a sum of d products of numbers that were rounded themselves
    unsure = np.flatnonzero(found[:, -1] < graph.cosine[:, -1].astype(np.float64) + 2 * rounding)
    step = max(1, _HELD // n)
    for first in range(0, len(unsure), step):
        row = unsure[first : first + step]
        cosine = exact[row] @ exact.T
        cosine[np.arange(len(row)), row] = -np.inf
        found[row] = _largest(cosine, k)
    return np.minimum(found, 1.0)


def nearest_in_samples(units: NDArray[Any], drawn: NDArray[np.int64], k: int) -> Floats:
    """The same within each of several small samples, ``drawn (s, n)`` rows: ``(s, n, k)``.

    Examples
    --------
    >>> nearest_in_samples(np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 1.0]]), np.array([[0, 1], [2, 1]]), 1)[:, :, 0]
    array([[0.6, 0.6],
           [0.8, 0.8]])
    """
    (s, n), d = drawn.shape, units.shape[1]
    found = np.empty((s, n, k))
    step = max(1, _HELD // (n * (d + n)))
    for first in range(0, s, step):
        rows = drawn[first : first + step]
        unit = np.concatenate([block for _, block in blocks(units[rows.ravel()])]).reshape(*rows.shape, d)
        for total in unit.sum(axis=1):
            all_alike(total, n)
        cosine = unit @ unit.transpose(0, 2, 1)
        cosine[:, np.arange(n), np.arange(n)] = -np.inf
        found[first : first + step] = _largest(cosine, k)
    return np.minimum(found, 1.0)


def _largest(values: Floats, k: int) -> Floats:
    """The k largest of the last axis, largest first."""
    size = values.shape[-1]
    return -np.sort(-np.partition(values, size - k, axis=-1)[..., size - k :], axis=-1)

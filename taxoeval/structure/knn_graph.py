"""The nearest neighbours of every image by cosine, without those of its own group."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.structure.sums import Rows, blocks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = NDArray[np.floating]

_TILE = 2048
"""Images whose similarities are held at a time, with as many others: 16 MB."""


@dataclass(frozen=True, eq=False)
class KnnGraph:
    """The nearest neighbours of images.

    Attributes
    ----------
    neighbour
        ``(n, k)`` rows of the nearest images, nearest first; ``-1`` where fewer than k are allowed.
    cosine
        ``(n, k)`` their cosine similarities; ``-inf`` where there is none.
    group
        ``(n,)`` the groups within which images are never neighbours, or None.
    """

    neighbour: Ints
    cosine: Numbers
    group: Ints | None

    @property
    def k(self) -> int:
        """How many neighbours an image has."""
        return int(self.neighbour.shape[1])


def knn_graph(vectors: Rows, k: int, *, group: NDArray[Any] | None = None) -> KnnGraph:
    """The k nearest neighbours of every image among all others, exactly, by cosine.

    Parameters
    ----------
    vectors
        ``(n, d)``, divided by their length here. All are held in memory, in single precision unless they are doubles.
    k
        How many neighbours.
    group
        ``(n,)`` integers or names: images of one group, such as a specimen or a burst, are never neighbours; ``-1`` or
        ``""`` is of no group. None: only the image itself is left out.

    Raises
    ------
    TaxoevalError
        If there are not more than k images, a vector holds NaN or infinity, or all vectors point the same way.
    ValueError
        If the shapes disagree or ``k`` is not a positive number.

    Notes
    -----
    Each pair of images is looked at once: a tile of similarities serves the images of its rows and those of its
    columns, and after the first tile few entries exceed the least of the k best so far, so that next to nothing is
    sorted. Quadratic in the images all the same. Of equal similarities, which duplicates and rounding make, any may be
    taken; the same are taken every time.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.2, 0.9]])
    >>> knn_graph(x, 1).neighbour.ravel()
    array([1, 0, 3, 2])
    >>> knn_graph(x, 1, group=np.array([0, 0, 1, 1])).neighbour.ravel()
    array([3, 3, 1, 1])
    """
    if len(vectors.shape) != 2 or int(k) != k or k < 1:
        raise ValueError(f"a graph needs vectors (n, d) and a positive whole k; got {vectors.shape} and {k!r}")
    n, d = vectors.shape
    if n <= k:
        raise TaxoevalError(f"{k} nearest neighbours need more than {k} images; there are {n}")
    units = np.empty((n, d), dtype=np.result_type(np.asarray(vectors[0:1]), np.float32))
    total = np.zeros(d)
    for rows, block in blocks(vectors):
        units[rows] = block
        total += block.sum(axis=0)
    all_alike(total, n)
    code = None if group is None else groups(group, n)
    best = _Best.empty(n, k, units.dtype)
    edges = np.linspace(0, n, -(-n // _TILE) + 1).astype(np.int64).tolist()
    tiles = [slice(a, b) for a, b in pairwise(edges)]
    pairs = [(i, j) for i in range(len(tiles)) for j in range(i, len(tiles))]
    # own tiles first: they hold what lies together in the table, often a clade, and set the bar for the others
    for i, j in sorted(pairs, key=lambda pair: pair[1] - pair[0]):
        cosine = units[tiles[i]] @ units[tiles[j]].T
        if i == j:
            np.fill_diagonal(cosine, -np.inf)
        if code is not None:
            _forbid(cosine, code[tiles[i]], code[tiles[j]])
        if i == j:
            best.take_first(cosine, tiles[i])
        else:
            best.take(cosine, tiles[i], tiles[j])
            best.take_turned(cosine, tiles[i], tiles[j])
    order = np.lexsort((best.neighbour, -best.cosine), axis=1)
    neighbour = np.take_along_axis(best.neighbour, order, axis=1)
    return KnnGraph(neighbour, np.clip(np.take_along_axis(best.cosine, order, axis=1), None, 1.0), code)


def all_alike(total: Floats, n: int) -> None:
    """Raise `TaxoevalError` if ``n`` unit vectors with this sum all point the same way."""
    if total @ total > n * n * (1 - 1e-12):
        raise TaxoevalError("all vectors point the same way: none is nearer than another")


def groups(group: NDArray[Any], n: int) -> Ints:
    """``(n,)`` groups as numbers; images of no group get one each.

    Examples
    --------
    >>> groups(np.array(["a", "", "b", "a", ""]), 5)
    array([0, 2, 1, 0, 3])
    """
    given = np.asarray(group)
    if given.shape != (n,):
        raise ValueError(f"group must be (n,) for {n} images; got {given.shape}")
    nothing = given == -1 if np.issubdtype(given.dtype, np.number) else given == ""
    code = np.empty(n, dtype=np.int64)
    names, code[~nothing] = np.unique(given[~nothing], return_inverse=True)
    code[nothing] = len(names) + np.arange(nothing.sum())
    return code


def _forbid(cosine: Numbers, row: Ints, column: Ints) -> None:
    """Put ``-inf`` where row and column are of one group."""
    order = np.argsort(column, kind="stable")
    first, last = (np.searchsorted(column[order], row, side=side) for side in ("left", "right"))
    n = last - first
    hit = np.arange(n.sum()) + np.repeat(first - (np.cumsum(n) - n), n)
    cosine[np.repeat(np.arange(len(row)), n), order[hit]] = -np.inf


@dataclass(frozen=True, eq=False)
class _Best:
    """The k best neighbours of each image among those looked at so far, unsorted; arrays are changed in place."""

    neighbour: Ints
    cosine: Numbers
    bar: Numbers

    @classmethod
    def empty(cls, n: int, k: int, dtype: np.dtype[Any]) -> "_Best":
        """Nothing looked at."""
        return cls(np.full((n, k), -1), np.full((n, k), -np.inf, dtype=dtype), np.full(n, -np.inf, dtype=dtype))

    def take(self, cosine: Numbers, rows: slice, columns: slice) -> None:
        """Look at the similarities of the images ``rows`` with the images ``columns``, for the rows."""
        size, k = cosine.shape[1], self.neighbour.shape[1]
        image, column = np.divmod(np.flatnonzero(cosine > self.bar[rows, None]), size)
        self._merge(rows.start + image, columns.start + column, cosine[image, column], k)

    def take_turned(self, cosine: Numbers, rows: slice, columns: slice) -> None:
        """The same for the columns, without turning the tile."""
        size, k = cosine.shape[1], self.neighbour.shape[1]
        other, image = np.divmod(np.flatnonzero(cosine > self.bar[columns]), size)
        order = np.argsort(image, kind="stable")
        other, image = other[order], image[order]
        self._merge(columns.start + image, rows.start + other, cosine[other, image], k)

    def take_first(self, cosine: Numbers, rows: slice) -> None:
        """Look at the similarities of images with each other, before any others."""
        size = cosine.shape[1]
        keep = min(self.neighbour.shape[1], size)
        column = np.argpartition(cosine, size - keep, axis=1)[:, size - keep :]
        found = np.take_along_axis(cosine, column, axis=1)
        self.neighbour[rows, :keep] = np.where(found > -np.inf, rows.start + column, -1)
        self.cosine[rows, :keep] = found
        self.bar[rows] = self.cosine[rows].min(axis=1)

    def _merge(self, image: Ints, other: Ints, cosine: Numbers, k: int) -> None:
        """Take ``other`` as neighbours of ``image`` (ascending) where they are among the k best."""
        if not len(image):
            return
        first = np.flatnonzero(np.diff(image, prepend=-1))
        n = np.diff(np.append(first, len(image)))
        of, row, turn = image[first], np.repeat(np.arange(len(first)), n), np.arange(len(image)) - np.repeat(first, n)
        neighbour = np.full((len(first), k + n.max()), -1)
        values = np.full(neighbour.shape, -np.inf, dtype=cosine.dtype)
        neighbour[:, :k], values[:, :k] = self.neighbour[of], self.cosine[of]
        neighbour[row, k + turn], values[row, k + turn] = other, cosine
        chosen = np.argpartition(values, n.max(), axis=1)[:, n.max() :]
        self.neighbour[of] = np.take_along_axis(neighbour, chosen, axis=1)
        self.cosine[of] = np.take_along_axis(values, chosen, axis=1)
        self.bar[of] = self.cosine[of].min(axis=1)

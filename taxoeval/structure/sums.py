"""Sums of vectors per taxon: all that most statistics of the latent space need, made in one pass over the images."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.structure.shared import once
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BLOCK = 1 << 22
"""Numbers read at a time: 32 MB of float64."""

_KEPT = 1 << 23
"""Numbers of sums that are kept for other analyses at most: 64 MB."""


class Rows(Protocol):
    """Vectors ``(n, d)`` that can be read a slice at a time: an array, a memory map, a reader of stored shards."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, d)``."""
        ...

    def __getitem__(self, rows: slice, /) -> Any:
        """The rows of a slice, as an array."""
        ...


def blocks(
    vectors: Rows, *, unit: bool = True, centre: Floats | None = None, size: int | None = None
) -> Iterator[tuple[slice, Floats]]:
    """Vectors as float64, a block of rows at a time, checked.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `Rows`.
    unit
        Divide each row by its length; an all-zero row stays zero.
    centre
        ``(d,)`` taken off every row (after it has been divided by its length, and it is divided by its new length
        again), or None.
    size
        Rows of a block; by default as many as make 32 MB.

    Yields
    ------
    rows, block
        The slice and its ``(b, d)`` vectors.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity.

    Examples
    --------
    >>> [block for _, block in blocks(np.array([[3.0, 4.0], [0.0, 2.0]]))]
    [array([[0.6, 0.8],
           [0. , 1. ]])]
    """
    if len(vectors.shape) != 2:
        raise ValueError(f"vectors must be (n, d); got {vectors.shape}")
    n, d = vectors.shape
    step = size or max(1, _BLOCK // max(1, d))
    for first in range(0, n, step):
        rows = slice(first, min(n, first + step))
        block = np.array(vectors[rows], dtype=np.float64)
        length = _length(block)
        if not np.isfinite(length).all():  # or the numbers are too large for a length
            bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
            if len(bad):
                raise TaxoevalError(
                    f"vector {first + bad[0]} of {n} holds NaN or infinity; compute the embeddings again"
                )
        if unit:
            np.divide(block, length, out=block, where=length > 0)
        if centre is not None:
            block -= centre
            if unit:
                length = _length(block)
                np.divide(block, length, out=block, where=length > 0)
        yield rows, block


def _length(block: Floats) -> Floats:
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", block, block))[:, None])


@dataclass(frozen=True, eq=False)
class TaxonSums:
    """Count, sum and sum of squared lengths of the vectors of each distinct label.

    Attributes
    ----------
    taxon
        ``(g,)`` the distinct taxa that images are labelled with, ascending. Most are species; a label known only to
        genus is one of its own.
    count
        ``(g,)`` images of each.
    total
        ``(g, d)`` sum of their vectors.
    square
        ``(g,)`` sum of their squared lengths; equal to the count for unit vectors.
    taxonomy
        The taxonomy of the taxa.
    """

    taxon: Ints
    count: Ints
    total: Floats
    square: Floats
    taxonomy: Taxonomy

    @property
    def n(self) -> int:
        """How many images there are."""
        return int(self.count.sum())

    @cached_property
    def mean(self) -> Floats:
        """``(d,)`` the mean of all images."""
        return np.asarray(self.total.sum(axis=0) / self.n)

    @cached_property
    def lineage(self) -> Ints:
        """``(g, n_ranks)`` the taxon of each label at every rank, ``-1`` where unknown."""
        return np.asarray(self.taxonomy.ancestor[self.taxon], dtype=np.int64)

    def keep(self, kept: NDArray[Any]) -> "TaxonSums":
        """The sums of some of the labels: positions or a mask over the ``g`` labels."""
        return TaxonSums(self.taxon[kept], self.count[kept], self.total[kept], self.square[kept], self.taxonomy)


def taxon_sums(
    vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, *, unit: bool = True, centre: Floats | None = None
) -> TaxonSums:
    """Sums per distinct label in one pass, a block of rows in memory at a time.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `Rows`.
    taxon
        ``(n,)`` taxon id of each row.
    taxonomy
        Their taxonomy.
    unit, centre
        As for `blocks`.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity, or there is none.
    ValueError
        If the shapes disagree or a taxon is not in the taxonomy.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "C. corax"), ("Corvus", "C. corone")], ranks=("genus", "species"))
    >>> sums = taxon_sums(np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), np.array([1, 2, 1]), taxonomy)
    >>> sums.taxon, sums.count, sums.total
    (array([1, 2]), array([2, 1]), array([[2., 0.],
           [0., 1.]]))
    """

    def make() -> TaxonSums:
        found = _taxon_sums(vectors, taxon, taxonomy, unit, centre)
        for one in (found.taxon, found.count, found.total, found.square):
            one.flags.writeable = False  # other analyses may look at them, too
        return found

    if not unit or centre is not None:
        return make()
    return once(vectors, taxon, taxonomy, "taxon_sums", _KEPT // max(1, vectors.shape[1]), make)


def _taxon_sums(vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, unit: bool, centre: Floats | None) -> TaxonSums:
    from scipy.sparse import csr_array

    labels = checked(vectors, taxon, taxonomy)
    taxa, code = np.unique(labels, return_inverse=True)
    total = np.zeros((len(taxa), vectors.shape[1]))
    square = np.zeros(len(taxa))
    for rows, block in blocks(vectors, unit=unit, centre=centre):
        of = code[rows]
        present, place = np.unique(of, return_inverse=True)
        gather = csr_array((np.ones(len(of)), (place, np.arange(len(of)))), shape=(len(present), len(of)))
        total[present] += gather @ block
        square[present] += np.bincount(place, weights=np.einsum("ij,ij->i", block, block))
    return TaxonSums(taxa, np.bincount(code, minlength=len(taxa)), total, square, taxonomy)


def checked(vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy) -> Ints:
    """The taxa as int64, after the shapes and ids are found to agree."""
    labels = np.asarray(taxon)
    if len(vectors.shape) != 2 or labels.shape != (vectors.shape[0],):
        raise ValueError(f"structure needs vectors (n, d) and taxon (n,); got {vectors.shape} and {labels.shape}")
    if not len(labels):
        raise TaxoevalError("there are no images: the structure of a space needs some")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= len(taxonomy):
        raise ValueError(
            f"taxon must hold node ids in 0 .. {len(taxonomy) - 1}; "
            f"got {labels.min()} .. {labels.max()} ({labels.dtype})"
        )
    return labels.astype(np.int64)


def summed(group: NDArray[np.integer], rows: NDArray[np.number]) -> NDArray[np.float64]:
    """Sums of the rows of each group, in ascending order of the groups.

    Parameters
    ----------
    group
        ``(n,)`` group of each row.
    rows
        ``(n, m)``.

    Returns
    -------
    sums
        ``(groups, m)``.

    Examples
    --------
    >>> summed(np.array([7, 3, 7]), np.array([[1.0, 2.0], [5.0, 5.0], [3.0, 4.0]]))
    array([[5., 5.],
           [4., 6.]])
    """
    if not len(group):
        return np.zeros((0, rows.shape[1]))
    order = np.argsort(group, kind="stable")
    first = np.flatnonzero(np.diff(group[order], prepend=group[order[0]] - 1))
    return np.asarray(np.add.reduceat(rows[order], first, axis=0, dtype=np.float64))

"""Directions in which the means of taxa differ when images are dealt out at random: those in which all images vary."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.sums import Rows, blocks

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TOGETHER = 1 << 23
"""Numbers held by the sums of deals that are made in one pass over the images: 64 MB."""


def shuffled_shares(
    vectors: Rows,
    code: Ints,
    lineage: Ints,
    q: list[int],
    scatter: Floats,
    *,
    permutations: int,
    rng: np.random.Generator,
) -> Floats:
    """Share of a scatter in the spans of taxa whose images are dealt out anew to the species.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`; of unit length here.
    code
        ``(n,)`` place of the species of each image in `lineage`, ``-1`` for none; every species has images.
    lineage
        ``(c, n_ranks)`` the taxon of each species, ``-1`` where unknown.
    q
        Directions of the span of each rank.
    scatter
        ``(d, d)`` symmetric.
    permutations
        How many deals.
    rng
        What they are drawn from.

    Returns
    -------
    share
        ``(permutations, n_ranks)``; NaN where nothing is scattered.
    """
    total = np.trace(scatter)
    known = code >= 0
    if not known.any():
        return np.full((0, len(q)), np.nan)
    found = np.full((permutations, len(q)), np.nan)
    if total <= 0:
        return found
    means = [_averages(of_rank) for of_rank in lineage.T]
    for p, species in enumerate(_dealt_means(vectors, code, permutations, rng)):
        for r, mean in enumerate(means):
            points = mean @ species
            span = widest(points - points.mean(axis=0), q[r]) if q[r] else points[:0].T
            found[p, r] = np.einsum("ij,ij->", span, scatter @ span) / total
    return found


def _averages(of_rank: Ints) -> Any:
    """Sparse ``(taxa, c)``: the mean over the species of each taxon of a rank."""
    from scipy.sparse import csr_array

    there = np.flatnonzero(of_rank >= 0)
    taxa, place, size = np.unique(of_rank[there], return_inverse=True, return_counts=True)
    return csr_array((1 / size[place], (place, there)), shape=(len(taxa), len(of_rank)))


def _dealt_means(vectors: Rows, code: Ints, permutations: int, rng: np.random.Generator) -> Iterator[Floats]:
    """``(c, d)`` the mean of each species' images, with these dealt out anew, again and again."""
    from scipy.sparse import csr_array

    known = np.flatnonzero(code >= 0)
    count = np.bincount(code[known])
    shape = (len(count), vectors.shape[1])
    together = max(1, _TOGETHER // (shape[0] * shape[1]))
    for first in range(0, permutations, together):
        dealt = np.full((min(together, permutations - first), len(code)), -1)
        for row in dealt:
            row[known] = code[rng.permutation(known)]
        total = np.zeros((len(dealt), *shape))
        for rows, block in blocks(vectors):
            used = np.flatnonzero(code[rows] >= 0)
            for into, of in zip(total, dealt[:, rows], strict=True):
                present, place = np.unique(of[used], return_inverse=True)
                gather = csr_array((np.ones(len(used)), (place, used)), shape=(len(present), len(block)))
                into[present] += gather @ block
        total /= count[:, None]
        yield from total


def widest(points: Floats, q: int) -> Floats:
    """``(d, q)`` orthonormal directions in which ``(K, d)`` centred points vary most."""
    fewer = len(points) < points.shape[1]
    square = points @ points.T if fewer else points.T @ points
    largest = np.linalg.eigh(square)[1][:, -q:]
    return np.linalg.qr(points.T @ largest)[0] if fewer else largest

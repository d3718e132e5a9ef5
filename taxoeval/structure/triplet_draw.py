"""Triplets of species that the taxonomy resolves, drawn without a search: in a depth-first order a clade is a slice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Draw:
    """Triplets (i, j, k) of places among the species, with j a nearer relative of i than k is; ascending by i.

    Attributes
    ----------
    i, j, k
        ``(m,)`` the species.
    near, far
        ``(m,)`` place of the rank of the lowest common ancestor of i and j, and of i and k, ``-1`` for nothing shared.
    weight
        ``(m,)`` what each counts within its pair of ranks.
    unresolved
        ``(n_ranks, n_ranks + 1)`` triplets drawn by ``near`` and ``far + 1`` that a hole leaves open, and so left out.
    """

    i: Ints
    j: Ints
    k: Ints
    near: Ints
    far: Ints
    weight: Floats
    unresolved: Ints


@dataclass(frozen=True, eq=False)
class Rings:
    """Around each species and for each rank: the species that meet it at its taxon of that rank, and not below.

    These are the slice of its taxon of that rank less the slice of its next known taxon below.

    Attributes
    ----------
    start, stop
        ``(c, n_ranks + 1)`` the outer slice; column 0 is for nothing shared, column ``1 + r`` for rank r.
    hole_start, hole_stop
        The inner slice.
    """

    start: Ints
    stop: Ints
    hole_start: Ints
    hole_stop: Ints

    @classmethod
    def of(cls, lineage: Ints) -> "Rings":
        """From the taxa ``(c, n_ranks)`` of species that are numbered depth first.

        Examples
        --------
        >>> rings = Rings.of(np.array([[0, 1], [0, 2], [3, 4]]))
        >>> rings.size[:, :2]  # of those sharing nothing, and those of the same genus
        array([[1, 1],
               [1, 1],
               [2, 0]])
        """
        c, n_ranks = lineage.shape
        start, stop = np.zeros((c, n_ranks + 1), dtype=np.int64), np.full((c, n_ranks + 1), c, dtype=np.int64)
        for place in range(n_ranks):
            known = np.flatnonzero(lineage[:, place] >= 0)
            _, first, code, count = np.unique(
                lineage[known, place], return_index=True, return_inverse=True, return_counts=True
            )
            # an unknown taxon makes an empty ring: both slices are the species itself
            start[:, place + 1], stop[:, place + 1] = np.arange(c), np.arange(c) + 1
            start[known, place + 1] = known[first][code]
            stop[known, place + 1] = known[first][code] + count[code]
        hole_start, hole_stop = start.copy(), stop.copy()
        below_start, below_stop = np.arange(c), np.arange(c) + 1
        for column in range(n_ranks, -1, -1):
            hole_start[:, column], hole_stop[:, column] = below_start, below_stop
            known_here = np.ones(c, dtype=bool) if column == 0 else lineage[:, column - 1] >= 0
            below_start = np.where(known_here, start[:, column], below_start)
            below_stop = np.where(known_here, stop[:, column], below_stop)
            hole_start[:, column] = np.where(known_here, hole_start[:, column], start[:, column])
            hole_stop[:, column] = np.where(known_here, hole_stop[:, column], stop[:, column])
        return cls(start, stop, hole_start, hole_stop)

    @property
    def size(self) -> Ints:
        """``(c, n_ranks + 1)`` how many species there are in each."""
        return (self.stop - self.start) - (self.hole_stop - self.hole_start)

    def member(self, species: Ints, column: int, number: Ints) -> Ints:
        """The member of the ring of each species with that number, from 0."""
        found = self.start[species, column] + number
        after = found >= self.hole_start[species, column]
        return np.asarray(found + after * (self.hole_stop[species, column] - self.hole_start[species, column]))


def draw_triplets(lineage: Ints, per_pair: int, rng: np.random.Generator) -> Draw:
    """For each pair of ranks, all triplets if they are few, else so many drawn at random.

    Parameters
    ----------
    lineage
        ``(c, n_ranks)`` taxa of the species, numbered depth first; ``-1`` where unknown.
    per_pair
        How many for each pair of ranks.
    rng
        Where they come from.

    Notes
    -----
    Species i is drawn among those that have both kinds of relatives, each as likely; then j and k among its relatives
    of either kind. All triplets are weighted in the same way: each i counts the same in all. A triplet is left out
    where k might be as near to i as j is: where, at all ranks down to that of the taxon of i and j, k is not known to
    differ from i.

    Examples
    --------
    >>> draw = draw_triplets(np.array([[0, 1], [0, 2], [3, 4]]), 100, np.random.default_rng(0))
    >>> list(zip(draw.i.tolist(), draw.j.tolist(), draw.k.tolist()))
    [(0, 1, 2), (1, 0, 2)]
    """
    n_ranks = lineage.shape[1]
    rings = Rings.of(lineage)
    size = rings.size
    parts: list[tuple[Ints, Ints, Ints, Floats, int, int]] = []
    unresolved = np.zeros((n_ranks, n_ranks + 1), dtype=np.int64)
    for near in range(n_ranks - 1):
        for column in range(near + 1):
            i, j, k, weight = _of_pair(rings, size, near + 1, column, per_pair, rng)
            kept = _resolved(lineage, i, k, near)
            unresolved[near, column] = int((~kept).sum())
            parts.append((i[kept], j[kept], k[kept], weight[kept], near, column - 1))
    columns = [np.concatenate([part[a] for part in parts] or [np.zeros(0)]) for a in range(4)]
    lengths = [len(part[0]) for part in parts]
    nears, fars = (np.repeat(np.array([part[a] for part in parts], dtype=np.int64), lengths) for a in (4, 5))
    order = np.argsort(columns[0], kind="stable")  # what is looked up of one species stands together in memory
    i, j, k = (column[order].astype(np.int64) for column in columns[:3])
    return Draw(i, j, k, nears[order], fars[order], columns[3][order], unresolved)


def _of_pair(
    rings: Rings, size: Ints, near: int, far: int, per_pair: int, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints, Floats]:
    pairs = size[:, near] * size[:, far]
    total = int(pairs.sum())
    if total > per_pair:
        i = rng.choice(np.flatnonzero(pairs), per_pair)
        a, b = rng.integers(size[i, near]), rng.integers(size[i, far])
        return i, rings.member(i, near, a), rings.member(i, far, b), np.ones(per_pair)
    i = np.repeat(np.arange(len(pairs)), pairs)
    number = np.arange(total) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    a, b = number // np.maximum(size[i, far], 1), number % np.maximum(size[i, far], 1)
    return i, rings.member(i, near, a), rings.member(i, far, b), 1.0 / np.maximum(pairs[i], 1)


def _resolved(lineage: Ints, i: Ints, k: Ints, near: int) -> NDArray[np.bool_]:
    """Whether k is known to be outside the taxon of rank `near` that i is in."""
    found = np.zeros(len(i), dtype=bool)
    for place in range(near + 1):
        a, b = lineage[i, place], lineage[k, place]
        found |= (a >= 0) & (b >= 0) & (a != b)
    return found

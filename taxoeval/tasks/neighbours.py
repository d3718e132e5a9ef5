"""All items of a gallery ranked for each query, in blocks, and what the ranking is worth at each rank."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval.parallel import in_threads
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BLOCK = 1 << 21  # similarities held at a time; with their order some 60 MiB


@dataclass(frozen=True, eq=False)
class Ranking:
    """What the rankings of some queries are worth.

    Attributes
    ----------
    relevant
        ``(n, n_ranks)`` how many items share the query's taxon; NaN where that is unknown.
    size
        ``(n,)`` how many items could be found.
    precision
        By k, ``(n, n_ranks)`` `precision_at_k`.
    r_precision, map_at_r
        ``(n, n_ranks)``.
    first
        ``(n, largest k)`` taxa of the nearest items, ``-1`` where there are fewer.
    """

    relevant: Floats
    size: Ints
    precision: Mapping[int, Floats]
    r_precision: Floats
    map_at_r: Floats
    first: Ints

    @classmethod
    def joined(cls, blocks: Sequence["Ranking"]) -> "Ranking":
        """The rankings of all blocks, one after the other."""
        return cls(
            np.concatenate([block.relevant for block in blocks]),
            np.concatenate([block.size for block in blocks]),
            {k: np.concatenate([block.precision[k] for block in blocks]) for k in blocks[0].precision},
            np.concatenate([block.r_precision for block in blocks]),
            np.concatenate([block.map_at_r for block in blocks]),
            np.concatenate([block.first for block in blocks]),
        )


@dataclass(frozen=True, eq=False)
class Ranked:
    """The rankings of some queries, over all items and over kin alone.

    Attributes
    ----------
    every
        Over all items.
    kin
        By place of a rank: without the items that share the query's taxon at the next finer rank, or might, so that
        what counts at that rank are relatives. Filled at that rank alone; undefined for a query unknown at either.
    """

    every: Ranking
    kin: Mapping[int, Ranking]


def ranked(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    target: Ints,
    taxon: Ints,
    taxonomy: Taxonomy,
    *,
    k: Sequence[int],
    itself: bool = False,
    leave_out: Ints | None = None,
    kin: Sequence[int] = (),
) -> Iterator[Ranked]:
    """Rank the gallery for each query by cosine, the first among equals first.

    Parameters
    ----------
    queries, gallery
        ``(n, d)`` and ``(g, d)`` unit vectors.
    target, taxon
        Their taxa.
    taxonomy
        The taxonomy of both.
    k
        For precision among the first k; those above the number of items are left out.
    itself
        The queries are the gallery, and none finds itself.
    leave_out
        ``(n,)`` group of each query, and item: those of one group do not find each other.
    kin
        Places of the ranks whose kin are ranked, too.

    Yields
    ------
    ranked
        Of the next queries.

    Raises
    ------
    ValueError
        If the gallery holds more than 16 million items, or the taxonomy more than 62 ranks.

    Notes
    -----
    Each similarity is sorted once, as one integer with the place of its item and the finest rank that it shares with
    the query: every rank, and kin, are read off that order.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"),
    ...                                    ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> units = np.array([[1, 0], [0.6, 0.8], [0.8, 0.6]], dtype=np.float32)
    >>> found, = ranked(units, units, species, species, taxonomy, k=(1,), itself=True)
    >>> found.every.precision[1][:, 0]
    array([0., 0., 0.])
    """
    if len(gallery) >= 1 << 24 or taxonomy.n_ranks > 62:
        raise ValueError(f"{len(gallery)} items, {taxonomy.n_ranks} ranks: more than 16 million, or than 62")
    sizes = [one for one in sorted(set(k)) if one <= len(gallery) - itself] or [len(gallery) - itself]
    path = np.append(taxonomy.ancestor, np.full((1, taxonomy.n_ranks), -1, dtype=np.int32), axis=0)
    of_item = path[taxon]
    step = max(1, _BLOCK // len(gallery))

    def block(start: int) -> Ranked:
        rows = np.arange(start, min(start + step, len(queries)))
        barred = np.zeros((len(rows), len(gallery)), dtype=bool)
        if itself:
            barred[np.arange(len(rows)), rows] = True
        if leave_out is not None:
            barred |= leave_out[rows, None] == leave_out[None]
        truth = path[target[rows]]
        shared = _shared(truth, of_item)
        shared[barred] = 0
        order, shared = _sorted(queries[rows] @ gallery.T, barred, shared)
        size = (~barred).sum(axis=1)
        place = order[:, : sizes[-1]]
        first = np.where(np.arange(place.shape[1]) < size[:, None], taxon[place], -1)
        return Ranked(
            _every(truth >= 0, shared, size, sizes, first),
            {r: _kin(truth[:, r : r + 2] >= 0, shared, size, sizes, first, r, taxonomy.n_ranks) for r in kin},
        )

    return in_threads(block, range(0, len(queries), step))


_UNSURE = 64  # added where the item's taxon below the shared one is unknown


def _shared(truth: NDArray[np.int32], of_item: NDArray[np.int32]) -> NDArray[np.uint8]:
    """``(n, g)`` one more than the place of the finest rank a query and an item share, 0 for none; plus `_UNSURE`."""
    found = np.zeros((len(truth), len(of_item)), dtype=np.uint8)
    n_ranks = truth.shape[1]
    for r in range(n_ranks):
        below = of_item[:, r + 1] < 0 if r + 1 < n_ranks else np.zeros(len(of_item), dtype=bool)
        code = (r + 1 + _UNSURE * below).astype(np.uint8)
        same = (truth[:, r, None] == of_item[None, :, r]) & (truth[:, r, None] >= 0)
        found = np.where(same, code[None], found)
    return found


def _sorted(
    cosine: NDArray[np.float32], barred: NDArray[np.bool_], shared: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Places of the items, nearest first and barred ones last, and what they share, in that order."""
    bits = (cosine + np.float32(0)).view(np.int32)  # there is no -0 then, which would come after 0
    key = (~(bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF)))).astype(np.int64)
    key[barred] = np.iinfo(np.int32).max  # beyond every number
    key <<= 32
    key |= np.arange(cosine.shape[1], dtype=np.int64)[None] << 8
    key |= shared
    key.sort(axis=1)
    return (key >> 8) & 0xFFFFFF, (key & 0xFF).astype(np.uint8)


def _every(
    known: NDArray[np.bool_], shared: NDArray[np.uint8], size: Ints, sizes: Sequence[int], first: Ints
) -> Ranking:
    """What the order is worth at every rank."""
    n, n_ranks = known.shape
    level = shared & (_UNSURE - 1)
    relevant, r_precision, map_at_r = (np.full((n, n_ranks), np.nan) for _ in range(3))
    precision = {one: np.full((n, n_ranks), np.nan) for one in sizes}
    for r in range(n_ranks):
        hits = (level > r) & known[:, r, None]
        row, place = np.divmod(np.flatnonzero(hits), hits.shape[1])
        relevant[:, r], r_precision[:, r], map_at_r[:, r] = _until_r(row, place, n)
        for one in sizes:
            precision[one][:, r] = hits[:, :one].mean(axis=1)
        for values in (relevant, *precision.values()):
            values[~known[:, r], r] = np.nan
    return Ranking(relevant, size, precision, r_precision, map_at_r, first)


def _kin(
    known: NDArray[np.bool_],
    shared: NDArray[np.uint8],
    size: Ints,
    sizes: Sequence[int],
    first: Ints,
    rank: int,
    n_ranks: int,
) -> Ranking:
    """What the order is worth at a rank, once all that shares the next finer one, or might, is taken out."""
    n, one_rank = len(known), (len(known), n_ranks)
    level = shared & (_UNSURE - 1)
    out = (level > rank + 1) | (shared == rank + 1 + _UNSURE)
    both = np.asarray(known.all(axis=1))
    hits = (shared == rank + 1) & both[:, None]
    at = np.flatnonzero(hits)
    row, place = np.divmod(at, hits.shape[1])
    place = place - np.cumsum(out, axis=1, dtype=np.int32).ravel()[at]
    relevant, r_precision, map_at_r = (np.full(one_rank, np.nan) for _ in range(3))
    relevant[:, rank], r_precision[:, rank], map_at_r[:, rank] = _until_r(row, place, n)
    precision = {one: np.full(one_rank, np.nan) for one in sizes}
    some = relevant[:, rank] > 0
    for one in sizes:
        share = np.bincount(row[place < one], minlength=n) / one
        precision[one][:, rank] = np.where(some, share, np.nan)
    relevant[~both, rank] = np.nan
    return Ranking(relevant, size - out.sum(axis=1), precision, r_precision, map_at_r, first)


def _until_r(row: Ints, place: Ints, n: int) -> tuple[Floats, Floats, Floats]:
    """How many hits each query has, R, and of its first R items the precision and its mean over hits (MAP@R).

    ``row`` and ``place`` say where the hits are, row by row, nearest first, places from 0.
    """
    relevant = np.bincount(row, minlength=n)
    before = np.cumsum(relevant) - relevant
    within = place < np.repeat(relevant, relevant)
    counted, of_place = row[within], place[within]
    ordinal = np.flatnonzero(within) - before[counted] + 1
    whole = np.where(relevant > 0, relevant, np.nan)
    hits = np.bincount(counted, minlength=n)
    gain = np.bincount(counted, weights=ordinal / (of_place + 1), minlength=n)
    return relevant.astype(np.float64), hits / whole, gain / whole

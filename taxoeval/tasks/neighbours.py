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
    taxa, of_item, n_items = np.unique(taxon, return_inverse=True, return_counts=True)
    step = max(1, _BLOCK // len(gallery))

    def block(start: int) -> Ranked:
        rows = np.arange(start, min(start + step, len(queries)))
        barred = _barred(rows, itself, leave_out)
        own, of_query = np.unique(target[rows], return_inverse=True)
        among = _shared(path[own], path[taxa])
        shared = np.take(among, of_item, axis=1)[of_query]
        count = _counts(among, n_items)[of_query]
        np.subtract.at(count, (barred[0], shared[barred]), 1)
        shared[barred] = 0
        key = _sorted(queries[rows] @ gallery.T, barred, shared)
        size = len(gallery) - np.bincount(barred[0], minlength=len(rows))
        place = (key[:, : sizes[-1]] >> 8) & 0xFFFFFF
        first = np.where(np.arange(place.shape[1]) < size[:, None], taxon[place], -1)
        shared, known = key.astype(np.uint8), path[target[rows]] >= 0  # the lowest eight bits
        return Ranked(
            _every(known, shared, count, size, sizes, first),
            {r: _kin(known[:, r : r + 2], shared, count, size, sizes, first, r, taxonomy.n_ranks) for r in kin},
        )

    return in_threads(block, range(0, len(queries), step))


_UNSURE = 64  # added where the item's taxon below the shared one is unknown


def _barred(rows: Ints, itself: bool, leave_out: Ints | None) -> tuple[Ints, Ints]:
    """Queries, by place among these rows, and the items that each does not find."""
    if leave_out is not None:
        query, item = np.nonzero(leave_out[rows, None] == leave_out[None])  # also itself
        return query, item
    return (np.arange(len(rows)), rows) if itself else (rows[:0], rows[:0])


def _shared(truth: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.uint8]:
    """``(n, m)`` one more than the place of the finest rank two lineages share, 0 for none; plus `_UNSURE`."""
    found = np.zeros((len(truth), len(other)), dtype=np.uint8)
    n_ranks = truth.shape[1]
    for r in range(n_ranks):
        below = other[:, r + 1] < 0 if r + 1 < n_ranks else np.zeros(len(other), dtype=bool)
        code = (r + 1 + _UNSURE * below).astype(np.uint8)
        same = (truth[:, r, None] == other[None, :, r]) & (truth[:, r, None] >= 0)
        found = np.where(same, code[None], found)
    return found


def _counts(shared: NDArray[np.uint8], n_items: Ints) -> Ints:
    """``(n, 2 * _UNSURE)`` items by what they share, from that of their taxa ``(n, m)``."""
    found = np.zeros((len(shared), 2 * _UNSURE), dtype=np.int64)
    for code in np.unique(shared):
        found[:, code] = (shared == code) @ n_items
    return found


def _sorted(cosine: NDArray[np.float32], barred: tuple[Ints, Ints], shared: NDArray[np.uint8]) -> Ints:
    """Keys of the items, nearest first and barred ones last: from the 9th bit on the place, below what they share."""
    bits = (cosine + np.float32(0)).view(np.int32)  # there is no -0 then, which would come after 0
    key = (~(bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF)))).astype(np.int64)
    key[barred] = np.iinfo(np.int32).max  # beyond every number
    key <<= 32
    key |= np.arange(cosine.shape[1], dtype=np.int64)[None] << 8
    key |= shared
    key.sort(axis=1)
    return key


def _every(
    known: NDArray[np.bool_], shared: NDArray[np.uint8], count: Ints, size: Ints, sizes: Sequence[int], first: Ints
) -> Ranking:
    """What the order is worth at every rank."""
    n, n_ranks = known.shape
    level = shared & (_UNSURE - 1)
    of_level = count[:, :_UNSURE] + count[:, _UNSURE:]
    relevant, r_precision, map_at_r = (np.full((n, n_ranks), np.nan) for _ in range(3))
    precision = {one: np.full((n, n_ranks), np.nan) for one in sizes}
    for r in range(n_ranks):
        many = np.where(known[:, r], of_level[:, r + 1 :].sum(axis=1), 0)
        width = int(many.max(initial=0))
        place = np.arange(1, width + 1, dtype=np.int32)
        hits = level[:, :width] > r
        r_precision[:, r], map_at_r[:, r] = _until_r(hits, place[None], many)
        relevant[:, r] = many
        for one in sizes:
            precision[one][:, r] = (level[:, :one] > r).mean(axis=1)
        for values in (relevant, *precision.values()):
            values[~known[:, r], r] = np.nan
    return Ranking(relevant, size, precision, r_precision, map_at_r, first)


def _kin(
    known: NDArray[np.bool_],
    shared: NDArray[np.uint8],
    count: Ints,
    size: Ints,
    sizes: Sequence[int],
    first: Ints,
    rank: int,
    n_ranks: int,
) -> Ranking:
    """What the order is worth at a rank, once all that shares the next finer one, or might, is taken out."""
    n, one_rank = len(known), (len(known), n_ranks)
    both = np.asarray(known.all(axis=1))
    unsure = rank + 1 + _UNSURE
    many = np.where(both, count[:, rank + 1], 0)
    out_of = count[:, rank + 2 : _UNSURE].sum(axis=1) + count[:, unsure:].sum(axis=1)
    width = int(np.where(both, np.maximum(many, sizes[-1]) + out_of, 0).max(initial=0))
    near = shared[:, :width]
    out = (near & (_UNSURE - 1) > rank + 1) | (near == unsure)
    hits = (near == rank + 1) & both[:, None]
    place = np.arange(1, out.shape[1] + 1, dtype=np.int32) - np.cumsum(out, axis=1, dtype=np.int32)
    relevant, r_precision, map_at_r = (np.full(one_rank, np.nan) for _ in range(3))
    relevant[:, rank] = np.where(both, many, np.nan)
    r_precision[:, rank], map_at_r[:, rank] = _until_r(hits, place, many)
    precision = {one: np.full(one_rank, np.nan) for one in sizes}
    early = np.flatnonzero(hits & (place <= sizes[-1]))
    row, at = early // max(width, 1), place.ravel()[early]
    for one in sizes:
        share = np.bincount(row[at <= one], minlength=n) / one
        precision[one][:, rank] = np.where(many > 0, share, np.nan)
    return Ranking(relevant, size - out_of, precision, r_precision, map_at_r, first)


def _until_r(hits: NDArray[np.bool_], place: NDArray[np.int32], many: Ints) -> tuple[Floats, Floats]:
    """Of the first R items of each query the precision and its mean over hits (MAP@R).

    ``hits`` ``(n, w)`` and their ``place`` from 1, nearest first; ``many`` ``(n,)`` is R, how many hits each has.
    """
    within = hits & (place <= many[:, None])
    ordinal = np.cumsum(within, axis=1, dtype=np.int32)
    whole = np.where(many > 0, many, np.nan)
    found = ordinal.max(axis=1, initial=0)
    ordinal *= within
    gain = (ordinal / np.maximum(place, 1)).sum(axis=1)
    return found / whole, gain / whole

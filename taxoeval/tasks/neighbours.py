"""All items of a gallery ranked for each query, in blocks, and what the ranking is worth at each rank."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval import metrics
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BLOCK = 1 << 21  # similarities held at a time, with their order: 24 MiB


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
    kin_at: int | None = None,
) -> Iterator[Ranking]:
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
    kin_at
        Place of a rank: items that share the query's taxon at the next finer rank, or might, are taken out, and queries
        unknown there are undefined.

    Yields
    ------
    ranking
        `Ranking` of the next queries.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"),
    ...                                    ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> units = np.array([[1, 0], [0.6, 0.8], [0.8, 0.6]], dtype=np.float32)
    >>> found, = ranked(units, units, species, species, taxonomy, k=(1,), itself=True)
    >>> found.precision[1][:, 0]
    array([0., 0., 0.])
    """
    sizes = [one for one in sorted(set(k)) if one <= len(gallery) - itself] or [len(gallery) - itself]
    step = max(1, _BLOCK // len(gallery))
    for start in range(0, len(queries), step):
        rows = np.arange(start, min(start + step, len(queries)))
        cosine = queries[rows] @ gallery.T
        barred = np.zeros(cosine.shape, dtype=bool)
        if itself:
            barred[np.arange(len(rows)), rows] = True
        if leave_out is not None:
            barred |= leave_out[rows, None] == leave_out[None]
        wanted = target[rows]
        if kin_at is not None:
            barred |= _same_or_unknown(wanted, taxon, taxonomy, kin_at)
            wanted = np.where(taxonomy.ancestor[wanted, kin_at + 1] >= 0, wanted, -1)
        cosine[barred] = -np.inf
        order = np.argsort(-cosine, axis=1, kind="stable")
        found = np.where(np.take_along_axis(barred, order, axis=1), -1, taxon[order])
        relevant = _relevant(wanted, found, taxonomy)
        yield Ranking(
            relevant,
            (~barred).sum(axis=1),
            {one: _precision(wanted, found[:, :one], taxonomy, relevant, kin_at is None) for one in sizes},
            metrics.r_precision(wanted, found, taxonomy, relevant),
            metrics.map_at_r(wanted, found, taxonomy, relevant),
            found[:, : sizes[-1]],
        )


def _precision(target: Ints, found: Ints, taxonomy: Taxonomy, relevant: Floats, without: bool) -> Floats:
    """Precision among the items found; ``without``: also of queries without anything relevant, which is 0."""
    precision = metrics.precision_at_k(target, found, taxonomy)
    return precision if without else np.where(relevant > 0, precision, np.nan)


def _same_or_unknown(target: Ints, taxon: Ints, taxonomy: Taxonomy, rank: int) -> NDArray[np.bool_]:
    """``(n, g)`` whether items share the taxon below a rank, or share that at it and are unknown below."""
    own, below = taxonomy.ancestor[:, rank], taxonomy.ancestor[:, rank + 1]
    same = below[target, None] == below[taxon][None]
    unsure = (below[taxon] < 0)[None] & (own[target, None] == own[taxon][None])
    return np.asarray(same | unsure)


def _relevant(target: Ints, found: Ints, taxonomy: Taxonomy) -> Floats:
    """``(n, n_ranks)`` how many of the items share the query's taxon; NaN where that is unknown."""
    path = np.append(taxonomy.ancestor, np.full((1, taxonomy.n_ranks), -1, dtype=np.int32), axis=0)
    count = np.full((len(target), taxonomy.n_ranks), np.nan)
    for r in range(taxonomy.n_ranks):
        truth = path[target, r]
        hits = (path[:, r][found] == truth[:, None]).sum(axis=1)
        count[:, r] = np.where(truth >= 0, hits, np.nan)
    return count

"""Of three species, are the two that are nearest in the taxonomy nearest in space? By the ranks of both ancestors."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.centroids import Centroids, centroids
from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.record import ByRank
from taxoeval.structure.shuffles import free, p_value
from taxoeval.structure.sums import Rows
from taxoeval.structure.triplet_draw import Draw, draw_triplets
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST = 4000
"""Species among which triplets are drawn; a random choice where there are more."""

SAME = 1e-12
"""Cosines that differ by no more are taken for equal."""

KINDS = ("triplets", "triplets, next rank")


@dataclass(frozen=True, eq=False)
class Triplets:
    """How often the nearer relative is the more similar one.

    Attributes
    ----------
    rows
        By rank of the nearer relative: the mean over all ranks of the farther one, and against the next coarser rank
        alone.
    ranks
        The ranks, coarse to fine: of the lowest common ancestor with the nearer relative.
    levels
        ``("nothing shared", *ranks)``: of that with the farther relative.
    value, low, high, null, p
        ``(n_ranks, n_ranks + 1)`` share of triplets in agreement by both, with interval, mean over permutations and p;
        NaN where there are no such triplets.
    n
        ``(n_ranks, n_ranks + 1)`` triplets, drawn or all.
    unresolved
        ``(n_ranks, n_ranks + 1)`` triplets left out because a hole leaves open which is the nearer relative.
    left_out
        Images whose label stops above the finest rank.
    """

    rows: tuple[ByRank, ...]
    ranks: tuple[str, ...]
    levels: tuple[str, ...]
    value: Floats
    low: Floats
    high: Floats
    null: Floats
    p: Floats
    n: Ints
    unresolved: Ints
    left_out: int


def triplets(
    vectors: Rows,
    taxon: NDArray[Any],
    taxonomy: Taxonomy,
    *,
    per_pair: int = 10_000,
    permutations: int = 199,
    seed: int = 0,
) -> Triplets:
    """Share of triplets of species (i, j, k), j a nearer relative of i than k, with cos(i, j) > cos(i, k).

    The taxonomy says nothing about the order within a polytomy, and nothing is asked of it: only triplets that it
    resolves are looked at, by the ranks at which i meets j and k.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`.
    taxon
        ``(n,)`` taxon id of each. Images labelled above the finest rank are left out, and counted.
    taxonomy
        Their taxonomy. Where holes leave open whether j or k is nearer to i, the triplet is left out, and counted.
    per_pair
        Triplets drawn for each pair of ranks; all, where there are no more.
    permutations
        Of the species among those known to the same ranks, for null and p.
    seed
        Of draws, permutations and blocks.

    Returns
    -------
    record
        Shares in [0, 1], ties counted half; 0.5 where the taxonomy has no bearing.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity, or no label is of the finest rank.

    Notes
    -----
    Every species counts the same as i, however many relatives it has (see `draw_triplets`). The interval leaves out
    blocks of species: triplets share species, so that the binomial one would be far too narrow. The p is for "the
    taxonomy has no bearing on where a species lies": structure at finer ranks widens what coarse ranks show by chance.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("A", "a"), ("A", "b"), ("B", "c"), ("B", "d")], ranks=("genus", "species"))
    >>> vectors = np.array([[1.0, 0], [1, 0.1], [0, 1], [0.8, 0.9]])
    >>> found = triplets(vectors, taxonomy.ids(["a", "b", "c", "d"]), taxonomy)
    >>> found.levels, found.value[0], found.n[0]  # two of genus A and one of B, or the other way round: eight
    (('nothing shared', 'genus', 'species'), array([ 1., nan, nan]), array([8, 0, 0]))
    """
    whole = centroids(vectors, taxon, taxonomy)
    found, note = whole.at_most(MOST, seed)
    draw = draw_triplets(found.lineage, per_pair, np.random.default_rng(seed))
    shape = (taxonomy.n_ranks, taxonomy.n_ranks + 1)
    cell = draw.near * shape[1] + draw.far + 1

    def held(weight: Floats) -> Floats:
        return np.asarray(np.bincount(cell, weight, minlength=shape[0] * shape[1]), dtype=np.float64)

    def shares(win: Floats, weight: Floats, whole: Floats) -> Floats:
        """Weighted means by the ranks of both ancestors, NaN where there are no triplets, and over these."""
        mean = np.divide(held(win * weight), whole, out=np.full(len(whole), np.nan), where=whole > 0)
        return np.concatenate([mean, *_by_rank(mean.reshape(shape))])

    def without(kept: NDArray[np.bool_]) -> Floats:
        weight = draw.weight * (kept[draw.i] & kept[draw.j] & kept[draw.k])
        return shares(own, weight, held(weight))

    own, every = _agreement(found, draw, np.arange(len(found))), held(draw.weight)
    value = shares(own, draw.weight, every)
    interval = jackknife(without, len(found), seed=seed)
    drawn = [
        shares(_agreement(found, draw, order), draw.weight, every) for order in found.reorderings(permutations, seed)
    ]
    null = np.array(drawn).reshape(-1, len(value))
    untested = [free(found.lineage, place).untested for place in range(shape[0])]
    places = np.arange(shape[0])
    rank_of = np.concatenate([np.repeat(places, shape[1]), np.tile(places, 2)])
    p = [np.nan if untested[r] else p_value(v, column) for r, v, column in zip(rank_of, value, null.T, strict=True)]
    mean = null.mean(axis=0) if len(null) else np.full(len(value), np.nan)
    table = _Table(value, np.maximum(interval.low, 0), np.minimum(interval.high, 1), mean, np.array(p))
    n = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    by_both = table.part(0, n.size)
    return Triplets(
        rows=tuple(
            _row(kind, table.part(n.size + i * shape[0], shape[0]), n, taxonomy.ranks, untested, note)
            for i, kind in enumerate(KINDS)
        ),
        ranks=taxonomy.ranks,
        levels=("nothing shared", *taxonomy.ranks),
        value=by_both.value.reshape(shape),
        low=by_both.low.reshape(shape),
        high=by_both.high.reshape(shape),
        null=by_both.null.reshape(shape),
        p=by_both.p.reshape(shape),
        n=n,
        unresolved=draw.unresolved,
        left_out=found.left_out,
    )


class _Table(NamedTuple):
    value: Floats
    low: Floats
    high: Floats
    null: Floats
    p: Floats

    def part(self, first: int, length: int) -> "_Table":
        return _Table(*(column[first : first + length] for column in self))


def _agreement(found: Centroids, draw: Draw, order: Ints) -> Floats:
    """1 where the nearer relative is more similar, 0 where the farther one is, 0.5 where neither."""
    cosine = found.cosine.ravel()  # `take` is many times faster than two indices
    row = (order * len(found)).take(draw.i)
    more = cosine.take(row + order.take(draw.j)) - cosine.take(row + order.take(draw.k))
    return np.asarray(((more > SAME).view(np.uint8) + (more >= -SAME).view(np.uint8)) / 2)


def _by_rank(by_both: Floats) -> tuple[Floats, Floats]:
    """Mean over the ranks of the farther relative, and the next coarser one alone."""
    known = ~np.isnan(by_both)
    total, count = np.where(known, by_both, 0.0).sum(axis=1), known.sum(axis=1)
    mean = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return mean, np.diagonal(by_both).copy()


def _row(kind: str, table: _Table, n: Ints, ranks: tuple[str, ...], untested: list[str], note: str) -> ByRank:
    count = n.sum(axis=1) if kind == KINDS[0] else np.diagonal(n)
    reasons = []
    for place, rank in enumerate(ranks):
        if place == len(ranks) - 1:
            reasons.append(f"a {rank} has one centroid: no two of one {rank}")
        elif not count[place]:
            coarser = "" if kind == KINDS[0] else f" next to others of their {ranks[place - 1]}" * (place > 0)
            reasons.append(f"no two species are nearest relatives by {rank}{coarser}, or nothing to compare them with")
        else:
            reasons.append("; ".join(filter(None, (note, untested[place]))))
    return ByRank.of(
        kind,
        ranks,
        table.value,
        n=count,
        unit="triplets",
        low=table.low,
        high=table.high,
        null=table.null,
        p=table.p,
        reason=reasons,
    )

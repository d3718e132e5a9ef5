"""Tree distance against distance in space within each clade: most pairs of all species are far apart and drown it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics.statistics import student
from taxoeval.structure.arrangements import ENOUGH, log_arrangements
from taxoeval.structure.centroids import Centroids, upper
from taxoeval.structure.pair_correlation import level_ranks, midranks, pair_correlations
from taxoeval.structure.permuted_pairs import permutations_of, permuted_correlations
from taxoeval.structure.record import ByRank
from taxoeval.structure.shuffles import p_value

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FOR_MEANS = 199
"""Permutations of each clade that make those of the mean over clades, at most."""


@dataclass(frozen=True, eq=False)
class CladeMantel:
    """Spearman's correlation within each clade with enough species in at least two taxa of the next ranks.

    Attributes
    ----------
    taxon, rank
        ``(k,)`` the clades, coarse to fine, and the place of their ranks.
    n_species
        ``(k,)`` species of each.
    value
        ``(k,)`` the correlation.
    p
        ``(k,)`` by permuting the species of the clade; NaN where there are fewer than 20 different arrangements.
    null, p_of_rank
        ``(n_ranks,)`` mean over clades with permuted species, its mean over permutations and the p; NaN where untested.
    reason
        ``(n_ranks,)`` why there is no p.
    """

    taxon: Ints
    rank: Ints
    n_species: Ints
    value: Floats
    p: Floats
    null: Floats
    p_of_rank: Floats
    reason: tuple[str, ...]

    def row(self, ranks: tuple[str, ...], least: int) -> ByRank:
        """Mean over the clades of each rank, with Student's interval for other clades."""
        value, low, high = (np.full(len(ranks), np.nan) for _ in range(3))
        count, reasons = np.bincount(self.rank, minlength=len(ranks)), []
        for place in range(len(ranks)):
            if not count[place]:
                reasons.append(_nothing(place, len(ranks), ranks[place], least))
                continue
            of = self.value[self.rank == place]
            value[place] = of.mean()
            if len(of) > 1:
                interval = student(of)
                low[place], high[place] = interval.low, interval.high
            reasons.append("; ".join(filter(None, ("" if len(of) > 1 else "one clade", self.reason[place]))))
        return ByRank.of(
            "Mantel, Spearman within clades",
            ranks,
            value,
            n=count,
            unit="taxa",
            low=np.maximum(low, -1),
            high=np.minimum(high, 1),
            null=self.null,
            p=self.p_of_rank,
            reason=reasons,
        )


def _nothing(place: int, n_ranks: int, rank: str, least: int) -> str:
    if place >= n_ranks - 2:
        return f"no two species of a {rank} are further apart in the taxonomy than any others"
    return f"no {rank} with {least} species or more, some nearer in the taxonomy than others"


def clade_mantel(
    found: Centroids, tree: NDArray[np.int8], space: Floats, *, permutations: int, least: int, seed: int
) -> CladeMantel:
    """Within each clade; a clade is a slice of the species, as these are numbered depth first.

    Parameters
    ----------
    found
        The species.
    tree, space
        ``(c, c)`` their distances.
    permutations
        Of the species within each clade; the first 199 of each make the mean over clades.
    least
        Species a clade needs.
    seed
        Of the permutations.
    """
    rng = np.random.default_rng(seed)
    log_ways = log_arrangements(found.taxonomy, found.species)
    clades: list[tuple[int, int, int, float, float]] = []
    means, ps = np.full((2, found.taxonomy.n_ranks), np.nan)
    reasons = []
    for place in range(found.taxonomy.n_ranks):
        dealt, ways = [], 0.0
        for taxon, rows in _clades(found.lineage[:, place], least):
            t, s = tree[rows, rows], space[rows, rows]
            value = float(pair_correlations(upper(t), upper(s))[1])
            if np.isnan(value):
                continue
            testable = log_ways[taxon] >= np.log(ENOUGH) - 1e-9
            drawn = _permuted(t, s, permutations if testable else min(permutations, FOR_MEANS), rng)
            p = p_value(value, drawn) if testable else float("nan")
            clades.append((taxon, place, len(t), value, p))
            ways += log_ways[taxon]
            dealt.append(drawn[:FOR_MEANS])
        if permutations and ways >= np.log(ENOUGH) - 1e-9:
            mean = np.mean(dealt, axis=0)
            here = np.mean([c[3] for c in clades if c[1] == place])
            means[place] = mean.mean()
            ps[place] = (1 + (mean >= here - 1e-9).sum()) / (1 + len(mean))
        few = dealt and ways < np.log(ENOUGH) - 1e-9
        reasons.append("untested: fewer than 20 different arrangements" if few else "")
    columns = list(zip(*clades, strict=True)) if clades else [()] * 5
    taxon_, rank_, n_ = (np.array(column, dtype=np.int64) for column in columns[:3])
    value_, p_ = (np.array(column, dtype=np.float64) for column in columns[3:])
    return CladeMantel(taxon_, rank_, n_, value_, p_, means, ps, tuple(reasons))


def _clades(taxon: Ints, least: int) -> list[tuple[int, slice]]:
    """Taxa with enough species, each with its slice."""
    at = np.flatnonzero(taxon >= 0)
    taxa, first, count = np.unique(taxon[at], return_index=True, return_counts=True)
    return [
        (int(t), slice(int(at[f]), int(at[f]) + int(k)))
        for t, f, k in zip(taxa, first, count, strict=True)
        if k >= least
    ]


def _permuted(tree: NDArray[np.int8], space: Floats, permutations: int, rng: np.random.Generator) -> Floats:
    """``(permutations,)`` Spearman's correlations with the species permuted."""
    orders = permutations_of(len(tree), permutations, rng)
    return permuted_correlations(tree, level_ranks(upper(tree)), midranks(upper(space)), orders)

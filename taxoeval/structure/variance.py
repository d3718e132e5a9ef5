"""At which rank of the taxonomy do vectors vary? Components of variance of a nested, unbalanced tree with holes."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.exchange import Exchange
from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.lca_pairs import LcaPairs, Weighted
from taxoeval.structure.lca_squares import LcaSquares
from taxoeval.structure.nested import Nested
from taxoeval.structure.record import ByRank
from taxoeval.structure.sampling import few_of_each, rows_at
from taxoeval.structure.sums import Rows, TaxonSums, taxon_sums
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAME = 1e-12
"""Variance, as a share of the mean squared length, below which vectors count as all equal."""

TESTED = 1 << 13
"""Most images that the test of the finest rank looks at."""

WITHIN = "within species"


@dataclass(frozen=True, eq=False)
class VarianceByRank:
    """Where in the taxonomy the variance lives.

    Attributes
    ----------
    rows
        ``variance`` (share of each rank, without bias), ``variance, raw`` (what each rank explains of this sample, with
        its degrees of freedom as null) and ``variance within species`` (what is left, of the whole space).
    levels
        Names of the ``n_ranks + 1`` parts: the ranks, then ``"within species"``.
    component
        ``(n_ranks + 1,)`` variance of each part in squared units of the vectors; negative where chance has it so, NaN
        where it cannot be told from another.
    share
        ``(n_ranks + 1,)`` the same over `total`.
    raw
        ``(n_ranks + 1,)`` sum of squares of each part over the whole; biased, see `variance_by_rank`.
    total
        Variance in all of what can be told apart.
    """

    rows: tuple[ByRank, ...]
    levels: tuple[str, ...]
    component: Floats
    share: Floats
    raw: Floats
    total: float


def variance_by_rank(
    vectors: Rows,
    taxon: NDArray[Any],
    taxonomy: Taxonomy,
    *,
    weights: Literal["images", "species"] = "species",
    unit: bool = True,
    permutations: int = 199,
    seed: int = 0,
) -> VarianceByRank:
    """Share of the variance of the vectors at each rank of the taxonomy, and within species.

    An image is taken for the sum of an effect of its kingdom, one of its phylum within the kingdom, and so on, and what
    is its own; the component of a rank is the variance of its effects, summed over dimensions. Raw shares, the sums of
    squares of nested means over the whole, are biased: where species have three images each, vectors without any
    structure give 0.33 to the taxa, because means of three differ. The components here have an expectation of
    exactly the variance, whatever the counts.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`; read once, and some of them again for the test of the finest
        rank.
    taxon
        ``(n,)`` taxon id of each; may stop at an inner rank.
    taxonomy
        Their taxonomy.
    weights
        ``"species"``: every label counts the same, however many images it has; ``"images"``: every image does. Both
        are without bias; the first is the more precise where counts are uneven.
    unit
        Whether to divide each vector by its length first, as cosines do.
    permutations
        How many for each test.
    seed
        Of permutations and the blocks of the interval.

    Returns
    -------
    record
        Shares of the total, which add up to 1 over what can be told apart. A negative share is chance around zero and
        is reported as it is. Intervals are for other species of the same taxa, see `jackknife`: three kingdoms cannot
        tell how three others would differ, so of coarse ranks with few taxa they say less than they seem to.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity.

    Notes
    -----
    The sum of squares within the groups of a rank is, group by group, its weight times half the mean squared distance
    of two of its images; and the expectation of that distance depends on the rank of the two images' lowest common
    ancestor only. The sums of squares of all ranks thus are linear equations for the mean distances by rank, and these
    differ by one component from rank to rank: Henderson's first method, in the trace over the dimensions [1]_.

    *Holes.* Two images that meet at a taxon, one or both with the next rank unknown, may or may not share that rank:
    these pairs are left out of both sides of the equations, and no image is. A missing taxon is stood for by the known
    taxa below it, each for itself. Images labelled to genus only say what there is to say of family and above.
    Distances rather than inner products, so that what all images have in common does not count whoever is left out.

    *Unidentifiable.* If no two families are known to share an order, nothing tells order from family: both are NaN, and
    the reason gives what they hold together.

    *Test.* Parts of a rank's taxa (genera for the families) are exchanged between the taxa of the same next higher
    taxon (order), as mean vectors; images, at most 8,192 and as evenly of all species as can be, for the finest rank
    [2]_. Compared is how much alike the parts of one taxon are, each part counting the same. Only lineages in which all
    three ranks are known take part. Shares weigh taxa by species or images, the test does not: with few, uneven taxa,
    such as kingdoms, a small p may stand beside a share below zero. A rank is untested where parts can be exchanged in
    fewer than 20 ways.

    References
    ----------
    .. [1] C. R. Henderson, "Estimation of variance and covariance components", Biometrics 9 (1953);
       S. R. Searle, G. Casella and C. E. McCulloch, "Variance Components", Wiley 1992, chapter 5.
    .. [2] M. J. Anderson and C. J. F. ter Braak, "Permutation tests for multi-factorial analysis of variance", Journal
       of Statistical Computation and Simulation 73 (2003).

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "corax"), ("Corvus", "corone"), ("Larus", "canus"), ("Larus", "fuscus")],
    ...     ranks=("genus", "species"))
    >>> vectors = np.array([[4.0, 1], [4, 1.2], [4, 0], [4.2, 0], [0, 3], [0, 3.1], [1, 3], [1, 3.2]])
    >>> found = variance_by_rank(vectors, np.repeat([1, 2, 4, 5], 2), taxonomy, unit=False)
    >>> found.levels, found.share.round(3)
    (('genus', 'species', 'within species'), array([0.942, 0.056, 0.002]))
    """
    sums = taxon_sums(vectors, taxon, taxonomy, unit=unit)
    of = Weighted.of(sums, weights)
    nested = Nested(LcaPairs.of(sums.taxon, taxonomy, strict=True))
    squares = LcaSquares.of(nested.pairs, of.total)
    apart = nested.half_distances(of)
    component, total = _components(apart, of)
    share = _over(component, total)

    def without(kept: NDArray[np.bool_]) -> Floats:
        some, product = of.keep(kept), squares.between(squares.keep(kept))
        return _over(*_components(nested.half_distances(some, product), some))

    interval = jackknife(without, len(sums.taxon), seed=seed)
    forms = nested.raw(of)
    spread = forms[-1] - forms[0]
    raw = _over(np.diff(forms), spread if spread > SAME * forms[-1] else 0.0)
    levels, ranks, sizes = (*taxonomy.ranks, WITHIN), taxonomy.ranks, nested.sizes(of)
    reason = _reasons(apart, total, levels)
    labels = np.asarray(taxon, dtype=np.int64)
    p, untested = _tests(vectors, labels, nested.pairs, sums, of, unit, permutations, seed)
    undefined = np.isnan(share[:-1])
    why = [a if a else b for a, b in zip(reason, untested, strict=False)]
    rows = (
        ByRank.of(
            "variance",
            ranks,
            share[:-1],
            n=sizes,
            unit="taxa",
            low=interval.low[:-1],
            high=interval.high[:-1],
            null=0.0,
            p=np.where(undefined, np.nan, p),
            reason=why,
        ),
        ByRank.of(
            "variance, raw",
            ranks,
            raw[:-1],
            n=sizes,
            unit="taxa",
            null=nested.degrees(sums.n)[:-1] / max(1, sums.n - 1),
            higher_is_better=None,
            reason=["the vectors do not differ" if np.isnan(v) else "" for v in raw[:-1]],
        ),
        ByRank.of(
            "variance within species",
            ("",),
            share[-1:],
            n=sums.n,
            unit="images",
            low=interval.low[-1:],
            high=interval.high[-1:],
            null=1.0,
            higher_is_better=False,
            reason=reason[-1:],
        ),
    )
    return VarianceByRank(rows, levels, component, share, raw, total)


def _components(apart: Floats, of: Weighted) -> tuple[Floats, float]:
    """``(n_ranks + 1,)`` components, NaN where not told apart, and what all of them hold together."""
    total = float(apart[~np.isnan(apart)][0])
    return -np.diff(apart), total if total > SAME * of.square.sum() / of.weight.sum() else 0.0


def _over(part: Floats, whole: float) -> Floats:
    return part / whole if whole > 0 else np.full(len(part), np.nan)


def _reasons(apart: Floats, total: float, levels: tuple[str, ...]) -> list[str]:
    """``(n_ranks + 1,)`` why a share is NaN, with the share of what it cannot be told from."""
    known = np.flatnonzero(~np.isnan(apart))
    return [_reason(i, apart, known, total, levels) for i in range(len(levels))]


def _reason(i: int, apart: Floats, known: Ints, total: float, levels: tuple[str, ...]) -> str:
    above, below = known[known <= i], known[known > i]
    if not len(above):
        return f"no two images are known to differ in {levels[i]}"
    if total <= 0:
        return "the vectors do not differ"
    first, last = int(above[-1]), int(below[0])
    if last - first == 1:
        return ""
    together = f"{' + '.join(levels[first:last])} hold {(apart[first] - apart[last]) / total:.3f} together"
    missing = [_monotypic(j, levels) for j in range(first + 1, last)]
    return f"{'; '.join(missing)}: {together}"


def _monotypic(level: int, levels: tuple[str, ...]) -> str:
    """What is missing for pairs that meet at a level, which is a taxon of rank ``level - 1``."""
    if level == len(levels) - 1:
        return f"no {levels[level - 1]} has two images"
    return f"no {levels[level - 1]} is known to hold two of {levels[level]}"


def _tests(
    vectors: Rows,
    labels: Ints,
    pairs: LcaPairs,
    sums: TaxonSums,
    of: Weighted,
    unit: bool,
    permutations: int,
    seed: int,
) -> tuple[Floats, list[str]]:
    """``(n_ranks,)`` p of each rank, NaN and why where it is untested."""
    total, weight = pairs.below(of.total), pairs.below(of.weight)
    found = []
    for place in range(pairs.n_ranks):
        rng = np.random.default_rng([seed, place])
        if place < pairs.n_ranks - 1:
            part = np.flatnonzero((pairs.rank == place + 1) & pairs.counts)
            part = part[pairs.counts[pairs.parent[part]]]
            taxa = pairs.parent[part]
            exchange = Exchange.of(total[part] / weight[part, None], taxa, pairs.parent[taxa])
        else:
            exchange = _images(vectors, labels, pairs, sums.taxon, unit, rng)
        found.append(exchange.p(permutations, rng))
    return np.array([p for p, _ in found]), [why for _, why in found]


def _images(vectors: Rows, labels: Ints, pairs: LcaPairs, taxa: Ints, unit: bool, rng: np.random.Generator) -> Exchange:
    """Some images of the taxa of the finest rank that have relatives, to be exchanged among these."""
    place = np.where(pairs.whole & pairs.counts[pairs.place], pairs.place, -1)
    parent = np.append(pairs.parent, -1)[place]
    siblings = np.bincount(parent + 1, minlength=len(pairs.parent) + 2)[parent + 1]
    useful = rng.permutation(np.unique(parent[(place >= 0) & (siblings > 1)]))
    held = np.bincount(parent + 1, minlength=len(pairs.parent) + 2)[useful + 1].cumsum() <= TESTED // 4
    kept = np.isin(parent, useful[held])
    code = np.searchsorted(taxa, labels)
    inside = np.flatnonzero(kept[code])
    chosen = inside[few_of_each(code[inside], TESTED, rng)]
    species = place[code[chosen]]
    return Exchange.of(rows_at(vectors, chosen, unit=unit), species, pairs.parent[species])

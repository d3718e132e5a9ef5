"""Do images of a species vary in the directions in which species differ, or beside them?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.fisher import fisher_ratio
from taxoeval.structure.image_weights import halves, weighted_sums
from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.record import ByRank
from taxoeval.structure.shuffled_spans import shuffled_shares
from taxoeval.structure.sums import Rows, blocks, checked, summed
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXPLAINED = 0.9
"""Share of the variance between the taxa of a rank that its directions hold."""


@dataclass(frozen=True, eq=False)
class WithinBetween:
    """How much of the variation within species lies in the span of the differences between taxa.

    Attributes
    ----------
    rows
        ``within in between`` (share at each rank, null: shuffled images), ``isotropic share`` (what directions without
        any preference would give: directions over dimensions), ``Fisher ratio`` (variance between the taxa of the
        rank over variance within, 1 for random taxa); with variants also ``variant in between``.
    directions
        ``(n_ranks,)`` how many directions span the differences at each rank; 0 where undefined.
    dimension
        Of the space.
    image
        ``(n,)`` share of each image's deviation from its species in the span of the finest rank; NaN where its species
        has too few images.
    null
        ``(permutations, n_ranks)`` shares in the spans of shuffled images.
    """

    rows: tuple[ByRank, ...]
    directions: Ints
    dimension: int
    image: Floats
    null: Floats


def within_between(
    vectors: Rows,
    taxon: NDArray[Any],
    taxonomy: Taxonomy,
    *,
    variant: NDArray[Any] | None = None,
    permutations: int = 19,
    seed: int = 0,
) -> WithinBetween:
    """Share of the variation within species that lies in the span of the differences between the taxa of each rank.

    BioCLIP 2's claim [1]_ is that variation within a species (life stage, sex, pose) becomes orthogonal to the
    differences between species. A share is only low or high against something. A span of q of d directions holds q/d of
    variation without any preference; real variation prefers the few directions in which all images vary most, so the
    null is the share in spans made the same way from shuffled images, which follow those directions. Below it:
    species differ in other directions than their images vary in.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`; all deviations are of unit vectors.
    taxon
        ``(n,)`` taxon id of each. Images labelled above the finest rank are left out.
    taxonomy
        Their taxonomy. A species with a hole at a rank belongs to no taxon of that rank.
    variant
        ``(n,)`` a name for what an image shows of its species (life stage, sex, pose), ``""`` for unknown; the
        differences between the means of two variants of one species are projected as the deviations are.
    permutations
        Spans of shuffled images.
    seed
        Of the halves and the shuffles.

    Returns
    -------
    record
        Shares in ``[0, 1]``. The interval is for other species whose images vary, in the span as it was found.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity.

    Notes
    -----
    The images of every species are halved at random. Directions are the eigenvectors of the covariance between the
    means of the taxa (of the means of their species, each taxon weighing the same) from one half and those from the
    other, as many as hold 90 % of its trace: the noise that few images leave in a mean lies along the variation within
    species, and would be taken for a difference between them. Deviations are from the mean of the species in the same
    half. There is no p: shuffled spans say where the bar is, but scatter less than spans of other species would; a
    count of them found 15 of 60 indifferent spaces "orthogonal" at 5 %. Hold the interval against the null instead.
    With ten or fewer images of most species the directions are rough, and the share too high rather than too low.

    References
    ----------
    .. [1] J. Gu and others, "BioCLIP 2: Emergent Properties from Scaling Hierarchical Contrastive Learning",
       arXiv 2505.23883 (2025).

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([(f"s{i}",) for i in range(4)], ranks=("species",))
    >>> x = np.zeros((32, 3))
    >>> x[:, 0], x[:, 1], x[:, 2] = 1, np.repeat([-0.3, -0.1, 0.1, 0.3], 8), np.tile([-0.2, 0.2], 16)
    >>> within_between(x, np.repeat(np.arange(4), 8), taxonomy).rows[0].value.round(2)
    array([0.])
    """
    labels = checked(vectors, taxon, taxonomy)
    code, species = _species(labels, taxonomy)
    d, n_ranks = vectors.shape[1], taxonomy.n_ranks
    lineage = np.asarray(taxonomy.ancestor[species], dtype=np.int64).reshape(-1, n_ranks)
    rng = np.random.default_rng(seed)
    half = halves(code, 1, rng)
    sides = np.stack([half[0], np.where(code >= 0, 1 - half[0], 0).astype(np.uint16)])
    sums, count = _both(vectors, code, sides, len(species))
    spans = [_span(*_means(lineage[:, r], sums, count)) for r in range(n_ranks)]
    image = np.full(len(labels), np.nan)
    held, whole, scatter = _projected(vectors, code, sides, sums, count, spans, image)
    q = [span.shape[1] for span in spans]
    drawn = shuffled_shares(vectors, code, lineage, q, scatter, permutations=permutations, rng=rng)
    names = _variant_differences(vectors, code, variant, len(species)) if variant is not None else None
    rows = _rows(taxonomy.ranks, held, whole, drawn, spans, d)
    rows.append(fisher_ratio(vectors, labels, taxonomy))
    if names is not None:
        rows.append(_variants(taxonomy.ranks, names, spans))
    return WithinBetween(tuple(rows), np.array(q), d, image, drawn)


def _species(labels: Ints, taxonomy: Taxonomy) -> tuple[Ints, Ints]:
    """Position of each image's species, ``-1`` for labels above the finest rank, and the species."""
    finest = taxonomy.rank[labels] == taxonomy.n_ranks - 1
    species, place = np.unique(labels[finest], return_inverse=True)
    code = np.full(len(labels), -1)
    code[finest] = place
    return code, species


def _both(vectors: Rows, code: Ints, sides: NDArray[np.uint16], c: int) -> tuple[Floats, Ints]:
    """Sums ``(2, c, d)`` and counts ``(2, c)`` of the two halves."""
    if not c:
        return np.zeros((2, 0, vectors.shape[1])), np.zeros((2, 0), dtype=np.int64)
    known = code >= 0
    count = np.stack([np.bincount(code[known], weights=side[known], minlength=c) for side in sides]).astype(np.int64)
    return weighted_sums(vectors, code, sides, c), count


def _means(of_rank: Ints, sums: Floats, count: Ints) -> tuple[Floats, Floats]:
    """``(K, d)`` means of the taxa of a rank (of the means of their species), once from each half of the images."""
    there = (of_rank >= 0) & (count > 0).all(axis=0)
    if not there.any():
        return np.empty((0, sums.shape[2])), np.empty((0, sums.shape[2]))
    size = np.unique(of_rank[there], return_counts=True)[1][:, None]
    one, other = (summed(of_rank[there], sums[half, there] / count[half, there][:, None]) / size for half in range(2))
    return one, other


def _span(one: Floats, other: Floats) -> Floats:
    """``(d, q)`` orthonormal directions that hold 90 % of the variance between the taxa; none where there is none.

    The covariance of the means of one half with those of the other has no noise of images in it on average, since the
    halves share none; the trace is the variance between the taxa.
    """
    d = one.shape[1]
    if len(one) < 2:
        return np.empty((d, 0))
    first, second = one - one.mean(axis=0), other - other.mean(axis=0)
    whole = float(np.einsum("ij,ij->", first, second))
    if whole <= 1e-12 * len(one):
        return np.empty((d, 0))
    axes = None
    if 2 * len(one) < d:  # all there is lies in the span of the means
        axes, within = np.linalg.qr(np.vstack([first, second]).T)
        first, second = within[:, : len(one)].T, within[:, len(one) :].T
    cross = first.T @ second
    size, direction = np.linalg.eigh((cross + cross.T) / 2)
    size, direction = size[::-1], direction[:, ::-1]
    q = int(np.searchsorted(np.cumsum(size), EXPLAINED * whole - 1e-12)) + 1
    span = direction[:, : min(q, len(one) - 1)]
    return np.asarray(span if axes is None else axes @ span)


def _projected(
    vectors: Rows,
    code: Ints,
    sides: NDArray[np.uint16],
    sums: Floats,
    count: Ints,
    spans: list[Floats],
    image: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Squared deviations in the spans ``(c, n_ranks)`` and in all ``(c,)``, and their scatter ``(d, d)``."""
    c, n_ranks, d = sums.shape[1], len(spans), vectors.shape[1]
    held, whole, scatter = np.zeros((c, n_ranks)), np.zeros(c), np.zeros((d, d))
    for rows, block in blocks(vectors):
        of = code[rows]
        for side in range(2):
            here = np.flatnonzero((of >= 0) & (sides[side, rows] > 0))
            here = here[count[side, of[here]] > 1]
            species = of[here]
            deviation = block[here] - sums[side, species] / count[side, species][:, None]
            total = np.einsum("ij,ij->i", deviation, deviation)
            np.add.at(whole, species, total)
            for r, span in enumerate(spans):
                inside = ((deviation @ span) ** 2).sum(axis=1)
                np.add.at(held[:, r], species, inside)
                if r == n_ranks - 1 and span.shape[1]:
                    image[rows.start + here] = np.divide(inside, total, out=np.full(len(here), np.nan), where=total > 0)
            scatter += deviation.T @ deviation
    return held, whole, scatter


def _why(span: Floats, whole: Floats) -> str:
    if not whole.sum():
        return "no species has two images in either half that differ"
    if not span.shape[1]:
        return "the taxa of this rank differ no more than their images do: there is no direction between them"
    return ""


def _rows(
    ranks: tuple[str, ...], held: Floats, whole: Floats, drawn: Floats, spans: list[Floats], d: int
) -> list[ByRank]:
    reason = tuple(_why(span, whole) for span in spans)
    wrong = np.array([bool(why) for why in reason])

    def share(kept: NDArray[np.bool_]) -> Floats:
        total = whole[kept].sum()
        return np.where(wrong | (total <= 0), np.nan, held[kept].sum(axis=0) / (total if total > 0 else np.nan))

    value = share(np.ones(len(whole), dtype=bool))
    interval = jackknife(share, len(whole)) if len(whole) else None
    null = np.where(wrong, np.nan, drawn.mean(axis=0)) if len(drawn) else np.full(len(ranks), np.nan)
    n = np.where(wrong, 0, int((whole > 0).sum()))
    one = ByRank.of(
        "within in between",
        ranks,
        value,
        n=n,
        unit="taxa",
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        null=null,
        higher_is_better=None,
        reason=reason,
    )
    q = np.array([span.shape[1] for span in spans])
    isotropic = np.where(wrong, np.nan, q / d)
    two = ByRank.of("isotropic share", ranks, isotropic, n=n, unit="taxa", higher_is_better=None, reason=reason)
    return [one, two]


def _variant_differences(vectors: Rows, code: Ints, variant: NDArray[Any], c: int) -> Floats:
    """``(m, d)`` difference of the means of each two variants of a species."""
    names = np.asarray(variant).astype(np.str_)
    known = (code >= 0) & (names != "")
    pairs, place = np.unique(np.stack([code[known].astype(np.str_), names[known]]), axis=1, return_inverse=True)
    cell = np.full(len(code), -1)
    cell[known] = place
    ones = known.astype(np.uint16)[None]
    mean = weighted_sums(vectors, cell, ones, pairs.shape[1])[0] / np.bincount(place, minlength=1)[:, None]
    owner = pairs[0]
    first, second = np.nonzero(np.triu(owner[:, None] == owner[None, :], 1))
    return np.asarray(mean[second] - mean[first])


def _variants(ranks: tuple[str, ...], differences: Floats, spans: list[Floats]) -> ByRank:
    total = float((differences**2).sum())
    value, reason = [], []
    for r in range(len(ranks)):
        span = spans[r]
        if total <= 0 or not span.shape[1]:
            value.append(np.nan)
            reason.append("no species has two variants" if total <= 0 else "the taxa of this rank do not differ")
        else:
            value.append(float(((differences @ span) ** 2).sum()) / total)
            reason.append("")
    return ByRank.of(
        "variant in between", ranks, value, n=len(differences), unit="pairs", higher_is_better=None, reason=reason
    )

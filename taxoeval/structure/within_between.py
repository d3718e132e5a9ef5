"""Do images of a species vary in the directions in which species differ, or beside them?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.fisher import fisher_ratio
from taxoeval.structure.image_weights import halves, weighted_sums
from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.record import ByRank
from taxoeval.structure.sums import Rows, blocks, checked
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
    permutations: int = 39,
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
    Cross-fitted: the span comes from one random half of the images of every species, deviations (from their own mean)
    from the other half, and both ways are averaged; otherwise the noise of an image in its species' mean would count
    as agreement. Directions are the principal components of the taxa's means (mean of the means of their species, each
    taxon weighing the same) that hold 90 % of their variance.

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
    array([0.01])
    """
    labels = checked(vectors, taxon, taxonomy)
    code, species = _species(labels, taxonomy)
    d, n_ranks = vectors.shape[1], taxonomy.n_ranks
    lineage = np.asarray(taxonomy.ancestor[species], dtype=np.int64).reshape(-1, n_ranks)
    rng = np.random.default_rng(seed)
    half = halves(code, 1, rng)
    sides = np.stack([half[0], np.where(code >= 0, 1 - half[0], 0).astype(np.uint16)])
    sums, count = _both(vectors, code, sides, len(species))
    spans = [[_span(_means(lineage[:, r], sums[i], count[i])) for r in range(n_ranks)] for i in range(2)]
    fake = _shuffled_spans(vectors, code, sides, lineage, permutations, rng)
    image = np.full(len(labels), np.nan)
    held, whole, scatter = _projected(vectors, code, sides, sums, count, spans, image)
    drawn = _shares(scatter, fake, n_ranks)
    names = _variant_differences(vectors, code, variant, len(species)) if variant is not None else None
    rows = _rows(taxonomy.ranks, held, whole, drawn, spans, d)
    rows.append(fisher_ratio(vectors, labels, taxonomy))
    if names is not None:
        rows.append(_variants(taxonomy.ranks, names, spans))
    directions = np.array([spans[0][r].shape[1] for r in range(n_ranks)])
    return WithinBetween(tuple(rows), directions, d, image, drawn)


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


def _means(of_rank: Ints, sums: Floats, count: Ints) -> Floats:
    """``(K, d)`` the mean of the taxa of a rank: of the means of their species."""
    there = (of_rank >= 0) & (count > 0)
    if not there.any():
        return np.empty((0, sums.shape[1]))
    mean = sums[there] / count[there][:, None]
    _, place, size = np.unique(of_rank[there], return_inverse=True, return_counts=True)
    total = np.zeros((len(size), sums.shape[1]))
    np.add.at(total, place, mean)
    return np.asarray(total / size[:, None])


def _span(means: Floats) -> Floats:
    """``(d, q)`` orthonormal directions that hold 90 % of the variance between the means; none for a single one."""
    d = means.shape[1]
    if len(means) < 2:
        return np.empty((d, 0))
    centred = means - means.mean(axis=0)
    _, size, directions = np.linalg.svd(centred, full_matrices=False)
    power = size**2
    if power.sum() <= 1e-20:
        return np.empty((d, 0))
    q = int(np.searchsorted(np.cumsum(power) / power.sum(), EXPLAINED - 1e-12)) + 1
    return np.asarray(directions[:q].T)


def _shuffled_spans(
    vectors: Rows, code: Ints, sides: NDArray[np.uint16], lineage: Ints, permutations: int, rng: np.random.Generator
) -> list[list[Floats]]:
    """Spans of the first half with its images dealt out anew to the species."""
    known = np.flatnonzero((code >= 0) & (sides[0] > 0))
    found = []
    for _ in range(permutations if len(known) else 0):
        dealt = np.full(len(code), -1)
        dealt[known] = code[rng.permutation(known)]
        sums, count = _both(vectors, dealt, sides[:1], len(lineage))
        found.append([_span(_means(lineage[:, r], sums[0], count[0])) for r in range(lineage.shape[1])])
    return found


def _projected(
    vectors: Rows,
    code: Ints,
    sides: NDArray[np.uint16],
    sums: Floats,
    count: Ints,
    spans: list[list[Floats]],
    image: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Squared deviations in the spans ``(c, n_ranks)`` and in all ``(c,)``; scatter ``(d, d)`` of the second half."""
    c, n_ranks, d = sums.shape[1], len(spans[0]), vectors.shape[1]
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
            for r, span in enumerate(spans[1 - side]):
                inside = ((deviation @ span) ** 2).sum(axis=1)
                np.add.at(held[:, r], species, inside)
                if r == n_ranks - 1 and span.shape[1]:
                    image[rows.start + here] = np.divide(inside, total, out=np.full(len(here), np.nan), where=total > 0)
            if side == 1:  # the shuffled spans come from the first half
                scatter += deviation.T @ deviation
    return held, whole, scatter


def _shares(scatter: Floats, spans: list[list[Floats]], n_ranks: int) -> Floats:
    """``(P, n_ranks)`` share of the scatter in each span."""
    total = np.trace(scatter)
    found = np.full((len(spans), n_ranks), np.nan)
    for p, of in enumerate(spans):
        for r, span in enumerate(of):
            if total > 0:
                found[p, r] = np.einsum("ij,ij->", span, scatter @ span) / total
    return found


def _why(r: int, spans: list[list[Floats]], whole: Floats) -> str:
    if not whole.sum():
        return "no species has two images in either half that differ"
    if not (spans[0][r].shape[1] and spans[1][r].shape[1]):
        return "fewer than two taxa of this rank: there is no difference between them"
    return ""


def _rows(
    ranks: tuple[str, ...], held: Floats, whole: Floats, drawn: Floats, spans: list[list[Floats]], d: int
) -> list[ByRank]:
    reason = tuple(_why(r, spans, whole) for r in range(len(ranks)))
    wrong = np.array([bool(why) for why in reason])

    def share(kept: NDArray[np.bool_]) -> Floats:
        total = whole[kept].sum()
        return np.where(wrong | (total <= 0), np.nan, held[kept].sum(axis=0) / (total if total > 0 else np.nan))

    value = share(np.ones(len(whole), dtype=bool))
    interval = jackknife(share, len(whole)) if len(whole) else None
    null = np.where(wrong, np.nan, drawn.mean(axis=0)) if len(drawn) else np.full(len(ranks), np.nan)
    p = np.where(wrong, np.nan, (1 + (drawn <= value).sum(axis=0)) / (1 + len(drawn))) if len(drawn) else None
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
        p=p,
        higher_is_better=None,
        reason=reason,
    )
    q = np.array([(spans[0][r].shape[1] + spans[1][r].shape[1]) / 2 for r in range(len(ranks))])
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


def _variants(ranks: tuple[str, ...], differences: Floats, spans: list[list[Floats]]) -> ByRank:
    total = float((differences**2).sum())
    value, reason = [], []
    for r in range(len(ranks)):
        span = spans[0][r]
        if total <= 0 or not span.shape[1]:
            value.append(np.nan)
            reason.append("no species has two variants" if total <= 0 else "fewer than two taxa of this rank")
        else:
            value.append(float(((differences @ span) ** 2).sum()) / total)
            reason.append("")
    return ByRank.of(
        "variant in between", ranks, value, n=len(differences), unit="pairs", higher_is_better=None, reason=reason
    )

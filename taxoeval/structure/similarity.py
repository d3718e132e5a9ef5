"""How similar are two images, by the rank of the finest taxon they share? Exact, without looking at any pair."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.jackknife import Jackknife, jackknife
from taxoeval.structure.lca_levels import LcaLevels
from taxoeval.structure.lca_pairs import LcaPairs
from taxoeval.structure.record import ByRank
from taxoeval.structure.sums import Rows, TaxonSums, taxon_sums
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOTHING = "nothing shared"

WAYS = 20
"""Different outcomes of permutation below which no p is given: none could reach 0.05."""

SHORT = 1e-6
"""Squared length below which a centred vector is taken to have this one."""

_KINDS = ("cosine", "cosine, species pairs", "centred cosine", "centred cosine, species pairs")


@dataclass(frozen=True, eq=False)
class SimilarityByLca:
    """Mean cosine of pairs of images by the rank of their lowest common ancestor.

    Attributes
    ----------
    rows
        One per kind of mean over the ranks, and one per kind for pairs that share nothing.
    kinds
        ``"cosine"``, over pairs of images; ``"cosine, species pairs"``, over pairs of species, each the mean over its
        pairs of images, and over species for pairs of one species; and both for vectors less their mean.
    levels
        ``("nothing shared", *ranks)``.
    value, low, high
        ``(4, n_ranks + 1)`` by kind and level, with the interval for other species.
    null, band
        ``(4, n_ranks + 1)`` and ``(2, 4, n_ranks + 1)``: mean, and 2.5 and 97.5 % quantiles, with the species permuted
        among their places in the tree.
    p
        ``(4, n_ranks + 1)`` share of permutations at least as far from their mean, on either side.
    pairs
        ``(n_ranks + 1,)`` pairs of images.
    doubtful
        ``(n_ranks + 1,)`` share of these in which a hole follows the common ancestor, so that they might share more.
    left_out
        Share of all pairs of images that are at no level.
    """

    rows: tuple[ByRank, ...]
    kinds: tuple[str, ...]
    levels: tuple[str, ...]
    value: Floats
    low: Floats
    high: Floats
    null: Floats
    band: Floats
    p: Floats
    pairs: Ints
    doubtful: Floats
    left_out: float


def similarity_by_lca(
    vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, *, permutations: int = 199, seed: int = 0
) -> SimilarityByLca:
    """Mean cosine of all pairs of images whose lowest common ancestor is of each rank.

    If the space follows the taxonomy, the cosine rises from pairs that share nothing by those that share a kingdom, a
    phylum ... to those of one species. It is a sum over taxa of squared lengths of sums of vectors, so the cost is that
    of adding up the vectors.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`; read twice.
    taxon
        ``(n,)`` taxon id of each; may stop at an inner rank.
    taxonomy
        Their taxonomy.
    permutations
        Of species, for the null.
    seed
        Of the permutations and the blocks of the interval.

    Returns
    -------
    record
        Cosines in ``[-1, 1]``; centred ones are of vectors less the mean over species, which takes out what all have
        in common (see `taxoeval.structure.spread`).

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity.

    Notes
    -----
    For a taxon with children ``u``, pairs that meet there add up to ``|sum S_u|**2 - sum |S_u|**2`` where ``S_u`` is
    the sum of the unit vectors below.

    *Holes.* A pair is at the rank of its lowest *known* common ancestor, however many ranks lie between; `doubtful`
    says in how many a hole follows, so that they may share a finer taxon nobody recorded. Left out, and counted, are
    pairs of which nothing is known: one label is an ancestor of the other or both are the same inner taxon, or nothing
    is shared and one has no taxon of the coarsest rank.

    *Null.* The mean vectors of species change places in the tree, the numbers of images stay: if these moved along, a
    world in which some clades are photographed more than others would be taken for structure. Images of one species
    stay together, so pairs within species have no null. Over image pairs the test is cautious where counts are uneven,
    as means of few images get the weight of many; go by the one over species pairs. The p is two-sided because
    similarity may be lower than by chance, too: that of pairs that share a kingdom and no more, where finer ranks
    matter.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "corax"), ("Corvus", "corone"), ("Larus", "canus")], ranks=("genus", "species"))
    >>> found = similarity_by_lca(np.array([[1.0, 0], [1, 0], [4, 3], [0, 1]]), np.array([1, 1, 2, 4]), taxonomy)
    >>> found.levels, found.value[0]  # the raven's two images, ravens with the crow, all three with the gull
    (('nothing shared', 'genus', 'species'), array([0.2, 0.8, 1. ]))
    """
    raw = taxon_sums(vectors, taxon, taxonomy)
    place = raw.total / raw.count[:, None]
    centred = taxon_sums(vectors, taxon, taxonomy, centre=place.mean(axis=0))
    pairs = LcaPairs.of(raw.taxon, taxonomy, strict=False)
    tree = LcaLevels.of(pairs)
    spaces = [_Space.of(raw, pairs.whole, tree), _Space.of(centred, pairs.whole, tree, place)]
    value = _means(spaces)
    interval = jackknife(lambda kept: _means([space.keep(kept) for space in spaces]), len(raw.taxon), seed=seed)
    counts = np.concatenate([space.weights() for space in spaces])
    null, band, p = _against(value, _means(spaces, _orders(pairs.whole, permutations, seed)))
    doubtful, left_out = _unsure(counts[0], raw)
    return SimilarityByLca(
        rows=_rows(taxonomy.ranks, value, interval, null, p, counts),
        kinds=_KINDS,
        levels=(NOTHING, *taxonomy.ranks),
        value=value,
        low=interval.low,
        high=interval.high,
        null=null,
        band=band,
        p=p,
        pairs=(counts[0] / 2).round().astype(np.int64),
        doubtful=doubtful,
        left_out=left_out,
    )


@dataclass(frozen=True, eq=False)
class _Space:
    """Vectors, raw or centred, with both ways to weight pairs: by image and by species."""

    tree: LcaLevels
    vector: Floats
    """``(g, d)`` mean of each label."""
    weight: Floats
    """``(2, g)``; that of a pair of labels is the product."""
    within: Floats
    """``(2, g)`` weighted sum over the pairs within each label."""
    within_weight: Floats
    place: Floats | None = None
    """``(g, d)`` mean of each label before the mean over labels was taken off, for centred vectors."""

    @classmethod
    def of(cls, sums: TaxonSums, whole: NDArray[np.bool_], tree: LcaLevels, place: Floats | None = None) -> "_Space":
        n = sums.count.astype(np.float64)
        ordered = np.where(whole, n * (n - 1), 0.0)
        within = np.where(whole, np.einsum("ij,ij->i", sums.total, sums.total) - sums.square, 0.0)
        mean = np.divide(within, ordered, out=np.zeros_like(n), where=ordered > 0)
        return cls(
            tree,
            sums.total / n[:, None],
            np.stack([n, np.ones_like(n)]),
            np.stack([within, mean]),
            np.stack([ordered, ordered > 0]),
            place,
        )

    def keep(self, kept: NDArray[np.bool_]) -> "_Space":
        """The same without the pairs of the other labels.

        Vectors less the mean of fewer labels would need another pass over the images. As that mean has moved by little,
        every vector moves by as much, over its length: the interval then knows that the mean is uncertain, too.
        """
        vector = self.vector
        if self.place is not None:
            centre = self.place.mean(axis=0)
            length = np.sqrt(np.maximum(1 - 2 * self.place @ centre + centre @ centre, SHORT))
            vector = vector - (self.place[kept].mean(axis=0) - centre) / length[:, None]
        return _Space(self.tree, vector, self.weight * kept, self.within * kept, self.within_weight * kept)

    def weights(self) -> Floats:
        """``(2, n_ranks + 1)`` what the pairs of each level weigh, either way round."""
        weight = self.tree.sums(np.ones((len(self.vector), 1)), self.weight)
        weight[:, -1] += self.within_weight.sum(axis=1)
        return weight

    def means(self, orders: Ints | None) -> Floats:
        """``(2, n_ranks + 1)``; ``(b, 2, n_ranks + 1)`` with the vectors of labels exchanged by ``orders (b, g)``."""
        product, weights = self.tree.sums(self.vector, self.weight, orders), self.weights()
        product[..., -1] += self.within.sum(axis=1)
        return np.asarray(np.divide(product, weights, out=np.full(product.shape, np.nan), where=weights > 0.5))


def _means(spaces: list[_Space], orders: Ints | None = None) -> Floats:
    return np.concatenate([space.means(orders) for space in spaces], axis=-2)


def _orders(whole: NDArray[np.bool_], permutations: int, seed: int) -> Ints:
    """``(permutations, g)`` labels with the species among them permuted."""
    rng = np.random.default_rng(seed)
    species, orders = np.flatnonzero(whole), np.tile(np.arange(len(whole)), (permutations, 1))
    for order in orders:
        order[species] = rng.permutation(species)
    return orders


def _against(value: Floats, permuted: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean and band of the permuted means, and p; NaN at species and where permuting changes hardly anything."""
    null, p = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    band = np.full((2, *value.shape), np.nan)
    for at in np.ndindex(value.shape):
        drawn = permuted[(slice(None), *at)]
        drawn = drawn[~np.isnan(drawn)]
        if at[-1] == value.shape[-1] - 1 or len(np.unique(drawn.round(9))) < WAYS:
            continue
        null[at], band[(slice(None), *at)] = drawn.mean(), np.quantile(drawn, [0.025, 0.975])
        far = np.abs(drawn - null[at]) >= abs(value[at] - null[at]) * (1 - 1e-9)
        p[at] = (1 + far.sum()) / (1 + len(drawn))
    return null, band, p


def _unsure(weight: Floats, sums: TaxonSums) -> tuple[Floats, float]:
    """Share of the pairs of each level that may share more, and of all pairs that are at none."""
    n = sums.count.astype(np.float64)
    strict = LcaLevels.of(LcaPairs.of(sums.taxon, sums.taxonomy, strict=True)).sums(np.ones((len(n), 1)), n)
    strict[-1] = weight[-1]
    doubtful = np.divide(weight - strict, weight, out=np.full(len(weight), np.nan), where=weight > 0)
    every = float(sums.n) * (sums.n - 1)
    return doubtful, 1 - float(weight.sum()) / every if every else float("nan")


def _rows(
    ranks: tuple[str, ...], value: Floats, interval: Jackknife, null: Floats, p: Floats, counts: Floats
) -> tuple[ByRank, ...]:
    rows = []
    for i, name in enumerate(_KINDS):
        number = counts[i] / 2
        if i % 2:  # over species, not pairs of images
            number[-1] *= 2
        for at, names, called in ((slice(1, None), ranks, name), (slice(0, 1), ("",), f"{name}, {NOTHING}")):
            rows.append(
                ByRank.of(
                    called,
                    names,
                    value[i, at],
                    n=number[at].round(),
                    unit="pairs",
                    low=interval.low[i, at],
                    high=interval.high[i, at],
                    null=null[i, at],
                    p=p[i, at],
                    higher_is_better=None,
                    reason=[_why(rank, ranks, v, q) for rank, v, q in zip(names, value[i, at], p[i, at], strict=True)],
                )
            )
    return tuple(rows)


def _why(rank: str, ranks: tuple[str, ...], value: float, p: float) -> str:
    finest = rank == ranks[-1]
    if np.isnan(value):
        if finest:
            return f"no {rank} has two images"
        return f"no two images share a {rank} and nothing finer" if rank else "no two images are known to share nothing"
    if finest:
        return f"no null: images of one {rank} stay together in the permutations"
    return "untested: too few ways to permute the species" if np.isnan(p) else ""

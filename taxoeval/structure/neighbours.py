"""Neighbours: are the images nearest to an image its relatives, how close ones, and are some images near everyone?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics.statistics import wilson
from taxoeval.structure.followed_images import spread_out
from taxoeval.structure.image_values import Beside, Images
from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.knn_graph import KnnGraph, knn_graph
from taxoeval.structure.neighbour_measures import Sampled, candidates, lowest_common, pairs_by_rank, purity
from taxoeval.structure.record import ByRank
from taxoeval.structure.sums import Rows, checked
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SAMPLE = 2048
"""Images whose neighbours are followed through the shuffles."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """What is known of the k nearest neighbours of every image.

    Attributes
    ----------
    rows
        At each rank: ``purity`` (share of neighbours of the image's taxon), its ``kappa`` (0 at chance, 1 if all are),
        each over images and ``by taxon``; share of images whose lowest common ancestor with the nearest and with the
        k-th neighbour is of that rank. Of the whole space: ``hubness`` (skewness of how often an image is a
        neighbour) and the share of ``images that are nobody's neighbour``.
    graph
        The neighbours themselves.
    purity
        ``(n, n_ranks)`` of each image; NaN where its taxon is unknown or has no other image that could be a neighbour.
    taxon
        ``(n_taxa,)`` mean purity of each taxon of the taxonomy at its own rank; NaN where undefined.
    curve
        ``(k, n_ranks)`` mean purity of the first 1, 2, ... neighbours.
    chance
        ``(n_ranks,)`` what it would be if neighbours were drawn at random.
    common_rank
        ``(n, k)`` place of the finest rank shared with each neighbour; ``-1`` none, ``-2`` no such neighbour.
    common_share
        ``(k, n_ranks + 1)`` share of images by that rank, for each neighbour; the last column: none.
    occurrence
        ``(n,)`` of how many images each is among the k nearest.
    """

    rows: tuple[ByRank, ...]
    graph: KnnGraph
    purity: Floats
    taxon: Floats
    curve: Floats
    chance: Floats
    common_rank: NDArray[np.int8]
    common_share: Floats
    occurrence: Ints


def neighbours(
    vectors: Rows,
    taxon: NDArray[Any],
    taxonomy: Taxonomy,
    *,
    k: int = 20,
    group: NDArray[Any] | None = None,
    permutations: int = 199,
    seed: int = 0,
) -> Neighbours:
    """Purity of the k nearest neighbours at every rank, lowest common ancestors and hubness, by cosine.

    Parameters
    ----------
    vectors
        ``(n, d)``, divided by their length here; see `knn_graph` for what is held in memory.
    taxon
        ``(n,)`` taxon id of each image.
    taxonomy
        Their taxonomy. At a rank, images whose taxon is unknown are left out, as images and as neighbours of others.
        A lowest common ancestor is the finest one known.
    k
        How many neighbours. At a rank, an image with fewer mates (other images of its taxon, not of its group) is
        judged by as many neighbours as it has mates; without any it is left out.
    group
        ``(n,)`` images of one group (specimen, burst, camera) are never neighbours; see `knn_graph`.
    permutations
        How many shuffles p rests on; 0 for none.
    seed
        Of the shuffles, their sample and the bootstrap.

    Returns
    -------
    result
        `Neighbours`. Null of purity and of common ranks: neighbours drawn at random, exactly. Null of kappa, and p of
        both: lineages dealt out anew to the species known to the same ranks (at the rank of the species: taxa to
        images). It is above 0, since neighbours of the same species stay of the same genus, whichever that is. For a
        sample of about two thousand images, without those known to a genus only where species of it are known too:
        these may be the same. Intervals, the graph left as it is: bootstrap over species, Wilson's with species as
        groups for shares of images, Student's over taxa; of hubness by leaving out species.

    Raises
    ------
    TaxoevalError
        If there are not more than k images, a vector holds NaN or infinity, or all vectors point the same way.
    ValueError
        If the shapes disagree or a taxon is not in the taxonomy.

    Notes
    -----
    Kappa is (purity - chance) / (1 - chance), sums of the images divided. A small p says that lineage shows at the rank
    *or a finer one*: if genera lie together, so do families. For kin beyond the species, give species as groups.
    Hubness has no relation to the taxonomy: its null is a graph in which all images are equally likely.

    References
    ----------
    M. Radovanovic, A. Nanopoulos, M. Ivanovic, "Hubs in Space", Journal of Machine Learning Research 11 (2010).

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "C. corax"), ("Corvus", "C. corone"), ("Pica", "P. pica")], ranks=("genus", "species"))
    >>> taxon = taxonomy.ids(["C. corax", "C. corone", "C. corax", "C. corone", "P. pica", "P. pica"])
    >>> x = np.array([[5, 1, 0], [5, 1, 1], [4, 2, 0], [4, 2, 1], [0, 1, 5], [1, 0, 5]])
    >>> result = neighbours(x, taxon, taxonomy, k=1, permutations=0)
    >>> purity, _, kappa, _ = result.rows[:4]
    >>> purity.value.round(3), purity.null.round(3), kappa.value.round(3)
    (array([1.   , 0.333]), array([0.467, 0.2  ]), array([1.   , 0.167]))
    """
    labels = checked(vectors, taxon, taxonomy)
    return neighbours_of(knn_graph(vectors, k, group=group), labels, taxonomy, permutations=permutations, seed=seed)


def neighbours_of(
    graph: KnnGraph, taxon: NDArray[Any], taxonomy: Taxonomy, *, permutations: int = 199, seed: int = 0
) -> Neighbours:
    """The same for a graph that has been made already; see `neighbours`."""
    labels = checked(graph.neighbour, taxon, taxonomy)
    images = Images(labels, taxonomy.ancestor[labels].astype(np.int64), taxonomy.ranks, seed)
    curves, chance, reason = _purity(graph, images)
    last = curves[-1]
    null, p, why = _tested(graph, images, permutations, seed)
    kappa = np.divide(last - chance, 1 - chance, out=np.full_like(last, np.nan), where=chance < 1)
    beside = [Beside(of_chance, share, why) for of_chance, share in zip(images.mean(chance), p, strict=True)]
    shuffled = [Beside(mean, share, why) for mean, share in zip(null, p, strict=True)]
    common = lowest_common(images.lineage, graph.neighbour)
    counts = [np.bincount(c[c > -2] % (taxonomy.n_ranks + 1), minlength=taxonomy.n_ranks + 1) for c in common.T]
    occurrence = np.bincount(graph.neighbour[graph.neighbour >= 0], minlength=len(labels))
    rows = (
        images.over_images("purity", last, reason, beside[0]),
        images.over_taxa("purity, by taxon", last, reason, beside[1]),
        images.over_images("kappa", kappa, reason, shuffled[0], weights=np.nan_to_num(1 - chance)),
        images.over_taxa("kappa, by taxon", kappa, reason, shuffled[1]),
        *_common_rows(common, images, pairs_by_rank(labels, taxonomy, graph.group)),
        *_hubness(occurrence, labels, graph.k, seed),
    )
    return Neighbours(
        rows,
        graph,
        last,
        images.per_taxon(last, len(taxonomy)),
        np.stack([images.mean(curve)[0] for curve in curves]),
        beside[0].null,
        common,
        np.stack([count / max(1, count.sum()) for count in counts]),
        occurrence,
    )


def _purity(graph: KnnGraph, images: Images) -> tuple[Floats, Floats, list[str]]:
    """Purity ``(k, n, n_ranks)`` of the first 1, 2, ... neighbours; of chance ``(n, n_ranks)``; why there is none."""
    n, n_ranks = images.lineage.shape
    curves, chance, reason = np.full((graph.k, n, n_ranks), np.nan), np.full((n, n_ranks), np.nan), []
    for place, own in enumerate(images.lineage.T):
        taxa, (mates, others) = len(np.unique(own[own >= 0])), candidates(own, graph.group)
        if taxa > 1:
            of_neighbour = np.where(graph.neighbour >= 0, own[graph.neighbour], -1)
            curves[:, :, place] = purity(own, of_neighbour, mates).T
        judged = ~np.isnan(curves[-1, :, place])
        chance[judged, place] = mates[judged] / others[judged]
        alone = int((mates[own >= 0] == 0).sum())
        if taxa == 0:
            reason.append("no image is known to this rank")
        elif taxa == 1:
            reason.append("all images are of one taxon")
        elif not judged.any():
            reason.append("no image has another of its taxon that could be its neighbour")
        else:
            reason.append(f"{alone} images have no other of their taxon and are left out" if alone else "")
    return curves, chance, reason


def _tested(graph: KnnGraph, images: Images, permutations: int, seed: int) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Null mean and p of kappa over images and over taxa ``(2, n_ranks)``, and why there is none."""
    n_ranks = len(images.ranks)
    null, p, why = np.full((2, n_ranks), np.nan), np.full((2, n_ranks), np.nan), [""] * n_ranks
    if not permutations:
        return null, p, tuple(why)
    rng = np.random.default_rng(seed)
    labels, label, count = np.unique(images.species, return_inverse=True, return_counts=True)
    position = spread_out(label, rng, _SAMPLE)
    weight = count[label[position]] / np.bincount(label[position], minlength=len(labels))[label[position]]
    alike = count[label[position]] - candidates(label, graph.group)[0][position]
    sampled = Sampled(position, weight, graph.neighbour[position], label, alike)
    lineage = images.lineage[np.unique(images.species, return_index=True)[1]]
    for place in range(n_ranks):
        null[:, place], p[:, place], why[place] = sampled.compare(lineage, place, permutations, rng)
    return null, p, tuple(why)


def _common_rows(common: NDArray[np.int8], images: Images, pairs: Floats) -> list[ByRank]:
    """Share of images by the rank they share with their nearest and with their last neighbour."""
    rows = []
    for name, place in (("nearest", common[:, 0]), (f"neighbour {common.shape[1]}", common[:, -1])):
        at = (place[:, None] == np.arange(len(images.ranks))).astype(np.float64)
        at[place == -2] = np.nan
        at[:, (images.lineage < 0).all(axis=0)] = np.nan
        share = wilson(at, groups=images.species)
        why = "no image has such a neighbour" if (place == -2).all() else "no image is known to this rank"
        rows.append(
            ByRank.of(
                f"rank in common with the {name}",
                images.ranks,
                share.estimate,
                n=share.n,
                unit="images",
                low=share.low,
                high=share.high,
                null=np.where(np.isnan(share.estimate), np.nan, pairs[:-1]),
                higher_is_better=None,
                reason=[why if np.isnan(value) else "" for value in share.estimate],
            )
        )
    return rows


def _hubness(occurrence: Ints, labels: Ints, k: int, seed: int) -> tuple[ByRank, ByRank]:
    """Skewness of the occurrences, and share of images that occur never; null: a graph drawn at random."""
    n = len(labels)
    species, code = np.unique(labels, return_inverse=True)
    share = k / (n - 1)
    spread = np.sqrt((n - 1) * share * (1 - share))
    ends = jackknife(lambda kept: np.array([_skewness(occurrence[kept[code]])]), len(species), seed=seed)
    never = wilson((occurrence == 0).astype(float), groups=labels)
    return (
        ByRank.of(
            "hubness",
            ("",),
            [_skewness(occurrence)],
            n=n,
            unit="images",
            low=ends.low,
            high=ends.high,
            null=[(1 - 2 * share) / spread if spread else np.nan],
            higher_is_better=None,
            reason=("" if np.ptp(occurrence) else "every image is a neighbour equally often",),
        ),
        ByRank.of(
            "images that are nobody's neighbour",
            ("",),
            [never.estimate],
            n=n,
            unit="images",
            low=[never.low],
            high=[never.high],
            null=[(1 - share) ** (n - 1)],
            higher_is_better=None,
        ),
    )


def _skewness(values: Ints) -> float:
    """Third standardised moment; NaN where all values are equal."""
    away = values - values.mean() if len(values) else np.zeros(1)
    square = (away**2).mean()
    return float((away**3).mean() / square**1.5) if square > 0 else float("nan")

"""How close together do the images of one taxon lie, at every rank? Exact, from sums of vectors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics.statistics import student
from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.lca_pairs import LcaPairs
from taxoeval.structure.lca_squares import LcaSquares
from taxoeval.structure.nested import Nested
from taxoeval.structure.record import ByRank
from taxoeval.structure.sums import Rows, taxon_sums
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Alignment:
    """Mean squared distance of unit vectors of the same taxon, by rank.

    Attributes
    ----------
    rows
        ``alignment``, over pairs of images, and ``alignment, mean of taxa``, each taxon counting the same.
    node
        ``(t,)`` the taxa with two or more images, as ids of the taxonomy; holes are stood for by the taxa below.
    per_taxon
        ``(t,)`` the alignment of each.
    """

    rows: tuple[ByRank, ...]
    node: Ints
    per_taxon: Floats


def alignment_by_rank(vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, *, seed: int = 0) -> Alignment:
    """Mean squared distance ``|x - y|**2 = 2 - 2 cos`` of two images of the same taxon, at every rank.

    0 if all images of a taxon fall on one point; lower is closer. It can only grow from species to kingdom unless
    small taxa differ from large ones, so read it against its null and beside the uniformity: a space in which all
    images are alike is aligned perfectly.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`; read once and divided by their lengths.
    taxon
        ``(n,)`` taxon id of each; may stop at an inner rank, then it counts at its own rank and above.
    taxonomy
        Their taxonomy.
    seed
        Of the blocks of the interval.

    Returns
    -------
    record
        Values in ``[0, 4]``. The null is the mean over all pairs of images: what the mean over same-taxon pairs is
        expected to be if labels are dealt out at random.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity.

    Notes
    -----
    Images that share a taxon below a hole share the unknown taxon too, and are counted; images that might share it are
    not. Intervals of the mean over pairs are for other species of the same taxa, those of the mean over taxa for other
    taxa of the rank. Of the pairs of a genus, the fewer are of one species the more species there are: compare spaces
    on the same images only.

    References
    ----------
    T. Wang and P. Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity on the
    Hypersphere", ICML 2020 (pairs of views of one image there; pairs of one taxon here).

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "corax"), ("Corvus", "corone")], ranks=("genus", "species"))
    >>> found = alignment_by_rank(np.array([[1.0, 0], [1, 0], [4, 3], [3, 4]]), np.array([1, 1, 2, 2]), taxonomy)
    >>> found.rows[0].value.round(3), found.rows[0].null.round(3)
    (array([0.413, 0.04 ]), array([0.413, 0.413]))
    """
    sums = taxon_sums(vectors, taxon, taxonomy)
    pairs = LcaPairs.of(sums.taxon, taxonomy, strict=True)
    groups = [np.unique(column[column >= 0]) for column in Nested(pairs).taxa_of_labels.T]
    squares, n = LcaSquares.of(pairs, sums.total), sums.count.astype(np.float64)

    def within(kept: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Sum of cosines over ordered pairs of different images, and the number of these, ``(m + 1,)`` by taxon."""
        k, found = kept.astype(np.float64), squares.keep(kept)
        below = pairs.below(np.stack([sums.square * k, n * k], axis=1))
        own, count = np.vstack([below, [(sums.square * k).sum(), (n * k).sum()]]).T
        return np.append(found[: len(pairs.parent)], found[-1]) - own, count * (count - 1)

    def over_pairs(kept: NDArray[np.bool_]) -> Floats:
        product, count = within(kept)
        total = np.array([product[at].sum() for at in groups])
        number = np.array([count[at].sum() for at in groups])
        mean: Floats = np.divide(total, number, out=np.full(len(groups), np.nan), where=number > 0.5)
        return 2 - 2 * mean

    everything = np.ones(len(sums.taxon), dtype=bool)
    value = over_pairs(everything)
    interval = jackknife(over_pairs, len(sums.taxon), seed=seed)
    product, count = within(everything)
    per_taxon = 2 - 2 * np.divide(product, count, out=np.full(len(count), np.nan), where=count > 0.5)
    of_taxa = [student(per_taxon[at]) for at in groups[1:]]
    reason = [
        f"no two images are known to share a {rank}" if np.isnan(v) else ""
        for rank, v in zip(taxonomy.ranks, value[1:], strict=True)
    ]
    rows = (
        ByRank.of(
            "alignment",
            taxonomy.ranks,
            value[1:],
            n=[count[at].sum() / 2 for at in groups[1:]],
            unit="pairs",
            low=interval.low[1:],
            high=interval.high[1:],
            null=value[0],
            higher_is_better=False,
            reason=reason,
        ),
        ByRank.of(
            "alignment, mean of taxa",
            taxonomy.ranks,
            [float(mean.estimate) for mean in of_taxa],
            n=[(count[at] > 0).sum() for at in groups[1:]],
            unit="taxa",
            low=[float(mean.low) for mean in of_taxa],
            high=[float(mean.high) for mean in of_taxa],
            null=value[0],
            higher_is_better=False,
            reason=reason,
        ),
    )
    held = np.flatnonzero(count[:-1] > 0)
    ids = np.flatnonzero(taxonomy.restrict(sums.taxon)[1] >= 0)
    return Alignment(rows, ids[held], per_taxon[held])

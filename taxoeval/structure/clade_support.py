"""Would other photographs of the same species make the same clades? How often they do is a clade's support."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics.statistics import student
from taxoeval.structure.centroids import Centroids, centroids
from taxoeval.structure.clade_recall import no_taxon
from taxoeval.structure.clade_sets import CladeSets, best_fit, own_clades
from taxoeval.structure.dendrogram import Dendrogram, Method, join
from taxoeval.structure.image_weights import resamples, weighted_sums
from taxoeval.structure.joined import joined
from taxoeval.structure.record import ByRank
from taxoeval.structure.robinson_foulds import clade_marks
from taxoeval.structure.sums import Rows
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TOGETHER = 1 << 23
"""Numbers held by the sums of resamples that are made in one pass over the images: 64 MB."""


@dataclass(frozen=True, eq=False)
class CladeSupport:
    """Share of resamples of the images in which a clade is in the dendrogram.

    Attributes
    ----------
    rows
        By rank: the mean over taxa.
    dendrogram
        Of all images.
    node
        ``(n,)`` support of each node of `dendrogram.tree`; NaN for leaves and the root, which are in every tree.
    taxon, rank, taxon_support
        ``(s,)`` the taxa with two or more species and one or more outside, the place of their ranks, and the share of
        resamples that have them as clades.
    single
        Share of the species that have one image only: they never vary, so that support is an upper limit.
    left_out
        Images whose label stops above the finest rank.
    """

    rows: tuple[ByRank, ...]
    dendrogram: Dendrogram
    node: Floats
    taxon: Ints
    rank: Ints
    taxon_support: Floats
    single: float
    left_out: int


def clade_support(
    vectors: Rows,
    taxon: NDArray[Any],
    taxonomy: Taxonomy,
    *,
    method: Method = "average",
    repeats: int = 50,
    seed: int = 0,
) -> CladeSupport:
    """Draw the images of each species anew, with replacement, make the dendrogram, and see which clades are there.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`; read once for every ten resamples or so.
    taxon
        ``(n,)`` taxon id of each. Images labelled above the finest rank are left out, and counted.
    taxonomy
        Their taxonomy. For holes see `clade_recall`.
    method
        Of the dendrograms, see `join`.
    repeats
        How many resamples.
    seed
        Of the resamples.

    Returns
    -------
    record
        Shares in [0, 1]. The interval of a rank's mean is Student's, for other taxa.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity, no label is of the finest rank, or the method is unknown.

    Notes
    -----
    Support speaks of the noise that few images leave in a centroid, not of whether a clade is real: a clade of
    photographs on white ground can be supported in full.

    References
    ----------
    .. [1] J. Felsenstein, "Confidence limits on phylogenies: an approach using the bootstrap", Evolution 39 (1985);
       there characters are resampled, here images.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("A", "a"), ("A", "b"), ("B", "c")], ranks=("genus", "species"))
    >>> vectors = np.array([[9.0, 0, 0], [9, 1, 0], [9, 2, 0], [0, 0, 9]])
    >>> found = clade_support(vectors, taxonomy.ids(["a", "a", "b", "c"]), taxonomy)
    >>> found.taxon_support  # genus A is a clade in every resample
    array([1.])
    """
    found = centroids(vectors, taxon, taxonomy)
    tree = joined(found, method)
    sets, rng = CladeSets.of_lineage(found.lineage), np.random.default_rng(seed)
    place = np.full(len(taxonomy), -1)
    place[found.species] = np.arange(len(found))
    code = place[np.asarray(taxon)]
    mark = rng.integers(np.iinfo(np.uint64).max, size=len(found), dtype=np.uint64)
    node, own = own_clades(tree.tree), _marks(tree, mark)
    seen, recovered = np.zeros(len(node)), np.zeros(len(sets.taxon))
    together = max(1, _TOGETHER // found.vector.size)
    for first in range(0, repeats, together):
        weights = resamples(code, min(together, repeats - first), rng)
        for total in weighted_sums(vectors, code, weights, len(found)):
            drawn = join(_resampled(found, total).distance, found.species, method)
            seen += np.isin(own, _marks(drawn, mark))
            recovered += best_fit(sets, drawn.tree, drawn.place).recovered
    support = np.full(len(tree.tree), np.nan)
    support[node] = seen / max(repeats, 1)
    single = float((found.count == 1).mean())
    return CladeSupport(
        rows=(_row(sets, recovered / max(repeats, 1), taxonomy.ranks, single),),
        dendrogram=tree,
        node=support,
        taxon=sets.taxon,
        rank=sets.rank,
        taxon_support=recovered / max(repeats, 1),
        single=single,
        left_out=found.left_out,
    )


def _marks(tree: Dendrogram, mark: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return clade_marks(tree.tree, mark[np.argsort(tree.place)])


def _resampled(found: Centroids, total: Floats) -> Centroids:
    length = np.linalg.norm(total, axis=1, keepdims=True)
    vector = np.divide(total, length, out=np.zeros_like(total), where=length > 1e-9)
    return Centroids(found.species, vector, found.count, found.left_out, found.taxonomy)


def _row(sets: CladeSets, support: Floats, ranks: tuple[str, ...], single: float) -> ByRank:
    value, low, high = (np.full(len(ranks), np.nan) for _ in range(3))
    reasons = []
    for place, rank in enumerate(ranks):
        of = support[sets.rank == place]
        reasons.append(f"{single:.0%} of the species have one image" * (single > 0) if len(of) else "")
        if not len(of):
            reasons[-1] = no_taxon(rank, place == len(ranks) - 1)
            continue
        value[place] = of.mean()
        if len(of) > 1:
            interval = student(of)
            low[place], high[place] = interval.low, interval.high
    return ByRank.of(
        "clade support",
        ranks,
        value,
        n=np.bincount(sets.rank, minlength=len(ranks)),
        unit="taxa",
        low=np.maximum(low, 0),
        high=np.minimum(high, 1),
        reason=reasons,
    )

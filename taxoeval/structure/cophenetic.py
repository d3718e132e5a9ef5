"""Two correlations that share a name: is the space tree-like at all, and is its tree that of the taxonomy?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.arrangements import ENOUGH, log_arrangements
from taxoeval.structure.centroids import Centroids, among, centroids, tree_distance, upper
from taxoeval.structure.cloud import Cloud
from taxoeval.structure.dendrogram import Dendrogram, Method, join
from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.joined import joined
from taxoeval.structure.mantel import MOST, why_undefined
from taxoeval.structure.pair_correlation import correlation
from taxoeval.structure.permuted_pairs import permutations_of, permuted_correlations
from taxoeval.structure.record import ByRank
from taxoeval.structure.shuffles import p_value
from taxoeval.structure.sums import Rows
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = ("cophenetic with the space (tree-likeness)", "cophenetic with the taxonomy (agreement)")


@dataclass(frozen=True, eq=False)
class Cophenetic:
    """Correlations of the distances along the dendrogram.

    Attributes
    ----------
    rows
        With the distances it was made from, and with the distances in the taxonomy.
    dendrogram
        The tree.
    species
        ``(c,)`` its species.
    null
        ``(clouds,)`` the first of the two for clouds of points without clusters.
    left_out
        Images whose label stops above the finest rank.
    """

    rows: tuple[ByRank, ...]
    dendrogram: Dendrogram
    species: Ints
    null: Floats
    left_out: int


def cophenetic(
    vectors: Rows,
    taxon: NDArray[Any],
    taxonomy: Taxonomy,
    *,
    method: Method = "average",
    permutations: int = 999,
    clouds: int = 39,
    seed: int = 0,
) -> Cophenetic:
    """Pearson's correlation of the way between two species along the dendrogram with their distance elsewhere.

    *With the space*: how faithfully a tree can tell the distances at all. It knows nothing of the taxonomy, and a space
    can be tree-like with another tree, or follow the taxonomy without being tree-like.

    *With the taxonomy*: whether pairs that part early in the dendrogram are distant relatives.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`.
    taxon
        ``(n,)`` taxon id of each. Images labelled above the finest rank are left out, and counted.
    taxonomy
        Their taxonomy; for holes see `tree_distance`.
    method
        Of the dendrogram, see `join`.
    permutations
        Of species, for the p of the agreement; its null is exactly 0.
    clouds
        For the null of tree-likeness: as many Gaussian points of the same mean and covariance as there are species.
        They have the dimension and the spread of the centroids in all directions, but no clusters.
    seed
        Of all draws.

    Returns
    -------
    record
        Correlations in [-1, 1]. Intervals leave out blocks of species and join the others anew.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity, no label is of the finest rank, or the method is unknown.

    References
    ----------
    .. [1] R. R. Sokal and F. J. Rohlf, "The comparison of dendrograms by objective methods", Taxon 11 (1962), for the
       first of the two.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("A", "a"), ("A", "b"), ("B", "c"), ("B", "d")], ranks=("genus", "species"))
    >>> vectors = np.array([[9.0, 0, 1], [9, 1, 0], [0, 9, 1], [1, 9, 0]])
    >>> found = cophenetic(vectors, taxonomy.ids(["a", "b", "c", "d"]), taxonomy, clouds=0)
    >>> [row.value.round(3) for row in found.rows]
    [array([0.99]), array([1.])]
    """
    whole = centroids(vectors, taxon, taxonomy)
    found, note = whole.at_most(MOST, seed)
    tree = joined(found, method)
    ranks = tree_distance(found.lineage)
    value = _both(found.distance, ranks, tree)

    def without(kept: NDArray[np.bool_]) -> Floats:
        if kept.all():
            return value
        return _both(among(found.distance, kept), ranks[np.ix_(kept, kept)], joined(found, method, kept))

    interval = jackknife(without, len(found), seed=seed)
    null = _clouds(found, method, clouds if not np.isnan(value[0]) else 0, seed)
    along, orders = upper(tree.distance()), permutations_of(len(found), permutations, seed)
    p = (p_value(float(value[0]), null), _agreement_p(found, ranks, along, float(value[1]), orders))
    means = (null.mean() if len(null) else np.nan, 0.0)
    why = (
        "fewer than 3 species, or all equally far apart in space" if np.isnan(value[0]) else "",
        why_undefined(upper(ranks), along),
    )
    rows = [
        ByRank.of(
            kind,
            ("",),
            value[i],
            n=len(found) * (len(found) - 1) // 2,
            unit="pairs",
            low=max(interval.low[i], -1),
            high=min(interval.high[i], 1),
            null=np.nan if why[i] else means[i],
            p=p[i],
            higher_is_better=None if i == 0 else True,
            reason=(why[i] or note,),
        )
        for i, kind in enumerate(KINDS)
    ]
    return Cophenetic(tuple(rows), tree, found.species, null, found.left_out)


def _both(distance: Floats, ranks: NDArray[np.int8], tree: Dendrogram) -> Floats:
    """``(2,)``; NaN where a side does not vary."""
    along = upper(tree.distance())
    sides = (upper(distance), upper(ranks))
    if len(along) < 3 or np.ptp(along) <= 1e-12:
        return np.full(2, np.nan)
    return np.array([correlation(along, side) if np.ptp(side) > 1e-12 else np.nan for side in sides])


def _agreement_p(found: Centroids, ranks: NDArray[np.int8], along: Floats, value: float, orders: Ints) -> float:
    few = log_arrangements(found.taxonomy, found.species)[-1] < np.log(ENOUGH) - 1e-9
    if few or why_undefined(upper(ranks), along):
        return float("nan")
    return p_value(value, permuted_correlations(ranks, np.arange(ranks.max() + 1.0), along, orders))


def _clouds(found: Centroids, method: Method, clouds: int, seed: int) -> Floats:
    """Tree-likeness of points without clusters that have the mean and covariance of the centroids."""
    rng, cloud = np.random.default_rng([seed, 2]), Cloud.of(found.vector)
    null = np.empty(clouds)
    for i in range(clouds):
        points = cloud.draw(len(found), rng)
        distance = 1 - points @ points.T
        np.fill_diagonal(distance, 0.0)
        null[i] = _tree_likeness(distance, method)
    return null


def _tree_likeness(distance: Floats, method: Method) -> float:
    """Correlation of distances with those along the dendrogram.

    Average linkage joins two groups at the mean of the distances between them, so distances scatter around those along
    the tree without bias: their covariance is the variance along the tree, and no pair need be looked up.
    """
    flat = upper(distance)
    if method != "average":
        return correlation(upper(join(distance, range(len(distance)), method).distance()), flat)
    from scipy.cluster.hierarchy import linkage

    merges, c = linkage(flat, "average"), len(distance)
    size = np.append(np.ones(c), merges[:, 3])
    pairs = size[merges[:, 0].astype(np.int64)] * size[merges[:, 1].astype(np.int64)]
    mean = flat.mean()
    away = flat - mean
    return float(np.sqrt(pairs @ (merges[:, 2] - mean) ** 2 / (away @ away)))

"""Is the space tree-like? Gromov's hyperbolicity, which says nothing without its null."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.centroids import centroids
from taxoeval.structure.cloud import Cloud
from taxoeval.structure.record import ByRank
from taxoeval.structure.sums import Rows
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hyperbolicity:
    """Relative hyperbolicity of species centroids beside that of points without any tree.

    Attributes
    ----------
    rows
        ``relative hyperbolicity``: 0 for a tree, up to 1; its null are Gaussian points of the same spectrum.
    null
        ``(draws,)`` the values of these.
    """

    rows: tuple[ByRank, ...]
    null: Floats


def hyperbolicity(
    vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, *, most: int = 200, draws: int = 19, seed: int = 0
) -> Hyperbolicity:
    """Twice Gromov's delta over the diameter, of species centroids.

    Points without any structure have a low value, too, if there are many dimensions (0.14 for Gaussian points in 768,
    0.15 for planted trees): the value alone is no sign of a hierarchy, so the null is part of the result.

    Parameters
    ----------
    vectors, taxon, taxonomy
        The images; see `taxoeval.structure.centroids`.
    most
        Species looked at; a random choice where there are more, since the cost is cubic.
    draws
        Sets of points of the null: Gaussian with the covariance of the centroids, brought to unit length as they are.
    seed
        Of the choice, the base points and the draws.

    Returns
    -------
    record
        Mean over 5 base points; p is the share of draws at least as tree-like (as low).

    Notes
    -----
    ``delta`` for a base point w is the largest entry of ``max_k min(g_ik, g_kj) - g_ij`` with Gromov products
    ``g_ij = (d_iw + d_jw - d_ij) / 2``; Euclidean distances.

    References
    ----------
    .. [1] V. Khrulkov, L. Mirvakhabova, E. Ustinova, I. Oseledets and V. Lempitsky, "Hyperbolic Image Embeddings",
       CVPR 2020.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([(f"s{i}",) for i in range(4)], ranks=("species",))
    >>> round(float(relative_delta(np.array([[0.0], [1.0], [2.0], [5.0]]), 0)), 6)  # points of a line are a tree
    0.0
    """
    rng = np.random.default_rng(seed)
    found = centroids(vectors, taxon, taxonomy)
    points = found.vector
    if len(points) > most:
        points = points[np.sort(rng.choice(len(points), most, replace=False))]
    if len(points) < 4 or not np.ptp(points, axis=0).any():
        why = "fewer than 4 species" if len(points) < 4 else "all species are at one point"
        row = ByRank.of("relative hyperbolicity", ("",), [np.nan], n=len(points), unit="taxa", reason=(why,))
        return Hyperbolicity((row,), np.empty(0))
    bases = rng.choice(len(points), min(5, len(points)), replace=False)
    value = _mean(points, bases)
    cloud = Cloud.of(points)
    drawn = np.array([_mean(cloud.draw(len(points), rng), bases) for _ in range(draws)])
    p = (1 + (drawn <= value).sum()) / (1 + draws)
    row = ByRank.of(
        "relative hyperbolicity",
        ("",),
        [value],
        n=len(points),
        unit="taxa",
        null=drawn.mean() if draws else None,
        p=p if draws else None,
        higher_is_better=False,
    )
    return Hyperbolicity((row,), drawn)


def _mean(points: Floats, bases: NDArray[np.int64]) -> float:
    return float(np.mean([relative_delta(points, int(base)) for base in bases]))


def relative_delta(points: Floats, base: int) -> float:
    """Twice delta over the diameter for one base point.

    No best third point makes more of a pair than the smaller of the largest products of its two sides: rows are looked
    at in the order of what they could give at most, until that is no more than what was found.
    """
    square = (points**2).sum(axis=1)
    distance = np.sqrt(np.maximum(square[:, None] + square[None, :] - 2 * points @ points.T, 0.0))
    product = (distance[base][:, None] + distance[base][None, :] - distance) / 2
    others = product.copy()
    np.fill_diagonal(others, -np.inf)  # a pair gains nothing from its own sides
    largest = others.max(axis=1)
    most = np.minimum(largest[:, None], largest) - product
    np.fill_diagonal(most, 0.0)
    delta, of_row = 0.0, most.max(axis=1)
    for i in np.argsort(-of_row):
        if of_row[i] <= delta:
            break
        pairs = np.flatnonzero(most[i] > delta)
        best = np.minimum(product[i], product[pairs]).max(axis=1)
        delta = max(delta, float((best - product[i, pairs]).max()))
    return 2 * delta / float(distance.max())

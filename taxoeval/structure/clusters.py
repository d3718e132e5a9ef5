"""Clusters found without labels, against the taxa of every rank."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics.statistics import wilson
from taxoeval.structure.against import Against, compared
from taxoeval.structure.centroids import upper
from taxoeval.structure.followed_images import in_turn
from taxoeval.structure.record import ByRank
from taxoeval.structure.seeds import seeded
from taxoeval.structure.sums import Rows, blocks, checked
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_OF_A_SPECIES = 20
"""Images that a species contributes at most."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of a sample of images, and how far they agree with the taxa of every rank.

    Attributes
    ----------
    rows
        For each of ``k-means``, ``agglomerative``, ``HDBSCAN without noise`` and ``HDBSCAN, noise apart``: adjusted
        mutual information, adjusted Rand index and V-measure; and the share of images that HDBSCAN calls noise.
    position
        ``(m,)`` rows of the images that were clustered.
    k_means, agglomerative
        ``(m, n_ranks)`` the cluster of each, with as many clusters as the rank has taxa; ``-1`` where not clustered.
    hdbscan
        ``(m,)`` its cluster by HDBSCAN; ``-1`` is noise.
    """

    rows: tuple[ByRank, ...]
    position: Ints
    k_means: Ints
    agglomerative: Ints
    hdbscan: Ints


def clusters(
    vectors: Rows,
    taxon: NDArray[Any],
    taxonomy: Taxonomy,
    *,
    images: int = 2000,
    smallest: int = 5,
    permutations: int = 99,
    seed: int = 0,
) -> Clusters:
    """Cluster images by direction and compare the clusters with the taxa of every rank.

    k-means and agglomerative clustering (Ward's) are told how many taxa a rank has, and see the images known to it;
    HDBSCAN is told nothing and leaves images out as noise. Noise is scored twice: left out, which favours a method that
    is silent when in doubt, and with every noise image as a cluster of its own, which does not.

    Parameters
    ----------
    vectors
        ``(n, d)``, divided by their length here; read once, a block at a time.
    taxon
        ``(n,)`` taxon id of each image.
    taxonomy
        Their taxonomy. At a rank, images whose taxon is unknown are left out of the comparison.
    images
        How many are clustered at most: species are drawn at random, with up to 20 images of each, until there are as
        many. Time and memory grow with its square.
    smallest
        Images of the smallest cluster that HDBSCAN may make; its only setting.
    permutations
        How many shuffles the null has; 0 for none.
    seed
        Of the sample, of k-means and of the shuffles.

    Returns
    -------
    result
        `Clusters`. The clusters are left as they are throughout. Null and p: lineages dealt out anew to the species
        known to the same ranks; at the rank of the species, taxa to images. AMI and ARI are 0 on average for the latter
        and above 0 for the former: clusters hold whole species, and any order is made of whole species. Intervals:
        species left out in blocks.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity, or there are no images.
    ValueError
        If the shapes disagree or a taxon is not in the taxonomy.

    Notes
    -----
    With as many clusters as images there is little that could go wrong: at ranks where most taxa have one image, see
    the null. scikit-learn's k-means (one start) and HDBSCAN, SciPy's Ward linkage.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "C. corax"), ("Corvus", "C. corone"), ("Pica", "P. pica")], ranks=("genus", "species"))
    >>> x = np.repeat([[5, 0, 1], [5, 0, -1], [0, 5, 0]], 10, axis=0) + rng.normal(scale=0.1, size=(30, 3))
    >>> result = clusters(x, np.repeat([1, 2, 4], 10), taxonomy, permutations=0)
    >>> result.rows[0].quantity, result.rows[0].value.round(2), result.rows[-1].quantity
    ('AMI, k-means', array([1., 1.]), 'noise, HDBSCAN')
    """
    from scipy.cluster.hierarchy import fcluster

    labels = checked(vectors, taxon, taxonomy)
    rng = np.random.default_rng(seed)
    position = _sample(labels, images, rng)
    units = np.concatenate([block[_within(position, rows)] for rows, block in blocks(vectors)])
    lineage = taxonomy.ancestor[labels[position]].astype(np.int64)
    square = _squared(units)
    distance = np.sqrt(square)
    found = np.full((2, *lineage.shape), -1)
    by_density = _hdbscan(distance, smallest)
    label = np.unique(labels[position], return_inverse=True)[1]
    against, joined = [], dict[bytes, Floats]()
    for place, own in enumerate(lineage.T):
        known, taxa = np.flatnonzero(own >= 0), len(np.unique(own[own >= 0]))
        reason = _undefined(len(known), taxa)
        if not reason:
            found[0, known, place] = _k_means(units[known], taxa, _among(square, known), seed)
            held = known.tobytes()
            if held not in joined:  # mostly one tree serves all ranks
                joined[held] = _ward(_among(distance, known))
            found[1, known, place] = fcluster(joined[held], taxa, "maxclust")
        against.append(Against(lineage, place, label, reason, permutations, seed))
    apart = np.where(by_density < 0, by_density.max() + 1 + np.arange(len(by_density)), by_density)
    none = "" if by_density.max() >= 0 else "HDBSCAN found no cluster"
    table = [
        ("k-means", found[0].T, ""),
        ("agglomerative", found[1].T, ""),
        ("HDBSCAN without noise", [by_density] * len(against), none),
        ("HDBSCAN, noise apart", [apart] * len(against), none),
    ]
    rows = [row for name, of_rank, why in table for row in compared(name, of_rank, against, taxonomy.ranks, why)]
    return Clusters((*rows, _noise(by_density, labels[position])), position, found[0], found[1], by_density)


def _undefined(images: int, taxa: int) -> str:
    if not images:
        return "no image is known to this rank"
    if taxa == 1:
        return "all images are of one taxon"
    return "every taxon has a single image" if taxa == images else ""


def _noise(by_density: Ints, labels: Ints) -> ByRank:
    share = wilson((by_density < 0).astype(float), groups=labels)
    return ByRank.of(
        "noise, HDBSCAN",
        ("",),
        [share.estimate],
        n=len(labels),
        unit="images",
        low=[share.low],
        high=[share.high],
        higher_is_better=None,
    )


def _within(position: Ints, rows: slice) -> Ints:
    """Which rows of a block are among the positions."""
    first, last = np.searchsorted(position, [rows.start, rows.stop])
    return np.asarray(position[first:last] - rows.start)


def _sample(labels: Ints, images: int, rng: np.random.Generator) -> Ints:
    """Rows of up to 20 images of each species, of species drawn at random; ascending."""
    label = np.unique(labels, return_inverse=True)[1]
    order, turn = in_turn(label, rng)
    kept = order[turn < _OF_A_SPECIES]
    turn_of_species = rng.permutation(label.max() + 1)[label[kept]]
    return np.sort(kept[np.argsort(turn_of_species, kind="stable")][:images])


def _k_means(units: Floats, k: int, square: Floats, seed: int) -> Ints:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # duplicates: fewer clusters than asked for are in order
        return np.asarray(
            KMeans(k, init=seeded(square), n_init=1, random_state=seed).fit_predict(units), dtype=np.int64
        )


def _ward(distance: Floats) -> Floats:
    from scipy.cluster.hierarchy import linkage

    return np.asarray(linkage(upper(distance), "ward"))


def _hdbscan(distance: Floats, smallest: int) -> Ints:
    """From distances given: in hundreds of dimensions its search trees take ten times as long to the same end."""
    from sklearn.cluster import HDBSCAN

    if len(distance) <= smallest:
        return np.full(len(distance), -1)
    found = HDBSCAN(min_cluster_size=smallest, metric="precomputed", copy=True).fit_predict(distance)
    return np.asarray(found, dtype=np.int64)


def _among(pairs: Floats, known: Ints) -> Floats:
    return pairs if len(known) == len(pairs) else pairs[np.ix_(known, known)]


def _squared(units: Floats) -> Floats:
    """``(m, m)`` squared distances."""
    own = np.einsum("ij,ij->i", units, units)
    square = np.maximum(own[:, None] + own - 2 * (units @ units.T), 0.0)
    np.fill_diagonal(square, 0.0)
    return np.asarray(square)

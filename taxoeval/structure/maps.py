"""Maps of a latent space in two dimensions, and how much of each neighbourhood they keep."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.structure.knn_graph import knn_graph
from taxoeval.structure.record import ByRank
from taxoeval.structure.sums import Rows, blocks, checked
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Method = Literal["pca", "tsne", "umap", "pacmap"]
METHODS = ("pca", "tsne", "umap", "pacmap")

MOST = 5000
"""Images drawn; of more, a random choice."""


@dataclass(frozen=True, eq=False)
class SpaceMap:
    """Places of images in the plane.

    Attributes
    ----------
    rows
        ``neighbours kept``: share of the 10 nearest neighbours in space that are among the 10 nearest on the map; its
        null is the share kept by a random map.
    place
        ``(m, 2)``.
    image
        ``(m,)`` positions of the images drawn.
    lineage
        ``(m, n_ranks)`` their taxa.
    method
        How the map was made.
    taxonomy
        The taxonomy of the taxa.
    """

    rows: tuple[ByRank, ...]
    place: Floats
    image: Ints
    lineage: Ints
    method: str
    taxonomy: Taxonomy


def space_map(
    vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, *, method: Method = "pca", seed: int = 0
) -> SpaceMap:
    """Draw unit vectors in the plane, after principal components have brought them to 50 dimensions.

    Parameters
    ----------
    vectors, taxon, taxonomy
        The images.
    method
        ``pca``; ``tsne`` (scikit-learn); ``umap`` (umap-learn) and ``pacmap``, which the extra ``maps`` installs. All
        but the first keep neighbourhoods and nothing else: distances between clusters, and their sizes, mean nothing.
    seed
        Of the choice of images and of the method.

    Raises
    ------
    TaxoevalError
        If the method is unknown or not installed, or a vector holds NaN.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("a",), ("b",)], ranks=("species",))
    >>> found = space_map(np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2, taxonomy)
    >>> found.place.shape, found.rows[0].value[0] > found.rows[0].null[0]
    ((40, 2), np.True_)
    """
    if method not in METHODS:
        raise TaxoevalError(f"there is no map {method!r}; there are {', '.join(METHODS)}")
    labels = checked(vectors, taxon, taxonomy)
    rng = np.random.default_rng(seed)
    n = len(labels)
    image = np.arange(n) if n <= MOST else np.sort(rng.choice(n, MOST, replace=False))
    parts = [block[np.isin(np.arange(rows.start, rows.stop), image)] for rows, block in blocks(vectors)]
    units = np.concatenate(parts)
    place = _placed(units, method, seed)
    lineage = np.asarray(taxonomy.ancestor[labels[image]], dtype=np.int64)
    return SpaceMap((_kept(units, place),), place, image, lineage, method, taxonomy)


def _placed(units: Floats, method: str, seed: int) -> Floats:
    if len(units) < 4:
        return np.zeros((len(units), 2))
    centred = units - units.mean(axis=0)
    components = _components(centred)
    if components.shape[1] < 2:
        components = np.hstack([components, np.zeros((len(components), 2 - components.shape[1]))])
    if method == "pca":
        return np.asarray(components[:, :2])
    if method == "tsne":
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits

        perplexity = min(30.0, (len(units) - 1) / 3)
        with threadpool_limits(1):  # the same sums in the same order on every machine
            found = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(components)
        return np.asarray(found, dtype=np.float64)
    return _optional(components, method, seed)


def _components(centred: Floats) -> Floats:
    """``(m, 50)`` principal components, fewer where there are fewer; the largest weight of a direction is positive."""
    if len(centred) > centred.shape[1]:
        direction = np.linalg.eigh(centred.T @ centred)[1][:, ::-1].T[:50]
    else:
        direction = np.linalg.svd(centred, full_matrices=False)[2][:50]
    turn = np.sign(direction[np.arange(len(direction)), np.abs(direction).argmax(axis=1)])
    return np.asarray(centred @ (direction * turn[:, None]).T)


def _optional(components: Floats, method: str, seed: int) -> Floats:
    try:
        if method == "umap":
            from umap import UMAP

            made = UMAP(random_state=seed, n_jobs=1, n_neighbors=min(15, len(components) - 1))
        else:
            from pacmap import PaCMAP

            made = PaCMAP(random_state=seed, apply_pca=False, n_neighbors=min(10, len(components) - 1))
    except ImportError:
        raise TaxoevalError(f"the map {method!r} needs another package: pip install 'taxoeval[maps]'") from None
    return np.asarray(made.fit_transform(components), dtype=np.float64)


def _kept(units: Floats, place: Floats) -> ByRank:
    n, k = len(units), 10
    if n <= k + 1:
        return ByRank.of("neighbours kept", ("",), [np.nan], n=n, unit="images", reason=("fewer than 12 images",))
    from sklearn.neighbors import NearestNeighbors

    space = knn_graph(units, k).neighbour
    drawn = NearestNeighbors(n_neighbors=k).fit(place).kneighbors(return_distance=False)
    kept = np.mean([(space == of[:, None]).sum() for of in drawn.T]) / n
    return ByRank.of("neighbours kept", ("",), [kept], n=n, unit="images", null=k / (n - 1))

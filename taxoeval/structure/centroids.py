"""One direction per species, and how far apart two species are in the taxonomy: what trees are compared by."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.structure.shared import Memo, once
from taxoeval.structure.sums import Rows, taxon_sums
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KEPT = 2048
"""Species whose centroids are kept for other analyses at most: their distances and cosines take 64 MB."""


@dataclass(frozen=True, eq=False)
class Centroids:
    """The direction of each species: the mean of the unit vectors of its images, brought to length 1.

    Attributes
    ----------
    species
        ``(c,)`` taxa of the finest rank, ascending. As the taxonomy is numbered depth first, the species of any of its
        taxa stand next to each other.
    vector
        ``(c, d)`` of length 1; zero where the images of a species cancel out.
    count
        ``(c,)`` images of each.
    left_out
        Images whose label stops above the finest rank: of which species they are is unknown.
    taxonomy
        The taxonomy of the species.
    memo
        What was made of them before, such as dendrograms of some; see `taxoeval.structure.joined`.
    """

    species: Ints
    vector: Floats
    count: Ints
    left_out: int
    taxonomy: Taxonomy
    memo: Memo = field(default_factory=Memo, repr=False)

    def __len__(self) -> int:
        return len(self.species)

    @cached_property
    def lineage(self) -> Ints:
        """``(c, n_ranks)`` the taxon of each species at every rank, ``-1`` where unknown."""
        return np.asarray(self.taxonomy.ancestor[self.species], dtype=np.int64)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Their names; the whole path where two bear the same."""
        plain = [str(name) for name in self.taxonomy.names[self.species]]
        borne = dict(zip(*np.unique(plain, return_counts=True), strict=True))
        return tuple(
            name if borne[name] == 1 else self.taxonomy.path(int(taxon))
            for name, taxon in zip(plain, self.species, strict=True)
        )

    @cached_property
    def cosine(self) -> Floats:
        """``(c, c)`` cosine of each pair of species; quadratic in species, never in images."""
        return np.clip(self.vector @ self.vector.T, -1.0, 1.0)

    @cached_property
    def distance(self) -> Floats:
        """``(c, c)`` 1 - cosine, exactly symmetric and 0 on the diagonal; differences below 1e-12 are rounding."""
        found = np.round(1.0 - self.cosine, 12)
        found = np.maximum(found, found.T)
        np.fill_diagonal(found, 0.0)
        return found

    def keep(self, kept: NDArray[Any]) -> "Centroids":
        """Some of the species: positions or a mask."""
        return Centroids(self.species[kept], self.vector[kept], self.count[kept], self.left_out, self.taxonomy)

    def at_most(self, most: int, seed: int) -> tuple["Centroids", str]:
        """All species, or so many drawn at random where there are more, and a note that says so."""
        if len(self) <= most:
            return self, ""
        chosen = np.sort(np.random.default_rng(seed).choice(len(self), most, replace=False))
        return self.keep(chosen), f"over {most} of {len(self)} species, drawn at random"

    def reorderings(self, number: int, seed: int) -> Iterator[Ints]:
        """Permutations ``(c,)`` of the species among those that are known to the same ranks."""
        stratum = np.unique(self.lineage >= 0, axis=0, return_inverse=True)[1].reshape(-1)
        rng = np.random.default_rng([seed, 1])
        by_stratum = np.argsort(stratum, kind="stable")
        for _ in range(number):
            order = np.empty(len(self), dtype=np.int64)
            order[by_stratum] = np.lexsort((rng.random(len(self)), stratum))
            yield order


def centroids(vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy) -> Centroids:
    """The centroid of every species, in one pass over the images.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`.
    taxon
        ``(n,)`` taxon id of each; images whose label stops above the finest rank are left out, and counted.
    taxonomy
        Their taxonomy.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity, or no label is of the finest rank.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "corax"), ("Corvus", "corone"), ("Larus", "canus")], ranks=("genus", "species"))
    >>> found = centroids(np.array([[1.0, 0], [0, 2], [3, 0], [5, 5]]), np.array([1, 1, 2, 3]), taxonomy)
    >>> found.names, found.vector.round(2), found.left_out  # the last image is labelled Larus only
    (('corax', 'corone'), array([[0.71, 0.71],
           [1.  , 0.  ]]), 1)
    """
    return once(vectors, taxon, taxonomy, "centroids", KEPT, lambda: _centroids(vectors, taxon, taxonomy))


def _centroids(vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy) -> Centroids:
    sums = taxon_sums(vectors, taxon, taxonomy)
    finest = np.asarray(taxonomy.rank[sums.taxon] == taxonomy.n_ranks - 1)
    if not finest.any():
        raise TaxoevalError(
            f"no image is labelled with a {taxonomy.ranks[-1]}: centroids of species need labels of the finest rank"
        )
    kept = sums.keep(finest)
    length = np.sqrt(np.einsum("ij,ij->i", kept.total, kept.total))[:, None]
    # sums of unit vectors shorter than rounding have no direction
    known = length > 1e-9 * kept.count[:, None]
    vector = np.divide(kept.total, length, out=np.zeros_like(kept.total), where=known)
    vector.flags.writeable = False  # other analyses may look at them, too
    return Centroids(kept.taxon, vector, kept.count, sums.n - kept.n, taxonomy)


def tree_distance(lineage: Ints) -> NDArray[np.int8]:
    """How many ranks two species must climb until they are in one taxon, for all pairs of species.

    Parameters
    ----------
    lineage
        ``(c, n_ranks)`` the taxon of each species at every rank, ``-1`` where unknown.

    Returns
    -------
    distance
        ``(c, c)``: 0 on the diagonal, 1 within a genus, ``n_ranks`` where nothing is shared. It is the convention
        ``rank_height`` of `taxoeval.metrics`: slots are counted, so a hole between two ranks makes nobody closer, and
        an unknown taxon is shared with nobody. Where a hole follows the finest taxon that two share they may share
        more; the distance is then the largest it can be.

    Examples
    --------
    >>> tree_distance(np.array([[0, 1, 2], [0, 1, 3], [0, -1, 4]]))
    array([[0, 1, 2],
           [1, 0, 2],
           [2, 2, 0]], dtype=int8)
    """
    c, n_ranks = lineage.shape
    distance = np.full((c, c), n_ranks, dtype=np.int8)
    for place in range(n_ranks):
        taxon = lineage[:, place]
        shared = (taxon[:, None] == taxon) & (taxon >= 0)
        distance[shared] = n_ranks - 1 - place
    return distance


def among(square: Floats, kept: NDArray[np.bool_]) -> Floats:
    """The rows and columns of those to keep, a mask ``(c,)``.

    Examples
    --------
    >>> among(np.arange(9.0).reshape(3, 3), np.array([True, False, True]))
    array([[0., 2.],
           [6., 8.]])
    """
    at = np.flatnonzero(kept)
    return square.take(at, axis=0).take(at, axis=1)  # several times faster than by both at once


def upper(square: NDArray[Any]) -> NDArray[Any]:
    """``(c (c - 1) / 2,)`` the values above the diagonal, row by row."""
    from scipy.spatial.distance import squareform

    return np.asarray(squareform(square, checks=False))

"""Scores of candidates by their images in a gallery, with how far a query is from all of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

Scorer = Literal["centroid", "knn"]


class GalleryScores(NamedTuple):
    """Logits ``(n, c)`` of the candidates, ``-inf`` for those without a vote, and cosine distance ``(n,)``."""

    logits: Floats
    distance: Floats


@dataclass(frozen=True, eq=False)
class Gallery:
    """Unit vectors of labelled images, and how candidates are scored by them.

    Attributes
    ----------
    units
        ``(g, d)``, rows of length 1.
    column
        ``(g,)`` which candidate each is an image of; each has one at least.
    scorer
        ``centroid``: cosine to the direction of a candidate's mean image. ``knn``: its images among the k nearest.
    k
        How many neighbours vote.
    temperature
        What cosines are divided by.
    """

    units: Floats
    column: Ints
    scorer: Scorer = "centroid"
    k: int = 5
    temperature: float = 0.07

    def scores(self, queries: Floats) -> GalleryScores:
        """Score the candidates for some queries, ``(n, d)`` unit vectors.

        Examples
        --------
        >>> units = np.array([[1, 0], [0, 1], [0, 1]], dtype=np.float32)
        >>> query = np.array([[0.6, 0.8]], dtype=np.float32)
        >>> logits, distance = Gallery(units, np.array([0, 1, 1]), temperature=1.0).scores(query)
        >>> logits.round(2), distance.round(2)
        (array([[0.6, 0.8]], dtype=float32), array([0.2], dtype=float32))
        >>> Gallery(units, np.array([0, 1, 1]), "knn", k=2, temperature=1.0).scores(query).logits.round(2)
        array([[-inf, 1.49]], dtype=float32)
        """
        return self._by_centroid(queries) if self.scorer == "centroid" else self._by_neighbours(queries)

    @cached_property
    def _directions(self) -> Floats:
        """``(c, d)`` the directions of the candidates' mean images."""
        centroid = np.zeros((int(self.column.max()) + 1, self.units.shape[1]), dtype=np.float32)
        np.add.at(centroid, self.column, self.units)
        length = np.linalg.norm(centroid, axis=1, keepdims=True)
        return np.asarray(np.divide(centroid, length, out=np.zeros_like(centroid), where=length > 0))

    def _by_centroid(self, queries: Floats) -> GalleryScores:
        cosine = queries @ self._directions.T
        return GalleryScores(cosine / np.float32(self.temperature), 1 - cosine.max(axis=1))

    def _by_neighbours(self, queries: Floats) -> GalleryScores:
        cosine = queries @ self.units.T
        k = min(self.k, cosine.shape[1])
        found, similarity = nearest(cosine, k)
        top = similarity.max(axis=1, keepdims=True)
        votes = np.zeros((len(queries), int(self.column.max()) + 1), dtype=np.float32)
        weight = np.exp((similarity - top) / np.float32(self.temperature))
        np.add.at(votes, (np.arange(len(queries))[:, None], self.column[found]), weight)
        with np.errstate(divide="ignore"):
            logits = np.log(votes) + top / np.float32(self.temperature)
        return GalleryScores(logits, 1 - top[:, 0])


_FEW = 8  # neighbours that are found faster by looking at all for each


def nearest(similarity: Floats, k: int) -> tuple[Ints, Floats]:
    """Places of the k largest of each row and their values, both ``(n, k)``; of a few, the first among equals first.

    What is passed may be overwritten.

    Examples
    --------
    >>> nearest(np.array([[0.25, 0.75, 0.75, 0.5]], dtype=np.float32), 2)
    (array([[1, 2]]), array([[0.75, 0.75]], dtype=float32))
    """
    if k > _FEW:
        found = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        return found, np.take_along_axis(similarity, found, axis=1)
    rows = np.arange(len(similarity))
    found = np.empty((len(rows), k), dtype=np.int64)
    values = np.empty((len(rows), k), dtype=similarity.dtype)
    for place in range(k):
        found[:, place] = similarity.argmax(axis=1)
        values[:, place] = similarity[rows, found[:, place]]
        similarity[rows, found[:, place]] = -np.inf
    return found, values

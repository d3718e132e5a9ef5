"""Points without clusters or tree, with the mean and covariance of given points: what many a value is held against."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cloud:
    """A Gaussian cloud, in axes of its own: turned round, which no distance or angle sees.

    Attributes
    ----------
    centre
        ``(r + 1,)`` the mean along the axes of the points, and what of it lies beside all of them.
    spread
        ``(r,)`` standard deviation along each axis.
    """

    centre: Floats
    spread: Floats

    @classmethod
    def of(cls, points: Floats) -> "Cloud":
        """Of ``(n, d)`` points: ``r`` is the smaller of the two.

        Examples
        --------
        >>> cloud = Cloud.of(np.array([[1.0, 0, 3], [3, 0, 3]]))
        >>> np.linalg.norm(cloud.centre).round(6) == np.sqrt(13).round(6), cloud.spread.round(3)
        (np.True_, array([1.414, 0.   ]))
        """
        mean = points.mean(axis=0)
        _, length, axes = np.linalg.svd(points - mean, full_matrices=False)
        along = axes @ mean
        beside = np.linalg.norm(mean - along @ axes)
        return cls(np.append(along, beside), length / np.sqrt(max(len(points) - 1, 1)))

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """``(n, r + 1)`` points, brought to length 1."""
        found = np.empty((n, len(self.centre)))
        found[:, :-1] = rng.normal(size=(n, len(self.spread)))
        found[:, :-1] *= self.spread
        found[:, :-1] += self.centre[:-1]
        found[:, -1] = self.centre[-1]
        found /= np.sqrt(np.einsum("ij,ij->i", found, found))[:, None]
        return found

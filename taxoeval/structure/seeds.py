"""Where k-means begins, from distances that are there already: scikit-learn works them out again for every centre."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def greedy_seeds(square: Floats, k: int, random: np.random.RandomState) -> Ints:
    """Rows of k points that k-means can begin with: the greedy k-means++ of scikit-learn, with the same draws.

    Parameters
    ----------
    square
        ``(n, n)`` squared distances.
    k
        How many.
    random
        What they are drawn from.

    Returns
    -------
    rows
        ``(k,)``. Of a few points drawn with a chance in proportion to the squared distance from the nearest one so far,
        the one is taken that leaves the smallest sum of these.

    References
    ----------
    D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.

    Examples
    --------
    >>> square = np.subtract.outer([0.0, 0, 9, 9], [0.0, 0, 9, 9]) ** 2
    >>> np.sort(greedy_seeds(square, 2, np.random.RandomState(0)) // 2)  # one of either pair
    array([0, 1])
    """
    n = len(square)
    trials = 2 + int(np.log(k))
    chosen = np.empty(k, dtype=np.int64)
    chosen[0] = random.choice(n, p=np.full(n, 1 / n))
    nearest = square[chosen[0]]
    left = nearest.sum()
    for i in range(1, k):
        drawn = np.searchsorted(np.cumsum(nearest), random.uniform(size=trials) * left)
        drawn = np.minimum(drawn, n - 1)
        candidates = np.minimum(square[drawn], nearest)
        sums = candidates.sum(axis=1)
        best = int(sums.argmin())
        chosen[i], nearest, left = drawn[best], candidates[best], sums[best]
    return chosen


def seeded(square: Floats) -> Callable[..., NDArray[Any]]:
    """`greedy_seeds` as an ``init`` of scikit-learn's ``KMeans``."""

    def init(points: NDArray[Any], k: int, random_state: np.random.RandomState) -> NDArray[Any]:
        return np.asarray(points[greedy_seeds(square, k, random_state)])

    return init

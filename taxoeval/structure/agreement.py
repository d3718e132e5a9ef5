"""How far two partitions of the same images agree: three measures that are always read together."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MEASURES = ("AMI", "ARI", "V-measure")


def agreement(one: Ints, other: Ints) -> Floats:
    """Adjusted mutual information, adjusted Rand index and V-measure of two partitions.

    1 if they are the same. The first two are 0 on average if the images of one are dealt out anew with sizes kept; the
    V-measure rises with the number of clusters and is to be read beside that of such shuffles alone.

    Parameters
    ----------
    one, other
        ``(n,)`` integers: the part of each image.

    Returns
    -------
    measures
        ``(3,)``; NaN where a partition has a single part, or both have one part an image.

    Notes
    -----
    Equal to scikit-learn's functions of these names (arithmetic normalisation) wherever they are defined; many times
    faster with many clusters, because the expectation is worked out once for all parts of a size.

    References
    ----------
    N. X. Vinh, J. Epps, J. Bailey, "Information Theoretic Measures for Clusterings Comparison", Journal of Machine
    Learning Research 11 (2010). L. Hubert, P. Arabie, "Comparing partitions", Journal of Classification 2 (1985).
    A. Rosenberg, J. Hirschberg, "V-Measure", EMNLP-CoNLL 2007.

    Examples
    --------
    >>> agreement(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 1, 1, 1, 1])).round(3)
    array([0.615, 0.444, 0.734])
    """
    n = len(one)
    _, row, a = np.unique(one, return_inverse=True, return_counts=True)
    _, column, b = np.unique(other, return_inverse=True, return_counts=True)
    if len(a) < 2 or len(b) < 2 or len(a) == len(b) == n:
        return np.full(3, np.nan)
    cell, both = np.unique(row * len(b) + column, return_counts=True)
    at, of = np.divmod(cell, len(b))
    information = float((both / n * np.log(n * both / (a[at] * b[of]))).sum())
    entropy = (_entropy(a, n) + _entropy(b, n)) / 2
    chance = expected_information(a, b)
    pairs, pairs_a, pairs_b = (float((c * (c - 1.0)).sum()) for c in (both, a, b))
    by_chance = pairs_a * pairs_b / (n * (n - 1.0))
    return np.array(
        [
            (information - chance) / (entropy - chance),
            (pairs - by_chance) / ((pairs_a + pairs_b) / 2 - by_chance),
            information / entropy,
        ]
    )


def _entropy(count: Ints, n: int) -> float:
    share = count / n
    return float(-(share * np.log(share)).sum())


def expected_information(a: Ints, b: Ints) -> float:
    """Mean mutual information, in nats, of two partitions with parts of sizes ``a`` and ``b`` dealt out at random.

    Examples
    --------
    >>> round(expected_information(np.array([2, 2]), np.array([2, 2])), 4)  # log 2 in one of three deals
    0.231
    """
    n = int(a.sum())
    size_a, times_a = np.unique(a, return_counts=True)
    size_b, times_b = np.unique(b, return_counts=True)
    x, y = (part.ravel() for part in np.meshgrid(size_a, size_b, indexing="ij"))
    times = np.outer(times_a, times_b).ravel()
    low = np.maximum(1, x + y - n)
    terms = np.minimum(x, y) - low + 1
    pair = np.repeat(np.arange(len(x)), terms)
    both = np.arange(len(pair)) - np.repeat(np.cumsum(terms) - terms, terms) + low[pair]
    x, y = x[pair], y[pair]
    log = np.log(np.maximum(np.arange(n + 1), 1))
    factorial = np.cumsum(log)
    chance = factorial[x] + factorial[y] + factorial[n - x] + factorial[n - y] - factorial[n] - factorial[both]
    chance -= factorial[x - both] + factorial[y - both] + factorial[n - x - y + both]
    return float((times[pair] * both / n * (log[n] + log[both] - log[x] - log[y]) * np.exp(chance)).sum())

"""How far two partitions of the same images agree: three measures that are always read together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MEASURES = ("AMI", "ARI", "V-measure")

_TERMS = 1 << 16
"""Terms of the expectation worked out at a time."""


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
    row, column = (np.unique(part, return_inverse=True)[1] for part in (one, other))
    return np.asarray(Partition.of(column).agreements(row[None])[0])


@dataclass(frozen=True, eq=False)
class Partition:
    """One partition, to compare many others with.

    Attributes
    ----------
    part
        ``(n,)`` the part of each image, numbered from 0.
    size
        Images of each part that has any.
    chance
        ``(n + 1,)`` what parts of each size, of the other partition, add to the mutual information expected by chance;
        NaN where it has not been asked for yet.
    """

    part: Ints
    size: Ints
    chance: Floats

    @classmethod
    def of(cls, part: Ints) -> "Partition":
        """From the parts of the images, numbers from 0."""
        count = np.bincount(part)
        return cls(part, count[count > 0], np.full(len(part) + 1, np.nan))

    def agreements(self, others: Ints) -> Floats:
        """`agreement` with each of several partitions.

        Parameters
        ----------
        others
            ``(p, n)`` the part of each image, numbered from 0.

        Returns
        -------
        measures
            ``(p, 3)``.

        Examples
        --------
        >>> partition = Partition.of(np.array([0, 0, 1, 1, 1, 1]))
        >>> partition.agreements(np.array([[0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 0]])).round(3)
        array([[ 0.615,  0.444,  0.734],
               [-0.193, -0.071,  0.048]])
        """
        (p, n), b = others.shape, self.size
        found = np.full((p, 3), np.nan)
        if n < 2:
            return found
        k, row = int(others.max()) + 1, np.arange(p)[:, None]
        a = np.bincount((row * k + others).ravel(), minlength=p * k).reshape(p, k)
        # images of one cell, of both partitions, stand next to each other
        cell = np.sort((row * k + others) * (int(self.part.max()) + 1) + self.part, axis=1).ravel()
        start = np.flatnonzero(np.diff(cell, prepend=-1))
        both = np.diff(np.append(start, len(cell)))
        times_log = np.arange(n + 1) * np.log(np.maximum(np.arange(n + 1), 1))
        in_cells, in_pairs = (np.bincount(start // n, of, minlength=p) for of in (times_log[both], both * (both - 1.0)))
        in_a, in_b = times_log[a].sum(axis=1), times_log[b].sum()
        information = times_log[n] / n + (in_cells - in_a - in_b) / n
        entropy = times_log[n] / n - (in_a + in_b) / (2 * n)
        chance = self._by_chance(a)
        pairs_a, pairs_b = (a * (a - 1.0)).sum(axis=1), (b * (b - 1.0)).sum()
        pairs = pairs_a * pairs_b / (n * (n - 1.0))
        parts = (a > 0).sum(axis=1)
        told = (parts > 1) & (len(b) > 1) & ~((parts == n) & (len(b) == n))
        np.divide(information - chance, entropy - chance, out=found[:, 0], where=told)
        np.divide(in_pairs - pairs, (pairs_a + pairs_b) / 2 - pairs, out=found[:, 1], where=told)
        np.divide(information, entropy, out=found[:, 2], where=told)
        return found

    def _by_chance(self, a: Ints) -> Floats:
        """``(p,)`` mutual information expected of partitions with parts of sizes ``a (p, k)``."""
        new = np.unique(a)
        new = new[np.isnan(self.chance[new])]
        self.chance[new] = expected_by_size(new, self.size)
        return np.asarray(self.chance[a].sum(axis=1))


def expected_information(a: Ints, b: Ints) -> float:
    """Mean mutual information, in nats, of two partitions with parts of sizes ``a`` and ``b`` dealt out at random.

    Examples
    --------
    >>> round(expected_information(np.array([2, 2]), np.array([2, 2])), 4)  # log 2 in one of three deals
    0.231
    """
    size, times = np.unique(a, return_counts=True)
    return float(times @ expected_by_size(size, b))


def expected_by_size(size: Ints, b: Ints) -> Floats:
    """What a part of each ``size (s,)`` adds to that mean, whatever the other parts of its partition."""
    n = int(b.sum())
    size_b, times_b = np.unique(b, return_counts=True)
    found = np.zeros(len(size))
    log = np.log(np.maximum(np.arange(n + 1), 1))
    times_log, factorial = np.arange(n + 1) * log, np.cumsum(log)
    terms = np.minimum(size[:, None], size_b).sum(axis=1)  # at most
    for at in np.split(np.arange(len(size)), np.flatnonzero(np.diff(np.cumsum(terms) // _TERMS)) + 1):
        x, y = (part.ravel() for part in np.meshgrid(size[at], size_b, indexing="ij"))
        low = np.maximum(1, x + y - n)
        held = np.maximum(np.minimum(x, y) - low + 1, 0)
        pair = np.repeat(np.arange(len(x)), held)
        both = np.arange(len(pair)) - np.repeat(np.cumsum(held) - held - low, held)
        always = factorial[x] + factorial[y] + factorial[n - x] + factorial[n - y] - factorial[n]
        chance = always[pair] - factorial[both] - factorial[x[pair] - both]
        chance -= factorial[y[pair] - both] + factorial[(n - x - y)[pair] + both]
        mean = np.bincount(pair, np.exp(chance) * times_log[both], minlength=len(x)) / n
        # the mean of what both hold is x y / n
        mean += (x / n) * (y / n) * (log[n] - log[x] - log[y])
        found[at] = mean.reshape(-1, len(size_b)) @ times_b
    return found

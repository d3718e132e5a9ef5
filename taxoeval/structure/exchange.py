"""The test of one rank among nested ranks: would its taxa be as much alike inside with their parts dealt out anew?"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import exp, lgamma, log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ENOUGH = 20
"""Ways to deal the parts out below which no p could reach 0.05."""

_GRAM = 2048
"""Most parts of a stratum of which all inner products are held: 32 MB."""

_GATHERED = 1 << 19
"""Inner products gathered at a time."""


@dataclass(frozen=True, eq=False)
class Exchange:
    """Parts (say genera) of taxa (families) within strata (orders), ready to be dealt out anew within each stratum.

    Attributes
    ----------
    mean
        ``(u, d)`` mean vector of each part, in order of stratum and taxon.
    taxon, stratum
        ``(u,)`` the codes of either, each ascending.
    """

    mean: Floats
    taxon: Ints
    stratum: Ints

    @classmethod
    def of(cls, mean: Floats, taxon: Ints, stratum: Ints) -> "Exchange":
        """In order, without strata in which dealing changes nothing: those of one taxon, or of one part a taxon.

        Examples
        --------
        >>> order = Exchange.of(np.eye(4), taxon=np.array([7, 7, 8, 9]), stratum=np.array([1, 1, 1, 2]))
        >>> len(order.taxon), order.ways  # the second stratum has one taxon; three parts into a pair and a single
        (3, 3.0)
        """
        _, first, code = np.unique(taxon, return_index=True, return_inverse=True)
        parts, home = np.bincount(code), np.unique(stratum[first], return_inverse=True)[1]
        useful = (np.bincount(home) > 1) & (np.bincount(home, weights=parts) > np.bincount(home))
        order = np.lexsort((code, home[code]))
        order = order[useful[home][code][order]]
        return cls(mean[order], code[order], home[code][order])

    @cached_property
    def start(self) -> Ints:
        """``(taxa,)`` where the parts of each taxon begin."""
        return np.flatnonzero(np.diff(self.taxon, prepend=-1))

    @cached_property
    def ways(self) -> float:
        """In how many different ways the parts can be dealt out; taxa with equally many parts are alike."""
        size = np.diff(np.append(self.start, len(self.taxon)))
        alike = np.unique(np.stack([self.stratum[self.start], size]), axis=1, return_counts=True)[1]
        whole = np.unique(self.stratum, return_counts=True)[1]
        logarithm = sum(lgamma(k + 1) for k in whole) - sum(lgamma(k + 1) for k in [*size, *alike])
        return float(round(exp(logarithm))) if logarithm < log(1e9) else float("inf")

    def p(self, permutations: int, rng: np.random.Generator) -> tuple[float, str]:
        """Share of ways, as dealt at random, in which taxa are at least as much alike inside; NaN and why if few.

        What is compared is the sum over taxa of ``k`` times the mean inner product of two of their ``k`` parts. With
        equal numbers of parts it rises with the F ratio. With unequal ones it is better: in the F ratio a noisy part
        that makes up a taxon by itself weighs as much as a true difference, and a part with many images more than
        many others; here a part alone counts nothing, and every other part the same.
        """
        if self.ways < ENOUGH:
            some = "there is no other way" if self.ways == 1 else f"there are only {self.ways:.0f} ways"
            return float("nan"), f"untested: {some} to exchange its parts"
        found = np.zeros(1 + permutations)
        edges = np.append(np.flatnonzero(np.diff(self.stratum, prepend=-1)), len(self.stratum))
        for first, last in pairwise(edges):
            found += self._dealt(slice(first, last), permutations, rng)
        at_least = int((found[1:] >= found[0] - 1e-9 * np.abs(found).max()).sum())
        return (1 + at_least) / (1 + permutations), ""

    def _dealt(self, part: slice, permutations: int, rng: np.random.Generator) -> Floats:
        """``(1 + permutations,)`` what is compared within one stratum, as it is and dealt out."""
        mean = self.mean[part]
        n, d = mean.shape
        as_it_is = np.arange(n)
        deal = np.vstack([as_it_is, rng.permuted(np.tile(as_it_is, (permutations, 1)), axis=1)])
        start = np.flatnonzero(np.diff(self.taxon[part], prepend=-1))
        size = np.diff(np.append(start, n))
        # what costs less, as measured: to gather k**2 / 2 inner products, or to add up k vectors
        small = (size > 1) & (n <= _GRAM) & (6 * size <= d) & (40 * size**2 <= n * d)
        found = _by_products(mean, deal, start[small], size[small])
        own = np.einsum("ij,ij->i", mean, mean)
        for first, k in zip(start[(size > 1) & ~small], size[(size > 1) & ~small], strict=True):
            held = deal[:, first : first + k]
            square = _squares_of_sums(mean, held)
            found += (square - own.take(held).sum(axis=1)) / (k - 1)
        return found


def _by_products(mean: Floats, deal: Ints, start: Ints, size: Ints) -> Floats:
    """``(deals,)`` sum over taxa of the inner products of two of their parts, by ``k - 1``, from all inner products."""
    found, n = np.zeros(len(deal)), len(mean)
    if not len(size):
        return found
    product = (mean @ mean.T).ravel()
    pairs = [np.triu_indices(k, 1) for k in size.tolist()]
    one, other = (np.concatenate([first + pair[i] for first, pair in zip(start, pairs, strict=True)]) for i in (0, 1))
    share = np.repeat(2 / (size - 1), size * (size - 1) // 2)
    step = max(1, _GATHERED // len(one))
    for a in range(0, len(deal), step):
        some = deal[a : a + step]
        found[a : a + step] = product.take(some.take(one, axis=1) * n + some.take(other, axis=1)) @ share
    return found


def _squares_of_sums(mean: Floats, held: Ints) -> Floats:
    """``(deals,)`` squared length of the sum of the parts held by one taxon in each deal, ``held (deals, k)``."""
    from scipy.sparse import csr_array

    (deals, k), n = held.shape, len(mean)
    found = np.empty(deals)
    step = max(1, _GATHERED // n)
    for a in range(0, deals, step):
        some = held[a : a + step]
        if 6 * k > n:
            member = np.zeros((len(some), n))
            np.put_along_axis(member, some, 1.0, axis=1)
            total = member @ mean
        else:
            end = np.arange(len(some) + 1) * k
            total = csr_array((np.ones(some.size), some.ravel(), end), shape=(len(some), n)) @ mean
        found[a : a + step] = np.einsum("ij,ij->i", total, total)
    return found

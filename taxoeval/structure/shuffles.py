"""What a statistic would be if the taxonomy were none: the same parts, dealt out to the same taxa at random."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import exp, lgamma, log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ENOUGH = 20
"""Ways to deal the parts out below which no p could reach 0.05."""


_HELD = 1 << 20
"""Parts dealt out at a time: 8 MB."""


@dataclass(frozen=True, eq=False)
class Shuffle:
    """Parts of taxa, to be dealt out anew within strata; every taxon keeps its number of parts in each stratum.

    Attributes
    ----------
    taxon
        ``(m,)`` integers: the taxon of each part; ``-1`` is unknown, and such a part stays where it is.
    stratum
        ``(m,)`` integers: parts change places with those of their own stratum alone.

    Examples
    --------
    >>> shuffle = Shuffle(np.array([7, 7, 8, 8, -1]), np.zeros(5, dtype=int))
    >>> shuffle.ways  # 7 and 8 hold two each: {0 1 | 2 3}, {0 2 | 1 3}, {0 3 | 1 2}
    3.0
    >>> shuffle.untested
    'untested: no more than 3 ways to deal the parts out'
    >>> sorted(shuffle.draw(np.random.default_rng(0)).tolist())
    [-1, 7, 7, 8, 8]
    """

    taxon: Ints
    stratum: Ints

    @cached_property
    def _known(self) -> Ints:
        return np.flatnonzero(self.taxon >= 0)

    @cached_property
    def _place(self) -> Ints:
        """The known parts, stratum by stratum."""
        return self._known[np.argsort(self.stratum[self._known], kind="stable")]

    @property
    def each_alone(self) -> bool:
        """Whether every taxon has a single part."""
        return len(np.unique(self.taxon[self._known])) == len(self._known)

    def draw(self, rng: np.random.Generator) -> Ints:
        """``(m,)`` the taxon of each part, dealt anew."""
        return np.asarray(next(self.deals(1, rng))[0])

    def deals(self, number: int, rng: np.random.Generator, at_a_time: int = 1 << 30) -> Iterator[Ints]:
        """So many draws, ``(b, m)`` at a time; the same as by `draw`, one after the other.

        Examples
        --------
        >>> shuffle = Shuffle(np.array([7, 7, 8, 8, -1]), np.zeros(5, dtype=int))
        >>> [dealt.shape for dealt in shuffle.deals(5, np.random.default_rng(0), at_a_time=3)]
        [(3, 5), (2, 5)]
        """
        known = len(self._known)
        of_known = np.argsort(self.stratum[self._known], kind="stable")
        stratum = np.unique(self.stratum[self._place], return_inverse=True)[1]
        step = max(1, min(at_a_time, _HELD // max(1, known)))
        for first in range(0, number, step):
            key = rng.random((min(step, number - first), known))
            if known and stratum[-1]:
                key = key.take(of_known, axis=1) + stratum
            dealt = np.tile(self.taxon, (len(key), 1))
            dealt[:, self._place] = self.taxon[self._place[np.argsort(key, axis=1)]]
            yield dealt

    @cached_property
    def log_ways(self) -> float:
        """Natural logarithm of the number of different ways to deal the parts out; taxa alike in size count once."""
        if not len(self._known):
            return 0.0
        _, code = np.unique(self.taxon[self._known], return_inverse=True)
        _, stratum, whole = np.unique(self.stratum[self._known], return_inverse=True, return_counts=True)
        cells, size = np.unique(np.stack([code, stratum]), axis=1, return_counts=True)
        profiles: dict[int, list[tuple[int, int]]] = {}
        for taxon, where, n in zip(*cells.tolist(), size.tolist(), strict=True):
            profiles.setdefault(taxon, []).append((where, n))
        alike: dict[tuple[tuple[int, int], ...], int] = {}
        for profile in profiles.values():
            alike[tuple(profile)] = alike.get(tuple(profile), 0) + 1
        several = sum(lgamma(k + 1) for k in whole.tolist()) - sum(lgamma(k + 1) for k in size.tolist())
        return several - sum(lgamma(k + 1) for k in alike.values())

    @property
    def ways(self) -> float:
        """Their number, rounded; infinite where too large."""
        return float(round(exp(self.log_ways))) if self.log_ways < 30 else float("inf")

    @property
    def untested(self) -> str:
        """Why shuffling tells nothing; empty where it does."""
        if self.log_ways > log(ENOUGH) - 1e-9:
            return ""
        if self.ways < 2:
            return "untested: shuffling changes nothing"
        return f"untested: no more than {self.ways:.0f} ways to deal the parts out"


def free(lineage: Ints, place: int) -> Shuffle:
    """Labels dealt out to the taxa of a rank, among those that are known to the same ranks.

    A label within which another one lies, such as a genus beside its own species, stays out (its taxon becomes
    ``-1``): its images are partly of that species, so the two would look like kin under any test of the genus.

    Parameters
    ----------
    lineage
        ``(g, n_ranks)`` the taxon of each label (mostly species) at every rank, ``-1`` where unknown.
    place
        Of the rank.

    Examples
    --------
    >>> free(np.array([[0, -1], [0, 1], [0, 2], [3, -1]]), 0).taxon  # 0 holds 1 and 2; nothing is known within 3
    array([-1,  0,  0,  3])
    """
    own = lineage.max(axis=1)  # finer taxa have higher ids
    taxa, times = np.unique(lineage, return_counts=True)
    inner = times[np.searchsorted(taxa, own)] > 1
    pattern = np.unique(lineage >= 0, axis=0, return_inverse=True)[1].reshape(-1)
    return Shuffle(np.where(inner, -1, lineage[:, place]), pattern)


def of_species(lineage: Ints, place: int, label: Ints) -> tuple[Shuffle, Ints]:
    """Species dealt out to the taxa of a rank; or images, at the rank of the species, where that changes nothing.

    Parameters
    ----------
    lineage, place
        As for `free`.
    label
        ``(n,)`` place of the label of each image in `lineage`.

    Returns
    -------
    shuffle, part
        The shuffle and ``(n,)`` the part that each image is (of): ``shuffle.draw(rng)[part]`` are taxa of images.

    Examples
    --------
    >>> lineage = np.array([[0, 1], [0, 2], [3, 4], [3, 5]])  # genera 0 and 3 of two species each
    >>> genera, part = of_species(lineage, 0, np.array([0, 0, 1, 2, 3, 3]))
    >>> genera.draw(np.random.default_rng(1))[part]
    array([3, 3, 0, 3, 0, 0])
    """
    shuffle = free(lineage, place)
    if shuffle.each_alone:
        return Shuffle(lineage[label, place], np.zeros(len(label), dtype=np.int64)), np.arange(len(label))
    return shuffle, label


def p_value(value: float, null: Floats) -> float:
    """``(1 + #{null >= value}) / (1 + #null)``; NaN where the value or any of the null is.

    What rounding alone tells apart counts as equal.

    Examples
    --------
    >>> p_value(0.5, np.array([0.1, 0.5, 0.2]))
    0.5
    """
    if np.isnan(value) or not len(null) or np.isnan(null).any():
        return float("nan")
    near = 1e-9 * max(1.0, abs(value))
    return float((1 + (null >= value - near).sum()) / (1 + len(null)))

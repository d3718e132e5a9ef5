"""Exact sums and counts per taxon that shards and processes can merge into the figure of the whole set."""

import math
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_DIGIT = 32
"""Bits of one digit: a digit of a float and 2**30 additions fit an int64."""
_LOW = (1 << _DIGIT) - 1
_ROWS = 1 << 20
"""Rows added at a time: sums of so many digits are still whole numbers in float64."""


@dataclass(frozen=True, eq=False)
class Tally:
    """Exact sums and counts of values per taxon; `+` merges the tallies of shards, batches or processes.

    Floating-point sums depend on their order, so a mean of means, or of sums in another order, is another number. Here
    each value is added as the whole number of units in the last place that it is. Merging is exact, so associative and
    commutative: the whole set in one go, its shards in any order and uneven last batches give the same bits.

    Attributes
    ----------
    count
        ``(n_taxa, m)`` how many defined values each taxon has in each column.
    digits
        Place of a digit -> ``(n_taxa, m)`` int64: a sum is ``digits[place] * 2**(32 * place)`` over all places.

    Notes
    -----
    Exact up to 2**30 values per taxon and column. Instances are immutable and can be pickled, so that they travel
    between processes: ``sum(tallies, start=Tally.empty(n_taxa, m))``.

    References
    ----------
    .. [1] R. M. Neal, "Fast Exact Summation Using Small and Large Superaccumulators", 2015. arXiv:1505.05571.

    Examples
    --------
    >>> one = Tally.of([[0.1], [0.2]], taxon=[0, 1], n_taxa=2)
    >>> two = Tally.of([[0.3], [np.nan]], taxon=[0, 1], n_taxa=2)
    >>> (one + two).total()
    array([0.6])
    >>> (one + two).mean(), (one + two).taxon_mean()
    (array([0.2]), array([0.2]))
    >>> 0.1 + 0.2 + 0.3  # in floating point
    0.6000000000000001
    """

    count: Ids
    digits: dict[int, Ids]

    @classmethod
    def empty(cls, n_taxa: int, columns: int = 1) -> "Tally":
        """Nothing added yet."""
        return cls(np.zeros((n_taxa, columns), dtype=np.int64), {})

    @classmethod
    def of(cls, values: ArrayLike, taxon: ArrayLike, n_taxa: int) -> "Tally":
        """Tally of some samples.

        Parameters
        ----------
        values
            ``(n,)`` or ``(n, m)``, one value per sample (and column); NaN is left out.
        taxon
            ``(n,)``, normally the target; or ``(n, m)``, a column of taxa for each column of values. ``-1`` is left
            out.
        n_taxa
            Ids go from 0 to ``n_taxa - 1``: ``len(taxonomy)``.

        Returns
        -------
        tally
            With one row per taxon and one column per column of values.

        Raises
        ------
        ValueError
            If the shapes disagree, a taxon is not below ``n_taxa``, or a value is infinite.
        """
        numbers, taxa = np.asarray(values, dtype=np.float64), np.asarray(taxon)
        numbers = numbers[:, None] if numbers.ndim == 1 else numbers
        taxa = np.broadcast_to(taxa[:, None], numbers.shape) if taxa.shape == numbers.shape[:1] else taxa
        if numbers.ndim != 2 or taxa.shape != numbers.shape:
            raise ValueError(f"values {np.shape(values)} and taxon {np.shape(taxon)} must be (n,) or (n, m) and agree")
        if taxa.size and (not np.issubdtype(taxa.dtype, np.integer) or taxa.min() < -1 or taxa.max() >= n_taxa):
            seen = f"{taxa.dtype} {taxa.min()} .. {taxa.max()}"
            raise ValueError(f"taxon must hold ids from -1 to {n_taxa - 1}; got {seen}")
        if np.isinf(numbers).any():
            raise ValueError("values must be finite or NaN; one is infinite")
        tally = cls.empty(n_taxa, numbers.shape[1])
        for first in range(0, len(numbers), _ROWS):
            tally = tally + cls._of_block(numbers[first : first + _ROWS], taxa[first : first + _ROWS], n_taxa)
        return tally

    @classmethod
    def _of_block(cls, values: Floats, taxon: Ids, n_taxa: int) -> "Tally":
        m = values.shape[1]
        known = ~np.isnan(values) & (taxon >= 0)
        cell = (taxon * m + np.arange(m))[known]
        digits: dict[int, Ids] = {}
        for place, which, amount in _split(values[known]):
            summed = np.bincount(cell[which], weights=amount, minlength=n_taxa * m).astype(np.int64)
            digits[place] = digits.get(place, 0) + summed.reshape(n_taxa, m)
        return cls(np.bincount(cell, minlength=n_taxa * m).reshape(n_taxa, m), digits)

    def __add__(self, other: "Tally") -> "Tally":
        """The tally of both sets of samples together."""
        if self.count.shape != other.count.shape:
            raise ValueError(f"tallies of {self.count.shape} and {other.count.shape} taxa and columns cannot be merged")
        digits = dict(self.digits)
        for place, amount in other.digits.items():
            digits[place] = digits[place] + amount if place in digits else amount
        return Tally(self.count + other.count, digits)

    def n(self) -> Ids:
        """Defined values in each column, ``(m,)``."""
        return np.asarray(self.count.sum(axis=0))

    def total(self) -> Floats:
        """Sum of each column over all taxa, ``(m,)``: the exact one, rounded once."""
        return _rounded({place: amount.sum(axis=0) for place, amount in self.digits.items()}, self.count.shape[1:])

    def totals(self) -> Floats:
        """Sum per taxon and column, ``(n_taxa, m)``: the exact ones, each rounded once."""
        return _rounded(self.digits, self.count.shape)

    def mean(self) -> Floats:
        """Mean over samples (micro), ``(m,)``; NaN where no sample is defined."""
        return _ratio(self.total(), self.n())

    def means(self) -> Floats:
        """Mean within each taxon, ``(n_taxa, m)``; NaN where it has no defined sample."""
        return _ratio(self.totals(), self.count)

    def taxon_mean(self) -> Floats:
        """Mean over taxa of the mean within each (macro), ``(m,)``; NaN where no taxon is defined."""
        means = self.means()
        totals = [math.fsum(column[~np.isnan(column)].tolist()) for column in means.T]
        return _ratio(np.array(totals), (self.count > 0).sum(axis=0))


def merge(tallies: list[Tally]) -> Tally:
    """Merge one or more tallies; the order does not matter.

    Examples
    --------
    >>> merge([Tally.of([1.0, 0.0], taxon=[0, 1], n_taxa=2), Tally.of([1.0], taxon=[1], n_taxa=2)]).mean().round(3)
    array([0.667])
    """
    if not tallies:
        raise ValueError("nothing to merge: give one tally or more, or Tally.empty(n_taxa, columns)")
    return reduce(Tally.__add__, tallies)


def _split(values: Floats) -> list[tuple[int, NDArray[np.bool_], Floats]]:
    """Digits of values: (place, which values, their digits there), whole numbers of either sign below 2**33."""
    if np.array_equal(values, np.rint(values)) and np.abs(values).max(initial=0) <= _LOW:  # hits, heights, counts
        return [(0, np.ones(len(values), dtype=bool), values)]
    mantissa, exponent = np.frexp(values)
    whole = np.abs(np.ldexp(mantissa, 53)).astype(np.int64)  # |value| = whole * 2**(exponent - 53)
    sign = np.sign(values)
    lowest, shift = np.divmod(exponent.astype(np.int64) - 53, _DIGIT)
    low, high = (whole & _LOW) << shift, (whole >> _DIGIT) << shift
    parts = (low & _LOW, (low >> _DIGIT) + (high & _LOW), high >> _DIGIT)
    found = []
    nonzero = values != 0
    first = int(lowest[nonzero].min())
    for place in (first + np.flatnonzero(np.bincount(lowest[nonzero] - first))).tolist():
        which = (lowest == place) & nonzero
        found += [(place + i, which, (sign * part)[which]) for i, part in enumerate(parts) if part[which].any()]
    return found


def _rounded(digits: dict[int, Ids], shape: tuple[int, ...]) -> Floats:
    """Whole sums as floats, each rounded once."""
    result = np.zeros(shape)
    if not digits:
        return result
    if set(digits) == {0} and np.abs(digits[0]).max(initial=0) < 1 << 53:  # hits, heights, counts
        return digits[0].astype(np.float64)
    base = min(digits)
    for index in np.ndindex(*shape):
        whole = sum(int(amount[index]) << (_DIGIT * (place - base)) for place, amount in digits.items())
        result[index] = _whole_to_float(whole, _DIGIT * base)
    return result


def _whole_to_float(whole: int, power: int) -> float:
    """``whole * 2**power``, rounded once, as Python divides whole numbers; infinite above the largest float."""
    try:
        return float(whole << power) if power >= 0 else whole / (1 << -power)
    except OverflowError:
        return math.inf if whole > 0 else -math.inf


def _ratio(total: NDArray[np.float64], count: Ids) -> Floats:
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))

"""Wilson's interval of every part of a sample at once, such as every clade of a rank: sums instead of a table."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics.statistics.closed_form import checked_level, student_quantile, wilson_ends
from taxoeval.metrics.statistics.interval import Interval

Floats = NDArray[np.float64]


def wilson_by_part(
    values: ArrayLike, part: ArrayLike, groups: ArrayLike, *, parts: int, level: float = 0.95
) -> Interval:
    """Wilson's interval of the proportion within each part, over its groups, or over its samples if it has one group.

    Parameters
    ----------
    values
        ``(n,)`` of {0, 1, NaN}.
    part
        ``(n,)`` the part of each sample, ``0 <= part < parts``.
    groups
        ``(n,)`` integers: the group of each sample, normally its species.
    parts
        How many parts there are.
    level
        Coverage aimed at.

    Returns
    -------
    interval
        `Interval` of shape ``(parts,)``: for a part with several groups what :func:`wilson` gives its samples with
        ``groups``, for one with a single group what it gives without. NaN where no value is defined.

    Raises
    ------
    ValueError
        If a value is not 0, 1 or NaN, or ``level`` is not between 0 and 1.

    Examples
    --------
    >>> found = wilson_by_part([1, 1, 0, 1, 0, 0], [0, 0, 0, 1, 1, 1], [7, 7, 8, 9, 9, 9], parts=2)
    >>> found.estimate.round(2).tolist(), found.low.round(2).tolist(), found.high.round(2).tolist()
    ([0.67, 0.33], [0.0, 0.06], [1.0, 0.79])
    """
    checked_level(level)
    right, of_part, of_group = np.asarray(values, dtype=np.float64), np.asarray(part), np.asarray(groups)
    defined = ~np.isnan(right)
    right, of_part, of_group = right[defined], of_part[defined], of_group[defined]
    wrong = right[(right != 0) & (right != 1)]
    if len(wrong):
        raise ValueError(f"values must be 0, 1 or NaN for Wilson's interval, got {wrong[0]}; use student or bootstrap")
    pair, inverse = np.unique(np.stack([of_part, of_group]), axis=1, return_inverse=True)
    total, count = np.bincount(inverse.ravel(), weights=right), np.bincount(inverse.ravel())
    return wilson_of_groups(total, count, pair[0].astype(np.int64), parts=parts, level=level)


def wilson_of_groups(
    total: NDArray[Any], count: NDArray[Any], part: NDArray[np.int64], *, parts: int, level: float = 0.95
) -> Interval:
    """`wilson_by_part` from the sums of each group, for whoever has them.

    Parameters
    ----------
    total, count
        ``(k,)`` of each group that a part has: how many of its samples are 1, and how many there are, at least one.
    part
        ``(k,)`` the part.
    parts, level
        As for `wilson_by_part`.

    Returns
    -------
    interval
        `Interval` of shape ``(parts,)``; NaN for a part without groups.

    Examples
    --------
    >>> found = wilson_of_groups(np.array([2, 0, 1]), np.array([2, 1, 3]), np.array([0, 0, 1]), parts=2)
    >>> found.estimate.round(2).tolist(), found.high.round(2).tolist()
    ([0.67, 0.33], [1.0, 0.79])
    """

    def summed(column: NDArray[Any]) -> Floats:
        return np.bincount(part, weights=column, minlength=parts).astype(np.float64)

    whole, number = summed(count), summed(np.ones(len(part)))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = summed(total) / whole
        without = (summed(total)[part] - total) / (whole[part] - count)  # the proportion when one group is left out
        error = np.sqrt(summed((without - p[part]) ** 2) * (number - 1) / number)
        effective = whole**2 / summed(count**2)
        across = np.where(error > 0, p * (1 - p) / error**2, effective)
    from scipy.special import ndtri

    several = number > 1
    of_groups = wilson_ends(p, across, student_quantile(effective, level))
    of_samples = wilson_ends(p, whole, np.full(parts, ndtri((1 + level) / 2)))
    lower, upper = (
        np.where(np.isnan(grouped) | ~several, single, grouped)
        for grouped, single in zip(of_groups, of_samples, strict=True)
    )
    return Interval(p, lower, upper, whole.astype(np.int64), level)

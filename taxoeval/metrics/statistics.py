"""From one value per sample to a number with its uncertainty; chance and majority levels come from `chance`."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics.chance import chance_hits, chance_rank_height, majority_hits

__all__ = ["Interval", "bootstrap", "chance_hits", "chance_rank_height", "majority_hits", "mean", "taxon_mean"]

Floats = NDArray[np.float64]
_BLOCK = 1 << 21  # numbers gathered at a time by the bootstrap: 16 MiB


@dataclass(frozen=True, eq=False)
class Interval:
    """An estimate between the ends of its interval.

    Attributes
    ----------
    estimate, low, high
        Shape of the values without their first axis; NaN where nothing is defined.
    n
        How many samples (micro) or taxa (macro) each estimate rests on.
    level
        Coverage aimed at, for example 0.95.
    """

    estimate: Floats
    low: Floats
    high: Floats
    n: NDArray[np.int64]
    level: float


def mean(values: ArrayLike) -> Floats:
    """Mean over samples (micro), leaving out NaN.

    Parameters
    ----------
    values
        ``(n, ...)``, one value per sample.

    Returns
    -------
    mean
        Shape ``(...)``; NaN where no sample is defined.

    Examples
    --------
    >>> mean([[1, 0], [1, np.nan]])
    array([1., 0.])
    """
    return _nan_mean(np.asarray(values, dtype=np.float64))


def _nan_mean(values: Floats) -> Floats:
    """Sum over count along the first axis, skipping NaN, without the warning for empty columns."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0))


def taxon_mean(values: ArrayLike, taxon: ArrayLike) -> Floats:
    """Mean over taxa of the mean within each (macro): a rare taxon weighs as much as a common one.

    Parameters
    ----------
    values
        ``(n,)`` or ``(n, m)``, one value per sample (and column).
    taxon
        ``(n,)``, the taxon each sample belongs to, normally the **target**; or ``(n, m)``, one column of taxa for each
        column of values, such as ``taxonomy.ancestor[target]`` beside `rank_hits`, so that accuracy at the rank of
        family is averaged over families. ``-1`` leaves the sample out.

    Returns
    -------
    mean
        Shape ``()`` or ``(m,)``. NaN where no taxon has a defined value. Taxa that are only ever predicted do not
        count: they have no accuracy.

    Raises
    ------
    ValueError
        If the shapes disagree.

    Examples
    --------
    >>> float(taxon_mean([1, 1, 1, 0], [7, 7, 7, 8]))
    0.5
    """
    numbers, groups = np.asarray(values, dtype=np.float64), np.asarray(taxon)
    if numbers.ndim == 2 and groups.ndim == 1:
        groups = np.broadcast_to(groups[:, None], numbers.shape)
    if numbers.shape != groups.shape or numbers.ndim not in (1, 2):
        raise ValueError(f"values {numbers.shape} and taxon {groups.shape} must be (n,) or (n, m) and agree")
    if numbers.ndim == 1:
        return _taxon_mean_column(numbers, groups)
    columns = [_taxon_mean_column(numbers[:, j], groups[:, j]) for j in range(numbers.shape[1])]
    return np.array(columns, dtype=np.float64)


def _taxon_mean_column(values: Floats, taxon: NDArray[np.int64]) -> Floats:
    known = ~np.isnan(values) & (taxon >= 0)
    if not known.any():
        return np.array(np.nan)
    _, group = np.unique(taxon[known], return_inverse=True)
    return np.asarray(np.mean(np.bincount(group, weights=values[known]) / np.bincount(group)))


def bootstrap(
    values: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    average: Literal["micro", "macro"] = "micro",
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of a mean: resamples taxa, then the images within each drawn taxon.

    Images of one species are alike, so an interval that resamples images alone is too narrow whenever the question is
    about species not in the test set. Drawing whole taxa first carries that uncertainty.

    Parameters
    ----------
    values
        ``(n,)`` or ``(n, m)``, one value per sample; NaN is undefined. All columns share the same resamples.
    groups
        ``(n,)`` taxon of each sample, normally the target; ``None`` resamples images alone.
    weights
        ``(n,)``, or one column for each column of values: weight of each sample within the mean, for example how often
        it was tested; ``None``: all 1.
    average
        ``"micro"``: mean over images. ``"macro"``: mean over the groups of the mean within each.
    resamples
        How many resamples.
    level
        Coverage aimed at.
    seed
        Seed of the generator: the same seed gives the same interval.

    Returns
    -------
    interval
        `Interval` of shape ``()`` or ``(m,)``.

    Raises
    ------
    ValueError
        If the shapes disagree, or ``average="macro"`` has no groups.

    Notes
    -----
    Two-stage resampling is slightly conservative: the second stage counts the spread within taxa once more, the less
    the more images a taxon has. With few groups (below about ten) every percentile interval is too narrow. Where all
    values are equal the interval has no width; it says that the sample shows no spread, not that there is none.

    References
    ----------
    .. [1] A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8.

    Examples
    --------
    >>> interval = bootstrap([1, 1, 0, 1, 0, 0, 1, 1], groups=[1, 1, 2, 2, 3, 3, 4, 4])
    >>> float(interval.estimate), bool(interval.low < 0.625 < interval.high)
    (0.625, True)
    """
    numbers = np.asarray(values, dtype=np.float64)
    columns = numbers[:, None] if numbers.ndim == 1 else numbers
    group = np.arange(len(columns)) if groups is None else np.asarray(groups)
    weight = (
        np.ones(columns.shape) if weights is None else _columns_like(columns, np.asarray(weights, dtype=np.float64))
    )
    if group.shape != (len(columns),) or numbers.ndim not in (1, 2):
        raise ValueError(f"values {numbers.shape} must be (n,) or (n, m), and groups {group.shape} (n,)")
    if average == "macro" and groups is None:
        raise ValueError("a macro mean is over groups: pass groups=")
    known = ~np.isnan(columns)
    total, count = np.where(known, columns, 0.0) * weight, known * weight
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0]) if len(order) else np.zeros(0, dtype=np.int64)
    sizes = np.diff(np.r_[starts, len(order)])
    estimate = _combine(
        _sum_runs(total[order], starts)[None], _sum_runs(count[order], starts)[None], macro=average == "macro"
    )[0]
    draws = np.full((resamples, columns.shape[1]), np.nan)
    rng = np.random.default_rng(seed)
    pair = np.concatenate([total[order], count[order]], axis=1)
    step = max(1, _BLOCK // max(1, pair.size))
    for first in range(0, resamples if len(order) else 0, step):
        number = min(step, resamples - first)
        sums = _resample(pair, starts, sizes, number, rng)
        draws[first : first + number] = _combine(*np.split(sums, 2, axis=2), macro=average == "macro")
    low, high = _percentiles(draws, level)
    n = known.sum(axis=0) if average == "micro" else (_sum_runs(count[order], starts) > 0).sum(axis=0)
    shape = numbers.shape[1:]
    return Interval(estimate.reshape(shape), low.reshape(shape), high.reshape(shape), n.reshape(shape), level)


def _columns_like(columns: Floats, weights: Floats) -> Floats:
    if weights.shape[0] != len(columns) or weights.size not in (len(columns), columns.size):
        raise ValueError(f"weights {weights.shape} must have one row per sample, and one column or {columns.shape[1]}")
    return np.broadcast_to(weights.reshape(len(columns), -1), columns.shape)


def _resample(
    pair: Floats, starts: NDArray[np.int64], sizes: NDArray[np.int64], number: int, rng: np.random.Generator
) -> Floats:
    """Sums per drawn group, ``(number, n_groups, columns)``: draw groups, then rows within each drawn group."""
    drawn = rng.integers(len(starts), size=number * len(starts))
    size = sizes[drawn]
    ends = np.cumsum(size)
    offset = (rng.random(ends[-1]) * np.repeat(size, size)).astype(np.int64)
    rows = np.repeat(starts[drawn], size) + offset
    sums = np.add.reduceat(pair[rows], ends - size, axis=0)
    return np.asarray(sums.reshape(number, len(starts), pair.shape[1]))


def _sum_runs(values: Floats, starts: NDArray[np.int64]) -> Floats:
    return np.asarray(np.add.reduceat(values, starts, axis=0)) if len(starts) else np.zeros((0, values.shape[1]))


def _combine(total: Floats, count: Floats, *, macro: bool) -> Floats:
    """Means ``(b, columns)`` from sums and counts per group ``(b, groups, columns)``."""
    if macro:
        within = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        return np.stack([_nan_mean(one) for one in within]) if len(within) else within[:, 0]
    summed, counted = total.sum(axis=1), count.sum(axis=1)
    return np.asarray(np.divide(summed, counted, out=np.full(summed.shape, np.nan), where=counted > 0))


def _percentiles(draws: Floats, level: float) -> tuple[Floats, Floats]:
    """Both ends per column, over the resamples in which the column is defined."""
    low, high = np.full(draws.shape[1], np.nan), np.full(draws.shape[1], np.nan)
    for j, column in enumerate(draws.T):
        defined = column[~np.isnan(column)]
        if len(defined):
            low[j], high[j] = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return low, high

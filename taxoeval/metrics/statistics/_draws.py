"""Means of columns over bootstrap resamples of groups, for every kind of mean the intervals and tests are about."""

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics.statistics._over_taxa import over_taxa
from taxoeval.metrics.statistics._resample import one_stage, two_stage, two_stage_means
from taxoeval.metrics.statistics._runs import Runs
from taxoeval.metrics.statistics._table import Table
from taxoeval.metrics.statistics.interval import Draws
from taxoeval.metrics.statistics.means import ratio

Floats = NDArray[np.float64]


def resampled_means(table: Table, *, stages: int, resamples: int, seed: int, errors: bool = False) -> Draws:
    """Means over resamples; with ``errors`` (one stage, no taxa but the groups) also their standard errors."""
    m = table.total.shape[1]
    if not len(table.group):
        nothing = np.full((0, m), np.nan)
        return Draws(np.full(m, np.nan), np.zeros(m, dtype=np.int64), nothing, nothing)
    runs, rng = Runs.of(table.group), np.random.default_rng(seed)
    if stages == 1 and len(runs.starts) < 2:
        raise ValueError("groups must hold at least 2 different groups for their spread to be seen; got 1")
    if table.taxon is not None:
        return over_taxa(table.total, table.count, table.taxon, runs.number(), resamples, rng)
    total, count = sums_by_group(table, runs)
    n = (count > 0).sum(axis=0) if table.macro else table.defined.sum(axis=0)
    estimate, without = ratio(total.sum(axis=0), count.sum(axis=0)), _without_each(total, count)
    if stages == 2:
        return Draws(estimate, n, _two_stages(table, runs, resamples, rng), without)
    if not errors:
        return Draws(estimate, n, ratio(*_halves(one_stage(np.hstack([total, count]), resamples, rng))), without)
    off = total - np.nan_to_num(estimate) * count
    moments = np.hstack([off, count, off**2, off * count, count**2])
    factor = len(runs.starts) / (len(runs.starts) - 1)
    _, error = shift_and_error(moments.sum(axis=0), factor)
    shifts, drawn_errors = shift_and_error(one_stage(moments, resamples, rng), factor)
    return Draws(estimate, n, estimate + shifts, without, error, drawn_errors)


def standard_error(table: Table) -> tuple[Floats, Floats, Floats]:
    """Mean of each column, its jackknife standard error leaving out each group, and the effective number of groups.

    The effective number is how many groups of equal weight would weigh as these do, ``sum(w)**2 / sum(w**2)``. The
    error is NaN where fewer than two groups have a defined value.
    """
    total, count = sums_by_group(table, Runs.of(table.group))
    whole, number = count.sum(axis=0), (count > 0).sum(axis=0)
    estimate = ratio(total.sum(axis=0), whole)
    # groups in which a column is undefined leave the mean as it is and add nothing
    away = np.where(count > 0, _without_each(total, count) - estimate, 0.0)
    error = np.sqrt((away**2).sum(axis=0) * ratio(number - 1, number))
    return estimate, np.where(number > 1, error, np.nan), ratio(whole**2, (count**2).sum(axis=0))


def _without_each(total: Floats, count: Floats) -> Floats:
    """The mean when one group is left out, ``(groups, m)``."""
    whole = count.sum(axis=0)
    left = whole - count
    left[left < 1e-12 * whole] = 0  # rounding, where a group had all the weight
    return ratio(total.sum(axis=0) - total, left)


def sums_by_group(table: Table, runs: Runs) -> tuple[Floats, Floats]:
    """Two sums per group and column whose ratio, over all groups, is the mean asked for."""
    total, count = runs.sums(table.total), runs.sums(table.count)
    return _mean_and_one(total, count) if table.macro else (total, count)


def _halves(sums: Floats) -> tuple[Floats, Floats]:
    middle = sums.shape[-1] // 2
    return sums[..., :middle], sums[..., middle:]


def _mean_and_one(total: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Mean within each group and 1, or 0 and 0 where it has none: their sums make the mean over groups."""
    return np.divide(total, count, out=np.zeros(total.shape), where=count > 0), (count > 0).astype(np.float64)


def shift_and_error(sums: Floats, factor: float) -> tuple[Floats, Floats]:
    """How far the mean of a resample lies from the estimate, and its own standard error."""
    off, count, off2, product, count2 = np.split(sums, 5, axis=-1)
    shift = ratio(off, count)
    squares = off2 - 2 * shift * product + shift**2 * count2
    squares = np.where(squares < 1e-12 * off2, 0.0, squares)  # rounding, where all drawn groups are alike
    return shift, np.sqrt(factor * squares) / np.where(count > 0, count, np.nan)


def _two_stages(table: Table, runs: Runs, resamples: int, rng: np.random.Generator) -> Floats:
    """Means over resamples of groups, then of the rows within each drawn group."""
    if not table.macro:
        return ratio(*_halves(two_stage(np.hstack([table.total, table.count]), runs, resamples, rng)))
    total, count = table.total, table.count
    if not _one_weight(count, runs):
        total, count = _one_row_where_alike(total, count, runs)
    if not _one_weight(count, runs):
        return two_stage_means(total, count, runs, resamples, rng)
    # the mean within a drawn group is a sum over its drawn rows
    number = runs.number()
    within, one = _mean_and_one(total, runs.sums(count)[number])
    return ratio(*_halves(two_stage(np.hstack([within, one / runs.sizes[number][:, None]]), runs, resamples, rng)))


def _one_weight(count: Floats, runs: Runs) -> bool:
    """Whether each column has one weight throughout each group."""
    number = runs.number()
    return np.allclose(count * runs.sizes[number][:, None], runs.sums(count)[number], rtol=1e-12, atol=0)


def _one_row_where_alike(total: Floats, count: Floats, runs: Runs) -> tuple[Floats, Floats]:
    """Both with a weight of 1 in groups whose rows all have the same values.

    Their mean is that value whichever rows are drawn; and where rows are alike they need not be drawn.
    """
    value = ratio(total, count)
    ordered = value[runs.order]
    equal = np.minimum.reduceat(ordered, runs.starts) == np.maximum.reduceat(ordered, runs.starts)
    same = equal.all(axis=1)[runs.number()][:, None]  # NaN is not equal to NaN
    return np.where(same, value, total), np.where(same, 1.0, count)

"""An estimate between the ends of its interval, and how resampled values become ends."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Method = Literal["percentile", "bca", "studentised"]


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


def shaped(
    estimate: Floats, low: Floats, high: Floats, n: NDArray[np.int64], level: float, shape: tuple[int, ...]
) -> Interval:
    """An interval of each column in the shape the values had beyond their first axis."""
    return Interval(estimate.reshape(shape), low.reshape(shape), high.reshape(shape), n.reshape(shape), level)


@dataclass(frozen=True, eq=False)
class Draws:
    """Means of some columns over the same resamples, and what corrects their quantiles.

    Attributes
    ----------
    estimate, n
        ``(m,)`` the means of the data, and how many samples or taxa each rests on.
    values
        ``(resamples, m)`` the means of the resamples, NaN where undefined.
    without
        ``(groups, m)`` the means when one group is left out.
    error, errors
        Standard errors of ``estimate`` ``(m,)`` and of ``values`` ``(resamples, m)``; ``None`` if not asked for.
    """

    estimate: Floats
    n: NDArray[np.int64]
    values: Floats
    without: Floats
    error: Floats | None = None
    errors: Floats | None = None

    def ends(self, method: Method, level: float) -> tuple[Floats, Floats]:
        """Both ends of the interval of each column, over the resamples in which the column is defined."""
        shares = np.array([(1 - level) / 2, (1 + level) / 2])
        known = ~np.isnan(self.values)
        ends = np.full((2, len(self.estimate)), np.nan)
        plain = known.all(axis=0) & (method == "percentile") & (len(known) > 0)
        ends[:, plain] = np.quantile(self.values[:, plain], shares, axis=0) if plain.any() else np.nan
        for j in np.flatnonzero(~plain & known.any(axis=0)):
            values = self.values[known[:, j], j]
            if method == "studentised" and self.error is not None and self.errors is not None:
                errors = self.errors[known[:, j], j]
                ends[:, j] = _studentised(self.estimate[j], self.error[j], values, errors, level)
            elif method == "bca":
                ends[:, j] = np.quantile(values, _bca_shares(self.estimate[j], values, self.without[:, j], shares))
            else:
                ends[:, j] = np.quantile(values, shares)
        low, high = np.where(np.isnan(self.estimate), np.nan, ends)
        return low, high


def _bca_shares(estimate: float, values: Floats, without: Floats, shares: Floats) -> Floats:
    """Quantiles to read instead of the nominal ones: corrected for bias and for a spread that grows with the mean."""
    from scipy.special import ndtr, ndtri

    near = 1e-12 * max(1.0, abs(estimate))
    below = np.mean(values < estimate - near) + np.mean(np.abs(values - estimate) <= near) / 2
    bias = ndtri(np.clip(below, 0.5 / len(values), 1 - 0.5 / len(values)))
    pull = np.nanmean(without) - without[~np.isnan(without)]
    spread = float((pull**2).sum())
    skew = float((pull**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    z = bias + ndtri(shares)
    return np.asarray(ndtr(bias + z / (1 - skew * z)))


def _studentised(estimate: float, error: float, values: Floats, errors: Floats, level: float) -> Floats:
    """Ends from the quantiles of (resampled mean - mean) / its standard error."""
    if error == 0:
        return np.array([estimate, estimate])
    away = values - estimate
    t = np.divide(away, errors, out=np.where(away == 0, 0.0, np.copysign(np.inf, away)), where=errors > 0)
    # `lower` and `higher` take a value that occurred: between two infinite ones there is nothing to interpolate
    top = np.quantile(t, (1 + level) / 2, method="higher")
    bottom = np.quantile(t, (1 - level) / 2, method="lower")
    return np.array([estimate - top * error, estimate - bottom * error])

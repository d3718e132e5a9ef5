"""Intervals without resampling: Wilson's for a proportion, and Student's from the spread between groups."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics.statistics._draws import standard_error
from taxoeval.metrics.statistics._table import Average, Table
from taxoeval.metrics.statistics.interval import Interval, shaped

Floats = NDArray[np.float64]


def wilson(values: ArrayLike, *, groups: ArrayLike | None = None, level: float = 0.95) -> Interval:
    """Wilson's interval of a proportion: never outside [0, 1], and of a sensible width even if all are right.

    Parameters
    ----------
    values
        ``(n,)`` or ``(n, m)`` of {0, 1, NaN}, such as `rank_hits`.
    groups
        ``(n,)`` group of each sample, normally the target taxon. The number of samples is then replaced by the number
        of independent ones that would have the same standard error as the groups show, and the normal quantile by
        Student's, as in `student`. ``None``: samples are independent.
    level
        Coverage aimed at.

    Returns
    -------
    interval
        `Interval` of shape ``()`` or ``(m,)``. NaN where nothing is defined, and with groups where a single one is.

    Raises
    ------
    ValueError
        If a value is not 0, 1 or NaN, the shapes disagree, or ``level`` is not between 0 and 1.

    Notes
    -----
    With groups, where all values are equal there is no spread to see; each group then counts as one sample, as if its
    images were copies of each other.

    Of simulated data sets 95.5 % have an interval at 0.95 that holds the truth with 40 species of 8 images, 95.4 % with
    15 species, 94.6 % with 60 species and a long tail, 92.9 % with 40 species and an accuracy of 0.96; without groups,
    on the same data, 63 to 83 % (``experiments/validity``).

    References
    ----------
    .. [1] E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the American
       Statistical Association, 1927.
    .. [2] C. Franco, R. J. A. Little, T. A. Louis, E. V. Slud, "Comparative Study of Confidence Intervals for
       Proportions in Complex Sample Surveys", Journal of Survey Statistics and Methodology, 2019.

    Examples
    --------
    >>> interval = wilson([1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    >>> float(interval.estimate), interval.low.round(3), interval.high
    (1.0, np.float64(0.722), array(1.))
    """
    table = Table.of(values, groups, None, None, "micro")
    wrong = table.total[(table.total != 0) & (table.total != 1)]
    if len(wrong):
        raise ValueError(f"values must be 0, 1 or NaN for Wilson's interval, got {wrong[0]}; use student or bootstrap")
    from scipy.special import ndtri

    checked_level(level)
    found = _Spread.of(table)
    if groups is None:
        size, z = found.n.astype(np.float64), np.full(found.n.shape, ndtri((1 + level) / 2))
    else:
        p = found.estimate
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.where(found.error > 0, p * (1 - p) / found.error**2, found.groups)
        z = student_quantile(found.groups, level)
    low, high = wilson_ends(found.estimate, size, z)
    return found.interval(low, high, level, table.shape)


def student(
    values: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    average: Average = "micro",
    level: float = 0.95,
) -> Interval:
    """Student's interval of a mean from the spread between groups: mean ± t times its cluster-robust standard error.

    Parameters
    ----------
    values
        ``(n,)`` or ``(n, m)``, one value per sample; NaN is undefined.
    groups
        ``(n,)`` group of each sample; ``None``: samples are independent.
    weights
        ``(n,)``, or one column for each column of values: weight of each sample; ``None``: all 1.
    average
        ``"micro"``: mean over images. ``"macro"``: mean over the groups of the mean within each.
    level
        Coverage aimed at.

    Returns
    -------
    interval
        `Interval` of shape ``()`` or ``(m,)``. NaN ends where fewer than two groups have a defined value.

    Raises
    ------
    ValueError
        If the shapes disagree, or ``level`` is not between 0 and 1.

    Notes
    -----
    The standard error is the jackknife's [1]_, from leaving out one group at a time; the quantile is Student's t with
    one degree of freedom less than the effective number of groups, ``sum(w)**2 / sum(w**2)`` of their weights w
    [2]_. Nothing is drawn, so it costs no more than the mean. It is symmetric, and may leave the range of the values:
    for accuracies see `wilson`.

    Of simulated data sets 94.6 % have an interval at 0.95 that holds the truth with 40 species of 8 images, 94.4 % with
    15 species, 94.4 % with 60 species and a long tail, 93.5 % for the severity of mistakes, but 87.6 % for an accuracy
    of 0.96, whose distribution is skewed (``experiments/validity``).

    References
    ----------
    .. [1] J. G. MacKinnon, M. O. Nielsen, M. D. Webb, "Fast and Reliable Jackknife and Bootstrap Methods for
       Cluster-Robust Inference", Journal of Applied Econometrics, 2023.
    .. [2] A. V. Carter, K. T. Schnepel, D. G. Steigerwald, "Asymptotic Behavior of a t-Test Robust to Cluster
       Heterogeneity", Review of Economics and Statistics, 2017.

    Examples
    --------
    >>> interval = student([2.0, 4.0, 3.0, 3.0, 1.0, 2.0], groups=[1, 1, 2, 2, 3, 3])
    >>> interval.estimate, interval.low.round(2), interval.high.round(2)
    (array(2.5), np.float64(0.35), np.float64(4.65))
    """
    table = Table.of(values, groups, weights, None, average)
    checked_level(level)
    found = _Spread.of(table)
    reach = student_quantile(found.groups, level) * found.error
    return found.interval(found.estimate - reach, found.estimate + reach, level, table.shape)


@dataclass(frozen=True, eq=False)
class _Spread:
    """Mean of each column, its standard error from the spread between groups, and on how much it rests."""

    estimate: Floats
    error: Floats
    groups: Floats  # effective number: as many of equal weight would weigh as these do
    n: NDArray[np.int64]

    @classmethod
    def of(cls, table: Table) -> "_Spread":
        estimate, error, groups = standard_error(table)
        n = np.round(groups).astype(np.int64) if table.macro else table.defined.sum(axis=0)
        return cls(estimate, error, groups, n)

    def interval(self, low: Floats, high: Floats, level: float, shape: tuple[int, ...]) -> Interval:
        return shaped(self.estimate, low, high, self.n, level, shape)


def checked_level(level: float) -> None:
    """``ValueError`` unless a level lies between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, such as 0.95; got {level!r}")


def student_quantile(groups: Floats, level: float) -> Floats:
    """Quantile with one degree of freedom less than the effective number of groups; NaN if that is hardly one."""
    from scipy.special import stdtrit

    enough = groups > 1.01
    return np.where(enough, stdtrit(np.where(enough, groups - 1, 1.0), (1 + level) / 2), np.nan)


def wilson_ends(p: Floats, size: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Ends where the normal test of the proportion just does not reject."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1 + z**2 / size
        middle = (p + z**2 / (2 * size)) / scale
        reach = z * np.sqrt(p * (1 - p) / size + z**2 / (4 * size**2)) / scale
    return np.where(p == 0, np.where(np.isnan(middle), np.nan, 0.0), middle - reach), np.where(
        p == 1, np.where(np.isnan(middle), np.nan, 1.0), middle + reach
    )

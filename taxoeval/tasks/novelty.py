"""How well a number tells images of unknown taxa from those of known ones: the area under the ROC curve."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Area(NamedTuple):
    """An area under a ROC curve, its 95 % interval, and how many images it compares; NaN where it is undefined."""

    value: float
    low: float
    high: float
    n: int


def auroc(score: ArrayLike, unknown: ArrayLike, groups: ArrayLike) -> Area:
    """Chance that an image of an unknown taxon has a higher score than one of a known taxon; ties count half.

    Parameters
    ----------
    score
        ``(n,)``, higher for what looks more unknown.
    unknown
        ``(n,)`` whether the taxon is unknown.
    groups
        ``(n,)`` the taxon of each image: images of one taxon are not independent.

    Returns
    -------
    area
        `Area`, in [0, 1]; 0.5 is chance. NaN if all or none are unknown. Higher is better.

    Raises
    ------
    ValueError
        If the shapes disagree or a score is NaN.

    Notes
    -----
    The interval is normal, with the variance of the mean placement of the unknown among the known and of the known
    among the unknown [1]_, each summed within groups before it is squared [2]_. With a single group on a side the
    spread between groups cannot be seen, and there is no interval. Where the two are told apart without exception it
    has no width, which says that the sample shows no mistake, not that there is none.

    References
    ----------
    .. [1] E. R. DeLong et al., "Comparing the areas under two or more correlated receiver operating characteristic
       curves: a nonparametric approach", Biometrics 1988.
    .. [2] N. A. Obuchowski, "Nonparametric analysis of clustered ROC curve data", Biometrics 1997.

    Examples
    --------
    >>> round(auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True], [1, 2, 3, 4]).value, 2)
    0.75
    """
    from scipy.stats import rankdata

    values, positive, cluster = np.asarray(score, dtype=np.float64), np.asarray(unknown, bool), np.asarray(groups)
    if values.ndim != 1 or values.shape != positive.shape or values.shape != cluster.shape or np.isnan(values).any():
        raise ValueError(
            f"score, unknown and groups must be (n,) and no score NaN; got {values.shape}, {positive.shape} and "
            f"{cluster.shape}"
        )
    nan = float("nan")
    m, n = int(positive.sum()), int((~positive).sum())
    if not m or not n:
        return Area(nan, nan, nan, 0)
    above = (rankdata(values)[positive] - rankdata(values[positive])) / n  # share of the known below each unknown
    below = 1 - (rankdata(values)[~positive] - rankdata(values[~positive])) / m
    area = float(above.mean())
    spread = np.sqrt(_variance(above, cluster[positive]) + _variance(below, cluster[~positive]))
    low, high = np.clip(area + 1.959963984540054 * spread * np.array([-1, 1]), 0, 1)
    return Area(area, float(low), float(high), m + n)


def _variance(values: Floats, groups: NDArray[np.generic]) -> float:
    """Variance of a mean whose values are independent between groups only; NaN with a single group."""
    _, member = np.unique(groups, return_inverse=True)
    total = np.bincount(member, weights=values - values.mean())
    g = len(total)
    return float((total**2).sum() / len(values) ** 2 * g / (g - 1)) if g > 1 else float("nan")

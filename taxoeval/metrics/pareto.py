"""Single numbers from a curve of two merits: the area it covers, and one merit where the other is high enough."""

import numpy as np
from numpy.typing import ArrayLike

from taxoeval.metrics.operating import OperatingCurve


def pareto_area(x: ArrayLike, y: ArrayLike) -> float:
    """Area of all points that a curve of two merits reaches or exceeds in both, from 0.

    Parameters
    ----------
    x, y
        ``(p,)`` each, at least 0, higher is better, such as ``curve.recall`` and ``curve.correct``; the order of the
        points does not matter.

    Returns
    -------
    area
        In [0, 1] for merits in [0, 1]; NaN if a point is. Higher is better. Points worse than another in both change
        nothing. Steps, not straight lines: what lies between two points need not be attainable.

    Raises
    ------
    ValueError
        If the shapes disagree, nothing is given, or a merit is negative.

    References
    ----------
    .. [1] J. Valmadre, "Hierarchical Classification at Multiple Operating Points", NeurIPS 2022.

    Examples
    --------
    >>> round(pareto_area([0.1, 0.2, 0.8], [0.9, 0.5, 0.3]), 2)
    0.32
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape or not len(a):
        raise ValueError(f"x and y must be (p,) points of one curve, p > 0; got {a.shape} and {b.shape}")
    if (a < 0).any() or (b < 0).any():
        raise ValueError(f"x and y must be at least 0; the least are {a.min():.6g} and {b.min():.6g}")
    if np.isnan(a).any() or np.isnan(b).any():
        return float("nan")
    order = np.argsort(a, kind="stable")
    best = np.maximum.accumulate(b[order][::-1])[::-1]
    return float((np.diff(a[order], prepend=0.0) * best).sum())


def recall_at(curve: OperatingCurve, *, correct: float) -> float:
    """The largest recall of a curve at which at least this share of the answers is right (R@90C and the like).

    Parameters
    ----------
    curve
        What `operating_curve` returns.
    correct
        Share of right answers asked for; 0.9 and 0.95 are usual.

    Returns
    -------
    recall
        In [0, 1]; NaN if the curve rests on no sample. Higher is better.

    Raises
    ------
    ValueError
        If ``correct`` is not in [0, 1].

    References
    ----------
    .. [1] J. Valmadre, "Hierarchical Classification at Multiple Operating Points", NeurIPS 2022.

    Examples
    --------
    >>> shares = np.array([0, 0.5, 1])
    >>> recall_at(OperatingCurve(np.array([np.inf, 0.9, 0.5]), np.array([1, 0.9, 0.2]), shares, shares, 9), correct=0.9)
    0.5
    """
    if not 0 <= correct <= 1:
        raise ValueError(f"correct must be a share, 0 to 1; got {correct}")
    if not curve.n:
        return float("nan")
    enough = curve.correct >= correct - 1e-12  # 9 of 10 is at least 0.9, whatever the rounding
    return float(curve.recall[enough].max())

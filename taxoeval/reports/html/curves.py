"""How stated probabilities relate to being right: reliability, and risk against coverage."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BINS = 10


class Curve(NamedTuple):
    """Points of a curve."""

    x: Floats
    y: Floats


def reliability(probability: Floats, right: Floats, bins: int = BINS) -> Curve:
    """Mean stated probability against the share that is right, in bins that hold equally many answers.

    Examples
    --------
    >>> curve = reliability(np.array([0.2, 0.4, 0.6, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]), bins=2)
    >>> curve.x.round(3).tolist(), curve.y.tolist()
    ([0.3, 0.7], [0.0, 1.0])
    """
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    return Curve(
        np.array([probability[part].mean() for part in parts]), np.array([right[part].mean() for part in parts])
    )


def risk_coverage(probability: Floats, right: Floats, points: int = 100) -> Curve:
    """Share of wrong answers among the surest, against the share that is answered.

    Answers of equal probability come together or not at all, so ties cannot be sorted in one's favour.

    Examples
    --------
    >>> curve = risk_coverage(np.array([0.9, 0.5, 0.5, 0.1]), np.array([1.0, 1.0, 0.0, 0.0]))
    >>> curve.x.tolist(), curve.y.round(3).tolist()
    ([0.25, 0.75, 1.0], [0.0, 0.333, 0.5])
    """
    order = np.argsort(-probability, kind="stable")
    sure, wrong = probability[order], np.cumsum(1 - right[order])
    last = np.flatnonzero(np.append(np.diff(sure) != 0, True))
    if len(last) > points:
        last = last[np.unique(np.linspace(0, len(last) - 1, points).astype(int))]
    return Curve((last + 1) / len(order), wrong[last] / (last + 1))

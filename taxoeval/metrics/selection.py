"""What is gained by leaving the least confident answers out?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._probability import paired

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Risk against coverage, from the most confident answer alone to all of them.

    Attributes
    ----------
    coverage
        Share of what is answered, ascending, at most 1.
    risk
        Mean loss at that coverage.
    threshold
        Least confidence that is answered there.
    n
        Samples the curve rests on.
    """

    coverage: Floats
    risk: Floats
    threshold: Floats
    n: int


@dataclass(frozen=True, eq=False)
class RejectCurve:
    """Mean of a metric over the samples that remain, from all of them to the most confident alone.

    Attributes
    ----------
    rejected
        Share of samples left out, ascending from 0.
    value
        Mean of the metric over the others.
    threshold
        Least confidence among the others.
    n
        Samples the curve rests on.
    """

    rejected: Floats
    value: Floats
    threshold: Floats
    n: int


def risk_coverage(loss: ArrayLike, confidence: ArrayLike) -> RiskCoverage:
    """Mean loss over the i most confident answers, for every i.

    Parameters
    ----------
    loss
        ``(n,)``, the loss of each sample: ``1 - hits``, a distance such as `rank_height`, anything that is better when
        lower. NaN leaves a sample out.
    confidence
        ``(n,)``, any number that is higher the surer the model is; only its order counts. NaN where the model gave no
        answer: those are left out of the answered first of all.

    Returns
    -------
    curve
        `RiskCoverage` of n points, one at each coverage ``i / n``.

    Raises
    ------
    ValueError
        If the shapes disagree, or a loss is infinite.

    Notes
    -----
    No order among equal confidences is right, and the order of the rows must not matter: the curve is its exact
    expectation over all orders of ties. If all confidences are equal it is flat at the mean loss.

    References
    ----------
    .. [1] R. El-Yaniv, Y. Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 11, 2010.

    Examples
    --------
    >>> curve = risk_coverage([0, 1, 0, 1], [0.9, 0.4, 0.8, 0.4])
    >>> curve.coverage, curve.risk.round(2)
    (array([0.25, 0.5 , 0.75, 1.  ]), array([0.  , 0.  , 0.33, 0.5 ]))
    """
    kept, stated = _most_confident_first(loss, confidence, "loss")
    count = np.arange(1, len(kept) + 1)
    return RiskCoverage(count / max(1, len(kept)), np.cumsum(kept) / count, stated, len(kept))


def aurc(loss: ArrayLike, confidence: ArrayLike) -> float:
    """Area under the risk-coverage curve: mean of `risk_coverage` over the n coverages.

    0 when nothing is wrong; the mean loss when confidence says nothing about it.

    Parameters
    ----------
    loss, confidence
        As for `risk_coverage`.

    Returns
    -------
    area
        In the unit of the loss; in [0, 1] for ``1 - hits``; NaN if no sample is defined. Lower is better. It mixes how
        good the answers are with how well confidence orders them; `excess_aurc` is about the order alone.

    Raises
    ------
    ValueError
        As for `risk_coverage`.

    References
    ----------
    .. [1] Y. Geifman, G. Uziel, R. El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR
       2019.

    Examples
    --------
    >>> round(aurc([0, 1, 0, 1], [0.9, 0.4, 0.8, 0.4]), 4)
    0.2083
    >>> aurc([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5])
    0.5
    """
    curve = risk_coverage(loss, confidence)
    return float(curve.risk.mean()) if curve.n else float("nan")


def excess_aurc(loss: ArrayLike, confidence: ArrayLike) -> float:
    """How much `aurc` exceeds that of the best possible order, which answers in ascending order of loss (E-AURC).

    Parameters
    ----------
    loss, confidence
        As for `risk_coverage`.

    Returns
    -------
    excess
        In the unit of the loss, at least 0; NaN if no sample is defined. Lower is better, 0 when no sample is more
        confident than one of lower loss.

    Raises
    ------
    ValueError
        As for `risk_coverage`.

    Notes
    -----
    The area of the best order is computed, not approximated by ``r + (1 - r) ln(1 - r)``, the limit for large n that
    published code subtracts, which holds for losses of 0 and 1 only.

    References
    ----------
    .. [1] Y. Geifman, G. Uziel, R. El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers", ICLR
       2019.

    Examples
    --------
    >>> excess_aurc([0, 1, 0, 1], [0.9, 0.4, 0.8, 0.4])
    0.0
    >>> round(excess_aurc([0, 1, 0, 1], [0.1, 0.4, 0.2, 0.4]), 4)
    0.5833
    """
    area, losses = aurc(loss, confidence), np.asarray(loss, dtype=np.float64)
    return max(0.0, area - aurc(losses, -losses)) if area == area else area


def reject_curve(values: ArrayLike, confidence: ArrayLike) -> RejectCurve:
    """Mean of any metric over the samples that remain when the least confident are left out.

    Parameters
    ----------
    values
        ``(n,)``, one value per sample of any metric (hits for the accuracy-rejection curve); NaN leaves a sample out.
    confidence
        As for `risk_coverage`.

    Returns
    -------
    curve
        `RejectCurve` of n points, one at each rejected share ``0, 1/n, ..., (n - 1)/n``; ties as in `risk_coverage`.

    Raises
    ------
    ValueError
        If the shapes disagree, or a value is infinite.

    References
    ----------
    .. [1] M. S. A. Nadeem, J.-D. Zucker, B. Hanczar, "Accuracy-Rejection Curves (ARCs) for Comparing Classification
       Methods with a Reject Option", JMLR W&CP 8, 2010.

    Examples
    --------
    >>> curve = reject_curve([1, 0, 1, 0], [0.9, 0.4, 0.8, 0.4])
    >>> curve.rejected, curve.value.round(2)
    (array([0.  , 0.25, 0.5 , 0.75]), array([0.5 , 0.67, 1.  , 1.  ]))
    """
    kept, stated = _most_confident_first(values, confidence, "values")
    count = np.arange(1, len(kept) + 1)
    means = np.cumsum(kept) / count
    return RejectCurve((len(kept) - count[::-1]) / max(1, len(kept)), means[::-1], stated[::-1], len(kept))


def _most_confident_first(values: ArrayLike, confidence: ArrayLike, name: str) -> tuple[Floats, Floats]:
    """Values in descending order of confidence, each replaced by the mean over its ties, and the confidences.

    The expected sum of the first j of a run of ties in random order is j times the run's mean, so this makes cumulative
    sums their expectation over all orders.
    """
    numbers, stated = paired(values, confidence, name)
    if np.isinf(numbers).any():
        raise ValueError(f"{name} must be finite, or NaN where undefined; sample {np.isinf(numbers).argmax()} is not")
    known = ~np.isnan(numbers)
    numbers, stated = numbers[known], np.where(np.isnan(stated[known]), -np.inf, stated[known])
    order = np.argsort(-stated, kind="stable")
    numbers, stated = numbers[order], stated[order]
    if not len(numbers):
        return numbers, stated
    starts = np.flatnonzero(np.r_[True, stated[1:] != stated[:-1]])
    sizes = np.diff(np.r_[starts, len(stated)])
    return np.repeat(np.add.reduceat(numbers, starts) / sizes, sizes), stated

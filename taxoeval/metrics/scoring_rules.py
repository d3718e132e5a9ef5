"""Proper scores of probabilities at one rank: the best expected score is had by stating what one believes."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._probability import blocks, candidate_probability, outcomes, target_columns
from taxoeval.metrics.calibration import Binning, binned, column_outcome, defined

Floats = NDArray[np.float64]


def brier(target: ArrayLike, probability: ArrayLike, candidates: ArrayLike) -> Floats:
    """Squared distance of the stated probabilities from the truth, summed over all candidates.

    0 when the target got probability 1; 2 when another one did; ``1 - 1/c`` for equal probabilities.

    Parameters
    ----------
    target
        ``(n,)`` true taxa; ``-1`` gives NaN.
    probability
        ``(n, c)``, rows sum to 1: the probability of each candidate, all at one rank (see `rank_probability`).
    candidates
        ``(c,)`` taxon of each column.

    Returns
    -------
    score
        ``(n,)``, in [0, 2] or NaN. Lower is better.

    Raises
    ------
    ValueError
        If a row of ``probability`` does not sum to 1 or holds a negative number or NaN, if the shapes disagree, or if a
        target is no candidate.

    Notes
    -----
    Some authors halve it, so that it lies in [0, 1]. Summed over two candidates it is twice the binary score.

    References
    ----------
    .. [1] G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review 78, 1950.

    Examples
    --------
    >>> brier([4, 4, 7], [[1, 0], [0.5, 0.5], [1, 0]], [4, 7])
    array([0. , 0.5, 2. ])
    """
    numbers, column, given = _given(target, probability, candidates)
    squares = np.empty(len(numbers))
    for block in blocks(numbers):
        rows = numbers[block].astype(np.float64, copy=False)
        squares[block] = np.einsum("ij,ij->i", rows, rows)
    # the square of the target's own miss, (1 - p)^2, takes the place of p^2; no subtraction may leave it below 0
    return np.where(column >= 0, np.maximum(squares - given**2, 0.0) + (1 - given) ** 2, np.nan)


def top_brier(hits: ArrayLike, confidence: ArrayLike) -> Floats:
    """Squared distance of the stated confidence from whether the answer is right.

    Parameters
    ----------
    hits
        ``(n,)`` of {0, 1, NaN}: whether each answer is right.
    confidence
        ``(n,)`` in [0, 1]: the probability stated for that answer; NaN where there was no answer.

    Returns
    -------
    score
        ``(n,)``, in [0, 1], NaN where either is. Lower is better.

    Raises
    ------
    ValueError
        If the shapes disagree, a hit is not 0 or 1, or a confidence lies outside [0, 1].

    Examples
    --------
    >>> top_brier([1, 0], [0.5, 1.0])
    array([0.25, 1.  ])
    """
    right, stated = outcomes(hits, confidence)
    return np.asarray((stated - right) ** 2)


def negative_log_likelihood(target: ArrayLike, probability: ArrayLike, candidates: ArrayLike) -> Floats:
    """Minus the natural logarithm of the probability stated for the target (NLL, log loss, cross-entropy).

    0 when the target got probability 1; 0.69 for one half; infinite for 0.

    Parameters
    ----------
    target, probability, candidates
        As for `brier`.

    Returns
    -------
    score
        ``(n,)``. Unit: nats. Range: ``[0, inf]`` or NaN. Lower is better.

    Raises
    ------
    ValueError
        As for `brier`.

    Notes
    -----
    Nothing is clipped: one target that was called impossible makes the mean infinite, which says just that. ``ln c`` is
    the score of equal probabilities.

    References
    ----------
    .. [1] I. J. Good, "Rational Decisions", Journal of the Royal Statistical Society B 14, 1952.

    Examples
    --------
    >>> negative_log_likelihood([4, 4, 7], [[1, 0], [0.5, 0.5], [1, 0]], [4, 7]).round(2)
    array([0.  , 0.69,  inf])
    """
    _, column, given = _given(target, probability, candidates)
    score = np.where(column >= 0, np.inf, np.nan)
    np.log(np.minimum(given, 1.0), out=score, where=given > 0)
    return np.where(given > 0, 0.0 - score, score)


@dataclass(frozen=True)
class BrierParts:
    """A mean Brier score and the parts it is the sum of.

    ``brier = reliability - resolution + uncertainty + within_variance - within_covariance``, exactly.

    Attributes
    ----------
    brier
        The mean score itself.
    reliability
        Squared distance of confidence from accuracy, over bins: what calibration could save. Lower is better.
    resolution
        How far the accuracies of the bins spread around the overall one. Higher is better.
    uncertainty
        The score of always stating the overall accuracy: a property of the task, not of the confidences.
    within_variance, within_covariance
        What a bin hides: variance of the confidences in it, and twice their covariance with the outcomes. Both are 0
        when a bin holds one confidence only (``distinct``).
    n
        Samples.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float
    n: int


def brier_decomposition(
    hits: ArrayLike, confidence: ArrayLike, *, bins: int = 15, binning: Binning | str = Binning.EQUAL_WIDTH
) -> BrierParts:
    """Mean Brier score of the answers, split into reliability, resolution, uncertainty and what the bins hide.

    Parameters
    ----------
    hits, confidence
        As for `top_brier`; samples with a NaN in either are left out.
    bins, binning
        As for `reliability_curve`.

    Returns
    -------
    parts
        `BrierParts`; all NaN with ``n`` = 0 if no sample is defined.

    Raises
    ------
    ValueError
        As for `reliability_curve`.

    Notes
    -----
    Murphy's three parts add up only where a bin holds a single confidence. With wider bins the two within-bin parts of
    Stephenson et al. make the sum exact again.

    References
    ----------
    .. [1] A. H. Murphy, "A New Vector Partition of the Probability Score", Journal of Applied Meteorology 12, 1973.
    .. [2] D. B. Stephenson, C. A. S. Coelho, I. T. Jolliffe, "Two Extra Components in the Brier Score Decomposition",
       Weather and Forecasting 23, 2008.

    Examples
    --------
    >>> parts = brier_decomposition([1, 0, 1, 1], [0.5, 0.5, 1.0, 1.0], binning="distinct")
    >>> parts.brier, parts.reliability, parts.resolution, parts.uncertainty
    (0.125, 0.0, 0.0625, 0.1875)
    """
    return _parts(*defined(*outcomes(hits, confidence)), bins, Binning(binning))


def multiclass_brier_decomposition(
    target: ArrayLike,
    probability: ArrayLike,
    candidates: ArrayLike,
    *,
    bins: int = 15,
    binning: Binning | str = Binning.EQUAL_WIDTH,
) -> BrierParts:
    """Mean of `brier` over samples, split as in `brier_decomposition`: each part is the sum of it over candidates.

    Parameters
    ----------
    target, probability, candidates
        As for `brier`; targets of ``-1`` are left out.
    bins, binning
        As for `reliability_curve`, for each candidate on its own.

    Returns
    -------
    parts
        `BrierParts`; all NaN with ``n`` = 0 if no target is known. ``uncertainty`` is the Gini-Simpson diversity of the
        targets.

    Raises
    ------
    ValueError
        As for `brier`.

    Examples
    --------
    >>> parts = multiclass_brier_decomposition([4, 7, 4, 4], [[0.5, 0.5], [0.5, 0.5], [1, 0], [1, 0]], [4, 7])
    >>> parts.brier, parts.resolution, parts.uncertainty
    (0.25, 0.125, 0.375)
    """
    numbers, taxa = candidate_probability(probability, candidates)
    column = target_columns(target, taxa, len(numbers))
    known, way = np.flatnonzero(column >= 0), Binning(binning)
    each = [_parts(*column_outcome(numbers, column, known, c), bins, way) for c in range(len(taxa))]
    names = [field.name for field in fields(BrierParts) if field.name != "n"]
    return BrierParts(**{name: float(sum(getattr(part, name) for part in each)) for name in names}, n=len(known))


def _given(
    target: ArrayLike, probability: ArrayLike, candidates: ArrayLike
) -> tuple[NDArray[np.floating], NDArray[np.int64], Floats]:
    """Probabilities, the targets' columns (-1 if unknown), and what each target got (0 if unknown)."""
    numbers, taxa = candidate_probability(probability, candidates)
    column = target_columns(target, taxa, len(numbers))
    given = numbers[np.arange(len(numbers)), column].astype(np.float64)
    return numbers, column, np.where(column >= 0, given, 0.0)


def _parts(right: Floats, stated: Floats, bins: int, binning: Binning) -> BrierParts:
    index, _ = binned(stated, bins, binning)
    if not len(right):
        nan = float("nan")
        return BrierParts(nan, nan, nan, nan, nan, nan, n=0)
    n, overall = len(right), right.mean()
    size = np.bincount(index)
    filled = np.maximum(size, 1)
    stated_mean, right_mean = np.bincount(index, stated) / filled, np.bincount(index, right) / filled
    apart = stated - stated_mean[index]
    return BrierParts(
        brier=float(((stated - right) ** 2).mean()),
        reliability=float((size * (stated_mean - right_mean) ** 2).sum() / n),
        resolution=float((size * (right_mean - overall) ** 2).sum() / n),
        uncertainty=float(overall * (1 - overall)),
        within_variance=float((apart**2).mean()),
        within_covariance=float(2 * (apart * (right - right_mean[index])).mean()),
        n=n,
    )

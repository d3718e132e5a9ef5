"""Does a confidence of 80 % mean that 80 % of such answers are right? At one rank, of the answer or of every taxon."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._names import Name
from taxoeval.metrics._probability import candidate_probability, outcomes, target_columns

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


class Binning(Name):
    """Ways to put confidences into bins; a bin holds its upper edge, and equal confidences are never parted.

    ``equal_width`` cuts [0, 1] into equal pieces; ``equal_mass`` cuts at the quantiles of the confidences, so that bins
    hold about the same number of samples; ``distinct`` makes a bin of each different confidence.
    """

    EQUAL_WIDTH = "equal_width"
    EQUAL_MASS = "equal_mass"
    DISTINCT = "distinct"


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """Stated against observed, bin by bin; a point on the diagonal is calibrated.

    Attributes
    ----------
    lower, upper
        ``(b,)`` edges of each bin; it holds confidences above ``lower`` (the first bin also its edge) up to ``upper``.
    confidence, accuracy
        ``(b,)`` mean confidence and share of right answers in each bin, NaN in an empty one.
    n
        ``(b,)`` samples in each bin.
    """

    lower: Floats
    upper: Floats
    confidence: Floats
    accuracy: Floats
    n: Ids


def reliability_curve(
    hits: ArrayLike, confidence: ArrayLike, *, bins: int = 15, binning: Binning | str = Binning.EQUAL_WIDTH
) -> ReliabilityCurve:
    """Share of right answers among answers of about the same confidence.

    A model that is right in 6 of 10 answers given with confidences around 0.9 is overconfident there by 0.3.

    Parameters
    ----------
    hits
        ``(n,)`` of {0, 1, NaN}: whether each answer is right, such as one column of `rank_hits`.
    confidence
        ``(n,)`` in [0, 1]: the probability stated for that answer; NaN where there was no answer. Samples with a NaN in
        either are left out.
    bins
        How many bins; without effect for ``distinct``.
    binning
        One of `Binning`, or its name.

    Returns
    -------
    curve
        `ReliabilityCurve`.

    Raises
    ------
    ValueError
        If the shapes disagree, a hit is not 0 or 1, a confidence lies outside [0, 1], or ``bins`` is below 1.

    References
    ----------
    .. [1] M. H. DeGroot, S. E. Fienberg, "The Comparison and Evaluation of Forecasters", The Statistician 32, 1983.

    Examples
    --------
    >>> curve = reliability_curve([1, 1, 0, 0, 1], [0.9, 0.8, 0.9, 0.2, 0.4], bins=2)
    >>> curve.n, curve.confidence.round(2), curve.accuracy.round(2)
    (array([2, 3]), array([0.3 , 0.87]), array([0.5 , 0.67]))
    """
    right, stated = defined(*outcomes(hits, confidence))
    index, edges = binned(stated, bins, Binning(binning))
    n = np.bincount(index, minlength=len(edges) - 1)
    confidences, hit = (
        np.divide(np.bincount(index, values, len(n)), n, out=np.full(len(n), np.nan), where=n > 0)
        for values in (stated, right)
    )
    return ReliabilityCurve(edges[:-1], edges[1:], confidences, hit, n)


def calibration_error(
    hits: ArrayLike, confidence: ArrayLike, *, bins: int = 15, binning: Binning | str = Binning.EQUAL_WIDTH
) -> float:
    """Expected calibration error (ECE): mean distance of stated confidence from observed accuracy, over bins.

    0 when in every bin as many answers are right as their confidences say; 0.3 for answers stated with 0.9 of which 6
    in 10 are right.

    Parameters
    ----------
    hits, confidence, bins, binning
        As for `reliability_curve`.

    Returns
    -------
    error
        In [0, 1], NaN if no sample is defined. Lower is better, but it is no proper score: always answering the
        commonest taxon with its share as confidence scores 0. Read it beside accuracy, or use `brier`.

    Raises
    ------
    ValueError
        As for `reliability_curve`.

    Notes
    -----
    It depends on the bins, and of a perfectly calibrated model it is above 0: absolute values of chance differences do
    not cancel, the less the more bins and the fewer samples there are. Compare figures only at the same n and bins. The
    largest error of a bin is ``np.nanmax(abs(curve.accuracy - curve.confidence))`` of the reliability curve.

    torchmetrics puts a bin's *lower* edge into it and gives confidence 1.0 a bin of its own. Results differ only if
    confidences lie exactly on edges; then it can call the half of a bin right and the other wrong, where here all of
    [14/15, 1] is one bin.

    References
    ----------
    .. [1] M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
       AAAI 2015.
    .. [2] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> round(calibration_error([1, 1, 1, 1, 1, 1, 0, 0, 0, 0], [0.9] * 10), 3)
    0.3
    """
    right, stated = defined(*outcomes(hits, confidence))
    return _error(right, stated, bins, Binning(binning))


def classwise_calibration_error(
    target: ArrayLike,
    probability: ArrayLike,
    candidates: ArrayLike,
    *,
    bins: int = 15,
    binning: Binning | str = Binning.EQUAL_WIDTH,
) -> Floats:
    """Calibration error of each taxon's own probability: when it gets 0.2, is it the target in 2 of 10 cases?

    Parameters
    ----------
    target
        ``(n,)`` true taxa; ``-1`` leaves a sample out.
    probability
        ``(n, c)``, rows sum to 1: the probability of each candidate, all at one rank (see `rank_probability`).
    candidates
        ``(c,)`` taxon of each column.
    bins, binning
        As for `reliability_curve`, for each column on its own.

    Returns
    -------
    error
        ``(c,)``, in [0, 1], in the order of the candidates; NaN if no sample is defined. Lower is better. The mean is
        the static calibration error (SCE) with ``equal_width`` bins, the adaptive one (ACE) with ``equal_mass``.

    Raises
    ------
    ValueError
        If a row of ``probability`` does not sum to 1 or holds a negative number or NaN, if the shapes disagree, or if a
        target is no candidate.

    Notes
    -----
    With many candidates most probabilities are near 0 and so are most errors: of 10,000 species the mean is small
    whatever the model does. Compare at the same candidates only.

    References
    ----------
    .. [1] J. Nixon et al., "Measuring Calibration in Deep Learning", CVPR Workshops 2019.

    Examples
    --------
    >>> classwise_calibration_error([4, 4, 7], [[0.8, 0.2], [0.8, 0.2], [0.8, 0.2]], [4, 7]).round(3)
    array([0.133, 0.133])
    """
    numbers, taxa = candidate_probability(probability, candidates)
    column = target_columns(target, taxa, len(numbers))
    known = np.flatnonzero(column >= 0)
    way = Binning(binning)
    errors = [_error(*column_outcome(numbers, column, known, c), bins, way) for c in range(len(taxa))]
    return np.array(errors, dtype=np.float64)


def column_outcome(probability: NDArray[np.floating], column: Ids, known: Ids, c: int) -> tuple[Floats, Floats]:
    """Whether column c is the target, and its probability, over the known samples."""
    stated = np.clip(probability[known, c].astype(np.float64), 0.0, 1.0)  # rounding may leave 1.0000001
    return (column[known] == c).astype(np.float64), stated


def defined(right: Floats, stated: Floats) -> tuple[Floats, Floats]:
    """The samples in which neither is NaN."""
    known = ~(np.isnan(right) | np.isnan(stated))
    return right[known], stated[known]


def binned(stated: Floats, bins: int, binning: Binning) -> tuple[Ids, Floats]:
    """The bin of each confidence, and the edges of the bins."""
    if int(bins) != bins or bins < 1:
        raise ValueError(f"bins must be a number of bins, at least 1; got {bins}")
    if binning is Binning.EQUAL_WIDTH or not len(stated):
        edges = np.linspace(0.0, 1.0, int(bins) + 1)
    elif binning is Binning.EQUAL_MASS:
        edges = np.quantile(stated, np.linspace(0.0, 1.0, int(bins) + 1))
    else:
        values, index = np.unique(stated, return_inverse=True)
        return index, np.r_[values[0], values]
    return np.searchsorted(edges[1:-1], stated), edges


def _error(right: Floats, stated: Floats, bins: int, binning: Binning) -> float:
    index, _ = binned(stated, bins, binning)
    if not len(right):
        return float("nan")
    return float(np.abs(np.bincount(index, right - stated)).sum() / len(right))

"""Which encoders cannot be told apart from the best one?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics.statistics._draws import shift_and_error
from taxoeval.metrics.statistics._resample import one_stage
from taxoeval.metrics.statistics._runs import Runs
from taxoeval.metrics.statistics.closed_form import checked_level
from taxoeval.metrics.statistics.means import ratio

Floats = NDArray[np.float64]

_BLOCK = 1 << 21


@dataclass(frozen=True, eq=False)
class TiedWithBest:
    """The encoders that may be the best one.

    Attributes
    ----------
    mean
        ``(e,)`` the mean of each encoder over the images that all are defined on.
    best
        Position of the encoder with the best mean, the first of equals.
    p
        ``(e,)`` adjusted p-value of each encoder's difference from the best; 1 for the best.
    tied
        ``(e,)`` whether it may be the best: ``p`` above 1 - level.
    n, groups
        Images and groups the comparison rests on.
    """

    mean: Floats
    best: int
    p: Floats
    tied: NDArray[np.bool_]
    n: int
    groups: int


def tied_with_best(
    values: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    higher_is_better: bool = True,
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> TiedWithBest:
    """Encoders that cannot be told apart from the one with the best mean, by a paired bootstrap of whole groups.

    Parameters
    ----------
    values
        ``(n, e)``, one column per encoder, image by image in the same order. Images where one is NaN are left out for
        all, so that every encoder is judged on the same ones.
    groups
        ``(n,)`` what was sampled: the target taxon, sequence or location; ``None``: images are independent.
    higher_is_better
        Direction of the metric.
    resamples
        How many resamples.
    level
        1 - the chance, if several encoders are equally good and the best, that any of them is called worse.
    seed
        Seed of the generator.

    Returns
    -------
    result
        `TiedWithBest`.

    Raises
    ------
    ValueError
        If ``values`` is not ``(n, e)`` with two or more encoders, fewer than two groups remain, or shapes disagree.

    Notes
    -----
    The encoder with the best mean owes part of its lead to luck. So each difference from it is held against the largest
    studentised difference between *any* two encoders in the same resample, centred at what was seen [1]_: a correction
    for all pairs, and because the encoders share images and pairs share encoders, one that costs less than Holm's over
    all pairs. Of simulated data sets with 3 or 8 equally good encoders, 4.8 and 4.2 % call any of them worse than the
    best at 0.95; comparing each with the best one seen, adjusted by Holm for that many comparisons, does so in 5.4 and
    9.4 %, unadjusted in 11.3 and 45.0 % (``experiments/validity``).

    References
    ----------
    .. [1] P. H. Westfall, S. S. Young, "Resampling-Based Multiple Testing", 1993, section 2.3.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> hits = rng.random((300, 3)) < [0.9, 0.88, 0.5]
    >>> tied_with_best(hits, groups=np.arange(300) // 5).tied
    array([ True,  True, False])
    """
    scores = np.asarray(values, dtype=np.float64)
    group = np.arange(len(scores)) if groups is None else np.asarray(groups)
    if scores.ndim != 2 or scores.shape[1] < 2 or group.shape != scores.shape[:1]:
        raise ValueError(
            f"values must be (n, e), e >= 2 encoders, and groups (n,); got {scores.shape} and {group.shape}"
        )
    checked_level(level)
    known = ~np.isnan(scores).any(axis=1)
    scores, group = scores[known], group[known]
    runs = Runs.of(group)
    if len(runs.starts) < 2:
        raise ValueError(f"groups must hold at least 2 groups with values for all encoders; got {len(runs.starts)}")
    mean = scores.mean(axis=0)
    best = int((mean if higher_is_better else -mean).argmax())
    sums = runs.sums(np.hstack([scores, np.ones((len(scores), 1))]))
    t, largest = _studentised_gaps(sums[:, :-1], sums[:, -1:], best, int(resamples), np.random.default_rng(seed))
    p = (1 + (largest[:, None] >= t).sum(axis=0)) / (1 + len(largest))
    return TiedWithBest(mean, best, p, p > 1 - level, len(scores), len(sums))


def _studentised_gaps(
    total: Floats, count: Floats, best: int, resamples: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Distance of each encoder from the best over its standard error, and the largest between any two per resample."""
    e, n_groups = total.shape[1], len(total)
    one, two = np.triu_indices(e, 1)
    gap = total[:, one] - total[:, two]
    seen = ratio(gap.sum(axis=0), count.sum())
    off = gap - seen * count
    # the sums of count and of its square are the same for every pair, but a column each keeps the formula in one place
    counts = np.broadcast_to(count, off.shape)
    moments = np.hstack([off, counts, off**2, off * counts, counts**2])
    factor = n_groups / (n_groups - 1)
    _, error = shift_and_error(moments.sum(axis=0), factor)
    pair = np.zeros((e, e))
    pair[one, two] = _over(np.abs(seen), error)
    largest = np.empty(resamples)
    step = max(1, _BLOCK // moments.shape[1])
    for first in range(0, resamples, step):
        k = min(step, resamples - first)
        shift, errors = shift_and_error(one_stage(moments, k, rng), factor)
        largest[first : first + k] = _over(np.abs(shift), errors).max(axis=1)
    return (pair + pair.T)[best], largest


def _over(distance: Floats, error: Floats) -> Floats:
    """Distance in standard errors: 0 for none, infinite where there is no spread."""
    rounding = distance < 1e-12
    return np.asarray(np.divide(distance, error, out=np.where(rounding, 0.0, np.inf), where=(error > 0) & ~rounding))

"""Chance by simulation, for what has no closed form; and how far a value lies above chance."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SimulatedChance:
    """A chance level found by trying.

    Attributes
    ----------
    chance
        Mean over the repeats in which the metric is defined, in its shape; NaN where there are none.
    error
        Standard error of that mean: how far the simulation may be off.
    repeats
        How many repeats it rests on.
    """

    chance: Floats
    error: Floats
    repeats: NDArray[np.int64]


def simulated_chance(
    metric: Callable[[Ids], ArrayLike], n: int, candidates: ArrayLike, *, k: int = 1, repeats: int = 100, seed: int = 0
) -> SimulatedChance:
    """Mean of a metric, or of a whole figure, over seeded random answers.

    Parameters
    ----------
    metric
        Function of predictions ``(n,)``, or ``(n, k)`` if k exceeds 1, that gives a number or an array.
    n
        How many samples.
    candidates
        ``(c,)`` what answers are drawn from; the k answers of a sample are different ones.
    k
        How many answers a sample has, best first. ``k = c`` is a ranking of all.
    repeats
        How often all samples are answered.
    seed
        Seed of the generator.

    Returns
    -------
    chance
        `SimulatedChance`, arrays in the shape of the metric.

    Raises
    ------
    ValueError
        If there are no candidates, or ``k`` or ``repeats`` is out of range.

    Notes
    -----
    A figure that is no mean over samples, such as a calibration error, has a chance level that depends on n: simulate
    it with the n of the data.

    Examples
    --------
    >>> found = simulated_chance(lambda pred: np.mean(pred == 3), 100, [1, 2, 3, 4], repeats=200)
    >>> bool(abs(found.chance - 0.25) < 3 * found.error)
    True
    """
    drawn = np.asarray(candidates)
    if drawn.ndim != 1 or not 1 <= k <= len(drawn):
        raise ValueError(f"k must be between 1 and the number of candidates; got {k} of {drawn.shape}")
    if int(repeats) != repeats or repeats < 2:
        raise ValueError(f"repeats must be a whole number of at least 2; got {repeats!r}")
    rng = np.random.default_rng(seed)
    values = np.stack([np.asarray(metric(_guesses(drawn, n, k, rng)), dtype=np.float64) for _ in range(int(repeats))])
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    enough = np.where(count > 1, count, np.nan)
    mean = np.where(known, values, 0).sum(axis=0) / np.where(count > 0, count, np.nan)
    spread = np.sqrt((np.where(known, values - mean, 0) ** 2).sum(axis=0) / (enough - 1) / enough)
    return SimulatedChance(np.asarray(mean), np.asarray(spread), np.asarray(count))


def above_chance(value: ArrayLike, chance: ArrayLike, *, best: float = 1.0) -> Floats:
    """How much of the way from chance to the best possible value was gone: 0 at chance, 1 at the best.

    Parameters
    ----------
    value, chance
        Values and their chance levels, of shapes that broadcast.
    best
        The best value: 1 for accuracies and similarities, 0 for distances.

    Returns
    -------
    share
        ``(value - chance) / (best - chance)``; negative below chance, NaN where chance is already the best.

    Examples
    --------
    >>> above_chance([0.75, 0.25], 0.5)
    array([ 0.5, -0.5])
    >>> above_chance(1.0, 4.0, best=0.0)  # a distance of 1 where chance gives 4
    array(0.75)
    """
    values, levels = np.broadcast_arrays(np.asarray(value, dtype=np.float64), np.asarray(chance, dtype=np.float64))
    room = best - levels
    return np.asarray(np.divide(values - levels, room, out=np.full(values.shape, np.nan), where=room != 0))


def _guesses(candidates: Ids, n: int, k: int, rng: np.random.Generator) -> Ids:
    if k == 1:
        return np.asarray(candidates[rng.integers(len(candidates), size=n)])
    order = (
        np.stack([rng.permutation(len(candidates))[:k] for _ in range(n)]) if n else np.zeros((0, k), dtype=np.int64)
    )
    return np.asarray(candidates[order])

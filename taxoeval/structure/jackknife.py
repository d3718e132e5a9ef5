"""Intervals for other species: statistics of a tree of taxa cannot repeat a species, so some are left out instead."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Jackknife(NamedTuple):
    """Ends of the interval and the standard error, each of the shape of the statistic."""

    low: Floats
    high: Floats
    error: Floats


def jackknife(
    statistic: Callable[[NDArray[np.bool_]], Floats],
    n_species: int,
    *,
    blocks: int = 20,
    seed: int = 0,
    level: float = 0.95,
) -> Jackknife:
    """Interval of a statistic of species by leaving out blocks of them.

    A bootstrap draws some species twice; two copies are at distance zero, make a clade of their own and change the
    number of taxa per rank, so it is biased for every statistic of a tree. Leaving out does none of this.

    Parameters
    ----------
    statistic
        Given a mask ``(n_species,)`` of the species to keep, the value ``(r,)``.
    n_species
        How many species (distinct labels) there are.
    blocks
        How many random blocks the species are cut into; as many as there are species where these are fewer.
    seed
        Of the cut.
    level
        Coverage aimed at.

    Returns
    -------
    interval
        Student's interval with ``blocks - 1`` degrees of freedom around the value over all species; NaN where the
        value is, or with fewer than three species.

    References
    ----------
    J. Shao and C. F. J. Wu, "A general theory for jackknife variance estimation", Annals of Statistics 17 (1989).

    Examples
    --------
    >>> value = np.array([1.0, 2.0, 3.0, 4.0])
    >>> interval = jackknife(lambda kept: np.array([value[kept].mean()]), 4)
    >>> interval.error.round(4), (value.std(ddof=1) / 2).round(4)
    (array([0.6455]), np.float64(0.6455))
    """
    from scipy.stats import t

    whole = np.asarray(statistic(np.ones(n_species, dtype=bool)), dtype=np.float64)
    g = min(blocks, n_species)
    if g < 3:
        nothing = np.full_like(whole, np.nan)
        return Jackknife(nothing, nothing.copy(), nothing.copy())
    block = np.random.default_rng(seed).permutation(n_species) % g
    left_out: NDArray[Any] = np.stack([np.asarray(statistic(block != b), dtype=np.float64) for b in range(g)])
    defined = ~np.isnan(left_out)
    m = defined.sum(axis=0)
    mean = np.where(defined, left_out, 0.0).sum(axis=0) / np.maximum(m, 1)
    spread = np.where(defined, (left_out - mean) ** 2, 0.0).sum(axis=0)
    error = np.where(m > 2, np.sqrt((m - 1) / np.maximum(m, 1) * spread), np.nan)
    half = t.ppf(0.5 + level / 2, g - 1) * error
    return Jackknife(np.asarray(whole - half), np.asarray(whole + half), np.asarray(error))

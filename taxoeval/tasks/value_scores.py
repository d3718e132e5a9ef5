"""Values, one per sample, as rows of scores: mean, interval over taxa and images, and chance level."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics import statistics
from taxoeval.records import Score


def value_scores(
    metric: str,
    values: ArrayLike,
    *,
    groups: ArrayLike,
    task: str,
    ranks: tuple[str, ...] = ("",),
    chance: ArrayLike = np.nan,
    k: int = 1,
    part: str = "all",
    higher_is_better: bool = True,
) -> list[Score]:
    """One `Score` for each column of values.

    Parameters
    ----------
    metric, task, k, part, higher_is_better
        Written into the scores.
    values
        ``(n,)`` or ``(n, len(ranks))``; NaN is undefined.
    groups
        ``(n,)`` what is resampled for the interval, normally the taxon of each sample.
    ranks
        The rank of each column; ``("",)`` for a single column about whole lineages.
    chance
        Level of each value, of the shape of ``values`` or broadcast to it; its mean is over the values defined.

    Returns
    -------
    scores
        A score without any value has NaN and n = 0.

    Examples
    --------
    >>> row, = value_scores("precision_at_k", [1.0, 0.0], groups=[0, 1], task="retrieval", chance=0.25, k=1)
    >>> row.value, row.n, row.chance
    (0.5, 2, 0.25)
    """
    table = np.asarray(values, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    level = np.asarray(chance, dtype=np.float64)
    level = np.broadcast_to(level[:, None] if level.ndim == 1 else level, table.shape)
    interval = statistics.bootstrap(table, groups=groups)
    expected: NDArray[np.float64] = statistics.mean(np.where(np.isnan(table), np.nan, level))
    return [
        Score(
            metric=metric,
            value=float(interval.estimate[i]),
            n=int(interval.n[i]),
            rank=rank,
            k=k,
            low=float(interval.low[i]),
            high=float(interval.high[i]),
            chance=float(expected[i]),
            majority=float("nan"),
            higher_is_better=higher_is_better,
            task=task,
            decoder="",
            slice=part,
        )
        for i, rank in enumerate(ranks)
    ]

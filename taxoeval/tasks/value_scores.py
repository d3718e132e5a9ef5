"""Values, one per sample, as rows of scores: mean, interval over taxa and images, and chance level."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics import statistics
from taxoeval.records import Score
from taxoeval.tasks.intervals import Column, intervals


class Values(NamedTuple):
    """Values of one metric.

    Attributes
    ----------
    metric, k, part, higher_is_better
        Written into the scores.
    values
        ``(n,)`` or ``(n, len(ranks))``; NaN is undefined.
    ranks
        The rank of each column; ``("",)`` for a single column about whole lineages.
    chance
        Level of each value, of the shape of ``values`` or broadcast to it; its mean is over the values defined.
    """

    metric: str
    values: ArrayLike
    ranks: tuple[str, ...] = ("",)
    chance: ArrayLike = np.nan
    k: int = 1
    part: str = "all"
    higher_is_better: bool = True


def value_scores(given: Sequence[Values], *, groups: ArrayLike, task: str) -> list[Score]:
    """One `Score` for each column of values; all share their resamples.

    Parameters
    ----------
    given
        Values of some metrics over the same samples.
    groups
        ``(n,)`` what is resampled for the interval, normally the taxon of each sample.
    task
        Written into the scores.

    Returns
    -------
    scores
        Of each metric in turn; a score without any value has NaN and n = 0.

    Examples
    --------
    >>> row, = value_scores([Values("precision_at_k", [1.0, 0.0], chance=0.25)], groups=[0, 1], task="retrieval")
    >>> row.value, row.n, row.chance
    (0.5, 2, 0.25)
    """
    group = np.asarray(groups)
    tables = [_columns(one.values) for one in given]
    each = np.ones(len(group))
    columns = [Column(column, each) for table in tables for column in np.ascontiguousarray(table.T)]
    means = iter(intervals(columns, group))
    scores = []
    for one, table in zip(given, tables, strict=True):
        level = np.asarray(one.chance, dtype=np.float64)
        level = np.broadcast_to(_columns(level) if level.ndim else level, table.shape)
        expected = statistics.mean(np.where(np.isnan(table), np.nan, level)).tolist()
        scores += [
            Score(
                metric=one.metric,
                **next(means)._asdict(),
                rank=rank,
                k=one.k,
                chance=chance,
                majority=float("nan"),
                higher_is_better=one.higher_is_better,
                task=task,
                decoder="",
                slice=one.part,
            )
            for rank, chance in zip(one.ranks, expected, strict=True)
        ]
    return scores


def _columns(values: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    return table[:, None] if table.ndim == 1 else table

"""Which encoder gives the most for its cost? Accuracy at the finest rank against images per second."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from taxoeval.reports.figures.style import INK, MUTED, NULL, SERIES, new_figure, title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACROSS, _MOST = 3, 9  # panels beside each other, and in all


def quality_against_speed(scores: "pd.DataFrame", ranks: Sequence[str]) -> "Figure | None":
    """One panel per dataset, task and part of the data, one point per encoder; a line joins those that none beats.

    Parameters
    ----------
    scores
        Rows of ``scores.parquet`` of any set of runs; where a question was asked several times, the first counts.
    ranks
        Coarse to fine.

    Returns
    -------
    figure
        None where no encoder has both accuracy and speed. An encoder is beaten by one that is at least as fast and at
        least as accurate, and better in one of them.
    """
    rate = scores[(scores.metric == "images_per_second") & (scores.n > 0)].groupby("encoder", sort=False)["value"]
    speed = rate.median()
    hits = scores[(scores.metric == "rank_hits") & (scores.k == 1) & (scores.n > 0) & scores.encoder.isin(speed.index)]
    panels = []
    for keys, own in hits.groupby(["dataset", "task", "slice"], sort=False):
        first = own[own.decoder == own.decoder.iloc[0]]
        finest = [rank for rank in ranks if (first["rank"] == rank).any()][-1:]
        panels.append((keys, finest[0], first[first["rank"] == finest[0]].drop_duplicates("encoder")))
    if not panels:
        return None
    shown = panels[:_MOST]
    columns = min(_ACROSS, len(shown))
    lines = -(-len(shown) // columns)
    figure, axes = new_figure(5.2 * columns, 4 * lines, columns=columns, rows=lines)
    flat = np.atleast_1d(axes).ravel()
    for one, ((dataset, task, part), rank, rows) in zip(flat, shown, strict=False):
        _panel(one, rows, speed.loc[rows.encoder].to_numpy(dtype=float))
        words = [dataset, task, *([part] if part != "all" else [])]
        title(one, ", ".join(words))
        one.set_ylabel(f"right at {rank}, %", color=INK)
        one.set_xlabel("images per second, from file to vector", color=INK)
    for one in flat[len(shown) :]:
        one.set_visible(False)
    told = "bars: 95 % interval; line: encoders that none beats in both; grey: beaten; light grey: controls"
    figure.supxlabel(told, fontsize=8, color=MUTED)
    return figure


def front(speed: "np.ndarray", quality: "np.ndarray") -> "np.ndarray":
    """Which points no other beats, ``(n,)`` bool; NaN is beaten.

    Examples
    --------
    >>> front(np.array([1.0, 2.0, 3.0, 3.0]), np.array([0.9, 0.5, 0.7, 0.6])).tolist()
    [True, False, True, False]
    """
    at_least = (speed[None] >= speed[:, None]) & (quality[None] >= quality[:, None])
    better = (speed[None] > speed[:, None]) | (quality[None] > quality[:, None])
    return np.asarray(~(at_least & better).any(axis=1) & ~np.isnan(speed) & ~np.isnan(quality))


def _panel(axes: "Axes", rows: "pd.DataFrame", speed: "np.ndarray") -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    value, low, high = (100 * rows[name].to_numpy(dtype=float) for name in ("value", "low", "high"))
    best = front(speed, value)
    order = np.flatnonzero(best)[np.argsort(speed[best])]
    axes.plot(speed[order], value[order], color=SERIES[0], linewidth=1.2, alpha=0.5, zorder=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(speed.min() / 2, speed.max() * 2)
    middle = np.sqrt(speed.min() * speed.max())
    for i, (name, role) in enumerate(zip(rows.encoder, rows.role, strict=True)):
        colour = NULL if role == "control" else SERIES[0] if best[i] else MUTED
        axes.vlines(speed[i], low[i], high[i], color=colour, linewidth=1.3, alpha=0.7)
        axes.plot(speed[i], value[i], "o", color=colour, markersize=6)
        right = speed[i] <= middle
        axes.annotate(
            str(name),
            (speed[i], value[i]),
            textcoords="offset points",
            xytext=(7 if right else -7, 4),
            ha="left" if right else "right",
            fontsize=8,
            color=INK,
        )

"""How often is each encoder right, at every rank? Accuracy with intervals, beside chance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from taxoeval.reports.figures.style import INK, MUTED, NULL, SERIES, new_figure, rank_axis, title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACROSS = 3  # panels beside each other
_MOST = 12  # panels; a reader looks at no more


def accuracy_by_rank(scores: "pd.DataFrame", ranks: Sequence[str]) -> "Figure | None":
    """One panel per dataset, task and part of the data, one series per encoder; controls are grey.

    Parameters
    ----------
    scores
        Rows of ``scores.parquet``, of one run or of several. Of each task the first decoder is drawn.
    ranks
        Coarse to fine.

    Returns
    -------
    figure
        None where no row is an accuracy. The first twelve panels, if there are more: the title of the last says so.
    """
    rows = scores[(scores.metric == "rank_hits") & (scores.k == 1) & (scores.n > 0)]
    panels = list(rows.groupby(["dataset", "task", "slice"], sort=False))
    if not panels:
        return None
    shown = panels[:_MOST]
    columns = min(_ACROSS, len(shown))
    lines = -(-len(shown) // columns)
    figure, axes = new_figure(4.2 * columns, 3.4 * lines, columns=columns, rows=lines, sharey=True)
    flat = np.atleast_1d(axes).ravel()
    names = list(dict.fromkeys(rows.encoder[rows.role == "encoder"]))
    colour = {name: SERIES[i % len(SERIES)] for i, name in enumerate(names)}
    several = rows.dataset.nunique() > 1
    for one, ((dataset, task, part), own) in zip(flat, shown, strict=False):
        _panel(one, own[own.decoder == own.decoder.iloc[0]], ranks, colour)
        words = [*([dataset] if several else []), task, *([part] if part != "all" else [])]
        title(one, ", ".join(words))
    for one in flat[len(shown) :]:
        one.set_visible(False)
    for one in flat[::columns]:
        one.set_ylabel("accuracy, %", color=INK)
    flat[0].legend(frameon=False, fontsize=8, loc="best")
    left = f"; {len(panels) - len(shown)} further parts: scores.parquet" if len(panels) > len(shown) else ""
    figure.supxlabel(f"bars: 95 % interval; dotted: a blind guess{left}", fontsize=8, color=MUTED)
    return figure


def _panel(axes: "Axes", rows: "pd.DataFrame", ranks: Sequence[str], colour: dict[str, str]) -> None:
    there = [rank for rank in ranks if (rows["rank"] == rank).any()]
    x = rank_axis(axes, there)
    series = list(rows.groupby(["encoder", "role"], sort=False))
    for i, ((encoder, role), own) in enumerate(series):
        at = own.drop_duplicates("rank").set_index("rank").reindex(there)
        value, low, high = (100 * at[name].to_numpy(dtype=float) for name in ("value", "low", "high"))
        control = role == "control"
        drawn = NULL if control else colour[encoder]
        place = x + 0.08 * (i - (len(series) - 1) / 2)
        label = f"{encoder} (control)" if control else str(encoder)
        axes.plot(
            place, value, "--" if control else "-", marker="o", markersize=4, linewidth=1.5, color=drawn, label=label
        )
        known = ~(np.isnan(low) | np.isnan(high))
        axes.vlines(place[known], low[known], high[known], color=drawn, linewidth=1.3, alpha=0.7)
    chance = rows.drop_duplicates("rank").set_index("rank").reindex(there)["chance"].to_numpy(dtype=float)
    axes.plot(x, 100 * chance, ":", color=MUTED, linewidth=1.2, label="chance")
    axes.set_ylim(-3, 103)
    axes.tick_params(axis="x", rotation=35)

"""How far up do mistakes go? Of the mistakes, the share that is wrong from each rank down."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from taxoeval.reports.figures.style import INK, MUTED, NULL, new_figure, rank_colours, title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_MOST = 16  # bars


def mistake_distance(mistakes: "pd.DataFrame", ranks: Sequence[str]) -> "Figure | None":
    """One bar per encoder, task and part of the data: which share of its mistakes is wrong from which rank down.

    Parameters
    ----------
    mistakes
        Rows of ``mistake_ranks.parquet``, of one run or of several. Of each task the first decoder is drawn.
    ranks
        Coarse to fine.

    Returns
    -------
    figure
        None where there is no mistake. Beside each bar stands how many mistakes it is over, below it what share a
        blind guess would have wrong from the same rank.
    """
    import pandas as pd

    groups = []
    part_of = mistakes["slice"].astype(str).str.replace(r" fold \d+$", "", regex=True)  # repeats count together
    tidy = mistakes.assign(slice=part_of)
    for keys, own in tidy.groupby(["dataset", "encoder", "task", "slice"], sort=False, observed=True):
        first = own[own.decoder == own.decoder.iloc[0]]
        if first.n.sum():
            groups.append((keys, first.groupby("wrong_from", observed=True)[["n", "chance"]].sum()))
    if not groups:
        return None
    shown = groups[:_MOST]
    figure, axes = new_figure(8.5, 1.3 + 0.55 * len(shown))
    drawn = pd.concat([found for _, found in shown])
    seen = set(drawn.index[(drawn.n > 0) | (drawn.chance > 0)])
    colours = dict(zip(ranks, rank_colours(len(ranks)), strict=True)) | {"no answer": NULL}
    colours = {rank: colour for rank, colour in colours.items() if rank in seen}
    several = len({keys[0] for keys, _ in groups}) > 1
    labels = []
    for rank, colour in reversed(colours.items()):
        axes.barh(0, 0, color=colour, label=rank)
    for place, ((dataset, encoder, task, part), found) in enumerate(shown):
        total, start, blind, expected = int(found.n.sum()), 0.0, 0.0, found.chance.sum()
        for rank, colour in reversed(colours.items()):
            if rank not in found.index:
                continue
            share = 100 * float(found.n[rank]) / total
            axes.barh(place, share, left=start, height=0.55, color=colour)
            start += share
            if expected > 0:
                guess = 100 * float(found.chance[rank]) / float(expected)
                axes.barh(place + 0.36, guess, left=blind, height=0.12, color=colour, alpha=0.8)
                blind += guess
        axes.text(101, place, f"{total:,}", va="center", fontsize=9, color=INK)
        labels.append(", ".join([*([dataset] if several else []), encoder, task, *([part] if part != "all" else [])]))
    axes.set_yticks(np.arange(len(shown)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the mistakes, %; thin bars: of the mistakes of a blind guess", fontsize=9, color=MUTED)
    title(axes, "From which rank down are mistakes wrong?", "at the right: how many mistakes")
    figure.legend(frameon=False, fontsize=8, ncols=len(colours), loc="outside lower center")
    return figure

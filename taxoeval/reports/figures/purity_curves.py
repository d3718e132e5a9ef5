"""Are an image's nearest neighbours its relatives? Purity of the first k neighbours at every rank."""

from typing import TYPE_CHECKING

import numpy as np

from taxoeval.reports.figures.style import MUTED, new_figure, rank_colours, title
from taxoeval.structure.neighbours import Neighbours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def purity_curves(record: Neighbours) -> "Figure":
    """One curve per rank, and where it would be if neighbours were drawn at random.

    Parameters
    ----------
    record
        From `taxoeval.structure.neighbours`. Ranks with a single taxon, where purity says nothing, are left out.
    """
    ranks = record.rows[0].ranks
    figure, axes = new_figure(7.5, 4.2)
    shown = [r for r in range(len(ranks)) if record.chance[r] < 1 - 1e-9 and not np.isnan(record.curve[:, r]).all()]
    colours = rank_colours(len(ranks))
    k = np.arange(1, len(record.curve) + 1)
    for r in shown:
        axes.plot(k, record.curve[:, r], color=colours[r], linewidth=2, marker="o", markersize=3)
        axes.axhline(record.chance[r], color=colours[r], linewidth=1, linestyle=(0, (2, 3)))
    _label(axes, [(ranks[r], float(record.curve[-1, r])) for r in shown], float(k[-1]))
    axes.set_ylim(0, 1.02)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("neighbours", color=MUTED)
    title(axes, "Are the nearest neighbours relatives?", "share of the same taxon among the k nearest; dotted: chance")
    return figure


def _label(axes: "Axes", ends: list[tuple[str, float]], x: float) -> None:
    """Names beside the ends of the curves, moved apart where these meet."""
    at = -1.0
    for name, y in sorted(ends, key=lambda end: end[1]):
        at = max(y, at + 0.05)
        axes.annotate(name, (x, y), (x * 1.02, at), fontsize=9, va="center", annotation_clip=False)

"""Where in the taxonomy does the variance of the vectors live? One stacked bar per encoder."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from taxoeval.reports.figures.style import INK, RESIDUAL, new_figure, rank_colours, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def variance_bars(shares: Mapping[str, Sequence[float]], levels: Sequence[str]) -> "Figure":
    """Stacked shares of variance by rank, what is left within species in grey.

    Parameters
    ----------
    shares
        By encoder, one share per level; NaN or a negative one (chance around zero) takes no room and is written beside.
    levels
        Names of the ranks, coarse to fine, and a last one for what is left.

    Examples
    --------
    >>> figure = variance_bars({"mini_clip": [0.2, 0.3, 0.5]}, ("genus", "species", "within species"))
    >>> len(figure.axes[0].patches)
    3
    """
    names = list(shares)
    figure, axes = new_figure(9.5, 1.7 + 0.5 * len(names))
    colours = [*rank_colours(len(levels) - 1), RESIDUAL]
    values = np.array([shares[name] for name in names], dtype=np.float64)
    drawn = np.clip(np.nan_to_num(values), 0, None)
    left = np.zeros(len(names))
    for level, name in enumerate(levels):
        axes.barh(names, drawn[:, level], left=left, color=colours[level], edgecolor="white", linewidth=1, label=name)
        for row, share in enumerate(drawn[:, level]):
            if share >= 0.04:
                dark = level < (len(levels) - 1) / 2
                at = left[row] + share / 2
                axes.text(
                    at, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=9, color="white" if dark else INK
                )
        left += drawn[:, level]
    for row, of in enumerate(values):
        odd = [
            f"{levels[i]} {100 * v:+.1f}" if v < 0 else f"{levels[i]} unidentifiable"
            for i, v in enumerate(of)
            if not v >= 0
        ]
        if odd:
            axes.text(left[row] + 0.01, row, "\n".join(odd), va="center", fontsize=7, color=INK)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xlim(0, max(1.0, float(left.max())) * (1.2 if (~(values >= 0)).any() else 1.0))
    axes.set_xticks(np.linspace(0, 1, 6), [f"{x} %" for x in range(0, 101, 20)])
    title(
        axes, "Where in the taxonomy does the variance live?", "share of variance by rank, without bias; numbers in %"
    )
    figure.legend(loc="outside lower center", ncols=min(8, len(levels)), frameon=False, fontsize=9)
    return figure

"""Do images of a species vary in the directions in which species differ?"""

from typing import TYPE_CHECKING

import numpy as np

from taxoeval.reports.figures.style import INK, NULL, SERIES, new_figure, rank_axis, title, with_interval
from taxoeval.structure import WithinBetween

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def within_between_histogram(record: WithinBetween) -> "Figure":
    """Share of within-species variation in the span of between-taxon differences: by image, and at every rank.

    Parameters
    ----------
    record
        From `taxoeval.structure.within_between`.
    """
    figure, axes = new_figure(10, 4, columns=2)
    one, other = axes.ravel()
    share = record.image[~np.isnan(record.image)]
    q = int(record.directions[-1])
    if len(share):
        one.hist(share, bins=np.linspace(0, 1, 41), color=SERIES[0], alpha=0.8)
        one.axvline(q / record.dimension, color=INK, linewidth=1.5, linestyle=(0, (4, 3)))
        one.annotate(
            "no preference\n(q / d)", (q / record.dimension, one.get_ylim()[1]), fontsize=8, va="top", ha="left"
        )
        null = record.rows[0].null[-1]
        if not np.isnan(null):
            one.axvline(null, color=NULL, linewidth=3)
            one.annotate("shuffled\nimages", (null, one.get_ylim()[1] * 0.8), fontsize=8, va="top", ha="left")
    title(
        one,
        "Images of one species vary in the span of species",
        f"share by image; {q:,} of {record.dimension:,} directions",
    )
    row, isotropic = record.rows[0], record.rows[1]
    x = rank_axis(other, row.ranks)
    if len(record.null):
        band = np.nanquantile(np.where(np.isnan(record.null), 0, record.null), [0.025, 0.975], axis=0)
        other.fill_between(x, *band, color=NULL, alpha=0.7, linewidth=0, label="spans of shuffled images")
    other.plot(x, isotropic.value, color=INK, linestyle=(0, (4, 3)), linewidth=1.2, label="no preference (q / d)")
    with_interval(other, x, row.value, row.low, row.high, color=SERIES[0], label="as it is")
    other.set_ylim(0, 1)
    other.tick_params(axis="x", rotation=35)
    other.legend(frameon=False, fontsize=9)
    title(
        other,
        "... and in the span of the taxa of each rank",
        "below the band: beside the differences, not along them",
    )
    return figure

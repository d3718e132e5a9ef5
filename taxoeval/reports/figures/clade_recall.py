"""Which taxa does a tree grown from the space alone find? Share recovered at each rank, with its null."""

from typing import TYPE_CHECKING

import numpy as np

from taxoeval.reports.figures.style import NULL, SERIES, new_figure, rank_axis, title, with_interval
from taxoeval.structure import CladeRecall

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def clade_recall(record: CladeRecall) -> "Figure":
    """Taxa recovered whole, and how much of each its best clade holds, beside what permuted species give.

    Parameters
    ----------
    record
        From `taxoeval.structure.clade_recall`.
    """
    figure, axes = new_figure(10, 4, columns=2, sharey=True)
    said = ("taxa that are a clade of the dendrogram", "how well the best clade fits a taxon (Jaccard)")
    for i, (one, text) in enumerate(zip(axes.ravel(), said, strict=True)):
        row = record.rows[i]
        x = rank_axis(one, row.ranks)
        known = ~np.isnan(record.null[:, i]).all(axis=0)
        if len(record.null) and known.any():
            band = np.nanquantile(record.null[:, i][:, known], [0.025, 0.975], axis=0)
            one.fill_between(x[known], *band, color=NULL, alpha=0.6, linewidth=0, label="species permuted")
        with_interval(one, x, row.value, row.low, row.high, color=SERIES[0], label="as it is")
        for r, n in enumerate(row.n):
            if n:
                one.annotate(f"{n:,}", (x[r], -0.02), ha="center", va="top", fontsize=7, annotation_clip=False)
        one.set_ylim(-0.08, 1.02)
        one.tick_params(axis="x", rotation=35)
        title(one, text, "numbers: taxa with two species or more")
    axes.ravel()[0].legend(frameon=False, fontsize=9, loc="upper left")
    return figure

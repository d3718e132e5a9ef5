"""Are images the more similar the closer their taxa? Cosine against the rank of the lowest common ancestor."""

from typing import TYPE_CHECKING

import numpy as np

from taxoeval.reports.figures.style import NULL, SERIES, new_figure, rank_axis, title, with_interval
from taxoeval.structure.similarity import SimilarityByLca

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def similarity_profile(record: SimilarityByLca) -> "Figure":
    """Mean cosine of pairs by the finest rank they share, raw and centred, with the band of permuted species.

    Parameters
    ----------
    record
        From `taxoeval.structure.similarity_by_lca`. Means over pairs of species are drawn, so that no species with many
        images rules.
    """
    figure, axes = new_figure(10, 4, columns=2)
    kinds = [(i, kind) for i, kind in enumerate(record.kinds) if kind.endswith("species pairs")]
    for one, (i, kind) in zip(axes.ravel(), kinds, strict=True):
        x = rank_axis(one, [level.replace("nothing shared", "nothing") for level in record.levels])
        known = ~np.isnan(record.value[i])
        one.fill_between(
            x, record.band[0, i], record.band[1, i], color=NULL, alpha=0.6, linewidth=0, label="species permuted"
        )
        with_interval(
            one,
            x[known],
            record.value[i][known],
            record.low[i][known],
            record.high[i][known],
            color=SERIES[0],
            label="as they are",
        )
        title(one, kind.replace(", species pairs", ""), "by the finest rank two images share; bars 95 %")
        one.tick_params(axis="x", rotation=35)
    axes.ravel()[0].legend(frameon=False, fontsize=9, loc="upper left")
    return figure

"""The same map once per rank, the commonest taxa of each coloured."""

from typing import TYPE_CHECKING, Any

import numpy as np

from taxoeval.reports.figures.style import MOST_SHAPES, NULL, SERIES, new_figure, title
from taxoeval.structure import SpaceMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {"pca": "principal components", "tsne": "t-SNE", "umap": "UMAP", "pacmap": "PaCMAP"}


def rank_maps(record: SpaceMap) -> "Figure":
    """Small multiples with the same coordinates; at each rank its seven commonest taxa in colour, others in grey.

    Parameters
    ----------
    record
        From `taxoeval.structure.space_map`.
    """
    ranks = record.taxonomy.ranks
    shown = [r for r in range(len(ranks)) if len(np.unique(record.lineage[record.lineage[:, r] >= 0, r])) > 1] or [0]
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    figure, axes = new_figure(3.3 * columns, 3.6 * rows + 0.6, columns=columns, rows=rows)
    every = np.atleast_1d(np.asarray(axes)).ravel()
    size = float(np.clip(4000 / max(1, len(record.place)), 1, 14))
    look: dict[str, Any] = {"s": size, "linewidths": 0, "rasterized": len(record.place) > MOST_SHAPES}
    for one, r in zip(every, shown, strict=False):
        taxa, count = np.unique(record.lineage[record.lineage[:, r] >= 0, r], return_counts=True)
        top = taxa[np.argsort(-count, kind="stable")][: len(SERIES) - 1]
        rest = ~np.isin(record.lineage[:, r], top)
        one.scatter(*record.place[rest].T, color=NULL, **look)
        for colour, taxon in zip(SERIES, top, strict=False):
            here = record.lineage[:, r] == taxon
            one.scatter(*record.place[here].T, color=colour, label=str(record.taxonomy.names[taxon]), **look)
        one.set_xticks([])
        one.set_yticks([])
        one.grid(visible=False)
        one.legend(
            fontsize=6,
            frameon=False,
            markerscale=8 / size**0.5 / 2,
            loc="upper center",
            bbox_to_anchor=(0.5, 0.0),
            ncols=2,
        )
        title(one, ranks[r], f"{len(taxa):,} taxa")
    for one in every[len(shown) :]:
        one.axis("off")
    kept = record.rows[0].value[0]
    told = "" if np.isnan(kept) else f"; {100 * kept:.0f} % of the 10 nearest neighbours kept"
    warning = "" if record.method == "pca" else "; distances between clusters mean nothing"
    figure.suptitle(f"The space by {NAMES[record.method]}{told}{warning}", x=0.01, ha="left", fontsize=11)
    return figure

"""Does similarity show the taxonomy as blocks? Cosine of all species, in the order of the tree."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from taxoeval.reports.figures.style import INK, new_figure, title
from taxoeval.structure import Centroids

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 1500
"""Species drawn one by one; of more, neighbours in the order of the tree are averaged."""

MANY = 300
"""Species of which a square is smaller than what a printer resolves."""


def similarity_heatmap(record: Centroids) -> "Figure":
    """Cosine of every pair of species less the mean, species in the order of the taxonomy, with lines between taxa.

    Parameters
    ----------
    record
        From `taxoeval.structure.centroids`.
    """
    centred = record.vector - record.vector.mean(axis=0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    units = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    groups = np.array_split(np.arange(len(units)), min(len(units), MOST))
    some = np.stack([units[group].mean(axis=0) for group in groups])
    figure, axes = new_figure(7.5, 6.6)
    limit = 0.8
    # few and large squares are drawn sharp, for viewers blur a small picture; many are written as they are
    how = "none" if len(some) > MANY else "nearest"
    drawn = axes.imshow(some @ some.T, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation=how)
    axes.grid(visible=False)
    rank = _named_rank(record)
    taxa = record.lineage[[group[0] for group in groups], rank]
    edges = np.flatnonzero(np.diff(taxa)) + 0.5
    for edge in edges:
        axes.axhline(edge, color="black", linewidth=0.4)
        axes.axvline(edge, color="black", linewidth=0.4)
    ends = np.concatenate([[-0.5], edges, [len(taxa) - 0.5]])
    wide = [(a, b) for a, b in pairwise(ends) if b - a > len(taxa) / 40]
    names = [record.taxonomy.names[taxa[int(a + 1)]] if taxa[int(a + 1)] >= 0 else "" for a, _ in wide]
    axes.set_yticks([(a + b) / 2 for a, b in wide], names, fontsize=8, color=INK)
    axes.set_xticks([])
    figure.colorbar(drawn, ax=axes, shrink=0.7, label="cosine of centred species")
    title(
        axes,
        "Does similarity show the taxonomy as blocks?",
        f"species in its order; lines between {record.taxonomy.ranks[rank]} taxa",
    )
    return figure


def _named_rank(record: Centroids) -> int:
    """The coarsest rank with at least four taxa of some size: few enough to name, enough to see."""
    for r in range(record.lineage.shape[1]):
        _, count = np.unique(record.lineage[:, r], return_counts=True)
        if (count > 0.03 * len(record)).sum() >= 4:
            return r
    return int(record.lineage.shape[1]) - 1

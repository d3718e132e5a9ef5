"""Taxonomy and dendrogram face to face: who moved where?"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taxoeval.reports.figures.style import INK, MUTED, SERIES, new_figure, title
from taxoeval.structure import CladeRecall
from taxoeval.structure.dendrogram import join
from taxoeval.taxonomy import Tree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST, FEWEST = 60, 8
"""Species that can be read, and that are worth a figure."""


def tanglegram(record: CladeRecall) -> "Figure | None":
    """The taxon with the most species that still can be read, as in the taxonomy and as in the space.

    Parameters
    ----------
    record
        From `taxoeval.structure.clade_recall`.

    Returns
    -------
    figure
        None where no taxon has between 8 and 60 species.
    """
    fitting = np.flatnonzero((record.size >= FEWEST) & (record.size <= MOST))
    if not len(fitting):
        return None
    chosen = int(record.taxon[fitting[np.lexsort((record.rank[fitting], -record.size[fitting]))[0]]])
    found, taxonomy = record.centroids, record.centroids.taxonomy
    inside = (found.lineage == chosen).any(axis=1)
    some = found.keep(inside)
    clade, id_map = taxonomy.restrict(some.species)
    there = join(some.distance, list(some.names))
    order = _turned(there.tree, there.leaf)
    left, right = np.arange(len(some), dtype=float), np.empty(len(some))
    right[order] = np.arange(len(some))
    figure, axes = new_figure(10, 1.2 + 0.17 * len(some), columns=3, width_ratios=(1, 1.5, 1))
    left_axes, middle, right_axes = axes.ravel()
    _draw(left_axes, clade, id_map[some.species], left, flip=False, by_rank=True)
    _draw(right_axes, there.tree, there.leaf, right, flip=True, by_rank=False)
    genus = some.lineage[:, -2] if some.lineage.shape[1] > 1 else np.arange(len(some))
    _, colour = np.unique(genus, return_inverse=True)
    for i, name in enumerate(some.names):
        tint = SERIES[colour[i] % len(SERIES)]
        middle.plot([0.36, 0.64], [left[i], right[i]], color=tint, linewidth=1)
        middle.text(0.35, left[i], name, ha="right", va="center", fontsize=7, color=INK)
        middle.text(0.65, right[i], name, ha="left", va="center", fontsize=7, color=INK)
    for one in axes.ravel():
        one.set_ylim(len(some) - 0.5, -0.5)
        one.axis("off")
    middle.set_xlim(0, 1)
    title(left_axes, f"{taxonomy.names[chosen]} in the taxonomy")
    title(right_axes, "in the space")
    return figure


def _turned(tree: Tree, leaf: NDArray[np.int64]) -> NDArray[np.int64]:
    """Species from top to bottom, clades turned so that they come near their place in the taxonomy."""
    owner = np.full(len(tree), -1)
    owner[leaf] = np.arange(len(leaf))
    mean = np.zeros(len(tree))
    for node in range(len(tree) - 1, -1, -1):
        below = owner[node : node + tree.size[node]]
        mean[node] = below[below >= 0].mean()
    order: list[int] = []
    stack = [int(node) for node in np.flatnonzero(tree.parent < 0)]
    while stack:
        node = stack.pop()
        if owner[node] >= 0:
            order.append(int(owner[node]))
        children = np.flatnonzero(tree.parent == node)
        stack += [int(child) for child in children[np.argsort(-mean[children], kind="stable")]]
    return np.array(order)


def _draw(
    axes: "Axes", tree: Tree, leaf: NDArray[np.int64], y_leaf: NDArray[np.float64], *, flip: bool, by_rank: bool
) -> None:
    """A rectangular tree with its root outside."""
    x, y = _depths(tree, by_rank), np.zeros(len(tree))
    y[leaf] = y_leaf
    for node in range(len(tree) - 1, -1, -1):
        children = np.flatnonzero(tree.parent == node)
        if len(children):
            y[node] = y[children].mean()
            axes.plot([x[node], x[node]], [y[children].min(), y[children].max()], color=MUTED, linewidth=0.9)
            for child in children:
                axes.plot([x[node], x[child]], [y[child], y[child]], color=MUTED, linewidth=0.9)
    if flip:
        axes.invert_xaxis()


def _depths(tree: Tree, by_rank: bool) -> NDArray[np.float64]:
    if by_rank or tree.length is None:
        depth = tree.depth.astype(np.float64)
        depth[tree.leaves] = depth.max()
        return depth
    depth = np.zeros(len(tree))
    for node in range(len(tree)):
        above = tree.parent[node]
        depth[node] = depth[above] + np.nan_to_num(tree.length[node]) if above >= 0 else 0.0
    return depth

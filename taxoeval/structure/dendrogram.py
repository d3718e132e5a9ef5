"""The tree that the vectors themselves make: species joined by their distance in space, to be held against taxonomy."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.structure.centroids import Centroids, centroids, upper
from taxoeval.structure.sums import Rows
from taxoeval.taxonomy import Taxonomy, Tree, tree_from_parents

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Method = Literal["average", "neighbour_joining"]

TIED = 1e-10
"""Merges whose distances differ by less happen at once: which came first would be up to the order of the species."""


@dataclass(frozen=True, eq=False)
class Dendrogram:
    """A tree over species, or over any points, from their distances in space.

    Attributes
    ----------
    tree
        Its leaves bear the names of the species, its inner nodes none. Lengths are such that the way between two
        leaves is as long as their distance in the tree. `Tree.to_newick` and `Tree.to_ete` hand it on.
    leaf
        ``(c,)`` the leaf of each species.
    """

    tree: Tree
    leaf: Ints

    @cached_property
    def place(self) -> Ints:
        """``(c,)`` the place of each species from left to right: the leaves below any node stand next to each other."""
        return np.asarray(np.searchsorted(self.tree.leaves, self.leaf))

    def distance(self) -> Floats:
        """``(c, c)`` the way between two leaves along the branches: the cophenetic distance.

        Examples
        --------
        >>> join(np.array([[0, 1.0, 4], [1, 0, 6], [4, 6, 0]]), ["a", "b", "c"]).distance()
        array([[0., 1., 5.],
               [1., 0., 5.],
               [5., 5., 0.]])
        """
        tree, leaves = self.tree, self.tree.leaves
        length = np.nan_to_num(np.ones(len(tree)) if tree.length is None else tree.length).tolist()
        start = np.searchsorted(leaves, np.arange(len(tree))).tolist()
        stop = (start + tree.n_leaves_below).tolist()
        depth = [0.0] * len(tree)
        shared = np.zeros((len(leaves), len(leaves)))
        for node, above in enumerate(tree.parent.tolist()):
            if above >= 0:
                depth[node] = depth[above] + length[node]
                # those below meet their elder siblings, which are all that is left of them, at the parent
                shared[start[above] : start[node], start[node] : stop[node]] = depth[above]
        shared += shared.T
        from_root = np.array(depth)[leaves]
        found = np.maximum(from_root[:, None] + from_root - 2 * shared, 0.0)
        np.fill_diagonal(found, 0.0)
        return np.asarray(found[np.ix_(self.place, self.place)])


def dendrogram(
    vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, *, method: Method = "average"
) -> tuple[Dendrogram, Centroids]:
    """Join the species by the distance (1 - cosine) of their centroids.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`.
    taxon
        ``(n,)`` taxon id of each. Images labelled above the finest rank are left out, and counted.
    taxonomy
        Their taxonomy; only the names of the species are taken from it.
    method
        ``"average"`` (UPGMA) or ``"neighbour_joining"``, see `join`.

    Returns
    -------
    dendrogram, centroids
        The tree and the species it is over.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity, or no label is of the finest rank.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("A", "a"), ("A", "b"), ("B", "c")], ranks=("genus", "species"))
    >>> vectors = np.array([[1.0, 0], [0.8, 0.6], [0, 1]])
    >>> dendrogram(vectors, taxonomy.ids(["a", "b", "c"]), taxonomy)[0].tree.to_newick()
    '(c:0.35,(a:0.1,b:0.1):0.25);'
    """
    found = centroids(vectors, taxon, taxonomy)
    return join(found.distance, found.names, method), found


def join(distance: Floats, names: Any, method: Method = "average") -> Dendrogram:
    """A tree from distances.

    Parameters
    ----------
    distance
        ``(c, c)`` symmetric, 0 on the diagonal.
    names
        ``c`` names of the leaves.
    method
        ``"average"`` joins the two groups with the smallest mean distance, again and again (`scipy`'s ``linkage``); all
        leaves end up as far from the root. ``"neighbour_joining"`` allows for unequal rates of change (`skbio`'s
        ``nj``, Saitou and Nei 1987); it makes no root, which is put at the middle of the longest way between two
        leaves, and takes c³ steps.

    Returns
    -------
    dendrogram
        Groups that join at one distance, such as copies of one vector, join at once in one node.

    Raises
    ------
    TaxoevalError
        If the method is unknown.

    Examples
    --------
    >>> join(np.array([[0, 1.0, 1], [1, 0, 1], [1, 1, 0]]), ["a", "b", "c"]).tree.to_newick()
    '(a:0.5,b:0.5,c:0.5);'
    """
    c = len(distance)
    if method not in ("average", "neighbour_joining"):
        raise TaxoevalError(f'method must be "average" or "neighbour_joining"; got {method!r}')
    if c == 1:
        return Dendrogram(Tree([-1], [str(names[0])]), np.zeros(1, dtype=np.int64))
    parent, length = _joined(distance) if method == "average" or c < 3 else _neighbours(distance)
    parent, length, kept = _collapsed(parent, length, c)
    labels = [*map(str, names), *[""] * (len(kept) - c)]
    tree, node = tree_from_parents(range(len(kept)), parent.tolist(), labels, length)
    return Dendrogram(tree, node[:c])


def _joined(distance: Floats) -> tuple[Ints, Floats]:
    """Parents and branch lengths by average linkage: leaves first, each inner node after its children."""
    from scipy.cluster.hierarchy import linkage

    merges = linkage(upper(distance), "average")
    c = len(distance)
    height = np.append(np.zeros(c), merges[:, 2] / 2)
    parent = np.full(2 * c - 1, -1)
    for side in (0, 1):
        parent[merges[:, side].astype(np.int64)] = np.arange(c, 2 * c - 1)
    length = np.append(height[parent[:-1]] - height[:-1], np.nan)
    return parent, length


def _neighbours(distance: Floats) -> tuple[Ints, Floats]:
    """The same by neighbour joining, rooted at the midpoint."""
    from skbio import DistanceMatrix
    from skbio.tree import nj

    c = len(distance)
    if not distance.any():  # nothing to find a midpoint on
        return np.append(np.full(c, c), -1), np.append(np.zeros(c), np.nan)
    top = nj(DistanceMatrix(distance, [str(i) for i in range(c)])).root_at_midpoint()
    inner: list[tuple[Any, int]] = []
    leaves: list[tuple[int, int, float]] = []
    stack = [(top, -1)]
    while stack:
        node, above = stack.pop()
        if node.is_tip():
            leaves.append((int(node.name), above, float(node.length or 0.0)))
            continue
        inner.append((node, above))
        stack.extend((child, len(inner) - 1) for child in node.children)
    parent, length = np.empty(c + len(inner), dtype=np.int64), np.empty(c + len(inner))
    for leaf, above, own in leaves:
        parent[leaf], length[leaf] = c + len(inner) - 1 - above, own
    for i, (node, above) in enumerate(inner):  # turned round, so that children come before their parent here, too
        at = c + len(inner) - 1 - i
        parent[at] = c + len(inner) - 1 - above if above >= 0 else -1
        length[at] = float(node.length or 0.0) if above >= 0 else np.nan
    return parent, length


def _collapsed(parent: Ints, length: Floats, c: int) -> tuple[Ints, Floats, Ints]:
    """Without the inner nodes that have a branch of no length above them, their children handed up."""
    gone = (length <= TIED) & (np.arange(len(parent)) >= c)
    above = parent.tolist()
    for node in range(len(parent) - 1, -1, -1):  # parents first
        if above[node] >= 0 and gone[above[node]]:
            above[node] = above[above[node]]
    kept = np.flatnonzero(~gone)
    new = np.full(len(parent) + 1, -1)
    new[kept] = np.arange(len(kept))
    short = np.asarray(np.round(np.maximum(length[kept], 0.0), 12), dtype=np.float64)
    return new[np.array(above)[kept]], short, kept

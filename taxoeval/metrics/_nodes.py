"""Depth, height and information of every node, with the implied root that joins the trees of a forest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval.taxonomy import Taxonomy, Tree

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Nodes:
    """Values of every node; the last entry, which index -1 reads, is the implied root.

    A taxonomy always has one (a kingdom is one edge below life), and so has a forest; a tree of one root is rooted
    there. ``depth`` has its 0 at the topmost root, whichever that is.
    """

    depth: Floats
    height: Floats
    information: Floats
    deepest: float


def nodes_of(tree: Tree) -> Nodes:
    """Compute them in one pass."""
    implied = isinstance(tree, Taxonomy) or int((tree.parent < 0).sum()) != 1
    depth = np.append(tree.depth + implied, 0 if implied else -1).astype(np.float64)
    deepest = float(depth[:-1].max(initial=0))
    height = np.append(tree.height, deepest).astype(np.float64)
    share = tree.n_leaves_below / max(1, len(tree.leaves))
    information = np.append(-np.log2(share), 0.0)
    return Nodes(depth, height, information + 0.0, deepest)  # + 0.0 turns -0.0 into 0.0

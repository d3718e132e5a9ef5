"""ete3 trees in and out, through their ``children`` alone, so that depth does not matter."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy.arrays import Ints
from taxoeval.taxonomy.parents import taxonomy_from_parents, taxonomy_from_tree
from taxoeval.taxonomy.taxonomy import RANKS, Taxonomy
from taxoeval.taxonomy.tree import Tree

if TYPE_CHECKING:
    import ete3


def read_ete(tree: "ete3.TreeNode") -> tuple[Ints, list[str], NDArray[np.float64] | None, list[str]]:
    """The nodes of an ete3 tree.

    Parameters
    ----------
    tree
        The root. Only ``children``, ``name``, ``dist`` and, where there is one, ``rank``
        are read.

    Returns
    -------
    parent, names, length
        The arguments of `Tree`. ``length`` is ``None`` if no branch differs from 1, the
        value that ete3 gives to branches whose length nobody set.
    rank_names
        The ranks of the nodes, ``""`` where there is none.
    """
    parents: list[int] = []
    names: list[str] = []
    lengths: list[float] = []
    rank_names: list[str] = []
    stack = [(tree, -1)]
    while stack:
        node, parent = stack.pop()
        stack.extend((child, len(parents)) for child in reversed(node.children))
        parents.append(parent)
        names.append(str(node.name or ""))
        lengths.append(float(node.dist))
        rank_names.append(str(getattr(node, "rank", None) or ""))
    length = np.array(lengths)
    unset = np.all(length[1:] == 1) and length[0] in (0, 1)
    return np.array(parents, dtype=np.int64), names, None if unset else length, rank_names


def taxonomy_from_ete(tree: "ete3.TreeNode", ranks: Sequence[str] = RANKS) -> Taxonomy:
    """The taxonomy of an ete3 tree.

    Parameters
    ----------
    tree
        The root. If nodes have a ``rank``, those with one of ``ranks`` become taxa and
        the others vanish between them, with their branch lengths; otherwise the tree
        needs exactly one level a rank.
    ranks
        The ranks, coarse to fine.

    Raises
    ------
    TaxoevalError
        As `taxonomy_from_parents` and `taxonomy_from_tree`.
    """
    parent, names, length, rank_names = read_ete(tree)
    if any(rank_names):
        return taxonomy_from_parents(range(len(parent)), parent.tolist(), names, rank_names, ranks).taxonomy
    return taxonomy_from_tree(Tree(parent, names, length), ranks)


def write_ete(tree: Tree) -> "ete3.TreeNode":
    """A tree for ete3.

    Parameters
    ----------
    tree
        A `Tree`, whose names and lengths become ``name`` and ``dist`` (where a length is
        unknown ete3's own default of 1 stays), or a `Taxonomy`, whose ranks become the
        feature ``rank``. A forest gets a root without a name.

    Raises
    ------
    TaxoevalError
        If ete3 cannot be imported.
    """
    try:
        import ete3
    except ImportError as error:
        raise TaxoevalError(
            f"ete3 cannot be imported ({error}); pip install ete3 six, and legacy-cgi from Python 3.13"
        ) from error
    nodes = [ete3.TreeNode(name=name) for name in tree.names]
    if tree.length is not None:
        for i in np.flatnonzero(~np.isnan(tree.length)).tolist():
            nodes[i].dist = float(tree.length[i])
    if isinstance(tree, Taxonomy):
        for node, rank in zip(nodes, tree.rank.tolist(), strict=True):
            node.add_feature("rank", tree.ranks[rank])
    roots = np.flatnonzero(tree.parent < 0).tolist()
    top = nodes[0] if len(roots) == 1 else ete3.TreeNode(name="")
    for node, parent in zip(nodes, tree.parent.tolist(), strict=True):
        above = nodes[parent] if parent >= 0 else top
        if above is not node:
            above.children.append(node)
            node.up = above
    return top

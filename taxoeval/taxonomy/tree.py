"""A rooted tree as read-only arrays, numbered depth first, so that every subtree is a slice."""

import hashlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.taxonomy.arrays import Ints, depths, frozen, heights, object_array, subtree_sizes
from taxoeval.taxonomy.lca import AncestorTable

if TYPE_CHECKING:
    import ete3


class Tree:
    """An immutable rooted tree, or a forest, over the nodes ``0 .. n - 1``.

    Nodes are numbered in depth-first preorder: a parent comes before its children and
    the subtree of ``i`` is the slice ``i : i + size[i]``. Several roots make a forest;
    its trees share nothing.

    Parameters
    ----------
    parent
        ``(n,)`` integers, the parent of each node, ``-1`` at a root.
    names
        ``(n,)`` strings; ``""`` for a node without a name.
    length
        ``(n,)`` floats, the branch length above each node, NaN where it is unknown;
        ``None`` for a tree without branch lengths.

    Attributes
    ----------
    parent, names, length
        As given, as read-only arrays (int64, object and float64).

    Raises
    ------
    ValueError
        If the shapes disagree or the nodes are not in depth-first preorder.

    See Also
    --------
    taxoeval.taxonomy.parents.tree_from_parents : the same from nodes in any order.

    Examples
    --------
    ::

        0 Corvidae
        ├── 1 Corvus
        │   ├── 2 corax
        │   └── 3 corone
        └── 4 Pica

    >>> tree = Tree([-1, 0, 1, 1, 0], ["Corvidae", "Corvus", "corax", "corone", "Pica"])
    >>> tree
    Tree(5 nodes, 3 leaves, 1 root, depth 2)
    >>> tree.size
    array([5, 3, 1, 1, 1])
    >>> tree.lca([2, 2, 2], [3, 4, 2])
    array([1, 0, 2])
    """

    parent: Ints
    names: NDArray[np.object_]
    length: NDArray[np.float64] | None

    def __init__(self, parent: ArrayLike, names: Iterable[str], length: ArrayLike | None = None) -> None:
        parents = frozen(np.array(parent, dtype=np.int64))
        labels = names if isinstance(names, np.ndarray) else object_array(names)
        lengths = None if length is None else frozen(np.array(length, dtype=np.float64))
        if (
            parents.ndim != 1
            or labels.shape != parents.shape
            or (lengths is not None and lengths.shape != parents.shape)
        ):
            got = None if lengths is None else lengths.shape
            raise ValueError(f"parent, names and length must be (n,); got {parents.shape}, {labels.shape} and {got}")
        if not len(parents):
            raise ValueError("a tree needs at least one node")
        self.__dict__.update(
            parent=parents,
            names=frozen(np.array(labels, dtype=object)),
            length=lengths,
            size=frozen(subtree_sizes(parents)),
        )

    size: Ints
    """``(n,)`` how many nodes the subtree of each node has, itself included."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a {type(self).__name__} is immutable: make a new one instead of setting {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.parent, self.names, self.length)

    def __len__(self) -> int:
        return len(self.parent)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Tree) and self.digest == other.digest

    def __hash__(self) -> int:
        return int(self.digest[:15], 16)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._counts()})"

    def _counts(self) -> str:
        roots = int((self.parent < 0).sum())
        words = [(len(self), "node", "nodes"), (len(self.leaves), "leaf", "leaves"), (roots, "root", "roots")]
        return ", ".join(f"{k} {one if k == 1 else many}" for k, one, many in words) + f", depth {self.depth.max()}"

    @property
    def n(self) -> int:
        """How many nodes the tree has."""
        return len(self.parent)

    @cached_property
    def depth(self) -> Ints:
        """``(n,)`` edges from the root down to each node; 0 at a root."""
        return frozen(depths(self.parent))

    @cached_property
    def height(self) -> Ints:
        """``(n,)`` edges on the longest way from each node down to a leaf; 0 at a leaf."""
        return frozen(heights(self.depth, self.size))

    @cached_property
    def is_leaf(self) -> NDArray[np.bool_]:
        """``(n,)`` whether a node has no children."""
        return frozen(self.size == 1)

    @cached_property
    def leaves(self) -> Ints:
        """Ids of the nodes without children, ascending."""
        return frozen(np.flatnonzero(self.is_leaf))

    @cached_property
    def n_leaves_below(self) -> Ints:
        """``(n,)`` leaves in the subtree of each node; 1 at a leaf, which counts itself."""
        return frozen(self._total(self.is_leaf))

    @cached_property
    def digest(self) -> str:
        """SHA-256, as hex, of everything that makes the tree what it is: equal digests mean equal trees."""
        hasher = hashlib.sha256()
        for part in self._identity():
            hasher.update(len(part).to_bytes(8, "little") + part)
        return hasher.hexdigest()

    def _identity(self) -> list[bytes]:
        lengths = b"" if self.length is None else self.length.astype("<f8").tobytes()
        sizes = np.fromiter(map(len, self.names), dtype="<i8", count=len(self)).tobytes()
        return [
            self.parent.astype("<i8").tobytes(),
            sizes,
            "".join(self.names).encode("utf-8", "surrogatepass"),
            lengths,
        ]

    def _total(self, value: NDArray[Any]) -> Ints:
        """Sum of a value over the subtree of each node."""
        running = np.concatenate([[0], np.cumsum(value, dtype=np.int64)])
        start = np.arange(len(self))
        total: Ints = running[start + self.size] - running[start]
        return total

    @cached_property
    def _ancestor_table(self) -> AncestorTable:
        return AncestorTable(self.parent)

    def lca(self, a: ArrayLike, b: ArrayLike) -> Ints:
        """Lowest common ancestor of pairs of nodes; a node is its own ancestor.

        Parameters
        ----------
        a, b
            Node ids, or ``-1`` for "none", of shapes that broadcast together.

        Returns
        -------
        node
            The broadcast shape, int64. ``-1`` where the two are in different trees of a
            forest, or where either is ``-1``.

        Raises
        ------
        ValueError
            If an id is not a node of the tree.

        Notes
        -----
        In preorder the lowest common ancestor of ``a < b`` is the smallest parent among
        the nodes ``a + 1 .. b``: one range minimum, answered in constant time from a
        table of ``n log2(n)`` integers that is made at the first call [1]_.

        References
        ----------
        .. [1] M. A. Bender and M. Farach-Colton, "The LCA problem revisited", LATIN 2000.

        Examples
        --------
        >>> tree = Tree([-1, 0, 1, 1, 0, -1], ["Corvidae", "Corvus", "corax", "corone", "Pica", "Felidae"])
        >>> tree.lca([2, 3], [[3], [4], [5]])
        array([[ 1,  3],
               [ 0,  0],
               [-1, -1]])
        """
        return self._ancestor_table.lca(a, b)

    def ancestors(self, node: int) -> Ints:
        """Ids of the proper ancestors of one node, from its parent up to its root.

        Examples
        --------
        >>> Tree([-1, 0, 1], ["Aves", "Corvidae", "Pica"]).ancestors(2)
        array([1, 0])
        """
        path = []
        above = int(self.parent[node])
        while above >= 0:
            path.append(above)
            above = int(self.parent[above])
        return np.array(path, dtype=np.int64)

    def subtree(self, node: int) -> tuple[Self, Ints]:
        """One clade as a tree of its own, with the node as its root.

        Parameters
        ----------
        node
            The node whose descendants, and itself, are kept. Nothing above it is.

        Returns
        -------
        tree
            The clade.
        id_map
            ``(n,)`` the new id of every node of this tree, ``-1`` where it is gone.

        Examples
        --------
        >>> tree = Tree([-1, 0, 1, 0], ["Corvidae", "Corvus", "corax", "Pica"])
        >>> clade, id_map = tree.subtree(1)
        >>> list(clade.names), id_map
        (['Corvus', 'corax'], array([-1,  0,  1, -1]))
        """
        self._check_ids(np.array([node]))
        return self._select(np.arange(node, node + self.size[node]))

    def restrict(self, nodes: ArrayLike) -> tuple[Self, Ints]:
        """The tree over a set of nodes and all their ancestors.

        Parameters
        ----------
        nodes
            Ids to keep, in any order; repeats do no harm. Descendants that are not in
            the set go; to keep a clade and the path to its root give its whole slice,
            ``range(i, i + size[i])``.

        Returns
        -------
        tree
            The smaller tree; the nodes keep their order.
        id_map
            ``(n,)`` the new id of every node of this tree, ``-1`` where it is gone.

        Raises
        ------
        ValueError
            If the set is empty or an id is not a node.

        Examples
        --------
        >>> tree = Tree([-1, 0, 1, 1, 0], ["Corvidae", "Corvus", "corax", "corone", "Pica"])
        >>> smaller, id_map = tree.restrict([3])
        >>> list(smaller.names), id_map
        (['Corvidae', 'Corvus', 'corone'], array([ 0,  1, -1,  2, -1]))
        """
        ids = np.asarray(nodes)
        self._check_ids(ids)
        wanted = np.zeros(len(self), dtype=bool)
        wanted[ids] = True
        return self._select(np.flatnonzero(self._total(wanted)))

    def _check_ids(self, ids: NDArray[Any]) -> None:
        if not ids.size:
            raise ValueError("no node given")
        if not np.issubdtype(ids.dtype, np.integer) or ids.min() < 0 or ids.max() >= len(self):
            raise ValueError(f"node ids must be integers in 0 .. {len(self) - 1}; got {ids.ravel()[:5]} ({ids.dtype})")

    def _select(self, kept: Ints) -> tuple[Self, Ints]:
        id_map = np.full(len(self) + 1, -1)  # the last slot answers for parent -1
        id_map[kept] = np.arange(len(kept))
        return self._rebuild(kept, id_map[self.parent[kept]]), id_map[:-1]

    def _rebuild(self, kept: Ints, parent: Ints) -> Self:
        return type(self)(parent, self.names[kept], None if self.length is None else self.length[kept])

    @classmethod
    def from_newick(cls, source: str | Path) -> Self:
        """The tree of a Newick text or file; see `taxoeval.taxonomy.newick.read_newick`.

        Examples
        --------
        >>> Tree.from_newick("((corax:1,corone:1)Corvus:2,Pica:3)Corvidae;").length
        array([nan,  2.,  1.,  1.,  3.])
        """
        from taxoeval.taxonomy.newick import read_newick

        return cls(*read_newick(source))

    def to_newick(self, path: Path | None = None) -> str:
        """The tree as Newick text, also written to ``path`` if one is given; see `taxoeval.taxonomy.newick`.

        Examples
        --------
        >>> Tree([-1, 0, 0], ["Corvus", "C. corax", "corone"]).to_newick()
        "('C. corax',corone)Corvus;"
        """
        from taxoeval.taxonomy.newick import write_newick

        return write_newick(self, path)

    @classmethod
    def from_ete(cls, tree: "ete3.TreeNode") -> Self:
        """The same tree from an ete3 tree; see `taxoeval.taxonomy.ete.read_ete`."""
        from taxoeval.taxonomy.ete import read_ete

        return cls(*read_ete(tree)[:3])

    def to_ete(self) -> "ete3.TreeNode":
        """The same tree for ete3; see `taxoeval.taxonomy.ete.write_ete`."""
        from taxoeval.taxonomy.ete import write_ete

        return write_ete(self)

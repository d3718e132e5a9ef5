"""Parent lists: nodes in any order, each with the id of its parent, as in an NCBI dump or a Darwin Core table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy.arrays import Ints, object_array
from taxoeval.taxonomy.assemble import assemble
from taxoeval.taxonomy.taxonomy import RANKS, Taxonomy, checked_ranks
from taxoeval.taxonomy.tree import Tree


@dataclass(frozen=True, eq=False)
class ParentList:
    """What a parent list with ranks holds.

    Attributes
    ----------
    taxonomy
        The taxa whose rank was asked for.
    taxon
        ``(n,)`` the taxon of each row: itself, or its nearest ancestor that has a rank;
        ``-1`` if there is none.
    n_collapsed
        How many rows have another rank, and so became their nearest ranked ancestor.
    """

    taxonomy: Taxonomy
    taxon: Ints
    n_collapsed: int


def tree_from_parents(
    ids: Sequence[Any], parents: Sequence[Any], names: Sequence[str] | None = None, length: ArrayLike | None = None
) -> tuple[Tree, Ints]:
    """A tree from nodes in any order.

    Parameters
    ----------
    ids
        ``n`` different ids, strings or integers.
    parents
        ``n`` ids, the parent of each; at a root ``None``, ``""``, NaN, ``-1`` (if no node
        has that id) or the root's own id.
    names
        ``n`` names; the ids if left out.
    length
        ``(n,)`` branch lengths.

    Returns
    -------
    tree
        Siblings stay in the order of the rows.
    node
        ``(n,)`` the node of each row.

    Raises
    ------
    TaxoevalError
        If an id comes twice, a parent is missing, or parents go in a circle.

    Examples
    --------
    >>> tree, node = tree_from_parents(["corax", "Corvus", "Pica"], ["Corvus", None, None])
    >>> list(tree.names), node
    (['Corvus', 'corax', 'Pica'], array([1, 0, 2]))
    """
    above = _places(ids, parents)
    order = _preorder(above, ids)
    node = np.empty(len(order), dtype=np.int64)
    node[order] = np.arange(len(order))
    labels = object_array(str(name) for name in (ids if names is None else names))
    lengths = None if length is None else np.asarray(length, dtype=np.float64)
    if labels.shape != order.shape or (lengths is not None and lengths.shape != order.shape):
        raise ValueError(f"ids, parents, names and length must agree on n; got {len(order)} ids, {len(labels)} names")
    parent = np.append(node, -1)[above[order]]
    return Tree(parent, labels[order], None if lengths is None else lengths[order]), node


def taxonomy_from_parents(
    ids: Sequence[Any],
    parents: Sequence[Any],
    names: Sequence[str],
    rank_names: Sequence[str],
    ranks: Sequence[str] = RANKS,
) -> ParentList:
    """A taxonomy from taxa in any order.

    Parameters
    ----------
    ids, parents
        As for `tree_from_parents`.
    names
        ``n`` names.
    rank_names
        ``n`` ranks in any case. Rows whose rank is not among ``ranks`` (*clade*, *no rank*,
        *subfamily*) become their nearest ancestor that has one.
    ranks
        The ranks to keep, coarse to fine.

    Returns
    -------
    list
        Taxonomy, the taxon of each row, and how many rows were collapsed.

    Raises
    ------
    TaxoevalError
        If an id comes twice, a parent is missing, parents go in a circle, a rank is not
        finer than the rank above it, a ranked row has no name, or two rows are the same
        taxon (same name, rank and ranked ancestors).

    Examples
    --------
    >>> read = taxonomy_from_parents(
    ...     [1, 2, 3, 4], [1, 1, 2, 3], ["root", "Corvidae", "Corvinae", "Corvus"],
    ...     ["no rank", "family", "subfamily", "genus"], ranks=("family", "genus"))
    >>> read.taxonomy.path(1), read.taxon, read.n_collapsed
    ('Corvidae > Corvus', array([-1,  0,  0,  1]), 2)
    """
    order = checked_ranks(ranks)
    place_of = {rank.casefold(): k for k, rank in enumerate(order)}
    rank = np.array([place_of.get(str(name).strip().casefold(), -1) for name in rank_names], dtype=np.int64)
    labels = object_array(str(name).strip() for name in names)
    above = _places(ids, parents)
    if not len(rank) == len(labels) == len(above):
        raise ValueError(f"ids, names and rank_names must agree on n; got {len(above)}, {len(labels)} and {len(rank)}")
    kept = np.flatnonzero(rank >= 0)
    if not len(kept):
        raise TaxoevalError(f"no row has one of the ranks {', '.join(order)}; got {sorted(set(rank_names))[:8]}")
    nearest = _nearest_ranked(above, rank, _preorder(above, ids))
    slot = np.full(len(rank) + 1, -1)
    slot[kept] = np.arange(len(kept))
    over = np.append(nearest, -1)[above[kept]]
    _check_ranked(ids, labels, rank, kept, over, order)
    name_order = _name_order(labels[kept])
    taxonomy, id_map = assemble(slot[over], rank[kept], labels[kept], name_order, order)
    taxon = np.append(id_map, -1)[slot[nearest]]
    return ParentList(taxonomy, taxon, len(rank) - len(kept))


def taxonomy_from_tree(tree: Tree, ranks: Sequence[str] = RANKS) -> Taxonomy:
    """A taxonomy from a tree that has exactly one level of nodes for each rank.

    Parameters
    ----------
    tree
        All leaves at one depth and every node named, except for a single root without a
        name above the coarsest rank, which is left out.
    ranks
        One rank per level, coarse to fine.

    Raises
    ------
    TaxoevalError
        If the levels do not match the ranks, a node has no name, or two siblings have
        the same one.

    Examples
    --------
    >>> tree = Tree.from_newick("((corax,corone)Corvus,(pica)Pica);")
    >>> taxonomy_from_tree(tree, ("genus", "species"))
    Taxonomy(5 taxa: 2 genus, 3 species)
    """
    order = checked_ranks(ranks)
    depths = np.unique(tree.depth[tree.leaves])
    joined = len(np.flatnonzero(tree.parent < 0)) == 1 and tree.names[0] == "" and tree.n > 1
    levels = int(depths[-1]) + (0 if joined else 1)
    if len(depths) > 1 or levels != len(order):
        found = f"leaves at {len(depths)} different depths" if len(depths) > 1 else f"{levels} named levels"
        raise TaxoevalError(
            f"a taxonomy with the ranks {', '.join(order)} needs {len(order)} levels in every lineage, the tree has "
            f"{found}; give ranks that match, or read it as a plain tree with Tree.from_newick or Tree.from_ete"
        )
    first = int(joined)
    kept = np.arange(first, tree.n)
    rank = tree.depth[first:] - first
    over = tree.parent[kept]
    _check_ranked(kept, tree.names, np.append(np.full(first, -1), rank), kept, over, order)
    parent = np.where(over >= first, over - first, -1)
    length = None if tree.length is None else tree.length[first:]
    return assemble(parent, rank, tree.names[first:], _name_order(tree.names[first:]), order, length)[0]


def _name_order(names: Iterable[str]) -> Ints:
    texts = list(names)
    place = {name: k for k, name in enumerate(sorted(set(texts)))}
    return np.array([place[name] for name in texts], dtype=np.int64)


def _places(ids: Sequence[Any], parents: Sequence[Any]) -> Ints:
    """The row of each row's parent, ``-1`` at a root."""
    ids, parents = list(ids), list(parents)
    if len(ids) != len(parents):
        raise ValueError(f"ids and parents must have the same length; got {len(ids)} and {len(parents)}")
    if not ids:
        raise TaxoevalError("the parent list is empty; give at least one row")
    row = {key: k for k, key in enumerate(ids)}
    if len(row) < len(ids):
        twice = sorted({str(key) for k, key in enumerate(ids) if row[key] != k})
        raise TaxoevalError(f"{_some(twice, 'id')} on more than one row; keep one row for each")
    none = {None, "", -1} - set(row)
    above = [-1 if p in none or p != p or p == key else row.get(p, -2) for key, p in zip(ids, parents, strict=True)]
    missing = sorted({str(p) for p, place in zip(parents, above, strict=True) if place == -2})
    if missing:
        raise TaxoevalError(
            f"{_some(missing, 'parent')} not among the ids; add the rows, or leave the parent empty at a root"
        )
    return np.array(above, dtype=np.int64)


def _preorder(above: Ints, ids: Sequence[Any]) -> Ints:
    """Rows in depth-first preorder, siblings in row order; raises ``TaxoevalError`` if parents go in a circle."""
    n = len(above)
    by_parent = np.argsort(above, kind="stable")
    start = np.searchsorted(above, np.arange(-1, n + 1), sorter=by_parent).tolist()
    # Children are laid out last one first, so that the first one is on top of the stack.
    children = by_parent[::-1].tolist()
    order: list[int] = []
    stack = children[n - start[1] :]
    while stack:
        node = stack.pop()
        order.append(node)
        stack += children[n - start[node + 2] : n - start[node + 1]]
    if len(order) < n:
        raise TaxoevalError(f"parents go in a circle: {_circle(above, order, list(ids))}; correct one of these rows")
    return np.array(order, dtype=np.int64)


def _circle(above: Ints, reached: list[int], ids: list[Any]) -> str:
    node = int(np.setdiff1d(np.arange(len(above)), reached)[0])
    seen: dict[int, int] = {}
    while node not in seen:
        seen[node] = len(seen)
        node = int(above[node])
    path = [str(ids[k]) for k in list(seen)[seen[node] :]]
    shown = path if len(path) <= 8 else [*path[:7], f"... ({len(path) - 7} more)"]
    return " -> ".join([*shown, path[0]])


def _nearest_ranked(above: Ints, rank: Ints, order: Ints) -> Ints:
    """The nearest row at or above each row that has a rank, ``-1`` if none has."""
    nearest = np.where(rank >= 0, np.arange(len(rank)), -1).tolist()
    for node, parent in zip(order.tolist(), above[order].tolist(), strict=True):
        if nearest[node] < 0 and parent >= 0:
            nearest[node] = nearest[parent]
    return np.array(nearest, dtype=np.int64)


def _check_ranked(
    ids: Sequence[Any] | Ints, names: Any, rank: Ints, kept: Ints, over: Ints, ranks: tuple[str, ...]
) -> None:
    nameless = kept[[not names[k] for k in kept]]
    if len(nameless):
        raise TaxoevalError(
            f"the {ranks[rank[nameless[0]]]} {ids[int(nameless[0])]} has no name; every taxon needs one"
        )
    wrong = np.flatnonzero((over >= 0) & (np.append(rank, -1)[over] >= rank[kept]))
    if len(wrong):
        low, high = int(kept[wrong[0]]), int(over[wrong[0]])
        raise TaxoevalError(
            f"the {ranks[rank[low]]} {names[low]} ({ids[low]}) is under the {ranks[rank[high]]} {names[high]} "
            f"({ids[high]}), but its rank must be finer; correct one of the two ranks"
        )
    first: dict[tuple[int, int, str], int] = {}
    for k, parent in zip(kept.tolist(), over.tolist(), strict=True):
        other = first.setdefault((parent, int(rank[k]), names[k]), k)
        if other != k:
            raise TaxoevalError(
                f"{ids[other]} and {ids[k]} are both the {ranks[rank[k]]} {names[k]} under the same ancestors; "
                "keep one, or tell them apart by name"
            )


def _some(items: list[str], noun: str) -> str:
    shown = ", ".join(items[:5]) + (f" and {len(items) - 5} more" if len(items) > 5 else "")
    return f"{noun} {shown} is" if len(items) == 1 else f"{len(items)} {noun}s ({shown}) are"

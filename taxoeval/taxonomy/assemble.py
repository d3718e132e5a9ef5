"""Ranked nodes in any order put into preorder, vectorised over the few ranks a taxonomy has."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from taxoeval.taxonomy.arrays import Ints
from taxoeval.taxonomy.taxonomy import Taxonomy


def assemble(
    parent: Ints,
    rank: Ints,
    names: NDArray[np.object_],
    name_order: Ints,
    ranks: Sequence[str],
    length: NDArray[np.float64] | None = None,
) -> tuple[Taxonomy, Ints]:
    """A taxonomy from nodes in any order, with siblings sorted by rank and then by name.

    Parameters
    ----------
    parent
        ``(n,)`` the place of each node's parent in these arrays, ``-1`` at a root.
    rank
        ``(n,)`` place in ``ranks``, finer than the parent's.
    names
        ``(n,)`` strings.
    name_order
        ``(n,)`` integers that sort as the names of one rank do.
    ranks
        The ranks, coarse to fine.
    length
        ``(n,)`` branch lengths, if there are any.

    Returns
    -------
    taxonomy
        The taxonomy.
    id_map
        ``(n,)`` the taxon id of each given node.

    Examples
    --------
    >>> names = np.array(["Corvus corax", "Pica", "Corvus"], dtype=object)
    >>> taxonomy, id_map = assemble(np.array([2, -1, -1]), np.array([1, 0, 0]), names, np.array([0, 1, 0]),
    ...                             ("genus", "species"))
    >>> list(taxonomy.names), id_map
    (['Corvus', 'Corvus corax', 'Pica'], array([1, 2, 0]))
    """
    n = len(parent)
    by_rank = [np.flatnonzero(rank == place) for place in range(len(ranks))]
    size = np.ones(n + 1, dtype=np.int64)  # the last slot stands for the parent of the roots
    for nodes in reversed(by_rank):
        size += np.bincount(parent[nodes] % (n + 1), weights=size[nodes], minlength=n + 1).astype(np.int64)
    # A node comes after its parent and after the subtrees of its earlier siblings.
    siblings = _sibling_order(parent, rank, name_order)
    before = np.cumsum(size[siblings]) - size[siblings]
    above = parent[siblings]
    first = np.flatnonzero(np.append(True, above[1:] != above[:-1]))
    offset = np.empty(n, dtype=np.int64)
    offset[siblings] = before - np.repeat(before[first], np.diff(np.append(first, n)))
    place = np.full(n + 1, -1)
    for nodes in by_rank:
        place[nodes] = place[parent[nodes]] + 1 + offset[nodes]
    id_map = place[:n]
    order = np.empty(n, dtype=np.int64)
    order[id_map] = np.arange(n)
    lengths = None if length is None else length[order]
    return Taxonomy(place[parent[order]], names[order], rank[order], ranks, lengths), id_map


def _sibling_order(parent: Ints, rank: Ints, name_order: Ints) -> Ints:
    """Nodes sorted by parent, then rank, then name: one sort of one key where that fits into 64 bits."""
    n_ranks, n_names = int(rank.max()) + 1, int(name_order.max()) + 1
    key = ((parent + 1) * n_ranks + rank) * n_names + name_order
    if (len(parent) + 1) * n_ranks * n_names >= 2**62:
        return np.lexsort((name_order, rank, parent))
    return np.argsort(key, kind="stable")

"""Taxa as sets of species, and where each set is found in a tree: in leaf order every node is an interval."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.taxonomy import Tree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CladeSets:
    """Sets of species, each with two or more and with one or more surely outside.

    Attributes
    ----------
    taxon, rank
        ``(s,)`` what the sets are: the taxa, and the place of their ranks.
    size
        ``(s,)`` species in each.
    of, species
        ``(k,)`` the pairs of set and member, ascending by set.
    doubt_of, doubtful
        ``(q,)`` the pairs of set and species that might be a member: unknown at that rank, and at no coarser rank known
        to differ. For that set they are as if they were not in the tree.
    n_species
        How many species there are in all.
    """

    taxon: Ints
    rank: Ints
    size: Ints
    of: Ints
    species: Ints
    doubt_of: Ints
    doubtful: Ints
    n_species: int

    @classmethod
    def of_lineage(cls, lineage: Ints) -> "CladeSets":
        """The taxa of all ranks.

        Parameters
        ----------
        lineage
            ``(c, n_ranks)`` the taxon of each species at every rank, ``-1`` where unknown.

        Examples
        --------
        >>> sets = CladeSets.of_lineage(np.array([[0, 1], [0, 1], [0, 2], [3, 4], [0, -1]]))
        >>> sets.taxon, sets.size, sets.species, (sets.doubt_of, sets.doubtful)
        (array([0, 1]), array([4, 2]), array([0, 1, 2, 4, 0, 1]), (array([1]), array([4])))
        """
        parts: list[tuple[Ints, ...]] = []
        doubts: list[tuple[Ints, Ints]] = []
        n = 0
        for place in range(lineage.shape[1]):
            member = np.flatnonzero(lineage[:, place] >= 0)
            taxa, first, code, size = np.unique(
                lineage[member, place], return_index=True, return_inverse=True, return_counts=True
            )
            doubt = _doubtful(lineage, place, member[first])
            outside = len(lineage) - size - np.bincount(doubt[0], minlength=len(taxa))
            used = np.flatnonzero((size >= 2) & (outside >= 1))
            number = np.full(len(taxa), -1)
            number[used] = n + np.arange(len(used))
            kept = number[code] >= 0
            order = np.argsort(number[code][kept], kind="stable")
            parts.append(
                (taxa[used], np.full(len(used), place), size[used], number[code][kept][order], member[kept][order])
            )
            of, species = number[doubt[0]], doubt[1]
            doubts.append((of[of >= 0], species[of >= 0]))
            n += len(used)
        taxon, rank, size, of, species = (
            np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)
        )
        doubt_of, doubtful = (np.concatenate(column).astype(np.int64) for column in zip(*doubts, strict=True))
        return cls(taxon, rank, size, of, species, doubt_of, doubtful, len(lineage))

    @classmethod
    def of_tree(cls, tree: Tree, species: Ints) -> "CladeSets":
        """The clades of a tree, each once however many nodes have the same leaves.

        Parameters
        ----------
        tree
            Any tree.
        species
            ``(leaves,)`` the number of the species of each leaf, in the order of `Tree.leaves`.
        """
        node = own_clades(tree)
        start = np.searchsorted(tree.leaves, node)
        size = tree.n_leaves_below[node]
        within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        none = np.zeros(0, dtype=np.int64)
        return cls(
            taxon=node,
            rank=np.zeros(len(node), dtype=np.int64),
            size=size,
            of=np.repeat(np.arange(len(node)), size),
            species=species[np.repeat(start, size) + within],
            doubt_of=none,
            doubtful=none,
            n_species=len(species),
        )


def own_clades(tree: Tree) -> Ints:
    """Nodes with two or more leaves but not all, each set of leaves once."""
    below, several = tree.n_leaves_below, (tree.n_leaves_below > 1) & (tree.n_leaves_below < len(tree.leaves))
    only_child = np.zeros(len(tree), dtype=bool)
    inner = np.flatnonzero(tree.parent >= 0)
    only_child[inner] = below[inner] == below[tree.parent[inner]]
    return np.flatnonzero(several & ~only_child)


def _doubtful(lineage: Ints, place: int, example: Ints) -> tuple[Ints, Ints]:
    """Pairs of taxon (the position of its `example`) and species that might belong to it."""
    holes = np.flatnonzero(lineage[:, place] < 0)
    might = np.ones((len(example), len(holes)), dtype=bool)
    for above in range(place):
        a, b = lineage[example, above][:, None], lineage[holes, above]
        might &= (a == b) | (a < 0) | (b < 0)
    of, hole = np.nonzero(might)
    return of, holes[hole]


class Overlap(NamedTuple):
    """The nodes of a tree at which the members of each set meet: one entry for each gap between neighbours.

    Attributes
    ----------
    of
        ``(g,)`` the set, ascending.
    node
        ``(g,)`` the node where the members left and right of the gap meet.
    inside
        ``(g,)`` members of the set below the node.
    size
        ``(g,)`` species below the node, without those that might be members.
    pairs
        ``(g,)`` pairs of members that meet there; where a node has several gaps, each pair is counted at one of them.
    """

    of: Ints
    node: Ints
    inside: Ints
    size: Ints
    pairs: Ints


def overlap(sets: CladeSets, tree: Tree, place: Ints) -> Overlap:
    """Where the members of each set meet in a tree.

    A node that fits a set best, in whatever sense of members against others, is one where members meet: any other node
    with these members below has more species that are none. So it takes one look per member, not per node.

    Parameters
    ----------
    sets
        The sets.
    tree
        A tree with one root.
    place
        ``(c,)`` place of each species among the leaves of the tree, from left to right.
    """
    c = sets.n_species
    key = np.sort(sets.of * c + place[sets.species])
    doubt = np.sort(sets.doubt_of * c + place[sets.doubtful])
    of, at = np.divmod(key, c)
    right = np.flatnonzero(of[1:] == of[:-1]) + 1
    of = of[right]
    node = tree.lca(tree.leaves[at[right - 1]], tree.leaves[at[right]])
    start = np.searchsorted(tree.leaves, np.arange(len(tree)))[node]
    stop = start + tree.n_leaves_below[node]
    first, last = np.searchsorted(key, of * c + start), _below(key, of, c, stop)
    size = stop - start
    if len(doubt):
        size = size - (_below(doubt, of, c, stop) - np.searchsorted(doubt, of * c + start))
    # members right of the gap and left of the next gap of the same set at the same node: those under one child
    number = np.arange(len(of))
    box, gap = np.divmod(np.sort((of * len(tree) + node) * max(1, len(of)) + number), max(1, len(of)))
    end, same = last.copy(), box[1:] == box[:-1]
    end[gap[:-1][same]] = right[gap[1:][same]]
    return Overlap(of, node, last - first, size, (right - first) * (end - right))


def _below(key: Ints, of: Ints, c: int, stop: Ints) -> Ints:
    return np.asarray(np.searchsorted(key, of * c + stop))


class Fit(NamedTuple):
    """How well a tree has each set as a clade.

    Attributes
    ----------
    jaccard
        ``(s,)`` the largest share, over nodes, of members below the node among all that are members or below it.
    node
        ``(s,)`` that node; ``-1`` where a single leaf fits best.
    recovered
        ``(s,)`` whether the members are a clade: all of them, and no others, below one node.
    """

    jaccard: Floats
    node: Ints
    recovered: NDArray[np.bool_]


def best_fit(sets: CladeSets, tree: Tree, place: Ints) -> Fit:
    """The best node for every set; see `overlap`.

    Examples
    --------
    >>> sets = CladeSets.of_lineage(np.array([[0], [0], [0], [1], [1]]))
    >>> best_fit(sets, Tree.from_newick("(((0,1),3),(2,4));"), np.array([0, 1, 3, 2, 4])).jaccard.round(2)
    array([0.67, 0.5 ])
    """
    found = overlap(sets, tree, place)
    value = found.inside / (found.size + sets.size[found.of] - found.inside)
    if not len(value):
        return Fit(value, found.node, np.zeros(0, dtype=bool))
    first = np.flatnonzero(np.diff(found.of, prepend=-1))  # the sets have one gap or more each
    most = np.maximum.reduceat(value, first)
    node = np.minimum.reduceat(np.where(value == most[found.of], found.node, len(tree)), first)
    best = np.maximum.reduceat(np.where(found.node == node[found.of], np.arange(len(value)), -1), first)
    single = most < 1 / sets.size
    jaccard = np.where(single, 1 / sets.size, most)
    recovered = (found.inside[best] == sets.size) & (found.size[best] == sets.size)
    return Fit(jaccard, np.where(single, -1, node), recovered)

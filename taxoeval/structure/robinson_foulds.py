"""How many clades do two trees over the same species not share? Read one way round, as one of them has polytomies."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.clade_sets import own_clades
from taxoeval.taxonomy import Tree

Ints = NDArray[np.int64]


class RobinsonFoulds(NamedTuple):
    """Clades that two rooted trees have in common, and what the Robinson-Foulds distance makes of it.

    Attributes
    ----------
    clades
        Different clades of the reference, of two or more species but not all.
    misses
        How many of them the other tree has not: the one-sided distance. 0 is possible whatever the polytomies.
    extra
        Clades of the other tree that the reference has not. Most of these do not contradict it: they resolve its
        polytomies.
    floor
        The smallest `plain` distance that any tree with as many clades as the other can have from the reference.
    """

    clades: int
    misses: int
    extra: int
    floor: int

    @property
    def plain(self) -> int:
        """The Robinson-Foulds distance of rooted trees: misses and extra."""
        return self.misses + self.extra

    @property
    def largest(self) -> int:
        """The largest that `plain` can be: nothing shared."""
        return 2 * self.clades + self.extra - self.misses


def robinson_foulds(reference: Tree, species: Ints, other: Tree, other_species: Ints) -> RobinsonFoulds:
    """Compare the clades of two rooted trees.

    Parameters
    ----------
    reference, other
        The trees. Nodes with a single child add nothing; a forest is taken as joined by a root.
    species, other_species
        ``(c,)`` for each the number of the species of each leaf, ``0 .. c - 1``, in the order of `Tree.leaves`.

    Returns
    -------
    distance
        `plain` is that of `skbio`'s ``compare_rfd(rooted=True)``.

    Notes
    -----
    A clade is known by the sum of random 64-bit numbers, one for each species: two different clades have the same sum
    with a chance of one in 10^19. So the cost is linear in the species.

    References
    ----------
    .. [1] D. F. Robinson and L. R. Foulds, "Comparison of phylogenetic trees", Mathematical Biosciences 53 (1981).

    Examples
    --------
    A genus of three and one of one; the other tree resolves the first, which is no mistake:

    >>> found = robinson_foulds(
    ...     Tree.from_newick("((a,b,c),d);"), np.arange(4), Tree.from_newick("(((a,b),c),d);"), np.arange(4))
    >>> found, found.plain
    (RobinsonFoulds(clades=1, misses=0, extra=1, floor=1), 1)
    """
    mark = np.random.default_rng(0).integers(np.iinfo(np.uint64).max, size=len(species), dtype=np.uint64)
    first, second = clade_marks(reference, mark[species]), clade_marks(other, mark[other_species])
    shared = len(np.intersect1d(first, second))
    most = min(len(first), len(second))
    floor = len(first) + len(second) - 2 * most
    return RobinsonFoulds(len(first), len(first) - shared, len(second) - shared, floor)


def clade_marks(tree: Tree, mark: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A number for each clade of `own_clades`, the sum of those of its leaves ``(leaves,)``; it wraps around."""
    node = own_clades(tree)
    running = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(mark, dtype=np.uint64)])
    start = np.searchsorted(tree.leaves, node)
    return np.asarray(running[start + tree.n_leaves_below[node]] - running[start])

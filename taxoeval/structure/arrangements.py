"""In how many different ways can species change places in a tree? Where there are few, no permutation test can tell."""

from collections import Counter
from math import lgamma

import numpy as np
from numpy.typing import NDArray

from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ENOUGH = 20
"""Different arrangements below which no p could reach 0.05."""


def log_arrangements(taxonomy: Taxonomy, species: Ints) -> Floats:
    """Natural logarithm of how many arrangements of the species below each taxon make different trees.

    Parameters
    ----------
    taxonomy
        The taxonomy.
    species
        ``(c,)`` taxa of the finest rank, ascending; no others count.

    Returns
    -------
    log_ways
        ``(n + 1,)`` for every taxon, ``-inf`` where it has none of the species; the last is for all species together.

    Notes
    -----
    ``c!`` permutations, less those that only swap species of one genus, or whole genera with equally many species, and
    so on: the symmetries of the tree.

    Examples
    --------
    Of five species, two in one genus and three in another, there are ten pairs that the first could hold:

    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("A", "a"), ("A", "b"), ("B", "c"), ("B", "d"), ("B", "e")], ranks=("genus", "species"))
    >>> species = taxonomy.ids(["a", "b", "c", "d", "e"])
    >>> np.exp(log_arrangements(taxonomy, species)[-1]).round()
    np.float64(10.0)
    """
    tree, new = taxonomy.restrict(species)
    m = len(tree)
    shapes: dict[tuple[int, ...], int] = {}
    below: list[list[int]] = [[] for _ in range(m + 1)]
    swaps = np.zeros(m + 1)
    parent, rank = tree.parent.tolist(), tree.rank.tolist()
    for node in range(m - 1, -1, -1):  # children come before their parent
        children = sorted(below[node])
        swaps[node] = _orders(children)
        above = parent[node] if parent[node] >= 0 else m
        below[above].append(shapes.setdefault((rank[node], *children), len(shapes)))
    swaps[m] = _orders(below[m])
    running = np.concatenate([[0.0], np.cumsum(swaps[:m])])
    start = np.arange(m)
    symmetries = np.append(running[start + tree.size] - running[start], swaps.sum())
    leaves = np.append(tree.n_leaves_below, len(species))
    found = np.full(len(taxonomy) + 1, -np.inf)
    kept = np.flatnonzero(new >= 0)
    ways = np.array([lgamma(k + 1) for k in leaves.tolist()]) - symmetries
    found[kept], found[-1] = ways[new[kept]], ways[-1]
    return found


def _orders(shapes: list[int]) -> float:
    """Logarithm of the ways to swap those of one shape."""
    return sum(lgamma(k + 1) for k in Counter(shapes).values())

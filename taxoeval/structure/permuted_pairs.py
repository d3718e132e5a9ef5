"""Tree distances against distances in space with the species permuted: clade by clade, for the tree is made of them."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LARGE = 8
"""A clade of more than one in so many of the species is added up for all permutations by one product of matrices."""

_TOGETHER = 1 << 18
"""Numbers held at a time: 2 MB."""


def permuted_correlations(tree: NDArray[np.integer], value: Floats, space: Floats, orders: Ints) -> Floats:
    """Pearson's correlation over pairs of a value of their tree distance with another value, species permuted.

    Parameters
    ----------
    tree
        ``(c, c)`` distances in a tree, small whole numbers (see `tree_distance`): species of one clade stand next to
        each other.
    value
        ``(levels,)`` what each distance counts.
    space
        ``(c (c - 1) / 2,)`` the other value of each pair, row by row. Both vary.
    orders
        ``(P, c)`` permutations: which species stands at each place of the tree.

    Returns
    -------
    correlation
        ``(P,)``.

    Notes
    -----
    The value of a pair is the sum over the clades that hold both of what the distance in each counts beyond that in
    the next larger one, so it takes sums over the pairs within clades: few pairs but those of the largest clades, whose
    sums are ``z @ space @ z`` with the marks ``z`` of their species. Those over all pairs are always the same.

    Examples
    --------
    >>> tree = np.array([[0, 1, 2], [1, 0, 2], [2, 2, 0]])
    >>> orders = np.array([[0, 1, 2], [0, 2, 1]])
    >>> permuted_correlations(tree, np.arange(3.0), np.array([0.1, 0.4, 0.2]), orders).round(3)
    array([ 0.756, -0.945])
    """
    from scipy.spatial.distance import squareform

    pairs = np.bincount(squareform(tree, checks=False), minlength=len(value))
    away = value - (pairs @ value) / pairs.sum()
    away = away / np.sqrt(pairs @ away**2)
    other = space - space.mean()
    return permuted_sums(tree, away, squareform(other / np.linalg.norm(other)), orders)


def permuted_sums(tree: NDArray[np.integer], value: Floats, square: Floats, orders: Ints) -> Floats:
    """Sum over pairs of a value of their tree distance times another value, species permuted.

    Parameters
    ----------
    tree, value, orders
        As for `permuted_correlations`.
    square
        ``(c, c)`` the other value of each pair: symmetric, 0 on the diagonal.

    Returns
    -------
    sums
        ``(P,)``.
    """
    c = len(tree)
    large, small = _clades(tree, value)
    found = np.full(len(orders), value[np.diagonal(tree, 1).max()] * square.sum() / 2)  # what is counted for all pairs
    step = max(1, _TOGETHER // c)
    for first in range(0, len(orders), step):
        some, into = orders[first : first + step], found[first : first + step]
        for rows, counts in large:
            into += counts * _marked(square, some[:, rows])
        for rows, table in small:
            _gathered(square, some[:, rows], table, into)
    return found


def permutations_of(c: int, number: int, seed: int | np.random.Generator) -> Ints:
    """``(number, c)`` permutations of the species.

    Examples
    --------
    >>> permutations_of(4, 2, 0)
    array([[2, 0, 1, 3],
           [3, 2, 1, 0]])
    """
    return np.random.default_rng(seed).permuted(np.tile(np.arange(c), (number, 1)), axis=1)


def _clades(tree: NDArray[np.integer], value: Floats) -> tuple[list[tuple[slice, float]], list[tuple[slice, Floats]]]:
    """Large clades, each with what its pairs count beyond those of the next larger; the largest small ones, by pair."""
    c = len(tree)
    gap = np.diagonal(tree, 1)  # two species are as far apart as the furthest neighbours between them
    top = int(gap.max())
    large: list[tuple[slice, float]] = []
    small: list[tuple[slice, Floats]] = []
    stack = [(0, c, top)]
    while stack:
        first, last, above = stack.pop()
        rows = slice(first, last)
        if (last - first) * _LARGE <= c:
            if last - first > 1:
                small.append((rows, value[tree[rows, rows]] - value[above]))
            continue
        within = gap[first : last - 1]
        own = int(within.max()) if len(within) else above
        if own != above:
            large.append((rows, float(value[own] - value[above])))
        cuts = first + 1 + np.flatnonzero(within == own)
        edges = [first, *cuts.tolist(), last]
        if len(edges) > 2:
            stack += [(a, b, own) for a, b in pairwise(edges)]
    return large, small


def _marked(square: Floats, of: Ints) -> Floats:
    """``(p,)`` sum over the pairs of each row of species, by a product with the upper triangle."""
    from scipy.linalg.blas import dtrmm

    mark = np.zeros((len(of), len(square)))
    np.put_along_axis(mark, of, 1.0, axis=1)
    nearer: Any = dtrmm(1.0, square.T, mark.T, overwrite_b=1)
    return np.asarray(np.take_along_axis(nearer.T, of, axis=1).sum(axis=1))


def _gathered(square: Floats, of: Ints, table: Floats, into: Floats) -> None:
    """Add the pairs of each row of species times what they count in the table."""
    k, c = len(table), len(square)
    flat, counts = square.ravel(), table.ravel() / 2
    step = max(1, _TOGETHER // k**2)
    for first in range(0, len(of), step):
        some = of[first : first + step]
        held = flat.take((some * c)[:, :, None] + some[:, None, :])
        into[first : first + step] += held.reshape(len(some), -1) @ counts

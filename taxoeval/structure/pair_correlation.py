"""Do pairs of species that are further apart in the tree lie further apart in space? Three correlations over pairs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = ("Pearson", "Spearman", "Kendall tau-a")


def pair_correlations(tree: NDArray[np.integer], space: Floats) -> Floats:
    """Pearson's and Spearman's correlation and Kendall's tau-a of tree distances with distances in space.

    Parameters
    ----------
    tree
        ``(m,)`` distances in the tree, whole numbers of which most are tied.
    space
        ``(m,)`` distances in space.

    Returns
    -------
    correlation
        ``(3,)`` in the order of `KINDS`; NaN where either side does not vary.

    Notes
    -----
    Ties share their mean rank in Spearman's. Tau-a is the share of pairs of pairs that are in the same order on both
    sides less the share in opposite order, where those tied on either side are in neither; with a tree it stays below 1
    (see `largest_tau_a`), but unlike Spearman's it does not favour predictions that are tied themselves.

    References
    ----------
    .. [1] H. Nili et al., "A Toolbox for Representational Similarity Analysis", PLOS Computational Biology 10 (2014),
       on tau-a where models predict ties.

    Examples
    --------
    >>> pair_correlations(np.array([1, 2, 2]), np.array([0.1, 0.4, 0.2])).round(3)
    array([0.756, 0.866, 0.667])
    """
    return SortedPairs.of(tree, space).correlations()


@dataclass(frozen=True, eq=False)
class SortedPairs:
    """Pairs of species in the order of their distances in space: some of them need not be sorted again.

    Attributes
    ----------
    order
        ``(m,)`` which pair is at each place.
    level
        ``(m,)`` place of its tree distance among `levels`.
    levels
        The tree distances there are, ascending.
    space
        ``(m,)`` its distance in space.
    """

    order: Ints
    level: Ints
    levels: Floats
    space: Floats

    @classmethod
    def of(cls, tree: NDArray[np.integer], space: Floats) -> "SortedPairs":
        """Sorted; for the arguments see `pair_correlations`."""
        levels, level = np.unique(tree, return_inverse=True)
        order = np.argsort(space)
        small = np.int16 if len(levels) < 1 << 15 else np.int64
        return cls(order, level.astype(small)[order], levels.astype(np.float64), space[order])

    def correlations(self, kept: NDArray[np.bool_] | None = None) -> Floats:
        """``(3,)`` in the order of `KINDS`, of all pairs or of those ``(m,)`` kept; see `pair_correlations`."""
        level, space = self.level, self.space
        if kept is not None:
            there = kept[self.order]
            level, space = level[there], space[there]
        count = np.bincount(level, minlength=len(self.levels))
        if (count > 0).sum() < 2 or space[-1] - space[0] <= 1e-12:
            return np.full(len(KINDS), np.nan)
        first, last = _ties(space)
        ranks = np.cumsum(count) - count / 2
        pearson = _with_levels(self.levels, level, count, space)
        spearman = _with_levels(ranks, level, count, (first + last) / 2)
        return np.array([pearson, spearman, _tau_a(level, first)])


def midranks(values: Floats) -> Floats:
    """``(m,)`` ranks from 0; what is equal shares the mean of its ranks.

    Examples
    --------
    >>> midranks(np.array([0.3, 0.1, 0.3]))
    array([1.5, 0. , 1.5])
    """
    order = np.argsort(values)
    first, last = _ties(values[order])
    found = np.empty(len(values))
    found[order] = (first + last - 1) / 2
    return found


def level_ranks(tree: NDArray[np.integer]) -> Floats:
    """``(levels,)`` the rank, as of `midranks`, of every distance from 0 to the largest among ``(m,)`` distances.

    Examples
    --------
    >>> level_ranks(np.array([1, 3, 3]))
    array([-0.5,  0. ,  0.5,  1.5])
    """
    count = np.bincount(tree)
    return np.asarray(np.cumsum(count) - (count + 1) / 2)


def _ties(ordered: NDArray[Any]) -> tuple[Ints, Ints]:
    """``(m,)`` where the values equal to each begin, and where they end."""
    start = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)])
    stop = np.append(start[1:], len(ordered))
    if len(start) == len(ordered):
        return start, stop
    return np.repeat(start, stop - start), np.repeat(stop, stop - start)


def _with_levels(of_level: Floats, level: Ints, count: Ints, other: Floats) -> float:
    """Pearson's correlation of a value of each level with another of each pair."""
    x, y = of_level - (count @ of_level) / len(level), other - other.mean()
    return float(x @ np.bincount(level, y, minlength=len(x)) / np.sqrt((count @ x**2) * (y @ y)))


def correlation(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """Pearson's, of sides that vary."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def largest_tau_a(tree: NDArray[np.integer]) -> float:
    """The largest tau-a there can be with the ties of a tree: the share of pairs of pairs that it tells apart.

    Examples
    --------
    >>> round(largest_tau_a(np.array([1, 2, 2])), 3)
    0.667
    """
    m = len(tree)
    tied = np.unique(tree, return_counts=True)[1].astype(np.float64)
    return float(1 - (tied * (tied - 1)).sum() / (m * (m - 1))) if m > 1 else float("nan")


def _tau_a(level: Ints, place: Ints) -> float:
    """From levels in the order of the distances in space, and places in it that are equal where these are.

    The levels are taken off one by one, the largest first: what precedes those of it is told by their mean place.
    """
    score, m = 0, len(level)
    for top in np.unique(level)[:0:-1].tolist():
        is_top = level == top
        first, last = _ties(place)
        n = int(is_top.sum())
        lower = len(level) - n
        nearer = int((first[is_top] + last[is_top]).sum()) - n * n  # twice; a tie is half of one
        score += nearer - n * lower
        level, place = level[~is_top], place[~is_top]
    return 2.0 * score / (m * (m - 1))

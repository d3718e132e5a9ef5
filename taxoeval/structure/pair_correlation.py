"""Do pairs of species that are further apart in the tree lie further apart in space? Three correlations over pairs."""

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
    if not len(tree) or tree.min() == tree.max() or np.ptp(space) <= 1e-12:
        return np.full(len(KINDS), np.nan)
    order = np.argsort(space, kind="stable")
    level, ordered = np.asarray(tree)[order], space[order]
    first = np.searchsorted(ordered, ordered, side="left")
    last = np.searchsorted(ordered, ordered, side="right")
    return np.array(
        [correlation(level, ordered), correlation(_level_ranks(level), (first + last) / 2), _tau_a(level, first)]
    )


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


def _level_ranks(level: NDArray[np.integer]) -> Floats:
    _, code, count = np.unique(level, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - count / 2)[code])


def _tau_a(level: NDArray[np.integer], first: Ints) -> float:
    """From levels in the order of the distances in space, and where the distances equal to each begin."""
    score = 0
    for one in np.unique(level):
        nearer = np.concatenate([[0], np.cumsum(level == one)])[first]  # pairs of that level which are nearer in space
        score += int(nearer[level > one].sum()) - int(nearer[level < one].sum())
    m = len(level)
    return 2.0 * score / (m * (m - 1))

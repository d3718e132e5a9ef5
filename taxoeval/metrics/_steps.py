"""Which taxa answer for a sample, from the most specific to the surest, as the probability asked for rises."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics._names import Name
from taxoeval.metrics.mass import CandidateTree

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


class Rule(Name):
    """Ways to choose an answer of probability t at least; the root, always sure, where there is none.

    ``threshold`` takes the most specific taxon of all that reach t; ``climb`` the most specific ancestor of the best
    candidate that does; ``select`` the best candidate or nothing. Ties go to the more specific taxon, then to the
    surer one, then to the lowest id.
    """

    THRESHOLD = "threshold"
    CLIMB = "climb"
    SELECT = "select"


class Steps(NamedTuple):
    """Answers of many samples, each sample's together, most specific first; the root, which ends each, is left out."""

    row: Ids
    node: Ids
    mass: Floats


def steps_of(
    rule: Rule, probability: NDArray[np.floating], tree: CandidateTree, eligible: NDArray[np.bool_], says: Floats
) -> Steps:
    """Answers of every row of ``(n, c)``, among the eligible nodes, of which each says as much as ``says`` tells."""
    mass = tree.mass(probability)
    if rule is Rule.THRESHOLD:
        return _most_specific(mass, np.flatnonzero(eligible), says)
    best = tree.column[probability.argmax(axis=1)] if _sorted(tree.column) else _best(probability, tree)
    if rule is Rule.SELECT:
        own = mass[best, np.arange(len(best))]
        rows = np.flatnonzero(eligible[best] & (own > 0))
        return Steps(rows, best[rows], own[rows])
    return _up(mass, best, tree, eligible)


def _sorted(column: Ids) -> bool:
    return bool((np.diff(column) > 0).all())


def _best(probability: NDArray[np.floating], tree: CandidateTree) -> Ids:
    """The node of each row's most probable candidate, the lowest id among equals."""
    order = np.argsort(tree.column)
    return np.asarray(tree.column[order][probability[:, order].argmax(axis=1)])


def _most_specific(mass: Floats, nodes: Ids, says: Floats) -> Steps:
    """The best node of each degree of specificity, if it is surer than all that say more."""
    ordered = nodes[np.argsort(-says[nodes], kind="stable")]
    degree = says[ordered]
    ends = np.flatnonzero(np.r_[degree[1:] != degree[:-1], True]) + 1
    every = np.arange(mass.shape[1])
    surest = np.zeros(mass.shape[1])
    found = []
    for first, last in zip(np.r_[0, ends[:-1]], ends, strict=True):
        group = mass[ordered[first:last]]
        node = group.argmax(axis=0) if last - first > 1 else np.zeros(len(every), dtype=np.int64)
        top = group[node, every]
        rows = np.flatnonzero(top > surest)
        surest[rows] = top[rows]
        found.append((rows, ordered[first + node[rows]], top[rows]))
    return _by_row(found)


def _up(mass: Floats, best: Ids, tree: CandidateTree, eligible: NDArray[np.bool_]) -> Steps:
    """The ancestors of the best candidate, if surer than those below."""
    surest = np.zeros(len(best))
    rows, node = np.arange(len(best)), best
    found = []
    while len(rows):
        own = mass[node, rows]
        better = eligible[node] & (own > surest[rows])
        found.append((rows[better], node[better], own[better]))
        surest[rows[better]] = own[better]
        node = tree.parent[node]
        rows, node = rows[node >= 0], node[node >= 0]
    return _by_row(found)


def _by_row(found: list[tuple[Ids, Ids, Floats]]) -> Steps:
    """Collect what was found step by step into runs of one row each, in the order it was found."""
    nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
    row, node, mass = (np.concatenate(parts) for parts in zip(nothing, *found, strict=True))
    order = np.argsort(row, kind="stable")
    return Steps(row[order], node[order], mass[order])

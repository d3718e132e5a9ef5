"""What each place of a ranking earns by likeness to the target, and the most that the places could earn."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._rings import Ids, by_depth, candidate_ids, refuse_outsiders, rings_of
from taxoeval.metrics._shapes import target_and_pred
from taxoeval.metrics.conventions import Convention, Similarity
from taxoeval.metrics.distances import lca_distance, lca_similarity
from taxoeval.taxonomy import Tree

Floats = NDArray[np.float64]

_BLOCK = 1 << 18  # rings at a time

_NOT_BY_DEPTH = ("information_excess", "lin")
"""Conventions that depend on more of the prediction than its depth and its common ancestor with the target."""


def gains_and_best(
    target: ArrayLike,
    pred: ArrayLike,
    tree: Tree,
    candidates: ArrayLike,
    *,
    convention: Convention | Similarity | str,
    leave_one_out: bool,
    names: tuple[str, str] = ("pred", "candidates"),
) -> tuple[Floats, Floats, Ids]:
    """Likeness of each place, ``(n, k)``; the best k for each of u different targets, ``(u, k)``; and ``(n,)`` which.

    A place without an answer earns 0; a target without a likeness is NaN throughout.
    """
    if convention in _NOT_BY_DEPTH or convention not in {*Convention, *Similarity}:
        allowed = [name for name in (*Convention, *Similarity) if name not in _NOT_BY_DEPTH]
        raise ValueError(f"unknown convention {str(convention)!r}; it must be one of {', '.join(allowed)}")
    targets, preds = target_and_pred(target, pred, len(tree))
    if preds.ndim != 2:
        raise ValueError(f"{names[0]} must be (n, k), best first; got {preds.shape}")
    closed_set = candidate_ids(candidates, tree, names[1])
    _check_places(targets, preds, closed_set, leave_one_out, names)
    refuse_outsiders(preds, closed_set, tree, *names)
    unique, which = np.unique(targets, return_inverse=True)
    best = _best(unique, preds.shape[1], closed_set, tree, convention, leave_one_out)
    gain = likeness(targets, preds, tree, convention)
    gain[(preds < 0) & ~np.isnan(best[:, 0])[which, None]] = 0.0
    return gain, best, which


def likeness(target: ArrayLike, pred: ArrayLike, tree: Tree, convention: Convention | Similarity | str) -> Floats:
    """A similarity as it is, or one minus a normalised distance."""
    if convention in set(Similarity):
        return lca_similarity(target, pred, tree, convention=convention)
    return 1.0 - lca_distance(target, pred, tree, convention=convention, normalised=True)


def _check_places(targets: Ids, preds: Ids, candidates: Ids, leave_one_out: bool, names: tuple[str, str]) -> None:
    places, available = preds.shape[1], len(candidates) - leave_one_out
    if not 1 <= places <= available:
        raise ValueError(f"{names[0]} has k = {places} places, but only {available} of {names[1]} can be ranked")
    if leave_one_out and not np.isin(targets[targets >= 0], candidates).all():
        missing = np.setdiff1d(targets[targets >= 0], candidates)[0]
        raise ValueError(f"leave_one_out takes each target out of the {names[1]}, but taxon {missing} is not in them")


def _best(
    unique: Ids, k: int, candidates: Ids, tree: Tree, convention: Convention | Similarity | str, leave_one_out: bool
) -> Floats:
    """The k greatest likenesses among the candidates, greatest first, for each target."""
    groups = by_depth(candidates, tree)
    rows = max(1, _BLOCK // (len(groups) * (int(tree.depth.max()) + 2)))
    best = np.empty((len(unique), k))
    for first in range(0, len(unique), rows):
        targets = unique[first : first + rows]
        rings = rings_of(targets, groups, tree)
        example, count = rings.example.reshape(len(targets), -1), rings.count.reshape(len(targets), -1)
        if leave_one_out:
            count = count - ((example == targets[:, None]) & (count > 0))
        value = likeness(targets, example, tree, convention)
        order = np.argsort(-value, axis=1, kind="stable")
        value, count = np.take_along_axis(value, order, axis=1), np.take_along_axis(count, order, axis=1)
        best[first : first + rows] = first_places(value, count, k)
    return best


def first_places(value: NDArray[np.float64], count: Ids, k: int) -> Floats:
    """Repeat each value of a row as often as it occurs, and keep the first k: ``(u, groups)`` to ``(u, k)``."""
    upto = np.minimum(np.cumsum(count, axis=1), k)
    taken = np.diff(upto, axis=1, prepend=0)
    return np.repeat(value.ravel(), taken.ravel()).reshape(len(value), k)

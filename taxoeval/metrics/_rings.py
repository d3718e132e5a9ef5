"""How many candidates lie at which distance from each target, without a table of targets times candidates.

The candidates whose lowest common ancestor with a target is ``a`` are those below ``a`` less those below the child of
``a`` on the target's path: a ring around the target. Nodes are numbered in preorder, so the candidates below a node are
a run of the sorted candidates, and two binary searches count them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._shapes import taxon_ids
from taxoeval.taxonomy import Tree

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rings:
    """Candidates around each of u targets, by the steps from the target up to the common ancestor, and by group.

    ``count`` and ``example``, one of the candidates counted or -1, have shape ``(u, n_steps, n_groups)``.
    """

    count: Ids
    example: Ids


def rings_of(targets: Ids, groups: list[Ids], tree: Tree) -> Rings:
    """Count the candidates of each group, given as ascending ids, around targets of shape ``(u,)``."""
    path = _climb(targets, tree)
    first = np.maximum(path, 0)
    after = np.where(path >= 0, path + tree.size[path], len(tree))
    shape = (*path.shape, len(groups))
    count, example = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
    for g, ids in enumerate(groups):
        low, high = np.searchsorted(ids, first), np.searchsorted(ids, after)
        count[..., g] = np.diff(high - low, axis=1, prepend=0)
        inner_low = np.concatenate([high[:, :1], low[:, :-1]], axis=1)  # nothing lies inside the innermost ring
        inner_high = np.concatenate([high[:, :1], high[:, :-1]], axis=1)
        place = np.where(low < inner_low, low, inner_high)
        example[..., g] = np.where(count[..., g] > 0, ids[np.minimum(place, len(ids) - 1)], -1)
    return Rings(count, example)


def by_depth(candidates: Ids, tree: Tree) -> list[Ids]:
    """Split candidates into groups of one depth, each ascending."""
    ordered = np.sort(candidates)
    depth = tree.depth[ordered]
    return [ordered[depth == d] for d in np.unique(depth)]


def candidate_ids(candidates: ArrayLike, tree: Tree, name: str = "candidates") -> Ids:
    """Return candidates as ids, in their order and with their repeats, refusing an empty set and -1."""
    ids = taxon_ids(candidates, name, len(tree))
    if ids.ndim != 1 or not len(ids) or ids.min() < 0:
        raise ValueError(f"{name} must be (c,) taxa: at least one, and no -1; got shape {ids.shape}")
    return ids


def refuse_outsiders(preds: Ids, candidates: Ids, tree: Tree, name: str, among: str) -> None:
    """Raise unless every prediction, but for -1, is one of the candidates."""
    inside = np.zeros(len(tree) + 1, dtype=bool)
    inside[candidates] = inside[-1] = True
    within = inside[preds]
    if not within.all():
        raise ValueError(f"{name} holds taxon {preds[~within].flat[0]}, which is none of the {among}")


def _climb(targets: Ids, tree: Tree) -> Ids:
    """Each target and its ancestors upwards, ``(u, n_steps)``; the last column is -1 throughout, the implied root."""
    steps = [targets]
    while len(targets) and steps[-1].max() >= 0:
        below = steps[-1]
        steps.append(np.where(below >= 0, tree.parent[below], -1))
    return np.stack(steps, axis=1)

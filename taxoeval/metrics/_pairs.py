"""Values of (target, prediction) pairs from their lowest common ancestor, a block of pairs at a time."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._shapes import target_and_pred
from taxoeval.taxonomy import Tree

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

Rule = Callable[[Ids, Ids, Ids], tuple[Floats, ...]]
"""Values from target, prediction and their lowest common ancestor, all of one shape; -1 is the implied root."""

_BLOCK = 1 << 16  # pairs at a time: what lies between stays in the processor's cache


def pair_values(target: ArrayLike, pred: ArrayLike, tree: Tree, rule: Rule, n_values: int) -> Floats:
    """Apply a rule to every pair: ``(n_values, *pred.shape)``, NaN where the target is -1.

    Unlike a distance, a rule sees predictions of -1: for sets of ancestors "no answer" is an answer of the root alone.
    """
    targets, preds = target_and_pred(target, pred, len(tree))
    rows = max(1, _BLOCK // max(1, preds[:1].size))
    result = np.empty((n_values, *preds.shape))
    for first in range(0, len(preds), rows):
        part = slice(first, first + rows)
        p = preds[part]
        y = targets[part].reshape((-1,) + (1,) * (p.ndim - 1))
        if p.ndim > 1:
            y = np.broadcast_to(y, p.shape)
        for value, out in zip(rule(y, p, tree.lca(y, p)), result, strict=True):
            out[part] = value
        if len(y) and y.min() < 0:
            result[:, part][:, y < 0] = np.nan
    return result


def ratio(part: ArrayLike, whole: ArrayLike, empty: float = np.nan) -> Floats:
    """Divide, giving ``empty`` for nothing over nothing; whatever is NaN stays NaN."""
    above, below = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    nothing = below == 0
    if not nothing.any():
        return np.asarray(above / below)
    result = np.where(np.isnan(above), np.nan, empty)
    return np.asarray(np.divide(above, below, out=result, where=~nothing))

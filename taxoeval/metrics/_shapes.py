"""The shapes every metric accepts, checked in one place so that the messages agree."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ids = NDArray[np.int64]


def target_and_pred(target: ArrayLike, pred: ArrayLike, n_taxa: int) -> tuple[Ids, Ids]:
    """Return both as int64 arrays of ids after checking that they speak of the same samples and the same tree."""
    targets, preds = taxon_ids(target, "target", n_taxa), taxon_ids(pred, "pred", n_taxa)
    if targets.ndim != 1:
        raise ValueError(f"target must have shape (n,), one taxon per sample; got {targets.shape}")
    if preds.ndim == 0 or preds.shape[0] != len(targets):
        raise ValueError(f"pred must have one row per target: target has n = {len(targets)}, pred has {preds.shape}")
    return targets, preds


def taxon_ids(values: ArrayLike, name: str, n_taxa: int) -> Ids:
    """Return ids as int64, refusing floats, names and ids outside the taxonomy."""
    ids = np.asarray(values)
    if ids.size == 0:
        ids = ids.astype(np.int64)
    if not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(f"{name} must hold taxon ids (integers), got {ids.dtype}; taxonomy.ids(names) gives the ids")
    if ids.size and (ids.min() < -1 or ids.max() >= n_taxa):
        wrong = ids[(ids < -1) | (ids >= n_taxa)].flat[0]
        raise ValueError(f"{name} holds taxon {wrong}, but the taxonomy has ids 0 to {n_taxa - 1} (and -1 for none)")
    return ids.astype(np.int64, copy=False)

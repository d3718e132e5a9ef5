"""What rules fitted on samples of known taxon share: checked targets, and when an answer agrees with one."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import checked_inputs
from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy

Ids = NDArray[np.int64]


def known_samples(
    probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, target: ArrayLike
) -> tuple[NDArray[np.floating], Ids, Ids]:
    """Probabilities and targets of the samples whose taxon is known, and the candidates, both in ascending order."""
    scores, taxa = checked_inputs(probability, candidates, taxonomy)
    targets = np.asarray(target)
    if targets.shape != (len(scores),):
        raise ValueError(f"target must be (n,), a taxon for each row of {len(scores)}; got {targets.shape}")
    if len(targets) and (targets.min() < -1 or targets.max() >= len(taxonomy)):
        raise ValueError(f"target must hold taxa of the taxonomy, or -1; got {targets.min()} .. {targets.max()}")
    known = np.flatnonzero(targets >= 0)
    if not len(known):
        raise TaxoevalError("the calibration split is empty: give it samples whose taxon is known")
    return scores[known], taxa, targets[known].astype(np.int64)


def agrees(target: Ids, answer: Ids, taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """Whether each answer is the target or above it, where ``-1``, the root, is above all.

    An answer below a target that is known to an inner rank only counts as right, as in the curves of
    `taxoeval.metrics.operating_curve`: nobody knows better.
    """
    size = np.append(taxonomy.size, 0)
    above = (answer <= target) & (target < answer + size[answer])
    below = (target <= answer) & (answer < target + size[target])
    return np.asarray((answer < 0) | above | below)


def checked_share(value: float, name: str) -> None:
    """``ValueError`` unless it lies between 0 and 1."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must be a share between 0 and 1; got {value}")

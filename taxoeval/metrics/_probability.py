"""Probabilities as every metric about them accepts them, checked in one place so that the messages agree."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_TOLERANCE = 1e-3  # a float32 softmax over 10^5 candidates sums to 1 within 1e-5, a float16 one within 1e-3
_BLOCK = 1 << 22  # numbers looked at a time


def blocks(probability: NDArray[np.floating], width: int | None = None) -> list[slice]:
    """Runs of rows that together hold about 32 MB as float64, ``width`` numbers to a row."""
    rows = max(1, _BLOCK // max(1, width or probability.shape[1]))
    return [slice(first, min(first + rows, len(probability))) for first in range(0, len(probability), rows)]


def outcomes(hits: ArrayLike, confidence: ArrayLike) -> tuple[Floats, Floats]:
    """Hits and confidences as ``(n,)`` floats, hits 0, 1 or NaN and confidences in [0, 1] or NaN; undefined kept."""
    right, stated = paired(hits, confidence, "hits")
    wrong = right[~np.isnan(right) & (right != 0) & (right != 1)]
    if wrong.size:
        raise ValueError(f"hits must be 0, 1 or NaN, whether each answer is right; got {wrong[:3]}")
    outside = stated[(stated < 0) | (stated > 1)]
    if outside.size:
        raise ValueError(
            f"confidence must be a probability, 0 to 1, or NaN where there is no answer; got {outside[:3]}"
        )
    return right, stated


def paired(values: ArrayLike, confidence: ArrayLike, name: str) -> tuple[Floats, Floats]:
    """One number and one confidence for each sample."""
    numbers, stated = np.asarray(values, dtype=np.float64), np.asarray(confidence, dtype=np.float64)
    if numbers.ndim != 1 or numbers.shape != stated.shape:
        raise ValueError(
            f"{name} and confidence must both be (n,), one rank at a time; got {numbers.shape} and {stated.shape}"
        )
    return numbers, stated


def candidate_probability(probability: ArrayLike, candidates: ArrayLike) -> tuple[NDArray[np.floating], Ids]:
    """Probabilities ``(n, c)`` that sum to 1 over different candidates ``(c,)``; kept in the precision they came in."""
    numbers, taxa = np.asarray(probability), np.asarray(candidates)
    if not np.issubdtype(numbers.dtype, np.floating):
        numbers = numbers.astype(np.float64)
    if numbers.ndim != 2 or taxa.shape != (numbers.shape[1],) or not taxa.size:
        raise ValueError(f"probability must be (n, c) for candidates (c,), c > 0; got {numbers.shape} and {taxa.shape}")
    if not np.issubdtype(taxa.dtype, np.integer):
        raise ValueError(f"candidates must hold taxon ids (integers), got {taxa.dtype}")
    values, times = np.unique(taxa, return_counts=True)
    if times.max() > 1:
        raise ValueError(
            f"candidates must be different taxa; taxon {values[times.argmax()]} occurs {times.max()} times"
        )
    for block in blocks(numbers):
        _check_rows(numbers[block], block.start)
    return numbers, taxa.astype(np.int64, copy=False)


def _check_rows(rows: NDArray[np.floating], first: int) -> None:
    total = rows.sum(axis=1, dtype=np.float64)
    wrong = np.flatnonzero(~(rows >= 0).all(axis=1) | ~(np.abs(total - 1) <= _TOLERANCE))
    if len(wrong):
        row = rows[wrong[0]]
        why = f"holds {row[~(row >= 0)][0]}" if not (row >= 0).all() else f"sums to {total[wrong[0]]:.6g}"
        raise ValueError(
            f"probability must be at least 0 and sum to 1 in every row; row {first + wrong[0]} {why} "
            f"({len(wrong)} such rows in this block): apply a softmax to similarities first"
        )


def target_columns(target: ArrayLike, candidates: Ids, n: int) -> Ids:
    """The column of each target among the candidates, -1 where the target is -1."""
    targets = np.asarray(target)
    targets = targets.astype(np.int64) if targets.size == 0 else targets
    if targets.shape != (n,) or not np.issubdtype(targets.dtype, np.integer):
        raise ValueError(f"target must be (n,) taxon ids, one per row of {n}; got {targets.shape} of {targets.dtype}")
    order = np.argsort(candidates)
    place = np.minimum(np.searchsorted(candidates[order], targets), len(candidates) - 1)
    column = order[place]
    outside = (targets != -1) & (candidates[column] != targets)
    if outside.any():
        raise ValueError(
            f"target holds taxon {targets[outside][0]}, which is no candidate ({outside.sum()} such samples): nothing "
            f"gave it a probability; add it to the candidates or leave these samples out with -1"
        )
    return np.where(targets == -1, -1, column)

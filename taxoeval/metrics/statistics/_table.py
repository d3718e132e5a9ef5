"""The checked input of every interval: values with weights, what is resampled, what is averaged over."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

Average = Literal["micro", "macro"]


@dataclass(frozen=True, eq=False)
class Table:
    """Checked input: columns of values with their weights, the group that is resampled, the taxon averaged over.

    ``total`` and ``count`` are ``(n, m)``: weighted value and weight, both 0 where the value is undefined.
    """

    total: Floats
    count: Floats
    defined: NDArray[np.bool_]
    group: NDArray[np.generic]
    taxon: NDArray[np.int64] | None
    shape: tuple[int, ...]
    macro: bool

    @classmethod
    def of(
        cls,
        values: ArrayLike,
        groups: ArrayLike | None,
        weights: ArrayLike | None,
        taxon: ArrayLike | None,
        average: Average,
    ) -> "Table":
        """Check shapes and bring everything into columns."""
        numbers = np.asarray(values, dtype=np.float64)
        group = np.arange(len(numbers)) if groups is None else np.asarray(groups)
        if numbers.ndim not in (1, 2) or group.shape != numbers.shape[:1]:
            raise ValueError(f"values {numbers.shape} must be (n,) or (n, m), and groups {group.shape} (n,)")
        if average not in ("micro", "macro"):
            raise ValueError(f"average must be 'micro' or 'macro', got {average!r}")
        if average == "macro" and groups is None and taxon is None:
            raise ValueError("a macro mean is over groups: pass groups=, or the taxa to average over as taxon=")
        taxa = None if taxon is None or average == "micro" else np.asarray(taxon)
        if taxa is not None and taxa.shape != group.shape:
            raise ValueError(f"taxon must be (n,) like groups {group.shape}; got {taxa.shape}")
        if taxa is not None and groups is not None and np.array_equal(taxa, group):
            taxa = None
        columns = numbers if numbers.ndim == 2 else numbers[:, None]
        defined = ~np.isnan(columns)
        if taxa is not None:
            defined &= (taxa >= 0)[:, None]
        weight = _columns_like(columns, weights)
        total = np.where(defined, columns, 0.0)
        total *= weight
        return cls(total, defined * weight, defined, group, taxa, numbers.shape[1:], average == "macro")


def _columns_like(columns: Floats, weights: ArrayLike | None) -> Floats:
    if weights is None:
        return np.broadcast_to(1.0, columns.shape)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape[:1] != columns.shape[:1] or given.size not in (len(columns), columns.size):
        raise ValueError(f"weights {given.shape} must have one row per sample, and one column or {columns.shape[1]}")
    if given.size and not (given.min() >= 0 and np.isfinite(given).all()):
        raise ValueError(f"weights must be finite and not negative; the least is {given.min()}")
    return np.broadcast_to(given[:, None] if given.ndim == 1 else given, columns.shape)

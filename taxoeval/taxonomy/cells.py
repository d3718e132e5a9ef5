"""The values of a lineage one by one: what is a name and what means "unknown"."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from taxoeval.errors import TaxoevalError

HOLES = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"})
"""Texts that mean "unknown", after stripping; so do ``None`` and NaN."""


def columns_of(lineages: Sequence[Sequence[str | None]], ranks: Sequence[str]) -> list[list[str | None]]:
    """Lineages turned into one list a rank.

    Parameters
    ----------
    lineages
        Rows, each with one name or hole per rank, coarse to fine.
    ranks
        The ranks, coarse to fine.

    Raises
    ------
    TaxoevalError
        If a row has more or fewer values than there are ranks; rows count from 1.

    Examples
    --------
    >>> columns_of([("Corvus", "Corvus corax"), ("Pica", None)], ("genus", "species"))
    [['Corvus', 'Pica'], ['Corvus corax', None]]
    """
    for row, lineage in enumerate(lineages, start=1):
        if len(lineage) != len(ranks) or isinstance(lineage, str):
            raise TaxoevalError(
                f"lineage in row {row} has {1 if isinstance(lineage, str) else len(lineage)} names for {len(ranks)} "
                f"ranks ({', '.join(ranks)}): {lineage!r}; give one name per rank, '' where it is unknown"
            )
    return [list(column) for column in zip(*lineages, strict=True)] if len(lineages) else [[] for _ in ranks]


def cleaned(value: Any) -> str:
    """One name stripped, or ``""`` if it means "unknown": ``None``, NaN, blank, or a text in `HOLES`.

    Examples
    --------
    >>> cleaned(" Pica "), cleaned(float("nan")), cleaned("NA")
    ('Pica', '', '')
    """
    text = str(value).strip() if isinstance(value, str) or not _is_missing(value) else ""
    return "" if text in HOLES else text


def _is_missing(value: Any) -> bool:
    """``None`` and the values that differ from themselves (NaN), or refuse to say (pandas' NA)."""
    return value is None or not isinstance(value == value, (bool, np.bool_)) or bool(value != value)

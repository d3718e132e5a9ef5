"""Cells of the files of answers: text stripped, sample ids in one form, epithets made binomials."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import arrow, binomials
from taxoeval.taxonomy.cells import cleaned


def read_pairs(path: Path, left: str, right: str) -> list[tuple[str, str]]:
    """Two columns of a table, row by row, stripped.

    Raises
    ------
    TaxoevalError
        If the table or a column is missing.
    """
    header = arrow.header(path)
    lacking = [name for name in (left, right) if name not in header]
    if lacking:
        raise TaxoevalError(f"{path}: no column {lacking[0]!r}; the columns are {', '.join(header)}")
    return list(zip(*map(texts, columns_of(path, (left, right))), strict=True))


def columns_of(path: Path, names: Iterable[str]) -> list[Any]:
    """Columns of a table as pyarrow arrays of text; a name may come twice."""
    wanted = list(names)
    return [arrow.read_columns(path, list(dict.fromkeys(wanted)))[name] for name in wanted]


def lines(path: Path) -> list[str]:
    """The lines of a text file."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TaxoevalError(f"{path}: cannot be read ({error}); give a text file in UTF-8, one name a line") from None


def texts(column: Any) -> list[str]:
    """The stripped cells of a pyarrow column, ``""`` for unknown."""
    values = column.to_pylist()
    known = {value: cleaned(value) for value in dict.fromkeys(values)}
    return [known[value] for value in values]


def sample_ids(written: Sequence[str], where: str) -> list[str]:
    r"""Sample ids with ``/`` between folders and without ``./`` in front.

    Raises
    ------
    TaxoevalError
        If one is empty.

    Examples
    --------
    >>> sample_ids([".\\birds\\1.jpg", " 2.jpg"], "answers.csv")
    ['birds/1.jpg', '2.jpg']
    """
    ids = [re.sub(r"^(\./)+", "", text.strip().replace("\\", "/")) for text in written]
    if "" in ids:
        raise TaxoevalError(f"{where}: row {ids.index('') + 1} below the header has no sample id")
    return ids


def binomials_in(by_rank: dict[str, list[str]]) -> list[str]:
    """Species columns that hold epithets become binomials, in place; what was found, for people."""
    if "genus" not in by_rank or "species" not in by_rank:
        return []
    by_rank["species"], note = binomials(by_rank["genus"], by_rank["species"])
    return [f"answers: {note}"] if note else []

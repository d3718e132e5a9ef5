"""The one place where taxonomies touch pyarrow: columns of text as dictionaries and codes."""

import csv
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy.files import open_text

TEXT_SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
"""Kinds of text table and what separates their columns; ``.gz`` may follow."""


def factorise(column: Any, holes: Collection[str]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """A pyarrow column of text as its stripped, sorted, unique values and a code per row, ``-1`` at null and holes.

    Examples
    --------
    >>> import pyarrow as pa
    >>> factorise(pa.array(["Pica ", None, "Corvus", "Pica", "NA"]), {"", "NA"})
    (array(['Corvus', 'Pica'], dtype=object), array([ 1, -1,  0,  1, -1]))
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    # One chunk first: encoding chunk by chunk repeats the growing dictionary in every chunk.
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    raw, code = _few_values(array)
    values = pc.utf8_trim_whitespace(pc.fill_null(_as_text(raw), ""))
    order = pc.sort_indices(values)
    values = values.take(order)
    fresh = np.ones(len(values), dtype=bool)
    fresh[1:] = pc.not_equal(values[1:], values[:-1]).to_numpy(zero_copy_only=False)
    unique = values.filter(pa.array(fresh))
    is_name = ~pc.is_in(unique, pa.array(sorted(holes), unique.type)).to_numpy(zero_copy_only=False)
    number = np.where(is_name, np.cumsum(is_name) - 1, -1)
    place = np.full(len(values) + 1, -1)
    place[order.to_numpy()] = number[np.cumsum(fresh) - 1]
    names = unique.filter(pa.array(is_name)).to_numpy(zero_copy_only=False)
    return names, place[:-1] if code is None else place[code]


def _few_values(array: Any) -> tuple[Any, NDArray[np.int64] | None]:
    """A column's values and a code per row, ``-1`` for null; or the column as it is if its values hardly repeat."""
    import pyarrow as pa

    if not pa.types.is_dictionary(array.type):
        sample = array[:50_000]
        if len(sample.unique()) > 0.95 * len(sample):
            return array, None
        array = array.dictionary_encode()
    return array.dictionary, array.indices.fill_null(-1).to_numpy(zero_copy_only=False)


def separator(path: Path) -> str | None:
    r"""What separates the columns of a text table, by its suffix; ``None`` for Parquet.

    Raises
    ------
    TaxoevalError
        If the suffix is none of the known ones.

    Examples
    --------
    >>> separator(Path("taxa.tsv.gz"))
    '\t'
    """
    suffix = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if suffix in (".parquet", ".pq"):
        return None
    if suffix not in TEXT_SUFFIXES:
        raise TaxoevalError(
            f"{path}: cannot tell the format from {suffix!r}; use .csv, .tsv (or .gz of these) or .parquet"
        )
    return TEXT_SUFFIXES[suffix]


def header(path: Path) -> list[str]:
    """The column names of a table.

    Raises
    ------
    TaxoevalError
        If the file is missing, empty or not readable as what its suffix says.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    delimiter = separator(path)
    if not path.is_file():
        raise TaxoevalError(f"{path}: no such file; give the path of a table (.csv, .tsv, .parquet)")
    try:
        if delimiter is None:
            return [str(name) for name in pq.read_schema(path).names]
        return _text_header(path, delimiter)
    except UnicodeDecodeError as error:
        raise TaxoevalError(f"{path}: the text is not UTF-8 ({error.reason}); save it as UTF-8") from error
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise TaxoevalError(f"{path}: cannot be read as a table: {_first_line(error)}") from error


def _text_header(path: Path, delimiter: str) -> list[str]:
    with open_text(path, "rt") as stream:
        names = next(csv.reader(stream, delimiter=delimiter), [])
    if not names:
        raise TaxoevalError(f"{path}: the file is empty; the first line must name the columns")
    return names


def write_parquet(path: Path, columns: Mapping[str, Iterable[str]]) -> None:
    """Columns of text as a Parquet file, ``""`` as null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {name: pa.array([value or None for value in column], pa.string()) for name, column in columns.items()}
    )
    pq.write_table(table, path)


def read_columns(path: Path, names: list[str]) -> dict[str, Any]:
    """Some columns of a table as pyarrow chunked arrays of text.

    Raises
    ------
    TaxoevalError
        If the file cannot be parsed; the message gives the row where it is known.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    delimiter = separator(path)
    try:
        if delimiter is None:
            table = pq.read_table(path, columns=names)
        else:
            table = _read_text(path, names, delimiter, quick=True)
    except (pa.ArrowInvalid, OSError) as quick_error:
        table = _read_again(path, names, delimiter, quick_error)
    return {name: _as_text(table[name]) for name in names}


def _read_again(path: Path, names: list[str], delimiter: str | None, quick_error: Exception) -> Any:
    """Line breaks inside quotes defeat the parallel reader; the serial one copes, and knows its row numbers."""
    import pyarrow as pa

    if delimiter is None:
        raise TaxoevalError(f"{path}: cannot be read as Parquet: {_first_line(quick_error)}") from quick_error
    try:
        return _read_text(path, names, delimiter, quick=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise TaxoevalError(f"{path}: {_first_line(error)}; correct the file (UTF-8, one line a row)") from error


def _read_text(path: Path, names: list[str], delimiter: str, *, quick: bool) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    with pa.input_stream(str(path), compression="detect") as stream:
        return arrow_csv.read_csv(
            stream,
            read_options=arrow_csv.ReadOptions(use_threads=quick),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=not quick),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=names,
                column_types={name: pa.string() for name in names},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )


def _as_text(column: Any) -> Any:
    """Text columns as they are; an identifier column of numbers as text."""
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return column if pa.types.is_string(kind) or pa.types.is_large_string(kind) else column.cast(pa.string())


def _first_line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0]

"""One part of the store: a Parquet file of contents and vectors that any table reader opens."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.embedding.files import refusal

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# Rows decoded at a time: bounds the memory of reading a part, however large it is.
CHUNK_ROWS = 16_384


class CorruptPartError(Exception):
    """A part that cannot be trusted: truncated, altered, or not written by this store."""


def to_bytes(contents: Sequence[str], vectors: NDArray[np.float32], texts: Sequence[str] | None = None) -> bytes:
    """The Parquet file of one part, complete, as bytes.

    Vectors are stored raw: trained ones hardly compress, and pages without nulls, dictionary or compression read
    about twice as fast. Each page carries a checksum, so that a flipped bit is noticed on reading.

    Parameters
    ----------
    contents
        ``(n,)`` hexadecimal sha256 of what was encoded.
    vectors
        ``(n, d)`` float32.
    texts
        ``(n,)`` the texts themselves, where texts were encoded.

    Returns
    -------
    bytes
        Columns ``text`` (for texts), ``content`` and ``vector``, a list of fixed size ``d``.

    Examples
    --------
    >>> import pandas
    >>> frame = pandas.read_parquet(io.BytesIO(to_bytes(["00ff"], np.ones((1, 2), np.float32), ["a crow"])))
    >>> frame.columns.tolist(), frame.vector[0].tolist()
    (['text', 'content', 'vector'], [1.0, 1.0])
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    element = pa.field("element", pa.float32(), nullable=False)
    vector = pa.list_(element, vectors.shape[1])
    columns = {"text": pa.array(texts, pa.string())} if texts is not None else {}
    columns["content"] = pa.array(contents, pa.string())
    columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), type=vector)
    schema = pa.schema([pa.field(name, column.type, nullable=False) for name, column in columns.items()])
    buffer = io.BytesIO()
    table = pa.table(columns, schema=schema)
    pq.write_table(table, buffer, compression="none", use_dictionary=False, write_page_checksum=True)
    return buffer.getvalue()


def read_contents(path: Path, dimension: int) -> "pa.Array":
    """The contents of a part, in row order, without reading its vectors.

    Parameters
    ----------
    path
        The part.
    dimension
        Length that its vectors must have.

    Returns
    -------
    pyarrow.Array
        ``(n,)`` strings.

    Raises
    ------
    CorruptPartError
        If the file is truncated, altered or not a part of this shape.
    FileNotFoundError
        If another process took it away meanwhile.
    TaxoevalError
        If the disk refuses to read it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(to_bytes(["00ff", "01aa"], np.ones((2, 3), np.float32)))
    ...     file.flush()
    ...     read_contents(Path(file.name), 3).to_pylist()
    ['00ff', '01aa']
    """
    import pyarrow as pa

    with _opened(path) as file:
        try:
            found = {field.name: field.type for field in file.schema_arrow}
            vector = found.get("vector", pa.null())
            if found.get("content") != pa.string() or not pa.types.is_fixed_size_list(vector):
                raise CorruptPartError(f"its columns are {', '.join(found)}")
            if vector.list_size != dimension:
                raise CorruptPartError(f"its vectors have length {vector.list_size}, not {dimension}")
            return file.read(columns=["content"])["content"].combine_chunks()
        except (pa.ArrowException, OSError) as error:
            raise CorruptPartError(_one_line(error)) from error


def rows_of(path: Path) -> int:
    """How many vectors a part holds, as it says itself; 0 for one that is damaged or gone.

    Examples
    --------
    >>> rows_of(Path("no such part"))
    0
    """
    try:
        with _opened(path) as file:
            return int(file.metadata.num_rows)
    except (CorruptPartError, FileNotFoundError):
        return 0


def read_vectors(path: Path) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The vectors of a part, some thousand rows at a time.

    Parameters
    ----------
    path
        The part.

    Yields
    ------
    tuple
        The number of the first row, and ``(rows, d)`` float32.

    Raises
    ------
    CorruptPartError
        If the file is truncated or a page fails its checksum.
    FileNotFoundError
        If another process took it away meanwhile.
    TaxoevalError
        If the disk refuses to read it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(to_bytes(["00ff"], np.ones((1, 3), np.float32)))
    ...     file.flush()
    ...     list(read_vectors(Path(file.name)))
    [(0, array([[1., 1., 1.]], dtype=float32))]
    """
    import pyarrow as pa

    first = 0
    with _opened(path) as file:
        try:
            for batch in file.iter_batches(CHUNK_ROWS, columns=["vector"]):
                rows = batch.column(0).flatten().to_numpy(zero_copy_only=True).reshape(len(batch), -1)
                yield first, rows
                first += len(batch)
        except (pa.ArrowException, OSError) as error:
            raise CorruptPartError(_one_line(error)) from error


def _opened(path: Path) -> "pq.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        source: Any = pa.OSFile(str(path))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise refusal(path, error) from error
    try:
        return pq.ParquetFile(source, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise CorruptPartError(_one_line(error)) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())

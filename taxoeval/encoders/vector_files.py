"""Vectors as other programs leave them on disk: Parquet, npy, safetensors, the database of a Panoptic project."""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import arrow

ID_NAMES = ("sample", "uuid", "id", "image", "filename", "filepath", "file_name", "path", "sha1")
VECTOR_NAMES = ("emb", "embedding", "embeddings", "vector", "vectors", "features")
IDS_BESIDE = (".txt", ".csv", ".tsv", ".parquet")
CHECK_ROWS = 1_024  # so many lie in the processor's cache between two looks at them


@dataclass(frozen=True, eq=False)
class VectorFile:
    """What a file holds.

    Attributes
    ----------
    vectors
        ``(m, d)`` float32, all finite.
    ids
        What names the rows, ``(m,)`` each, by the column or file they come from, the likeliest first; empty where
        rows have no names.
    ids_path
        The file of the names where it is another one than that of the vectors.
    by_content
        Whether names are SHA-1 digests of image files.
    """

    vectors: NDArray[np.float32]
    ids: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    ids_path: Path | None = None
    by_content: bool = False


def read(path: Path, column: str | None = None, id_column: str | None = None, ids: str | None = None) -> VectorFile:
    r"""Read vectors and what names them.

    Parameters
    ----------
    path
        The file; its suffix says what it is.
    column, id_column, ids
        See :func:`taxoeval.encoders.precomputed.load`.

    Returns
    -------
    VectorFile
        Every number of the file, as float32.

    Raises
    ------
    TaxoevalError
        If the file is missing, of another kind, damaged, holds no vectors, or holds NaN.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "v.npy"
    >>> np.save(path, np.eye(2))
    >>> _ = path.with_suffix(".txt").write_text("raven.jpg\njay.jpg\n")
    >>> found = read(path)
    >>> found.ids["v.txt"].tolist(), found.vectors.dtype
    (['raven.jpg', 'jay.jpg'], dtype('float32'))
    """
    if not path.is_file():
        raise TaxoevalError(f"{path}: there is no such file; give the vectors with encoder.vectors=FILE")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise TaxoevalError(f"{path}: vectors are read from {', '.join(_READERS)}")
    found = reader(path, column, id_column)
    if ids or not found.ids:
        found = _with_names(found, path, ids, id_column)
    for first in range(0, len(found.vectors), CHECK_ROWS):
        rows = found.vectors[first : first + CHECK_ROWS]
        if not np.isfinite([rows.min(), rows.max()]).all():  # both are NaN where one number is
            bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
            raise TaxoevalError(
                f"{path}: the vector of row {first + bad[0] + 1} holds NaN or infinity; compute it again"
            )
    return found


def _as_matrix(path: Path, found: NDArray[Any]) -> NDArray[np.float32]:
    if found.ndim != 2 or not len(found) or not found.shape[1] or found.dtype.kind not in "fiu":
        raise TaxoevalError(f"{path}: vectors must be a table of numbers (m, d); got {found.shape} of {found.dtype}")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
        return np.ascontiguousarray(found, dtype=np.float32)


def _parquet(path: Path, column: str | None, id_column: str | None) -> VectorFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        kinds = (pa.types.is_list, pa.types.is_fixed_size_list, pa.types.is_large_list)
        lists = [f.name for f in schema if any(kind(f.type) for kind in kinds)]
        chosen = _one(path, column, lists, VECTOR_NAMES, "column of vectors", "encoder.column")
        named = [_one(path, id_column, schema.names, (), "column of ids", "encoder.id_column")] if id_column else []
        named = named or [name for name in ID_NAMES if name in schema.names]
        table = pq.read_table(path, columns=[chosen, *named])
    except (OSError, ValueError) as error:
        raise TaxoevalError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None
    cells = table[chosen].combine_chunks()
    length = cells.value_lengths().to_numpy(zero_copy_only=False).astype(float)
    empty = np.flatnonzero(~(length > 0))
    if len(empty):
        raise TaxoevalError(f"{path}: row {empty[0] + 1} of {chosen!r} holds no vector")
    usual = np.median(length) if len(length) else 0
    odd = np.flatnonzero(length != usual)
    if len(odd):
        raise TaxoevalError(
            f"{path}: row {odd[0] + 1} of {chosen!r} has {length[odd[0]]:g} numbers, others have {usual:g}"
        )
    flat = cells.flatten().to_numpy(zero_copy_only=False)
    return VectorFile(
        _as_matrix(path, flat.reshape(len(cells), -1 if len(cells) else 0)),
        {name: _names(path, name, table[name].to_pylist()) for name in named},
    )


def _names(path: Path, column: str, values: Sequence[object]) -> NDArray[np.str_]:
    return np.array(["" if value is None else str(value) for value in values], dtype=np.str_)


def _one(path: Path, asked: str | None, there: Sequence[str], usual: Sequence[str], what: str, setting: str) -> str:
    """The name asked for, the first usual one, or the only one there."""
    if asked is not None:
        if asked in there:
            return asked
        raise TaxoevalError(f"{path}: there is no {what} {asked!r}; there are {', '.join(there) or 'none'}")
    for name in usual:
        if name in there:
            return name
    if len(there) == 1:
        return there[0]
    told = f"which {what}? {setting}=NAME, one of {', '.join(there)}" if there else f"there is no {what}"
    raise TaxoevalError(f"{path}: {told}")


def _npy(path: Path, column: str | None, id_column: str | None) -> VectorFile:
    if column is not None:
        raise TaxoevalError(f"{path}: an npy file holds one matrix; leave encoder.column out")
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise TaxoevalError(f"{path}: cannot be read as a table of numbers ({error})") from None
    return VectorFile(_as_matrix(path, found))


def _safetensors(path: Path, column: str | None, id_column: str | None) -> VectorFile:
    import torch
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            chosen = _one(path, column, list(file.keys()), VECTOR_NAMES, "matrix", "encoder.column")
            found = file.get_tensor(chosen)
    except (OSError, ValueError, SafetensorError) as error:
        raise TaxoevalError(f"{path}: cannot be read ({error})") from None
    # Through torch, since numpy has no bfloat16.
    return VectorFile(_as_matrix(path, (found.float() if found.dtype is torch.bfloat16 else found).numpy()))


def _panoptic(path: Path, column: str | None, id_column: str | None) -> VectorFile:
    """Vectors of one type; Panoptic keeps them as raw float32 under the SHA-1 of the image's content."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            kinds = {
                str(number): _kind(params) for number, params in base.execute("SELECT id, params FROM vector_type")
            }
            if column is None and len(kinds) > 1:
                listed = ", ".join(f"{number} ({kind})" for number, kind in kinds.items())
                raise TaxoevalError(f"{path}: which vector type? encoder.column=NUMBER, one of {listed}")
            chosen = _one(path, column, list(kinds), (), "vector type", "encoder.column")
            rows = base.execute("SELECT sha1, data FROM vectors WHERE type_id = ? ORDER BY sha1", (chosen,)).fetchall()
    except sqlite3.Error as error:
        raise TaxoevalError(f"{path}: is no Panoptic project ({error})") from None
    if not rows:
        raise TaxoevalError(f"{path}: vector type {chosen} ({kinds[chosen]}) has no vectors; compute them in Panoptic")
    lengths = sorted({len(data) for _, data in rows})
    if len(lengths) > 1 or not lengths[0] or lengths[0] % 4:
        raise TaxoevalError(f"{path}: vectors of type {chosen} are {lengths} bytes long: not one row of float32 each")
    matrix = np.frombuffer(b"".join(data for _, data in rows), dtype="<f4").reshape(len(rows), -1)
    return VectorFile(
        _as_matrix(path, matrix), {"sha1": np.array([sha for sha, _ in rows], dtype=np.str_)}, by_content=True
    )


def _kind(params: object) -> str:
    """What Panoptic notes of a vector type, for a message."""
    try:
        known = json.loads(str(params))
        return f"{known['model']}, greyscale" if known.get("greyscale") else str(known["model"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return str(params)


_READERS: dict[str, Callable[[Path, str | None, str | None], VectorFile]] = {
    ".parquet": _parquet,
    ".npy": _npy,
    ".safetensors": _safetensors,
    ".db": _panoptic,
    ".sqlite": _panoptic,
    ".sqlite3": _panoptic,
}


def _with_names(found: VectorFile, path: Path, ids: str | None, id_column: str | None) -> VectorFile:
    """Take the names of the rows from a file of their own; without one, rows stand for images in their order."""
    beside = Path(ids).expanduser() if ids else _beside(path)
    if beside is None:
        if id_column:
            raise TaxoevalError(f"{path}: has no column {id_column!r}; name the table with the ids, encoder.ids=FILE")
        return found
    if not beside.is_file():
        raise TaxoevalError(
            f"{beside}: there is no such file; encoder.ids names a text file with one id a line, or a table"
        )
    if beside.suffix.lower() == ".txt":
        names = {beside.name: np.array(beside.read_text(encoding="utf-8").splitlines(), dtype=np.str_)}
    else:
        there = arrow.header(beside)
        chosen = [name for name in ID_NAMES if name in there and id_column is None]
        chosen = chosen or [_one(beside, id_column, there, (), "column of ids", "encoder.id_column")]
        columns = arrow.read_columns(beside, chosen)
        names = {name: _names(beside, name, column.to_pylist()) for name, column in columns.items()}
    wrong = {len(some) for some in names.values()} - {len(found.vectors)}
    if wrong:
        raise TaxoevalError(f"{beside}: {wrong.pop():,} ids for the {len(found.vectors):,} vectors of {path.name}")
    return VectorFile(found.vectors, names, beside)


def _beside(path: Path) -> Path | None:
    """A file of the same name that lists what the rows are, if there is one."""
    candidates = (path.with_suffix(suffix) for suffix in IDS_BESIDE)
    return next((file for file in candidates if file != path and file.is_file()), None)

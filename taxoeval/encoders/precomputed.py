"""Vectors that exist already, from a file: an encoder that looks up instead of computing."""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.encoders.base import Fingerprint
from taxoeval.errors import TaxoevalError

if TYPE_CHECKING:
    import torch
    from PIL import Image

Floats = NDArray[np.float32]

ID_NAMES = ("sample", "uuid", "id", "image", "filename", "filepath", "file_name", "path", "sha1")
VECTOR_NAMES = ("emb", "embedding", "embeddings", "vector", "vectors", "features")
SUFFIXES = (".parquet", ".npy", ".safetensors", ".db", ".sqlite", ".sqlite3")


@dataclass(frozen=True, eq=False)
class Precomputed:
    """Vectors by the id of the image.

    Attributes
    ----------
    name, dimension, fingerprint
        See :class:`~taxoeval.encoders.base.Encoder`.
    path
        The file.
    ids
        ``(m,)`` what names each vector; None where the rows stand for the images in their order.
    vectors
        ``(m, dimension)`` float32.
    by_content
        Whether ids are SHA-1 digests of the content of image files.
    """

    name: str
    path: Path
    ids: NDArray[np.str_] | None
    vectors: Floats = field(repr=False)
    fingerprint: Fingerprint = field(repr=False)
    by_content: bool = False
    has_text: bool = False
    module: None = None

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    def transform(self, _: "Image.Image") -> "torch.Tensor":
        """Refuse: there is nothing to compute with."""
        raise TaxoevalError(f"{self.path}: holds vectors, no network; images without a vector cannot be embedded")

    def embed_images(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Refuse: there is nothing to compute with."""
        raise TaxoevalError(f"{self.path}: holds vectors, no network; images without a vector cannot be embedded")

    def vectors_of(self, samples: Sequence[str], content: Callable[[int], bytes] | None = None) -> Floats:
        """The vectors of images, in their order.

        Parameters
        ----------
        samples
            Ids of the images.
        content
            Content of the file of the image at a position, where vectors go by content.

        Returns
        -------
        vectors
            ``(len(samples), dimension)`` float32, as they lie in the file.

        Raises
        ------
        TaxoevalError
            If an image has no vector, two vectors have one id, or rows and images differ in number.
        """
        if self.ids is None:
            if len(samples) != len(self.vectors):
                raise TaxoevalError(
                    f"{self.path}: {len(self.vectors):,} vectors without ids for {len(samples):,} images; give the ids "
                    "with encoder.ids=FILE (one a line), or the table the vectors were made from"
                )
            return self.vectors
        wanted = [str(sample) for sample in samples]
        if self.by_content:
            if content is None:
                raise TaxoevalError(f"{self.path}: its vectors go by the content of image files, and none are given")
            wanted = [hashlib.sha1(content(i), usedforsecurity=False).hexdigest() for i in range(len(samples))]
        place = {str(name): i for i, name in enumerate(self.ids)}
        if len(place) < len(self.ids):
            names, count = np.unique(self.ids, return_counts=True)
            raise TaxoevalError(
                f"{self.path}: {str(names[count > 1][0])!r} has {count.max()} vectors; keep one of each image"
            )
        missing = [name for name in wanted if name not in place]
        if missing:
            raise TaxoevalError(
                f"{self.path}: {len(missing):,} of {len(samples):,} images have no vector, the first {missing[0]!r} "
                f"(ids there look like {str(self.ids[0])!r}); name the right column with encoder.id_column=NAME"
            )
        return np.asarray(self.vectors[[place[name] for name in wanted]])


def load(
    vectors: str,
    column: str | None = None,
    id_column: str | None = None,
    ids: str | None = None,
    name: str | None = None,
) -> Precomputed:
    """Vectors from a file.

    Parameters
    ----------
    vectors
        Parquet with a column of lists; npy ``(m, d)``; safetensors with one matrix; or the SQLite database of a
        Panoptic project (tables ``vector_type`` and ``vectors``).
    column
        Parquet: the column of vectors; safetensors: the name of the matrix; SQLite: the ``id`` of the vector type.
        By default the only one there, or one of the usual names.
    id_column
        Parquet: the column that names the images as the dataset does (``sample``, ``uuid``, ``filename`` ...).
    ids
        For npy and safetensors: a text file with one id a line; by default one beside the vectors that has the same
        name and the suffix ``.txt``, else rows are images in the order of the dataset.
    name
        For tables; by default the file's.

    Raises
    ------
    TaxoevalError
        If the file is missing, of another kind, holds no vectors, or NaN.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "dinov2.npy"
    >>> np.save(path, np.eye(2, dtype=np.float16))
    >>> encoder = load(str(path))
    >>> encoder.name, encoder.dimension, encoder.vectors_of(["a", "b"]).dtype
    ('dinov2', 2, dtype('float32'))
    """
    path = Path(vectors).expanduser()
    if not path.is_file():
        raise TaxoevalError(f"{path}: there is no such file; give the vectors with encoder.vectors=FILE")
    if path.suffix not in SUFFIXES:
        raise TaxoevalError(f"{path}: vectors are read from {', '.join(SUFFIXES)}")
    by_content = False
    if path.suffix == ".parquet":
        found, names = _parquet(path, column, id_column)
    elif path.suffix in (".npy", ".safetensors"):
        found = _npy(path) if path.suffix == ".npy" else _safetensors(path, column)
        names = _beside(path, ids, len(found))
    else:
        found, names = _panoptic(path, column)
        by_content = True
    bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(bad):
        raise TaxoevalError(
            f"{path}: vector {bad[0]} holds NaN or infinity, and {len(bad) - 1} others; compute them again"
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    fingerprint = {"family": "precomputed", "sha256": digest, "column": column, "id_column": id_column}
    return Precomputed(name or path.stem, path, names, found, fingerprint, by_content)


def _as_matrix(path: Path, found: NDArray[Any]) -> Floats:
    if found.ndim != 2 or not len(found) or not found.shape[1] or found.dtype.kind not in "fiu":
        raise TaxoevalError(f"{path}: vectors must be a table of numbers (m, d); got {found.shape} of {found.dtype}")
    return np.ascontiguousarray(found, dtype=np.float32)


def _parquet(path: Path, column: str | None, id_column: str | None) -> tuple[Floats, NDArray[np.str_] | None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (OSError, ValueError) as error:
        raise TaxoevalError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None
    lists = [
        f.name
        for f in schema
        if pa.types.is_list(f.type) or pa.types.is_fixed_size_list(f.type) or pa.types.is_large_list(f.type)
    ]
    chosen = _one(path, column, lists, VECTOR_NAMES, "column of vectors", "encoder.column")
    named = [name for name in ID_NAMES if name in schema.names]
    identity = (
        _one(path, id_column, schema.names, named[:1], "column of ids", "encoder.id_column")
        if id_column or named
        else None
    )
    table = pq.read_table(path, columns=[chosen, *([identity] if identity else [])]).combine_chunks()
    cells = table[chosen].combine_chunks()
    length = cells.value_lengths().to_numpy(zero_copy_only=False).astype(float)
    usual = np.nanmedian(length)
    odd = np.flatnonzero(~(length == usual))
    if len(odd):
        raise TaxoevalError(f"{path}: row {odd[0]} of {chosen!r} has {length[odd[0]]:g} numbers, others have {usual:g}")
    flat = cells.flatten().to_numpy(zero_copy_only=False)
    matrix = _as_matrix(path, flat.reshape(len(cells), -1))
    return matrix, np.array([str(v) for v in table[identity].to_pylist()], dtype=np.str_) if identity else None


def _one(path: Path, asked: str | None, there: Sequence[str], usual: Sequence[str], what: str, setting: str) -> str:
    """The name asked for, the only one there, or the first usual one."""
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


def _npy(path: Path) -> Floats:
    try:
        return _as_matrix(path, np.load(path, allow_pickle=False))
    except (OSError, ValueError) as error:
        raise TaxoevalError(f"{path}: cannot be read as a table of numbers ({error})") from None


def _safetensors(path: Path, column: str | None) -> Floats:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
    except (OSError, ValueError, SafetensorError) as error:
        raise TaxoevalError(f"{path}: cannot be read ({error})") from None
    return _as_matrix(path, tensors[_one(path, column, list(tensors), VECTOR_NAMES, "matrix", "encoder.column")])


def _beside(path: Path, ids: str | None, n: int) -> NDArray[np.str_] | None:
    beside = Path(ids).expanduser() if ids else path.with_suffix(".txt")
    if not beside.is_file():
        if ids:
            raise TaxoevalError(f"{beside}: there is no such file; encoder.ids names a text file with one id a line")
        return None
    names = beside.read_text(encoding="utf-8").splitlines()
    if len(names) != n:
        raise TaxoevalError(f"{beside}: {len(names):,} ids for the {n:,} vectors of {path.name}")
    return np.array(names, dtype=np.str_)


def _panoptic(path: Path, column: str | None) -> tuple[Floats, NDArray[np.str_]]:
    """Vectors of one type; Panoptic keeps them as raw float32 under the SHA-1 of the image's content."""
    try:
        with sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True) as base:
            kinds = {
                str(i): f"{source} {params}"
                for i, source, params in base.execute("SELECT id, source, params FROM vector_type")
            }
            chosen = _one(path, column, list(kinds), (), "vector type", "encoder.column")
            rows = base.execute("SELECT sha1, data FROM vectors WHERE type_id = ? ORDER BY sha1", (chosen,)).fetchall()
    except sqlite3.Error as error:
        raise TaxoevalError(f"{path}: is no Panoptic project ({error})") from None
    if not rows:
        raise TaxoevalError(f"{path}: vector type {chosen} ({kinds[chosen]}) has no vectors")
    lengths = {len(data) for _, data in rows}
    if len(lengths) > 1 or not lengths.isdisjoint({0}) or any(length % 4 for length in lengths):
        raise TaxoevalError(f"{path}: vectors of type {chosen} differ in length: {sorted(lengths)} bytes")
    matrix = np.frombuffer(b"".join(data for _, data in rows), dtype="<f4").reshape(len(rows), -1)
    return _as_matrix(path, matrix), np.array([sha for sha, _ in rows], dtype=np.str_)


def write_vectors(vectors: NDArray[Any], ids: Sequence[str], path: Path) -> None:
    """Write vectors with their ids, as Parquet or as npy with a text file beside it, in the form `load` reads.

    Parameters
    ----------
    vectors
        ``(m, d)``, written as float32.
    ids
        ``m`` ids, none twice.
    path
        Ends in ``.parquet`` or ``.npy``.

    Raises
    ------
    TaxoevalError
        If the suffix is another one, or the file cannot be written.
    """
    matrix = _as_matrix(path, np.asarray(vectors))
    if len(ids) != len(matrix) or len(set(ids)) < len(ids):
        raise ValueError(
            f"ids must be {len(matrix)} different names; got {len(ids)}, {len(set(ids))} of them different"
        )
    try:
        if path.suffix == ".npy":
            np.save(path, matrix)
            path.with_suffix(".txt").write_text("\n".join(ids) + "\n", encoding="utf-8")
        elif path.suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            flat = pa.FixedSizeListArray.from_arrays(matrix.ravel(), matrix.shape[1])
            pq.write_table(pa.table({"sample": list(ids), "vector": flat}), path)
        else:
            raise TaxoevalError(f"{path}: vectors are written as .parquet or .npy")
    except OSError as error:
        raise TaxoevalError(f"{path}: cannot be written: {error.strerror or error}") from None

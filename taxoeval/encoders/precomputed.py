"""Vectors that exist already, from a file: an encoder that looks up instead of computing."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from taxoeval.encoders import vector_files
from taxoeval.encoders.base import Fingerprint
from taxoeval.errors import TaxoevalError

if TYPE_CHECKING:
    import torch
    from PIL import Image


@dataclass(frozen=True, eq=False)
class Precomputed:
    """Vectors by the id of the image.

    Attributes
    ----------
    name, dimension, fingerprint
        See :class:`~taxoeval.encoders.base.Encoder`.
    path
        The file.
    vectors
        ``(m, dimension)`` float32.
    ids
        ``(m,)`` names of the vectors, by the column they come from; the first column that names all images is used.
        Empty where the rows stand for the images in their order.
    by_content
        Whether ids are SHA-1 digests of the content of image files.
    """

    name: str
    path: Path
    vectors: NDArray[np.float32] = field(repr=False)
    ids: Mapping[str, NDArray[np.str_]] = field(repr=False)
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
        self._refuse()

    def embed_images(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Refuse: there is nothing to compute with."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise TaxoevalError(f"{self.path}: holds vectors, no network; images without a vector cannot be embedded")

    def vectors_of(self, samples: Sequence[str], content: Callable[[int], bytes] | None = None) -> NDArray[np.float32]:
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
            ``(len(samples), dimension)`` float32, as they lie in the file: not normalised.

        Raises
        ------
        TaxoevalError
            If an image has no vector, two vectors have one id, or rows and images differ in number.

        Examples
        --------
        >>> ids = {"uuid": np.array(["a", "b"])}
        >>> stored = Precomputed("toy", Path("v.parquet"), np.eye(2, dtype=np.float32), ids, {})
        >>> stored.vectors_of(["b"]).tolist()
        [[0.0, 1.0]]
        """
        if not self.ids:
            if len(samples) != len(self.vectors):
                raise TaxoevalError(
                    f"{self.path}: {len(self.vectors):,} vectors without ids for {len(samples):,} images; give the ids "
                    "with encoder.ids=FILE (one a line, or the table the vectors were made from)"
                )
            return self.vectors
        wanted = [str(sample) for sample in samples]
        if self.by_content:
            if content is None:
                raise TaxoevalError(f"{self.path}: its vectors go by the content of image files, and none are given")
            wanted = [hashlib.sha1(content(i), usedforsecurity=False).hexdigest() for i in range(len(samples))]
        faults = []
        for column, names in self.ids.items():
            place = {name: row for row, name in enumerate(names.tolist())}
            fault = self._fault(column, names, place, wanted)
            if not fault:
                return np.asarray(self.vectors[[place[name] for name in wanted]])
            faults.append(fault)
        raise TaxoevalError(f"{self.path}: {'; '.join(faults)}")

    def _fault(self, column: str, names: NDArray[np.str_], place: Mapping[str, int], wanted: Sequence[str]) -> str:
        """Why a column cannot name the images; an empty string where it can."""
        missing = [name for name in wanted if name not in place]
        if missing:
            return (
                f"by {column!r}, {len(missing):,} of {len(wanted):,} images have no vector, the first {missing[0]!r} "
                f"(its ids look like {str(names[0])!r}; another column: encoder.id_column=NAME)"
            )
        if len(place) < len(names):
            unique, count = np.unique(names, return_counts=True)
            asked = set(wanted)
            twice = [str(name) for name in unique[count > 1] if str(name) in asked]
            if twice:
                return f"by {column!r}, {twice[0]!r} has {count[unique == twice[0]][0]} vectors; keep one of each image"
        return ""


def load(
    vectors: str,
    column: str | int | None = None,
    id_column: str | None = None,
    ids: str | None = None,
    name: str | None = None,
) -> Precomputed:
    """Vectors from a file.

    Parameters
    ----------
    vectors
        Parquet with a column of lists; npy ``(m, d)``; safetensors with one matrix; or the SQLite database of a
        Panoptic project (tables ``vector_type`` and ``vectors``). Numbers of any width become float32.
    column
        Parquet: the column of vectors; safetensors: the name of the matrix; SQLite: the ``id`` of the vector type.
        By default the only one there, or one of the usual names.
    id_column
        The column that names the images as the dataset does. By default the usual names are tried (``sample``,
        ``uuid``, ``id``, ``filename`` ...), and the first column that names every image of the dataset is used.
    ids
        Names of the rows from a file of their own: text with one id a line, or a table with an id column. By default
        one beside the vectors that has the same name and another suffix; where there is none and the vectors have no
        ids either, rows are images in the order of the dataset.
    name
        For tables; by default the file's.

    Returns
    -------
    Precomputed
        It takes the place of an encoder; there is no text tower.

    Raises
    ------
    TaxoevalError
        If a file is missing, of another kind, damaged, holds no vectors, or NaN.

    Notes
    -----
    Nothing of a file is executed: pickled arrays are refused.

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
    column = None if column is None else str(column)  # a number from the command line
    found = vector_files.read(path, column, id_column, ids)
    fingerprint = {
        "family": "precomputed",
        "sha256": _sha256(path),
        "column": column,
        "id_column": id_column,
        "ids_sha256": _sha256(found.ids_path) if found.ids_path else None,
    }
    return Precomputed(name or path.stem, path, found.vectors, found.ids, fingerprint, found.by_content)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""The vectors of one encoder for one kind of content: many small parts, read as one table."""

import uuid
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taxoeval.embedding.files import write_whole
from taxoeval.embedding.part import CorruptPartError, read_contents, read_vectors, to_bytes
from taxoeval.errors import TaxoevalError

if TYPE_CHECKING:
    import pyarrow as pa


class Shelf:
    """The parts of one encoder and one kind of content.

    Parameters
    ----------
    folder
        Where its parts are.
    dimension
        Length of each vector.
    encoder_name
        For messages.

    Examples
    --------
    See :class:`EmbeddingStore`, which makes them.
    """

    def __init__(self, folder: Path, dimension: int, encoder_name: str) -> None:
        self.folder = folder
        self.dimension = dimension
        self.encoder_name = encoder_name
        self._contents: dict[Path, pa.Array] = {}

    def gather(self, contents: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The stored vectors of the given contents, in the order asked.

        A part that cannot be trusted is set aside with a warning and counts as absent.

        Parameters
        ----------
        contents
            ``(n,)`` hexadecimal sha256, each once.

        Returns
        -------
        vectors
            ``(n, d)`` float32; zeros where nothing is stored.
        stored
            ``(n,)`` bool, which of them were found.

        Raises
        ------
        TaxoevalError
            If the disk refuses to read.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        vectors = np.zeros((len(contents), self.dimension), dtype=np.float32)
        stored = np.zeros(len(contents), dtype=np.bool_)
        self._refresh()
        if not self._contents or not len(contents):
            return vectors, stored
        keys = pa.chunked_array(list(self._contents.values()), pa.string())
        wanted = pc.index_in(keys, value_set=pa.array(contents, pa.string()))
        place = pc.fill_null(wanted, -1).to_numpy().astype(np.int64, copy=False)
        start = 0
        for path, part_keys in list(self._contents.items()):
            target = place[start : start + len(part_keys)]
            start += len(part_keys)
            new = np.flatnonzero(target >= 0)
            new = new[~stored[target[new]]]
            if new.size and self._copy(path, new, target[new], vectors):
                stored[target[new]] = True
        vectors[~stored] = 0.0
        return vectors, stored

    def holds(self, contents: Sequence[str]) -> NDArray[np.bool_]:
        """Which of some contents are stored, without reading their vectors.

        Parameters
        ----------
        contents
            ``(n,)`` hexadecimal sha256.

        Returns
        -------
        ndarray
            ``(n,)`` bool.

        Raises
        ------
        TaxoevalError
            If the disk refuses to read.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        self._refresh()
        found = np.zeros(len(contents), dtype=np.bool_)
        keys = pa.chunked_array(list(self._contents.values()), pa.string())
        # the few are looked for by the many: the other way round a table of all that is stored would be made
        place = pc.index_in(keys, value_set=pa.array(contents, pa.string())).drop_null()
        found[place.to_numpy().astype(np.int64, copy=False)] = True
        return found

    def write(self, contents: Sequence[str], vectors: NDArray[np.float32], texts: Sequence[str] | None = None) -> Path:
        """Store vectors as one new part.

        Parameters
        ----------
        contents
            ``(n,)`` hexadecimal sha256.
        vectors
            ``(n, d)`` float32, finite.
        texts
            ``(n,)`` the texts themselves, on a shelf of texts.

        Returns
        -------
        Path
            The new part, whole and in place.

        Raises
        ------
        TaxoevalError
            If a vector holds NaN or infinity, or the disk refuses. Nothing is stored then.
        ValueError
            If the shapes do not fit.
        """
        if vectors.shape != (len(contents), self.dimension):
            raise ValueError(f"expected vectors {(len(contents), self.dimension)}, got {vectors.shape}")
        refuse_unfinite(self.encoder_name, vectors, contents if texts is None else texts)
        path = self.folder / f"part-{uuid.uuid4().hex}.parquet"
        write_whole(path, to_bytes(contents, np.ascontiguousarray(vectors, dtype=np.float32), texts))
        return path

    def read_back(self, contents: Sequence[str]) -> NDArray[np.float32]:
        """What was just written, as any later run will read it.

        Parameters
        ----------
        contents
            ``(n,)`` hexadecimal sha256, each once.

        Returns
        -------
        ndarray
            ``(n, d)`` float32.

        Raises
        ------
        TaxoevalError
            If some of it is not there: the disk is not to be trusted.
        """
        vectors, stored = self.gather(contents)
        if not stored.all():
            raise TaxoevalError(
                f"{self.folder}: {int((~stored).sum())} of {len(contents)} vectors just written cannot be read back; "
                "check the disk, then run again"
            )
        return vectors

    def _refresh(self) -> None:
        """Read the contents of parts not seen before; forget those that are gone."""
        present = sorted(self.folder.glob("part-*.parquet"))
        known = self._contents
        self._contents = {}
        for path in present:
            try:
                self._contents[path] = known[path] if path in known else read_contents(path, self.dimension)
            except CorruptPartError as error:
                self._set_aside(path, error)
            except FileNotFoundError:
                continue

    def _copy(
        self, path: Path, rows: NDArray[np.int64], target: NDArray[np.int64], vectors: NDArray[np.float32]
    ) -> bool:
        """Copy the given rows of a part to their places; False when the part cannot be trusted."""
        try:
            for first, chunk in read_vectors(path):
                low, high = np.searchsorted(rows, (first, first + len(chunk)))
                vectors[target[low:high]] = chunk[rows[low:high] - first]
        except CorruptPartError as error:
            self._set_aside(path, error)
            return False
        except FileNotFoundError:
            return False
        return True

    def _set_aside(self, path: Path, reason: Exception) -> None:
        """Take a bad part out of the way but keep it, under a name that table readers pass over."""
        self._contents.pop(path, None)
        try:
            path.replace(path.with_name(f"_{path.name}.corrupt"))
            fate = f"kept as _{path.name}.corrupt"
        except OSError:
            fate = "left in place"
        warnings.warn(
            f"{path}: damaged part of the store ({reason}); {fate}, what it held is encoded again", stacklevel=2
        )


def refuse_unfinite(encoder_name: str, vectors: NDArray[np.float32], where: Sequence[str]) -> None:
    """Raise if a vector holds NaN or infinity: it would poison every mean and neighbour it meets.

    Parameters
    ----------
    encoder_name
        For the message.
    vectors
        ``(n, d)``.
    where
        ``(n,)`` how to name each of them.

    Raises
    ------
    TaxoevalError
        Naming the first such sample and how many there are.

    Examples
    --------
    >>> refuse_unfinite("toy", np.array([[1.0], [np.nan]], np.float32), ["a.jpg", "b.jpg"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    taxoeval.errors.TaxoevalError: b.jpg: toy gave NaN or infinity (1 in this batch, which was not stored); ...
    """
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if bad.size:
        raise TaxoevalError(
            f"{where[bad[0]]}: {encoder_name} gave NaN or infinity ({bad.size} in this batch, which was not stored); "
            "try fp32, or check the weights"
        )

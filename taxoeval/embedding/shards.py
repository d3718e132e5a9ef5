"""Writing vectors to a shelf shard by shard, so that a killed extraction loses one shard at most."""

import time
from collections.abc import Sequence
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from taxoeval.embedding.files import remove_abandoned
from taxoeval.embedding.shelf import Shelf, refuse_unfinite

# A shard is also closed when it is a minute old, so that a slow encoder never has much to lose.
SHARD_SECONDS = 60.0


class ShardWriter:
    """Collects vectors and writes a part each time a shard is full, and what is left at the end.

    Parts hold whole batches. After a kill the next run therefore meets the same batches as an uninterrupted one would
    have, and gives the same bits.

    Parameters
    ----------
    shelf
        Where the parts go.
    shard_size
        A part is written once so many vectors are waiting, or after a minute.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     shelf = Shelf(Path(folder), dimension=1, encoder_name="toy")
    ...     with ShardWriter(shelf, shard_size=2) as writer:
    ...         for key in ("aa", "bb", "cc"):
    ...             writer.add([key], np.ones((1, 1), np.float32), where=[key])
    ...     len(list(Path(folder).glob("part-*.parquet")))
    2
    """

    def __init__(self, shelf: Shelf, shard_size: int) -> None:
        self._shelf = shelf
        self._shard_size = shard_size
        self._waiting: list[tuple[Sequence[str], NDArray[np.float32], Sequence[str] | None]] = []
        self._since = 0.0

    def add(
        self,
        contents: Sequence[str],
        vectors: NDArray[np.float32],
        where: Sequence[str],
        texts: Sequence[str] | None = None,
    ) -> None:
        """Hand over the vectors of one batch.

        Parameters
        ----------
        contents
            ``(n,)`` hexadecimal sha256.
        vectors
            ``(n, d)`` float32.
        where
            ``(n,)`` how to name each of them in a message.
        texts
            ``(n,)`` the texts themselves, on a shelf of texts.

        Raises
        ------
        TaxoevalError
            If a vector holds NaN or infinity, naming the first such sample, or the disk refuses.
        """
        refuse_unfinite(self._shelf.encoder_name, vectors, where)
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append((contents, vectors, texts))
        full = sum(len(batch[0]) for batch in self._waiting) >= self._shard_size
        if full or time.monotonic() - self._since > SHARD_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting. A refused write is not tried again."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            contents = [content for batch in waiting for content in batch[0]]
            texts = [text for batch in waiting for text in batch[2] or ()]
            self._shelf.write(contents, np.concatenate([batch[1] for batch in waiting]), texts or None)

    def __enter__(self) -> "ShardWriter":
        remove_abandoned(self._shelf.folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Also on the way out of an error: what was computed before it is worth keeping.
        self.flush()

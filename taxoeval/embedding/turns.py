"""In which order missing images are computed, and by whom: chunk by chunk, each by the process with its lease."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from taxoeval.embedding.leases import Leases, lease_name
from taxoeval.embedding.shelf import Shelf

Ints = NDArray[np.int64]

PIECES = 16
"""A set is cut into at least so many chunks, so that several processes find something to do."""


def chunk_size(n: int, shard_size: int, batch_size: int) -> int:
    """Images of a chunk: those of a shard, or fewer in a small set, in whole batches.

    Examples
    --------
    >>> chunk_size(10**6, 1024, 32), chunk_size(1000, 1024, 32), chunk_size(10, 1024, 32)
    (1024, 64, 32)
    """
    return batch_size * -(-min(shard_size, -(-n // PIECES)) // batch_size)


class Turns:
    """Batches of the chunks that this process may compute, claimed one chunk after the other as they are asked for.

    The chunks are cut from all images, missing or not: processes that see other images missing, because some were
    stored meanwhile, still mean the same chunks, and after a kill the batches are cut as before.

    Parameters
    ----------
    unique
        ``(n,)`` contents of all images of the set, in its order.
    missing
        ``(m,)`` places of the missing among them, ascending.
    size
        Images of a chunk.
    batch_size
        Images of a batch.
    leases, shelf
        Who asks, and where the vectors go.

    Attributes
    ----------
    chunk
        ``(m,)`` the chunk of each missing image.
    """

    def __init__(
        self, unique: Sequence[str], missing: Ints, size: int, batch_size: int, leases: Leases, shelf: Shelf
    ) -> None:
        self.chunk = missing // size
        self.batch_size = batch_size
        self._unique, self._missing, self._size = unique, missing, size
        self._leases, self._shelf = leases, shelf

    def __len__(self) -> int:
        counts = np.unique(self.chunk, return_counts=True)[1]
        return int((-(-counts // self.batch_size)).sum())

    def __iter__(self) -> Iterator[list[int]]:
        """Places among the missing, batch after batch."""
        for chunk in np.unique(self.chunk).tolist():
            name = self.lease(chunk)
            if not (self._leases.holds(name) or self._leases.claim(name)):
                continue
            places = np.flatnonzero(self.chunk == chunk)
            # another process may have stored it between our look and our lease
            stored = self._shelf.holds([self._unique[self._missing[place]] for place in places])
            places = places[~stored]
            if not len(places):
                self.release(chunk)
            for first in range(0, len(places), self.batch_size):
                yield places[first : first + self.batch_size].tolist()

    def some_free(self) -> bool:
        """Whether there is a chunk that nobody works on; it is asked before network and readers are started.

        The first such chunk is claimed, and stays so until it is computed or given back.
        """
        chunks = np.unique(self.chunk).tolist()
        return any(self._leases.claim(self.lease(chunk)) for chunk in chunks)

    def release(self, chunk: int) -> None:
        """Give a chunk back, whether it is stored or not."""
        self._leases.release(self.lease(chunk))

    def lease(self, chunk: int) -> str:
        """The name of the lease on a chunk."""
        return lease_name(self._unique[chunk * self._size : (chunk + 1) * self._size])

"""Images to vectors, each image of each encoder once: hash, look up, compute what is missing, store, return."""

import hashlib
import time
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from taxoeval.embedding.leases import Leases
from taxoeval.embedding.loading import ImageBatch, ImagesToDo, choose_workers, collate, hash_images
from taxoeval.embedding.processes import any_of_us
from taxoeval.embedding.progress import progress_bar
from taxoeval.embedding.shards import ShardWriter
from taxoeval.embedding.shelf import Shelf
from taxoeval.embedding.store import EmbeddingStore
from taxoeval.embedding.turns import Turns, chunk_size
from taxoeval.encoders.base import fingerprint_key
from taxoeval.errors import TaxoevalError
from taxoeval.records import Embeddings

if TYPE_CHECKING:
    from taxoeval.datasets.base import ImageDataset
    from taxoeval.encoders.base import Encoder

# Images that one CPU stream takes through the network at a time.
_PIECE = 4


def embed_images(
    encoder: "Encoder",
    dataset: "ImageDataset",
    store: EmbeddingStore,
    *,
    batch_size: int | Literal["auto"] = "auto",
    workers: int | Literal["auto"] = "auto",
    device: str = "auto",
    shard_size: int = 1024,
    progress: bool = True,
) -> Embeddings:
    """The vectors of a dataset, from the store where they are there, else computed and stored.

    Parameters
    ----------
    encoder
        What computes them. Its fingerprint decides which stored vectors may be used.
    dataset
        The images. Copies of one image (same bytes) are computed once.
    store
        Where vectors are kept.
    batch_size
        Images per batch; ``"auto"`` looks at the device. On a CPU the network meets them in smaller pieces, and
        wherever memory does not suffice, in pieces that fit.
    workers
        Processes that read and transform images; 0 does it in this one. ``"auto"`` looks at the machine.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    shard_size
        Images per part of the store, rounded up to whole batches: at most so many are computed again after a kill.
        A part is also closed when it is a minute old.
    progress
        Draw a bar if standard error is a terminal.

    Returns
    -------
    Embeddings
        In the order of the dataset, not normalised. ``source`` is the same whenever encoder and images are.

    Raises
    ------
    TaxoevalError
        If an image cannot be read (file and row), a vector is not finite (sample), the device is absent or too small
        for a single image, or the disk refuses. What was finished before stays in the store.
    ValueError
        If a size is below 1 or the encoder's vectors have another length than it says.

    Notes
    -----
    After a kill the next call meets the batches that were left, cut as before, and so gives the same bits as an
    uninterrupted call. Across batch sizes, devices and library versions vectors agree to rounding only; versions are
    part of the fingerprint, the other two are not.

    Examples
    --------
    >>> import tempfile
    >>> from taxoeval.datasets import simulated
    >>> from taxoeval.encoders import weightless
    >>> dataset = simulated.load(n_species=4, n_images=6, size=32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = EmbeddingStore(folder)
    ...     first = embed_images(weightless.pixels(), dataset, store)
    ...     again = embed_images(weightless.pixels(), dataset, store)
    >>> len(first.vectors), bool((first.vectors == again.vectors).all()), first.source == again.source
    (6, True, True)
    """
    if min(1 if batch_size == "auto" else batch_size, shard_size) < 1:
        raise ValueError(f"batch_size and shard_size must be at least 1, got {batch_size} and {shard_size}")
    shelf = store.shelf(encoder, "images")
    contents = hash_images(dataset.source, progress=progress)
    row: dict[str, int] = {}
    inverse = np.array([row.setdefault(content, len(row)) for content in contents], dtype=np.int64)
    unique = list(row)
    vectors, stored = shelf.gather(unique)
    first = np.unique(inverse, return_index=True)[1]
    source = hashlib.sha256("\n".join([fingerprint_key(encoder.fingerprint), *contents]).encode()).hexdigest()
    pause = 0.0
    with Leases(shelf.folder) as leases:
        while any_of_us(not stored.all(), source):
            from taxoeval.embedding.predict import choose_device
            from taxoeval.embedding.streams import choose_batch_size

            chosen = choose_device(device, has_module=encoder.module is not None)
            batch = choose_batch_size(batch_size, chosen)
            missing = np.flatnonzero(~stored)
            turns = Turns(unique, missing, chunk_size(len(unique), shard_size, batch), batch, leases, shelf)
            todo = ImagesToDo(dataset.source, first[missing], encoder.transform)
            keys = [unique[m] for m in missing]
            if any_of_us(turns.some_free(), source):
                done = _compute(encoder, todo, keys, turns, ShardWriter(shelf, shard_size), workers, chosen, progress)
                _check_written(shelf, [keys[place] for place in done])
            else:  # others compute what is left
                pause = min(5.0, pause + 0.25)
                time.sleep(pause)
            vectors[missing], stored[missing] = shelf.gather(keys)
    return Embeddings(
        vectors=vectors[inverse] if len(unique) < len(inverse) else vectors,
        taxon=dataset.taxon,
        sample=dataset.sample,
        source=source,
    )


def _compute(
    encoder: "Encoder",
    todo: ImagesToDo,
    keys: list[str],
    turns: Turns,
    writer: ShardWriter,
    workers: int | Literal["auto"],
    device: str,
    progress: bool,
) -> list[int]:
    """Compute the chunks that nobody else computes; which of ``keys`` these were."""
    import torch
    from torch.utils.data import DataLoader

    from taxoeval.embedding.predict import predict
    from taxoeval.embedding.streams import on_device

    n_workers = choose_workers(workers, len(todo), turns.batch_size, device, weightless=encoder.module is None)
    loader: DataLoader[Any] = DataLoader(
        todo,  # type: ignore[arg-type]
        batch_sampler=turns,
        num_workers=n_workers,
        collate_fn=collate,
        pin_memory=device == "cuda",
        # Its own, so that what is random elsewhere does not depend on what the store already held.
        generator=torch.Generator().manual_seed(0),
    )
    done: list[int] = []
    open_chunk: list[int] = []

    with (
        writer,
        on_device(encoder.embed_images, device, _PIECE) as embed,
        progress_bar(f"encoding with {encoder.name}", len(todo), "images", shown=progress) as advance,
    ):

        def embed_batch(batch: ImageBatch) -> torch.Tensor:
            return torch.empty(0, encoder.dimension) if batch.pixels is None else embed(batch.pixels)

        def on_batch(vectors: torch.Tensor, batch: ImageBatch) -> None:
            found = vectors.float().cpu().numpy()
            if len(found):
                positions = batch.positions
                chunk = int(turns.chunk[positions[0]])
                if open_chunk and open_chunk[0] != chunk:
                    writer.flush()
                    turns.release(open_chunk[0])
                open_chunk[:] = [chunk]
                done.extend(positions)
                writer.add([keys[p] for p in positions], found, [todo.where(p) for p in positions])
            advance(len(found))
            if batch.failure:
                raise TaxoevalError(batch.failure)

        predict(encoder.module, embed_batch, loader, device, on_batch)
    for chunk in open_chunk:
        turns.release(chunk)
    return done


def _check_written(shelf: Shelf, keys: list[str]) -> None:
    """Raise if what was just written is not there: the disk is not to be trusted."""
    lost = int((~shelf.holds(keys)).sum())
    if lost:
        raise TaxoevalError(
            f"{shelf.folder}: {lost} of {len(keys)} vectors just written cannot be read back; check the disk, then run "
            "again"
        )

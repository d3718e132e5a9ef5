"""Texts to vectors, each text of each encoder once."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.embedding.progress import progress_bar
from taxoeval.embedding.shards import ShardWriter
from taxoeval.embedding.store import EmbeddingStore
from taxoeval.errors import UnsupportedError

if TYPE_CHECKING:
    import torch

    from taxoeval.encoders.base import Encoder

# Texts are cheap to encode and small to store: larger parts, fewer files.
_SHARD_SIZE = 8192

# Texts that one CPU stream takes through the network at a time.
_PIECE = 32


def embed_texts(
    encoder: "Encoder",
    texts: Sequence[str],
    store: EmbeddingStore,
    *,
    batch_size: int = 256,
    device: str = "auto",
    progress: bool = True,
) -> NDArray[np.float32]:
    """The vectors of texts, from the store where they are there, else computed and stored.

    Each text is used as it is. For a class vector over many templates, ask in blocks of some ten thousand texts and
    average each block: everything computed so far stays in the store, and memory stays small.

    Parameters
    ----------
    encoder
        One with a text tower.
    texts
        ``m`` texts; repeated ones are computed once.
    store
        Where vectors are kept.
    batch_size
        Texts per batch.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    progress
        Draw a bar if standard error is a terminal.

    Returns
    -------
    ndarray
        ``(m, d)`` float32 in the order asked, not normalised.

    Raises
    ------
    UnsupportedError
        If the encoder has no text tower.
    TaxoevalError
        If a vector is not finite (naming the text), the device is absent or the disk refuses.
    ValueError
        If ``batch_size`` is below 1.

    Examples
    --------
    >>> import tempfile
    >>> from taxoeval.encoders import open_clip
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     vectors = embed_texts(open_clip.load("bundled:mini_clip"), ["a crow", "a crow"], EmbeddingStore(folder))
    >>> len(vectors), bool((vectors[0] == vectors[1]).all())
    (2, True)
    """
    if not encoder.has_text:
        raise UnsupportedError(f"{encoder.name} has no text tower; choose an image-text encoder for tasks with prompts")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    shelf = store.shelf(encoder, "texts")
    row: dict[str, int] = {}
    inverse = np.array([row.setdefault(text, len(row)) for text in texts], dtype=np.int64)
    unique = list(row)
    keys = [hashlib.sha256(text.encode()).hexdigest() for text in unique]
    vectors, stored = shelf.gather(keys)
    if not stored.all():
        missing = np.flatnonzero(~stored)
        new = [keys[m] for m in missing]
        writer = ShardWriter(shelf, _SHARD_SIZE)
        _compute(encoder, [unique[m] for m in missing], new, writer, batch_size, device, progress)
        vectors[missing] = shelf.read_back(new)
    return vectors[inverse]


def _compute(
    encoder: Any,
    texts: list[str],
    keys: list[str],
    writer: ShardWriter,
    batch_size: int,
    device: str,
    progress: bool,
) -> None:
    from torch.utils.data import DataLoader

    from taxoeval.embedding.predict import choose_device, predict
    from taxoeval.embedding.streams import on_device

    chosen = choose_device(device, has_module=encoder.module is not None)
    positions: Any = range(len(texts))
    loader: DataLoader[Any] = DataLoader(positions, batch_size=batch_size, collate_fn=list)

    with (
        writer,
        on_device(encoder.embed_texts, chosen, _PIECE) as embed,
        progress_bar(f"texts with {encoder.name}", len(texts), "texts", shown=progress) as advance,
    ):

        def embed_batch(batch: list[int]) -> "torch.Tensor":
            return embed([texts[p] for p in batch])

        def on_batch(vectors: "torch.Tensor", batch: list[int]) -> None:
            some = [texts[p] for p in batch]
            writer.add([keys[p] for p in batch], vectors.float().cpu().numpy(), [repr(t) for t in some], some)
            advance(len(batch))

        predict(encoder.module, embed_batch, loader, chosen, on_batch)

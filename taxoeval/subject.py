"""What the tasks are given: the vectors of an encoder, its text tower, and what the dataset says of the images."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from taxoeval.datasets.images import NoImages
from taxoeval.encoders.base import fingerprint_key, text_sha256
from taxoeval.encoders.precomputed import Precomputed
from taxoeval.records import Embeddings
from taxoeval.tasks import Subject
from taxoeval.tasks.decoding import Decoding

if TYPE_CHECKING:
    from taxoeval.datasets.base import ImageDataset
    from taxoeval.encoders import Encoder


def subject_of(
    encoder: "Encoder",
    dataset: "ImageDataset",
    decoding: Decoding,
    *,
    store: Path,
    batch_size: int | Literal["auto"],
    workers: int | Literal["auto"],
    device: str,
    progress: bool,
) -> Subject:
    """One encoder on one dataset, its vectors read from the store or computed and stored.

    Parameters
    ----------
    encoder, dataset, decoding
        Who is asked, about what, and how scores become answers.
    store
        Folder of the vectors.
    batch_size, workers, device, progress
        See `taxoeval.embedding.embed_images`.

    Returns
    -------
    subject
        Without vectors, of no dimension, where the encoder has none.

    Raises
    ------
    TaxoevalError
        If an image or a vector cannot be read, or the disk refuses.
    """
    nothing = Embeddings(np.zeros((len(dataset), 0), dtype=np.float32), dataset.taxon, dataset.sample, "none")
    plain = Subject(
        nothing, dataset.taxonomy, dataset.common_name, dataset.label, group=dataset.group, decoding=decoding
    )
    if not encoder.dimension:
        return plain
    if isinstance(encoder, Precomputed):
        vectors = encoder.vectors_of(dataset.sample.tolist(), dataset.source.content)
        source = fingerprint_key({**encoder.fingerprint, "images": text_sha256("\n".join(dataset.sample.tolist()))})
        return replace(plain, embeddings=Embeddings(vectors, dataset.taxon, dataset.sample, source))
    from taxoeval.embedding import EmbeddingStore, embed_images, embed_texts
    from taxoeval.encoders import TextEncoder

    vectors_of = EmbeddingStore(store)
    embeddings = embed_images(
        encoder,
        dataset,
        vectors_of,
        batch_size=batch_size,
        workers=workers,
        device=device,
        progress=progress,
    )
    images = None if isinstance(dataset.source, NoImages) else dataset.source
    seen = replace(plain, embeddings=embeddings, encoder=encoder, source=images)
    if not (encoder.has_text and isinstance(encoder, TextEncoder)):
        return seen
    return replace(
        seen,
        embed_texts=lambda texts: embed_texts(encoder, texts, vectors_of, device=device),
        logit_scale=encoder.logit_scale,
    )

"""Vectors out of the store, in files that any program reads and that `taxoeval.encoders.precomputed` reads back."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from taxoeval.embedding.files import write_whole
from taxoeval.embedding.loading import hash_images
from taxoeval.embedding.store import EmbeddingStore
from taxoeval.encoders.base import fingerprint_key
from taxoeval.errors import TaxoevalError
from taxoeval.records import Embeddings
from taxoeval.taxonomy import Taxonomy

if TYPE_CHECKING:
    from taxoeval.datasets.base import ImageDataset


@dataclass(frozen=True)
class StoredEncoder:
    """An encoder as the store remembers it: enough to find its vectors, without its weights."""

    name: str
    dimension: int
    fingerprint: Mapping[str, str | int | float | bool | None]


def stored(folder: str | Path, dataset: "ImageDataset") -> Embeddings:
    """The vectors of a dataset that an encoder left in the store; its weights are not needed.

    Parameters
    ----------
    folder
        The encoder's folder in the store, the one that holds ``fingerprint.json``.
    dataset
        The images.

    Returns
    -------
    Embeddings
        The same as `embed_images` of that encoder would give.

    Raises
    ------
    TaxoevalError
        If the folder is none of a store, or an image has no vector there.

    Examples
    --------
    >>> import tempfile
    >>> from taxoeval.datasets import simulated
    >>> from taxoeval.embedding import embed_images
    >>> from taxoeval.encoders import weightless
    >>> dataset = simulated.load(n_species=4, n_images=6, size=32)
    >>> store, encoder = EmbeddingStore(tempfile.mkdtemp()), weightless.pixels()
    >>> first = embed_images(encoder, dataset, store)
    >>> again = stored(store.folder(encoder), dataset)
    >>> again.source == first.source, bool((again.vectors == first.vectors).all())
    (True, True)
    """
    place = Path(folder).expanduser()
    file = place / "fingerprint.json"
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        encoder = StoredEncoder(known["encoder"], known["dimension"], known["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TaxoevalError(
            f"{file}: is no encoder of a store ({type(error).__name__}); give a folder that runtime.store holds"
        ) from None
    store = EmbeddingStore(place.parent)
    if store.folder(encoder).name != place.name:
        raise TaxoevalError(
            f"{place}: was renamed, the store knows it as {store.folder(encoder).name}; name it so again"
        )
    contents = hash_images(dataset.source, progress=False)
    row = {content: i for i, content in enumerate(dict.fromkeys(contents))}
    vectors, found = store.shelf(encoder, "images").gather(list(row))
    inverse = np.array([row[content] for content in contents], dtype=np.int64)
    missing = np.flatnonzero(~found[inverse])
    if len(missing):
        raise TaxoevalError(
            f"{place}: {len(missing):,} of {len(dataset):,} images of {dataset.name} have no vector, the first "
            f"{dataset.source.where(int(missing[0]))}; run the encoder on them"
        )
    source = hashlib.sha256("\n".join([fingerprint_key(encoder.fingerprint), *contents]).encode()).hexdigest()
    return Embeddings(vectors[inverse], dataset.taxon, dataset.sample, source)


def export(embeddings: Embeddings, taxonomy: Taxonomy, path: str | Path) -> None:
    """Write vectors with the id and the lineage of each image.

    Parameters
    ----------
    embeddings
        From `embed_images`, or `stored`.
    taxonomy
        Tree of their taxa.
    path
        ``.parquet``: one file with the columns ``sample``, one per rank, and ``vector`` (a list of fixed size).
        ``.npy``: the matrix, and beside it a table of the same name with the suffix ``.csv``.

    Raises
    ------
    TaxoevalError
        If the suffix is another one, or the file cannot be written.

    Notes
    -----
    A Parquet file is a dataset and its vectors in one: ``encoder=precomputed encoder.vectors=FILE dataset=table
    dataset.labels=FILE dataset.annotations_only=true``. With npy, ``dataset.labels`` is the csv. The common names of
    taxa are not written.

    Examples
    --------
    >>> import tempfile
    >>> from taxoeval.encoders import precomputed
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax")], ranks=("genus", "species"))
    >>> two = Embeddings(np.eye(2, dtype=np.float32), np.array([1, 0]), np.array(["1.jpg", "2.jpg"]), "")
    >>> file = Path(tempfile.mkdtemp()) / "two.npy"
    >>> export(two, taxonomy, file)
    >>> print(file.with_suffix(".csv").read_text().splitlines())
    ['sample,genus,species', '1.jpg,Corvus,Corvus corax', '2.jpg,Corvus,']
    >>> precomputed.load(str(file)).vectors_of(["2.jpg"]).tolist()
    [[0.0, 1.0]]
    """
    target = Path(path).expanduser()
    lineages = {int(taxon): taxonomy.lineage(int(taxon)) for taxon in np.unique(embeddings.taxon)}
    rows = [lineages[int(taxon)] for taxon in embeddings.taxon]
    columns = {"sample": embeddings.sample.tolist()}
    columns |= {rank: [row[i] for row in rows] for i, rank in enumerate(taxonomy.ranks)}
    vectors = np.ascontiguousarray(embeddings.vectors, dtype=np.float32)
    if target.suffix == ".parquet":
        write_whole(target, _parquet(columns, vectors))
    elif target.suffix == ".npy":
        # The table first: vectors without their ids would be taken for those of the images in their order.
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        write_whole(target.with_suffix(".csv"), text.getvalue().encode())
        buffer = io.BytesIO()
        np.save(buffer, vectors)
        write_whole(target, buffer.getvalue())
    else:
        raise TaxoevalError(f"{target}: vectors are written as .parquet or .npy")


def _parquet(columns: Mapping[str, list[str]], vectors: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    buffer = io.BytesIO()
    pq.write_table(pa.table({**columns, "vector": lists}), buffer)
    return buffer.getvalue()

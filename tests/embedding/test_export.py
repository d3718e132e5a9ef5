"""Vectors out of the store and back in: the same numbers for the same images, without the encoder."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from taxoeval.datasets import simulated, table
from taxoeval.embedding import EmbeddingStore, embed_images
from taxoeval.embedding.export import export, stored
from taxoeval.encoders import precomputed, weightless
from taxoeval.errors import TaxoevalError


@pytest.fixture(scope="module")
def dataset():
    return simulated.load(n_species=5, n_images=12, size=16)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    return EmbeddingStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def embeddings(dataset, store):
    return embed_images(weightless.pixels(size=2), dataset, store, progress=False)


def test_from_the_store_without_the_encoder(dataset, store, embeddings):
    again = stored(store.folder(weightless.pixels(size=2)), dataset)
    np.testing.assert_array_equal(again.vectors, embeddings.vectors)
    assert again.source == embeddings.source
    assert again.sample.tolist() == dataset.sample.tolist()


@pytest.mark.parametrize("suffix", [".parquet", ".npy"])
def test_a_round_trip_of_vectors_and_labels(dataset, embeddings, tmp_path: Path, suffix):
    file = tmp_path / f"pixels{suffix}"
    export(embeddings, dataset.taxonomy, file)
    labels = table.load(file if suffix == ".parquet" else file.with_suffix(".csv"), annotations_only=True)
    found = precomputed.load(str(file)).vectors_of(labels.sample.tolist(), labels.source.content)
    assert labels.sample.tolist() == dataset.sample.tolist()
    np.testing.assert_array_equal(found, embeddings.vectors)
    lineages = [dataset.taxonomy.lineage(taxon) for taxon in dataset.taxon.tolist()]
    assert [labels.taxonomy.lineage(taxon) for taxon in labels.taxon.tolist()] == lineages
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({file.name, labels_name(file)})


def labels_name(file: Path) -> str:
    return file.name if file.suffix == ".parquet" else file.with_suffix(".csv").name


def test_the_files_are_plain(dataset, embeddings, tmp_path: Path):
    export(embeddings, dataset.taxonomy, tmp_path / "v.parquet")
    frame = pd.read_parquet(tmp_path / "v.parquet")
    assert list(frame.columns) == ["sample", *dataset.taxonomy.ranks, "vector"]
    np.testing.assert_array_equal(np.stack(frame.vector), embeddings.vectors)
    export(embeddings, dataset.taxonomy, tmp_path / "v.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy", allow_pickle=False), embeddings.vectors)


def test_what_is_not_there(dataset, store, embeddings, tmp_path: Path):
    more = simulated.load(n_species=5, n_images=14, size=16, seed=1)
    with pytest.raises(
        TaxoevalError, match=r"14 of 14 images of .* have no vector, the first .*; run the encoder on them"
    ):
        stored(store.folder(weightless.pixels(size=2)), more)
    with pytest.raises(TaxoevalError, match=r"fingerprint\.json: is no encoder of a store \(FileNotFoundError\)"):
        stored(tmp_path, dataset)
    moved = tmp_path / "renamed"
    moved.mkdir()
    (moved / "fingerprint.json").write_bytes(
        (store.folder(weightless.pixels(size=2)) / "fingerprint.json").read_bytes()
    )
    with pytest.raises(TaxoevalError, match=r"renamed: was renamed, the store knows it as pixels"):
        stored(moved, dataset)
    with pytest.raises(TaxoevalError, match=r"v\.csv: vectors are written as \.parquet or \.npy"):
        export(embeddings, dataset.taxonomy, tmp_path / "v.csv")
    (tmp_path / "a file").write_text("")
    with pytest.raises(TaxoevalError, match="part of that path is a file"):
        export(embeddings, dataset.taxonomy, tmp_path / "a file" / "v.npy")

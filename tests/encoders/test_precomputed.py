"""Vectors from files: the right one for each image, or an error that names file, image and remedy."""

import hashlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from taxoeval.encoders import Encoder, TextEncoder, fingerprint_key
from taxoeval.encoders.precomputed import load
from taxoeval.errors import TaxoevalError

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)
IDS = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


def parquet(path: Path, **columns) -> str:
    pq.write_table(pa.table({**columns, "emb": VECTORS.tolist()}), path)
    return str(path)


def test_takes_the_place_of_an_encoder(tmp_path: Path):
    encoder = load(parquet(tmp_path / "v.parquet", uuid=IDS))
    assert isinstance(encoder, Encoder)
    assert not isinstance(encoder, TextEncoder)
    assert (encoder.name, encoder.dimension, encoder.has_text, encoder.module) == ("v", 3, False, None)
    assert load(str(tmp_path / "v.parquet"), name="BioCLIP 2").name == "BioCLIP 2"
    with pytest.raises(TaxoevalError, match=r"v\.parquet: holds vectors, no network"):
        encoder.embed_images(torch.zeros(1, 3))


def test_each_image_gets_its_own(tmp_path: Path):
    encoder = load(parquet(tmp_path / "v.parquet", uuid=IDS))
    np.testing.assert_array_equal(encoder.vectors_of(["c.jpg", "a.jpg"]), VECTORS[[2, 0]])
    np.testing.assert_array_equal(encoder.vectors_of(IDS[::-1]), VECTORS[::-1])
    with pytest.raises(
        TaxoevalError, match=r"by 'uuid', 1 of 2 images have no vector, the first 'x\.jpg' \(its ids look"
    ):
        encoder.vectors_of(["a.jpg", "x.jpg"])


def test_the_first_column_that_names_all_images_is_used(tmp_path: Path):
    encoder = load(parquet(tmp_path / "v.parquet", filename=IDS, uuid=list("wxyz"), id=[1, 1, 2, 3]))
    np.testing.assert_array_equal(encoder.vectors_of(["c.jpg"]), VECTORS[[2]])
    np.testing.assert_array_equal(encoder.vectors_of(["w"]), VECTORS[[0]])
    np.testing.assert_array_equal(encoder.vectors_of(["3", "2"]), VECTORS[[3, 2]])
    with pytest.raises(
        TaxoevalError, match=r"by 'uuid', 1 of 1 .*; by 'id', '1' has 2 vectors; keep one of each image"
    ):
        encoder.vectors_of(["1"])


def test_without_ids_rows_are_images_in_order(tmp_path: Path):
    np.save(tmp_path / "v.npy", VECTORS)
    encoder = load(str(tmp_path / "v.npy"))
    np.testing.assert_array_equal(encoder.vectors_of(["x", "y", "z", "w"]), VECTORS)
    with pytest.raises(
        TaxoevalError, match=r"v\.npy: 4 vectors without ids for 5 images; give the ids with encoder\.ids="
    ):
        encoder.vectors_of(list("abcde"))


def test_by_the_content_of_the_file(tmp_path: Path):
    contents = [b"one", b"two", b"one"]
    shas = [hashlib.sha1(content, usedforsecurity=False).hexdigest() for content in contents[:2]]
    with sqlite3.connect(tmp_path / "panoptic.db") as base:
        base.execute("CREATE TABLE vector_type (id INTEGER PRIMARY KEY, source TEXT, params JSON)")
        base.execute("CREATE TABLE vectors (type_id INTEGER, sha1 TEXT, data BLOB)")
        base.execute("INSERT INTO vector_type VALUES (4, 'ml', '{}'), (5, 'ml', '{}')")
        for sha, row in zip(shas, VECTORS[:2], strict=True):
            base.execute("INSERT INTO vectors VALUES (5, ?, ?)", (sha, row.tobytes()))
    base.close()
    encoder = load(str(tmp_path / "panoptic.db"), column=5)  # the command line reads 5 as a number
    np.testing.assert_array_equal(encoder.vectors_of(["x", "y", "z"], lambda i: contents[i]), VECTORS[[0, 1, 0]])
    with pytest.raises(TaxoevalError, match="go by the content of image files, and none are given"):
        encoder.vectors_of(["x"])


def test_the_fingerprint_sees_vectors_and_names(tmp_path: Path):
    np.save(tmp_path / "a.npy", VECTORS)
    np.save(tmp_path / "same.npy", VECTORS)
    np.save(tmp_path / "other.npy", VECTORS + 1)
    (tmp_path / "ids.txt").write_text("\n".join(IDS))
    (tmp_path / "turned.txt").write_text("\n".join(IDS[::-1]))
    found = [
        load(str(tmp_path / name), ids=ids and str(tmp_path / ids)).fingerprint
        for name, ids in [
            ("a.npy", None),
            ("same.npy", None),
            ("other.npy", None),
            ("a.npy", "ids.txt"),
            ("a.npy", "turned.txt"),
        ]
    ]
    keys = [fingerprint_key(one) for one in found]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4


def test_real_vectors(shared_data: Path):
    """The 909 images with a lineage, through the table reader: BioCLIP 2's vectors as they were published."""
    from taxoeval.datasets import table

    file = shared_data / "embeddings" / "bioclip2_treeoflife_1k.parquet"
    encoder = load(str(file))
    dataset = table.load(file, annotations_only=True, on_bad="skip")
    vectors = encoder.vectors_of(dataset.sample.tolist(), dataset.source.content)
    assert (encoder.dimension, vectors.shape) == (768, (909, 768))
    raw = pq.read_table(file, columns=["uuid", "emb"])
    row = raw["uuid"].to_pylist().index(str(dataset.sample[500]))
    np.testing.assert_array_equal(vectors[500], np.array(raw["emb"][row].as_py(), np.float32))
    assert 44 < np.linalg.norm(vectors, axis=1).mean() < 58


def test_from_the_command_line_without_images(tmp_path: Path):
    """Labels and vectors in one file: the nearest is the sister; the control, which looks at images, is off."""
    labels = {"uuid": list("abcd"), "genus": ["Corvus"] * 2 + ["Pica"] * 2, "species": ["corax"] * 2 + ["pica"] * 2}
    vectors = [[1.0, 0.1], [1.0, 0.2], [0.1, 1.0], [0.2, 1.0]]
    pq.write_table(pa.table({**labels, "emb": vectors}), tmp_path / "v.parquet")
    command = (
        "encoder=precomputed encoder.vectors=v.parquet dataset=table dataset.labels=v.parquet task=knn logger=none"
    )
    done = subprocess.run(
        [sys.executable, "-m", "taxoeval", *command.split(), "dataset.annotations_only=true", "hydra.run.dir=run"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no control was run: it looks at images, and the labels came without" in done.stdout
    rows = pq.read_table(tmp_path / "run" / "scores.parquet").to_pylist()
    first = [row for row in rows if row["decoder"] == "leaf_argmax" and row["slice"] == "all"]
    hits = {row["rank"]: row["value"] for row in first if row["metric"] == "rank_hits" and row["k"] == 1}
    assert (hits["genus"], hits["species"]) == (1, 1)
    assert {row["encoder"] for row in rows} == {"v"}

"""Vectors from files: the right one for each image, and an error that names file, row and remedy."""

import hashlib
import json
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from taxoeval.encoders.precomputed import load, write_vectors
from taxoeval.errors import TaxoevalError

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)
IDS = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


@pytest.mark.parametrize("kind", ["list", "fixed", "half"])
def test_parquet_goes_by_id(tmp_path: Path, kind):
    path = tmp_path / "v.parquet"
    of = {
        "list": pa.array(VECTORS.tolist()),
        "fixed": pa.FixedSizeListArray.from_arrays(VECTORS.ravel(), 3),
        "half": pa.array([row.astype(np.float16) for row in VECTORS], type=pa.list_(pa.float16())),
    }[kind]
    pq.write_table(pa.table({"uuid": IDS, "emb": of, "n": [1, 2, 3, 4]}), path)
    encoder = load(str(path))
    found = encoder.vectors_of(["c.jpg", "a.jpg"])
    np.testing.assert_array_equal(found, VECTORS[[2, 0]])
    assert (found.dtype, encoder.dimension, encoder.name, encoder.has_text) == (np.float32, 3, "v", False)


def test_npy_goes_by_row_or_by_the_names_beside_it(tmp_path: Path):
    path = tmp_path / "v.npy"
    np.save(path, VECTORS.astype(np.float64))
    np.testing.assert_array_equal(load(str(path)).vectors_of(["x", "y", "z", "w"]), VECTORS)
    (tmp_path / "v.txt").write_text("\n".join(IDS))
    np.testing.assert_array_equal(load(str(path)).vectors_of(["d.jpg"]), VECTORS[[3]])
    (tmp_path / "other.txt").write_text("\n".join(reversed(IDS)))
    np.testing.assert_array_equal(load(str(path), ids=str(tmp_path / "other.txt")).vectors_of(["d.jpg"]), VECTORS[[0]])


def test_safetensors(tmp_path: Path):
    path = tmp_path / "v.safetensors"
    save_file({"other": np.eye(2, dtype=np.float32), "vectors": VECTORS}, path)
    np.testing.assert_array_equal(load(str(path)).vectors_of(IDS), VECTORS)
    assert load(str(path), column="other").dimension == 2
    with pytest.raises(TaxoevalError, match="there is no matrix 'x'; there are other, vectors"):
        load(str(path), column="x")


def test_a_panoptic_project_goes_by_content(tmp_path: Path):
    path = tmp_path / "panoptic.db"
    contents = [b"one", b"two"]
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE vector_type (id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT, params JSON)")
        base.execute("CREATE TABLE vectors (type_id INTEGER, sha1 TEXT, data BLOB, PRIMARY KEY (type_id, sha1))")
        for model in ("clip", "dinov2"):
            params = json.dumps({"model": model, "greyscale": False})
            base.execute("INSERT INTO vector_type (source, params) VALUES ('ml', ?)", (params,))
        for kind in (1, 2):
            for content, row in zip(contents, VECTORS, strict=False):
                sha = hashlib.sha1(content, usedforsecurity=False).hexdigest()
                base.execute("INSERT INTO vectors VALUES (?, ?, ?)", (kind, sha, (kind * row).tobytes()))
    encoder = load(str(path), column="2")
    np.testing.assert_array_equal(encoder.vectors_of(["x", "y"], lambda i: contents[1 - i]), 2 * VECTORS[[1, 0]])
    with pytest.raises(TaxoevalError, match=r"which vector type\? encoder\.column=NAME, one of 1, 2"):
        load(str(path))
    (tmp_path / "none.db").write_bytes(b"no database")
    with pytest.raises(TaxoevalError, match="is no Panoptic project"):
        load(str(tmp_path / "none.db"))


@pytest.mark.parametrize("name", ["v.parquet", "v.npy"])
def test_what_is_written_is_read(tmp_path: Path, name):
    write_vectors(VECTORS, IDS, tmp_path / name)
    np.testing.assert_array_equal(load(str(tmp_path / name)).vectors_of(IDS[::-1]), VECTORS[::-1])
    with pytest.raises(ValueError, match="4 different names; got 4, 1 of them different"):
        write_vectors(VECTORS, ["a"] * 4, tmp_path / name)


def test_the_fingerprint_is_the_content(tmp_path: Path):
    write_vectors(VECTORS, IDS, tmp_path / "a.parquet")
    write_vectors(VECTORS, IDS, tmp_path / "b.parquet")
    write_vectors(VECTORS + 1, IDS, tmp_path / "c.parquet")
    a, b, c = (load(str(tmp_path / f"{x}.parquet")).fingerprint["sha256"] for x in "abc")
    assert a == b != c


def test_messages(tmp_path: Path):
    with pytest.raises(
        TaxoevalError, match=r"gone\.npy: there is no such file; give the vectors with encoder\.vectors="
    ):
        load(str(tmp_path / "gone.npy"))
    (tmp_path / "v.csv").write_text("1,2")
    with pytest.raises(TaxoevalError, match=r"v\.csv: vectors are read from \.parquet, \.npy"):
        load(str(tmp_path / "v.csv"))
    np.save(tmp_path / "v.npy", VECTORS)
    with pytest.raises(
        TaxoevalError, match=r"v\.npy: 4 vectors without ids for 5 images; give the ids with encoder\.ids="
    ):
        load(str(tmp_path / "v.npy")).vectors_of(list("abcde"))
    (tmp_path / "v.txt").write_text("a\nb\n")
    with pytest.raises(TaxoevalError, match=r"v\.txt: 2 ids for the 4 vectors of v\.npy"):
        load(str(tmp_path / "v.npy"))
    bad = VECTORS.copy()
    bad[2, 1] = np.nan
    write_vectors(bad, IDS, tmp_path / "nan.parquet")
    with pytest.raises(TaxoevalError, match=r"nan\.parquet: vector 2 holds NaN or infinity, and 0 others"):
        load(str(tmp_path / "nan.parquet"))
    write_vectors(VECTORS, IDS, tmp_path / "ids.parquet")
    with pytest.raises(
        TaxoevalError, match=r"1 of 2 images have no vector, the first 'x\.jpg' \(ids there look like 'a\.jpg'"
    ):
        load(str(tmp_path / "ids.parquet")).vectors_of(["a.jpg", "x.jpg"])
    pq.write_table(pa.table({"id": ["a", "a"], "emb": [[1.0], [2.0]]}), tmp_path / "twice.parquet")
    with pytest.raises(TaxoevalError, match=r"'a' has 2 vectors; keep one of each image"):
        load(str(tmp_path / "twice.parquet")).vectors_of(["a"])
    pq.write_table(pa.table({"id": ["a", "b", "c"], "emb": [[1.0], [2.0, 3.0], [1.0]]}), tmp_path / "odd.parquet")
    with pytest.raises(TaxoevalError, match=r"row 1 of 'emb' has 2 numbers, others have 1"):
        load(str(tmp_path / "odd.parquet"))
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "none.parquet")
    with pytest.raises(TaxoevalError, match=r"none\.parquet: there is no column of vectors"):
        load(str(tmp_path / "none.parquet"))
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(TaxoevalError, match=r"objects\.npy: cannot be read as a table of numbers"):
        load(str(tmp_path / "objects.npy"))


def test_real_vectors(shared_data: Path):
    encoder = load(str(shared_data / "embeddings" / "bioclip2_treeoflife_1k.parquet"))
    assert (encoder.dimension, len(encoder.ids)) == (768, 1030)

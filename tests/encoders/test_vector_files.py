"""Vectors as other programs leave them: every number arrives, and what cannot be trusted is named."""

import hashlib
import json
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from taxoeval.encoders.vector_files import read
from taxoeval.errors import TaxoevalError

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3) / 4
IDS = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


@pytest.mark.parametrize(
    "cells",
    [
        pa.array(VECTORS.tolist()),
        pa.array(VECTORS.tolist(), type=pa.large_list(pa.float64())),
        pa.FixedSizeListArray.from_arrays(VECTORS.ravel(), 3),
        pa.array([row.astype(np.float16) for row in VECTORS], type=pa.list_(pa.float16())),
        pa.chunked_array([pa.array(VECTORS[:1].tolist()), pa.array(VECTORS.tolist())[1:]]),
    ],
    ids=["list", "large list of doubles", "fixed size", "half", "chunks"],
)
def test_parquet(tmp_path: Path, cells):
    pq.write_table(pa.table({"uuid": IDS, "emb": cells, "n": [1, 2, 3, 4]}), tmp_path / "v.parquet")
    found = read(tmp_path / "v.parquet")
    np.testing.assert_array_equal(found.vectors, VECTORS)
    assert (found.vectors.dtype, list(found.ids), found.ids["uuid"].tolist()) == (np.float32, ["uuid"], IDS)


def test_parquet_with_several_columns_of_vectors_and_of_ids(tmp_path: Path):
    table = {"image": IDS, "key": list("wxyz"), "id": [4, 3, 2, None], "first": VECTORS.tolist(), "last": [[1.0]] * 4}
    pq.write_table(pa.table(table), tmp_path / "v.parquet")
    with pytest.raises(TaxoevalError, match=r"which column of vectors\? encoder\.column=NAME, one of first, last"):
        read(tmp_path / "v.parquet")
    found = read(tmp_path / "v.parquet", column="last")
    assert (found.vectors.shape, list(found.ids), found.ids["id"].tolist()) == (
        (4, 1),
        ["id", "image"],
        [*list("432"), ""],
    )
    assert list(read(tmp_path / "v.parquet", column="first", id_column="key").ids) == ["key"]
    with pytest.raises(TaxoevalError, match=r"there is no column of ids 'name'; there are image, key, id, first, last"):
        read(tmp_path / "v.parquet", column="first", id_column="name")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, ">f4"])
def test_npy_of_any_width(tmp_path: Path, dtype):
    np.save(tmp_path / "v.npy", (VECTORS * 4).astype(dtype))
    found = read(tmp_path / "v.npy")
    np.testing.assert_array_equal(found.vectors, VECTORS * 4)
    assert (found.vectors.dtype, dict(found.ids)) == (np.float32, {})


def test_names_from_a_file_beside_or_elsewhere(tmp_path: Path):
    np.save(tmp_path / "v.npy", VECTORS)
    (tmp_path / "v.csv").write_text("filename,genus\n" + "".join(f"{name},Corvus\n" for name in IDS))
    assert {key: ids.tolist() for key, ids in read(tmp_path / "v.npy").ids.items()} == {"filename": IDS}
    (tmp_path / "v.txt").write_text("\n".join(reversed(IDS)))
    assert read(tmp_path / "v.npy").ids["v.txt"].tolist() == IDS[::-1]
    table = tmp_path / "other.tsv"
    table.write_text("key\tgenus\nk1\tPica\nk2\tPica\nk3\tPica\nk4\tPica\n")
    assert read(tmp_path / "v.npy", ids=str(table), id_column="key").ids["key"].tolist() == ["k1", "k2", "k3", "k4"]
    with pytest.raises(
        TaxoevalError, match=r"other\.tsv: which column of ids\? encoder\.id_column=NAME, one of key, genus"
    ):
        read(tmp_path / "v.npy", ids=str(table))
    with pytest.raises(TaxoevalError, match=r"other\.tsv: there is no column of ids 'name'; there are key, genus"):
        read(tmp_path / "v.npy", ids=str(table), id_column="name")
    with pytest.raises(TaxoevalError, match=r"gone\.txt: there is no such file; encoder\.ids names a text file"):
        read(tmp_path / "v.npy", ids=str(tmp_path / "gone.txt"))
    (tmp_path / "v.txt").write_text("a\nb\n")
    with pytest.raises(TaxoevalError, match=r"v\.txt: 2 ids for the 4 vectors of v\.npy"):
        read(tmp_path / "v.npy")
    np.save(tmp_path / "alone.npy", VECTORS)
    with pytest.raises(TaxoevalError, match=r"alone\.npy: has no column 'key'; name the table"):
        read(tmp_path / "alone.npy", id_column="key")


def test_safetensors(tmp_path: Path):
    path = tmp_path / "v.safetensors"
    save_file({"other": np.eye(2, dtype=np.float32), "vectors": VECTORS}, path)
    np.testing.assert_array_equal(read(path).vectors, VECTORS)
    assert read(path, column="other").vectors.shape == (2, 2)
    with pytest.raises(TaxoevalError, match="there is no matrix 'x'; there are other, vectors"):
        read(path, column="x")
    for dtype in (torch.bfloat16, torch.float16):
        save_tensors({"only": torch.from_numpy(VECTORS).to(dtype)}, path)
        np.testing.assert_array_equal(read(path).vectors, VECTORS)
    path.write_bytes(b"no tensors")
    with pytest.raises(TaxoevalError, match=r"v\.safetensors: cannot be read"):
        read(path)


def write_panoptic(path: Path, contents, vectors):
    """The two tables of Panoptic that matter, with two vector types; the second holds twice the vectors."""
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE vector_type (id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT, params JSON)")
        base.execute("CREATE TABLE vectors (type_id INTEGER, sha1 TEXT, data BLOB, PRIMARY KEY (type_id, sha1))")
        for kind, (model, grey) in enumerate([("clip", False), ("dinov2", True)], start=1):
            params = json.dumps({"model": model, "greyscale": grey})
            base.execute("INSERT INTO vector_type (source, params) VALUES ('ml', ?)", (params,))
            for content, row in zip(contents, vectors, strict=True):
                sha = hashlib.sha1(content, usedforsecurity=False).hexdigest()
                base.execute("INSERT INTO vectors VALUES (?, ?, ?)", (kind, sha, (kind * row).tobytes()))
    base.close()


def test_a_panoptic_project(tmp_path: Path):
    path = tmp_path / "panoptic.db"
    write_panoptic(path, [b"one", b"two"], VECTORS[:2])
    found = read(path, column="2")
    one = hashlib.sha1(b"one", usedforsecurity=False).hexdigest()
    np.testing.assert_array_equal(found.vectors[found.ids["sha1"].tolist().index(one)], 2 * VECTORS[0])
    assert found.by_content
    with pytest.raises(
        TaxoevalError, match=r"which vector type\? encoder\.column=NUMBER, one of 1 \(clip\), 2 \(dinov2, grey"
    ):
        read(path)
    with pytest.raises(TaxoevalError, match=r"there is no vector type '7'; there are 1, 2"):
        read(path, column="7")
    with sqlite3.connect(path) as base:
        base.execute("UPDATE vectors SET data = x'0102' WHERE type_id = 1 AND sha1 = ?", (one,))
    base.close()
    with pytest.raises(TaxoevalError, match=r"vectors of type 1 are \[2, 12\] bytes long"):
        read(path, column="1")
    with sqlite3.connect(path) as base:
        base.execute("DELETE FROM vectors WHERE type_id = 1")
    base.close()
    with pytest.raises(TaxoevalError, match=r"vector type 1 \(clip\) has no vectors; compute them in Panoptic"):
        read(path, column="1")
    (tmp_path / "none.db").write_bytes(b"no database")
    with pytest.raises(TaxoevalError, match="is no Panoptic project"):
        read(tmp_path / "none.db")


def test_damaged_vectors(tmp_path: Path):
    def refused(cells, message):
        pq.write_table(pa.table({"id": [str(i) for i in range(len(cells))], "emb": cells}), tmp_path / "v.parquet")
        with pytest.raises(TaxoevalError, match=r"v\.parquet: " + message):
            read(tmp_path / "v.parquet")

    refused([[1.0], [2.0, 3.0], [1.0]], "row 2 of 'emb' has 2 numbers, others have 1")
    refused([[1.0], [2.0], None], "row 3 of 'emb' holds no vector")
    refused(pa.array([[1.0], None], pa.list_(pa.float32(), 1)), "row 2 of 'emb' holds no vector")
    refused([[1.0], []], "row 2 of 'emb' holds no vector")
    refused([[1.0, 2.0], [1.0, None]], "the vector of row 2 holds NaN or infinity; compute it again")
    refused([[1.0, 2.0], [1.0, 1e300]], "the vector of row 2 holds NaN or infinity")
    refused(pa.array([], pa.list_(pa.float32())), r"vectors must be a table of numbers \(m, d\); got \(0, 0\)")
    refused([["a"], ["b"]], r"vectors must be a table of numbers \(m, d\); got \(2, 1\) of object")
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "v.parquet")
    with pytest.raises(TaxoevalError, match=r"v\.parquet: there is no column of vectors"):
        read(tmp_path / "v.parquet")
    (tmp_path / "v.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(TaxoevalError, match=r"v\.parquet: cannot be read"):
        read(tmp_path / "v.parquet")


def test_a_file_that_is_no_matrix(tmp_path: Path):
    with pytest.raises(
        TaxoevalError, match=r"gone\.npy: there is no such file; give the vectors with encoder\.vectors="
    ):
        read(tmp_path / "gone.npy")
    (tmp_path / "v.pt").write_bytes(b"")
    with pytest.raises(TaxoevalError, match=r"v\.pt: vectors are read from \.parquet, \.npy, \.safetensors, \.db"):
        read(tmp_path / "v.pt")
    np.save(tmp_path / "v.npy", np.arange(3.0))
    with pytest.raises(
        TaxoevalError, match=r"v\.npy: vectors must be a table of numbers \(m, d\); got \(3,\) of float64"
    ):
        read(tmp_path / "v.npy")
    with pytest.raises(TaxoevalError, match=r"v\.npy: an npy file holds one matrix"):
        read(tmp_path / "v.npy", column="emb")


def test_nothing_in_a_file_is_executed(tmp_path: Path):
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(TaxoevalError, match=r"objects\.npy: cannot be read as a table of numbers"):
        read(tmp_path / "objects.npy")

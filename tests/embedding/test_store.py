"""The store: what is written is read back, damage is noticed, refusals are one line and leave nothing behind."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from taxoeval.embedding import EmbeddingStore, files, shards
from taxoeval.embedding.shards import ShardWriter
from taxoeval.embedding.shelf import Shelf
from taxoeval.errors import TaxoevalError

REPOSITORY = Path(__file__).resolve().parents[2]


def encoder(**fingerprint: Any) -> Any:
    return SimpleNamespace(name="hub:owner/net v1", dimension=3, fingerprint=fingerprint or {"weights": "a"})


def keys(*numbers: int) -> list[str]:
    return [f"{number:064x}" for number in numbers]


def vectors(*numbers: int) -> np.ndarray:
    return np.array([[number, number / 2, -number] for number in numbers], dtype=np.float32)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return EmbeddingStore(tmp_path).shelf(encoder(), "images")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_vectors_come_back_in_the_order_asked_from_several_parts(shelf: Shelf) -> None:
    shelf.write(keys(1, 2, 3), vectors(1, 2, 3))
    shelf.write(keys(4, 2), vectors(4, 2))  # 2 is there twice
    found, stored = shelf.gather(keys(4, 9, 3, 2, 1))
    assert stored.tolist() == [True, False, True, True, True]
    assert np.array_equal(found, [*vectors(4), [0, 0, 0], *vectors(3, 2, 1)])
    assert found.dtype == np.float32


def test_empty_and_unknown(shelf: Shelf) -> None:
    assert shelf.gather([])[0].shape == (0, 3)
    assert not shelf.gather(keys(1))[1].any()
    shelf.write(keys(1), vectors(1))
    assert shelf.gather([])[0].shape == (0, 3)


def test_long_parts_are_read_in_chunks(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taxoeval.embedding.part.CHUNK_ROWS", 4)
    shelf.write(keys(*range(10)), vectors(*range(10)))
    asked = [9, 0, 4, 3, 8]
    assert np.array_equal(shelf.gather(keys(*asked))[0], vectors(*asked))


def test_parts_of_others_are_seen_by_an_open_shelf(shelf: Shelf, tmp_path: Path) -> None:
    assert not shelf.gather(keys(1))[1].any()
    EmbeddingStore(tmp_path).shelf(encoder(), "images").write(keys(1), vectors(1))
    assert np.array_equal(shelf.gather(keys(1))[0], vectors(1))


def test_layout_is_what_the_documentation_says(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path)
    part = store.shelf(encoder(), "images").write(keys(1), vectors(1))
    folder = store.folder(encoder())
    assert folder.parent == tmp_path
    assert folder.name.startswith("hub_owner_net_v1-")
    record = json.loads((folder / "fingerprint.json").read_text())
    assert record["fingerprint"] == {"weights": "a"}
    assert record["key"].startswith(folder.name[-16:])
    assert part.parent == folder / "images"
    assert names(folder) == ["fingerprint.json", "images"]


@pytest.mark.parametrize("reader", ["pandas", "polars", "duckdb"])
def test_table_readers_open_a_folder_in_one_line(shelf: Shelf, reader: str) -> None:
    shelf.write(keys(1, 2), vectors(1, 2))
    shelf.write(keys(3), vectors(3))
    (shelf.folder / ".part-1.parquet.tmp").write_bytes(b"half")
    (shelf.folder / "_part-2.parquet.corrupt").write_bytes(b"bad")
    library = pytest.importorskip(reader)
    if reader == "pandas":
        frame = library.read_parquet(shelf.folder)
        rows = dict(zip(frame.content, frame.vector, strict=True))
    elif reader == "polars":
        rows = dict(library.read_parquet(shelf.folder / "*.parquet").iter_rows())
    else:
        rows = dict(library.read_parquet(f"{shelf.folder}/*.parquet").fetchall())
    assert {key: list(vector) for key, vector in rows.items()} == {
        key: vector.tolist() for key, vector in zip(keys(1, 2, 3), vectors(1, 2, 3), strict=True)
    }


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip_a_bit_of_a_vector(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[data.index(vectors(1).tobytes())] ^= 1
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"x": [1]}).to_parquet(path)


def other_dimension(path: Path) -> None:
    from taxoeval.embedding.part import to_bytes

    path.write_bytes(to_bytes(keys(1), vectors(1)[:, :2]))


@pytest.mark.parametrize("damage", [truncate, flip_a_bit_of_a_vector, empty, foreign, other_dimension])
def test_a_damaged_part_is_named_set_aside_and_counts_as_absent(shelf: Shelf, tmp_path: Path, damage: Any) -> None:
    bad = shelf.write(keys(1, 2), vectors(1, 2))
    shelf.write(keys(2, 3), vectors(2, 3))
    damage(bad)
    fresh = EmbeddingStore(tmp_path).shelf(encoder(), "images")
    with pytest.warns(UserWarning, match=f"{bad.name}: damaged part .*encoded again"):
        found, stored = fresh.gather(keys(1, 2, 3))
    assert stored.tolist() == [False, True, True]  # 2 is also in the other part
    assert np.array_equal(found, [[0, 0, 0], *vectors(2, 3)])
    assert f"_{bad.name}.corrupt" in names(shelf.folder)
    assert not bad.exists()
    assert fresh.gather(keys(1))[1].tolist() == [False]  # and no second warning


def test_a_part_that_vanishes_counts_as_absent(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    part = shelf.write(keys(1), vectors(1))
    assert shelf.gather(keys(1))[1].all()
    part.unlink()
    assert not shelf.gather(keys(1))[1].any()
    monkeypatch.setattr(Path, "glob", lambda *_: [part])  # it was there a moment ago
    assert not shelf.gather(keys(1))[1].any()


def test_not_finite_is_refused_and_nothing_stored(shelf: Shelf) -> None:
    with pytest.raises(TaxoevalError, match=r"^0+2: hub:owner/net v1 gave NaN or infinity \(2 in this batch"):
        shelf.write(keys(1, 2, 3), np.array([[1, 2, 3], [0, np.nan, 0], [np.inf, 0, 0]], np.float32))
    assert not shelf.folder.exists()


def test_wrong_shape_is_the_programmers_error(shelf: Shelf) -> None:
    with pytest.raises(ValueError, match=r"expected vectors \(2, 3\), got \(1, 3\)"):
        shelf.write(keys(1, 2), vectors(1))


def test_another_fingerprint_has_another_folder(tmp_path: Path) -> None:
    store = EmbeddingStore(tmp_path)
    store.shelf(encoder(weights="a"), "images").write(keys(1), vectors(1))
    assert not store.shelf(encoder(weights="b"), "images").gather(keys(1))[1].any()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": "f" * 64}, "belongs to another encoder .*choose another folder"),
        ({"dimension": 4}, "belongs to another encoder"),
        ({"layout": 2}, "written in layout 2, this version reads 1; update taxoeval"),
    ],
)
def test_a_folder_of_something_else_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    EmbeddingStore(tmp_path).shelf(encoder(), "images")
    path = EmbeddingStore(tmp_path).folder(encoder()) / "fingerprint.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(TaxoevalError, match=message):
        EmbeddingStore(tmp_path).shelf(encoder(), "images")


@pytest.mark.parametrize("text", ["{", "[1]", "7"])
def test_an_unreadable_fingerprint_is_refused(tmp_path: Path, text: str) -> None:
    path = EmbeddingStore(tmp_path).folder(encoder()) / "fingerprint.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(TaxoevalError, match=r"fingerprint\.json: not readable .*delete its folder"):
        EmbeddingStore(tmp_path).shelf(encoder(), "images")


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "reason"), [(errno.ENOSPC, "no space left on the disk; free some space"), (errno.EACCES, "permission")]
)
def test_a_refusing_disk_gives_one_line_and_leaves_nothing(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, step: str, number: int, reason: str
) -> None:
    shelf.write(keys(1), vectors(1))
    before = names(shelf.folder)

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(TaxoevalError, match=reason) as caught:
        shelf.write(keys(2), vectors(2))
    assert "\n" not in str(caught.value)
    assert names(shelf.folder) == before
    monkeypatch.undo()
    assert shelf.gather(keys(1, 2))[1].tolist() == [True, False]


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_root_that_is_a_file_is_refused_at_once(tmp_path: Path, below: str) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(TaxoevalError, match=r"part of that path is a file, not a folder; .*choose another folder"):
        EmbeddingStore(tmp_path / "taken" / below).shelf(encoder(), "images")


def test_only_abandoned_temporary_files_are_removed(shelf: Shelf) -> None:
    shelf.write(keys(1), vectors(1))
    young, old = shelf.folder / ".part-a.parquet.1.tmp", shelf.folder / ".part-b.parquet.1.tmp"
    for path in (young, old):
        path.write_bytes(b"half a part")
    long_ago = time.time() - files.ABANDONED_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    with ShardWriter(shelf, 8):
        pass
    assert young.exists()
    assert not old.exists()
    assert shelf.gather(keys(1))[1].all()


def test_shards_hold_whole_batches_and_an_error_keeps_what_came_before(shelf: Shelf) -> None:
    def fill() -> None:
        with ShardWriter(shelf, shard_size=4) as writer:
            for first in (0, 3, 6):
                batch = range(first, first + 3)
                writer.add(keys(*batch), vectors(*batch), where=keys(*batch))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fill()
    assert sorted(len(part) for part in _contents(shelf)) == [3, 6]
    assert shelf.gather(keys(*range(9)))[1].all()


def test_a_shard_is_closed_when_it_is_old(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_SECONDS", -1.0)
    with ShardWriter(shelf, shard_size=1000) as writer:
        for number in range(3):
            writer.add(keys(number), vectors(number), where=keys(number))
        assert len(_contents(shelf)) == 3


def _contents(shelf: Shelf) -> list[Any]:
    import pandas as pd

    return [pd.read_parquet(path).content for path in shelf.folder.glob("part-*.parquet")]


def test_processes_write_at_the_same_time_without_tearing(tmp_path: Path) -> None:
    call = "import sys; from tests.embedding.writers import write_parts; write_parts(sys.argv[1], int(sys.argv[2]), 25)"
    processes = [
        subprocess.Popen([sys.executable, "-c", call, str(tmp_path), str(first)], cwd=REPOSITORY) for first in (0, 60)
    ]
    shelf = EmbeddingStore(tmp_path).shelf(
        SimpleNamespace(name="toy", dimension=2, fingerprint={"weights": 0}), "images"
    )
    wanted = keys(*range(135))  # 0..74 of one, 60..134 of the other
    while any(process.poll() is None for process in processes):
        found, stored = shelf.gather(wanted)  # a torn part would warn, and warnings are errors in this file
        assert np.array_equal(found[stored, 0], np.flatnonzero(stored))
    assert [process.returncode for process in processes] == [0, 0]
    found, stored = shelf.gather(wanted)
    assert stored.all()
    assert np.array_equal(found[:, 0], np.arange(135))


pytestmark = pytest.mark.filterwarnings("error::UserWarning:taxoeval.embedding")


def test_the_package_imports_without_the_heavy_libraries() -> None:
    call = (
        "import sys, taxoeval.embedding; "
        "print([m for m in ('torch', 'pyarrow', 'PIL', 'rich', 'pytorch_lightning') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", call], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

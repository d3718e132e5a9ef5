"""Images inside Parquet files: the right bytes for each row, read when they are asked for."""

import io
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from taxoeval.datasets import embedded, table
from taxoeval.errors import TaxoevalError


def picture(grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (grey, grey, grey)).save(file, "PNG")
    return file.getvalue()


def write(path: Path, greys, group_size=100, names=None, classes=None, paths=True, **columns) -> Path:
    """A file as the library `datasets` writes it: structs, and a note of what the columns are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [
        None if grey is None else {"bytes": picture(grey), "path": f"{grey}.png" if paths else None} for grey in greys
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(cells, kind), **columns})
    if classes:
        features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": classes}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=group_size)
    return path


def greys(dataset) -> list[int]:
    return [dataset.source.image(i).getpixel((0, 0))[0] for i in range(len(dataset))]


def test_ranks_and_images_of_several_files(tmp_path):
    one = write(tmp_path / "train-0.parquet", [1, 2], genus=["Corvus", "Pica"], species=["corax", "pica"])
    two = write(tmp_path / "train-1.parquet", [3], genus=["Corvus"], species=["corone"])
    dataset = embedded.load([one, two], "birds")
    assert dataset.sample.tolist() == ["1.png", "2.png", "3.png"]
    assert dataset.label.tolist() == ["Corvus corax", "Pica pica", "Corvus corone"]
    assert (dataset.name, dataset.taxonomy.ranks) == ("birds", ("genus", "species"))
    assert greys(dataset) == [1, 2, 3]
    assert dataset.source.content(2) == picture(3)
    assert dataset.source.where(2) == f"{two}, row 1"
    assert embedded.load([one, two], "birds", limit=1).sample.tolist() == ["1.png"]


def test_numbers_become_the_names_of_their_classes(tmp_path):
    file = write(tmp_path / "a.parquet", [1, 2, 3], classes=["jay", "wren"], label=[1, 0, 1])
    dataset = embedded.load([file], "birds")
    assert dataset.label.tolist() == ["wren", "jay", "wren"]
    assert dataset.notes[0] == "no rank columns: 'label' is read as flat labels"
    assert embedded.load([write(tmp_path / "b.parquet", [1, 2], label=[1, 0])], "b").label.tolist() == ["1", "0"]


def test_images_without_a_path_of_their_own_are_called_by_file_and_row(tmp_path):
    files = [write(tmp_path / f"{part}/0.parquet", [5, 6], paths=False, label=["a", "b"]) for part in ("x", "y")]
    assert embedded.load(files, "birds").sample.tolist() == [
        "x/0.parquet/1",
        "x/0.parquet/2",
        "y/0.parquet/1",
        "y/0.parquet/2",
    ]
    twice = write(tmp_path / "twice.parquet", [5, 5], label=["a", "b"])
    assert embedded.load([twice], "birds").sample.tolist() == ["twice.parquet/1", "twice.parquet/2"]


@pytest.mark.parametrize("group_size", [1000, 50, 7])
def test_any_order_any_thread_and_any_process(tmp_path, group_size):
    n = 200
    files = [write(tmp_path / f"{i}.parquet", range(n // 2), group_size, paths=False, label=["a"] * 100) for i in "01"]
    source = embedded.load(files, "birds").source
    expected = [*range(n // 2)] * 2
    assert [source.image(i).getpixel((0, 0))[0] for i in range(n)] == expected
    order = np.random.default_rng(0).permutation(n).tolist()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda i: source.image(i).getpixel((0, 0))[0], order)) == [expected[i] for i in order]
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301
    assert [copy.image(i).getpixel((0, 0))[0] for i in (150, 3, 151)] == [50, 3, 51]
    assert source.where(150) == f"{files[1]}, row 51"


def test_only_what_is_asked_for_is_read(tmp_path):
    """One large row group: at most a few blocks are in memory, and none before an image is asked for."""
    file = tmp_path / "large.parquet"
    content = np.random.default_rng(0).bytes(200_000)
    cells = [{"bytes": content, "path": None}] * 640
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(cells, kind), "label": ["a"] * 640})
    pq.write_table(table, file, row_group_size=640, use_dictionary=False, write_batch_size=16)
    del table, cells
    assert file.stat().st_size > 120_000_000
    before = pa.total_allocated_bytes()
    source = embedded.load([file], "birds").source
    assert source._blocks == {}
    for i in range(0, 640, 16):
        assert source.content(i) == content
        assert pa.total_allocated_bytes() - before < 40_000_000
    assert len(source._blocks) == embedded.KEPT


def test_bad_rows(tmp_path):
    file = write(tmp_path / "a.parquet", [1, None, 3], label=["a", "b", None], paths=False)
    with pytest.raises(TaxoevalError, match=r"a\.parquet: 1 of 3 rows cannot be used .*row 3: .*no name at any rank"):
        embedded.load([file], "birds")
    dataset = embedded.load([file], "birds", on_bad="skip")
    assert dataset.sample.tolist() == ["a.parquet/1"]
    assert [problem.row for problem in dataset.skipped] == [2, 3]
    assert "holds no bytes of an image" in dataset.skipped[0].reason
    file = write(tmp_path / "b.parquet", [1, None], label=["a", "b"], paths=False)
    with pytest.raises(TaxoevalError, match=r"b\.parquet, row 2: holds no bytes of an image; remove the row, or"):
        embedded.load([file], "birds").source.image(1)


def test_files_that_do_not_fit(tmp_path):
    one = write(tmp_path / "a.parquet", [1], genus=["Corvus"])
    two = write(tmp_path / "b.parquet", [1], family=["Corvidae"])
    with pytest.raises(TaxoevalError, match=r"b\.parquet: has no column 'genus', which a\.parquet has"):
        embedded.load([one, two], "birds")
    pq.write_table(pa.table({"path": ["a.png"]}), tmp_path / "c.parquet")
    with pytest.raises(TaxoevalError, match=r"c\.parquet: no column holds images \(structs of bytes and path\)"):
        embedded.load([tmp_path / "c.parquet"], "birds")
    (tmp_path / "d.parquet").write_bytes(b"no")
    with pytest.raises(TaxoevalError, match=r"d\.parquet: cannot be read as Parquet"):
        embedded.image_columns(tmp_path / "d.parquet")


def test_a_table_that_holds_its_images(tmp_path):
    """A file, or the files that fit a pattern, as `dataset=table` reads them."""
    columns = {"genus": ["Corvus", "Pica"], "species": ["corax", "pica"], "common_name": ["raven", "magpie"]}
    write(tmp_path / "birds" / "test-0.parquet", [1, 2], shot=["a", "a"], **columns)
    write(tmp_path / "birds" / "test-1.parquet", [3, 4], shot=["b", ""], **columns)
    one = table.load(tmp_path / "birds" / "test-0.parquet")
    assert (one.name, one.sample.tolist(), greys(one)) == ("test-0", ["1.png", "2.png"], [1, 2])
    both = table.load(tmp_path / "birds" / "test-*.parquet", name="birds", group="shot", common_name="common_name")
    assert (both.name, greys(both), both.group.tolist()) == ("birds", [1, 2, 3, 4], ["a", "a", "b", ""])
    assert both.common_name[both.taxon[0]] == "raven"


def test_one_of_several_columns_of_images(tmp_path):
    images = [{"bytes": picture(1), "path": "1.png"}]
    masks = [{"bytes": picture(9), "path": "9.png"}]
    pq.write_table(pa.table({"mask": masks, "photo": images, "label": ["a"]}), tmp_path / "a.parquet")
    assert greys(table.load(tmp_path / "a.parquet", image="photo")) == [1]
    assert greys(table.load(tmp_path / "a.parquet")) == [9]  # the first, and a note says so
    assert any("photo" in note for note in table.load(tmp_path / "a.parquet").notes)
    with pytest.raises(TaxoevalError, match=r"a.parquet: only mask, photo holds images"):
        embedded.load([tmp_path / "a.parquet"], "a", image="depth")


def test_patterns_without_use(tmp_path):
    with pytest.raises(TaxoevalError, match=r"test-\*.parquet: no file fits this pattern"):
        table.load(tmp_path / "test-*.parquet")
    pq.write_table(pa.table({"path": ["1.png"], "label": ["a"]}), tmp_path / "test-0.parquet")
    with pytest.raises(TaxoevalError, match=r"a pattern is for tables with images inside, and test-0.parquet has none"):
        table.load(tmp_path / "test-*.parquet")

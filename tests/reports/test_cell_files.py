"""A cell comes back from disk as it was."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from taxoeval.errors import TaxoevalError
from taxoeval.reports.cell_files import load_cell, save_cell
from taxoeval.reports.run import Cell
from tests.reports import fake


def same(a: Cell, b: Cell) -> None:
    for name in ("encoder", "role", "task", "status", "reason", "seconds", "notes", "figures"):
        assert getattr(a, name) == getattr(b, name), name
    assert repr(a.scores) == repr(b.scores)  # NaN is NaN
    assert len(a.predictions) == len(b.predictions)
    for one, other in zip(a.predictions, b.predictions, strict=True):
        assert (one.decoder, one.slice) == (other.decoder, other.slice)
        for name in ("sample", "target", "taxon", "probability", "candidates"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert list(a.tables) == list(b.tables)
    for name, columns in a.tables.items():
        for column, values in columns.items():
            assert list(values) == list(b.tables[name][column]), (name, column)


def test_a_cell_comes_back_whole(tmp_path: Path):
    run = fake.run()
    for i, cell in enumerate(run.cells):
        cell = replace(
            cell,
            taxonomy=run.taxonomy,
            figures={"a b.svg": b"<svg/>", "a b.png": bytes(range(256))},
            tables={"splits": {"fold": np.array([0, 1]), "sample": np.array(["x", "ÿ"]), "p": np.array([0.5, np.nan])}},
            details={"k": 5, "spread": 0.25, "of": {"a": [1, None]}},
        )
        save_cell(cell, tmp_path / str(i))
        back = load_cell(tmp_path / str(i))
        assert back is not None
        if cell.tables:
            np.testing.assert_array_equal(back.tables["splits"]["p"], [0.5, np.nan])
            cell = replace(cell, tables={"splits": {k: v for k, v in cell.tables["splits"].items() if k != "p"}})
        same(cell, back)
        assert back.details == cell.details
        assert back.taxonomy == run.taxonomy
    assert len(run.cells) >= 2


def test_an_older_one_is_replaced_and_nothing_is_left_behind(tmp_path: Path):
    first = Cell("pixels", "control", "zero_shot", "unsupported", "first")
    save_cell(first, tmp_path / "cell")
    save_cell(replace(first, reason="second"), tmp_path / "cell")
    assert load_cell(tmp_path / "cell").reason == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["cell"]


def test_what_cannot_be_read_is_absent(tmp_path: Path):
    assert load_cell(tmp_path / "none") is None
    save_cell(Cell("pixels", "control", "knn", "unsupported", "why"), tmp_path / "cell")
    file = tmp_path / "cell" / "cell.json"
    about = json.loads(file.read_text())
    file.write_text(json.dumps(about | {"layout": 99}))
    assert load_cell(tmp_path / "cell") is None
    file.write_text('{"half')
    assert load_cell(tmp_path / "cell") is None


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TaxoevalError, match=r"the result cannot be kept .*runtime\.cells="):
        save_cell(Cell("pixels", "control", "knn", "unsupported", "why"), tmp_path / "file" / "cell")

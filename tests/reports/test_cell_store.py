"""A cell is computed once, unless it is asked for again."""

from pathlib import Path

import pytest

from taxoeval.errors import TaxoevalError
from taxoeval.reports.cell_store import CellStore, content_of_files
from taxoeval.reports.run import Cell


class Asked:
    def __init__(self, status="unsupported"):
        self.times, self.status = 0, status

    def __call__(self):
        self.times += 1
        return Cell("pixels", "control", "knn", self.status, f"time {self.times}")


def get(root, overwrite, ask, question="a"):
    return CellStore(root, overwrite).get({"question": question}, "pixels", "encoder", "knn", ask)


def test_only_what_is_missing_is_computed(tmp_path: Path):
    ask = Asked()
    assert [get(tmp_path, "only_missing", ask).cached for _ in range(3)] == [False, True, True]
    again = get(tmp_path, "never", ask)
    assert (ask.times, again.reason, again.role) == (1, "time 1", "encoder")
    assert get(tmp_path, "only_missing", ask, "b").reason == "time 2"


def test_always_computes_and_replaces(tmp_path: Path):
    ask = Asked()
    assert [get(tmp_path, "always", ask).reason for _ in range(2)] == ["time 1", "time 2"]
    assert get(tmp_path, "only_missing", ask).reason == "time 2"


def test_only_cached_computes_nothing(tmp_path: Path):
    ask = Asked()
    cell = get(tmp_path, "only_cached", ask)
    assert (ask.times, cell.status) == (0, "unsupported")
    assert "only_cached" in cell.reason
    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_not_kept(tmp_path: Path):
    ask = Asked("failed")
    get(tmp_path, "only_missing", ask)
    assert not get(tmp_path, "only_missing", ask).cached
    assert ask.times == 2


def test_nothing_is_kept_without_a_folder(tmp_path: Path):
    ask = Asked()
    get(None, "only_missing", ask)
    get(None, "only_missing", ask)
    assert ask.times == 2


def test_an_unknown_policy():
    with pytest.raises(TaxoevalError, match=r"runtime\.overwrite='sometimes' is none of only_missing, always"):
        CellStore(None, "sometimes")


def test_the_content_of_files_that_settings_name(tmp_path: Path):
    table = tmp_path / "names.csv"
    table.write_text("a")
    settings = {"k": 1, "of": {"names": [str(table), "x" * 5000, "nul\0", ""]}}
    before = content_of_files(settings)
    assert list(before) == [str(table)]
    assert before[str(table)] == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"  # sha256 of "a"
    table.write_text("b")
    assert content_of_files(settings) != before

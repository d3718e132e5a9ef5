"""The files of a run: values come back as they went, and nothing is ever half there."""

import json
import math
import re
import resource
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from taxoeval.errors import TaxoevalError
from taxoeval.metrics import rank_hits
from taxoeval.records import Predictions
from taxoeval.reports import Cell, LogOutcome, read_run, record_logging, write_run
from taxoeval.reports.columns import FOUND_BY, SCORE_COLUMNS
from taxoeval.reports.files import plain
from tests.reports import fake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_run(fake.run(), tmp_path / "run")
    return tmp_path / "run"


def test_scores_are_tidy(folder: Path):
    table = pd.read_parquet(folder / "scores.parquet")
    assert tuple(table.columns) == SCORE_COLUMNS
    assert len(table) == 34
    assert (table["run"] == "corvids__mini_clip").all()
    row = table[(table.role == "encoder") & (table.task == "knn") & (table["rank"] == "species") & (table.k == 1)].iloc[
        0
    ]
    told = row[["metric", "value", "low", "high", "n", "chance", "majority", "status", "decoder", "slice"]].tolist()
    assert told == ["rank_hits", 0.5, 0.375, 0.625, 38, 0.25, 0.4, "ok", "leaf_argmax", "all"]
    assert row["higher_is_better"] is True or row["higher_is_better"] == np.True_


def test_undefined_values_are_null_and_gaps_have_a_reason(folder: Path):
    table = pq.read_table(folder / "scores.parquet").to_pylist()
    unknown = [row for row in table if row["rank"] == "genus"]
    assert len(unknown) == 6
    assert all(row["value"] is None and row["n"] == 0 for row in unknown)
    (gap,) = [row for row in table if row["status"] == "unsupported"]
    assert (gap["encoder"], gap["task"], gap["value"], gap["n"]) == ("colour_texture", "zero_shot", None, 0)
    assert gap["reason"] == "colour_texture has no text tower"


def test_predictions_of_one_image(folder: Path):
    rows = pq.read_table(folder / "predictions.parquet").to_pylist()
    rows = [row for row in rows if row["role"] == "encoder" and row["sample"] == "b [1].jpg"]
    path = "Passeriformes > Corvidae > Corvus > Corvus "
    seen = [(r["rank"], r["k"], r["target"], r["predicted_path"], r["probability"], r["correct"]) for r in rows]
    assert seen == [
        ("order", 1, "Passeriformes", "Passeriformes", 0.75, True),
        ("family", 1, "Corvidae", "Passeriformes > Corvidae", 0.75, True),
        ("genus", 1, "Corvus", "Passeriformes > Corvidae > Corvus", 0.75, True),
        ("species", 1, "Corvus corax", f"{path}corone", 0.75, False),
        ("species", 2, "Corvus corax", f"{path}corax", 0.25, True),
    ]
    assert {row["target_path"] for row in rows if row["rank"] == "species"} == {f"{path}corax"}


def test_parts_of_the_predictions_can_be_found_without_reading_them(folder: Path):
    group = pq.read_metadata(folder / "predictions.parquet").row_group(0)
    columns = {group.column(c).path_in_schema: group.column(c) for c in range(group.num_columns)}
    found = {name: column.statistics.min for name, column in columns.items() if column.is_stats_set}
    assert sorted(found) == sorted(FOUND_BY)
    assert (found["decoder"], found["k"]) == ("leaf_argmax", 1)


def test_a_label_known_to_family_is_neither_right_nor_wrong_below(folder: Path):
    rows = pq.read_table(folder / "predictions.parquet").to_pylist()
    rows = [r for r in rows if r["role"] == "encoder" and r["sample"] == "c.jpg" and r["k"] == 1]
    seen = [(r["rank"], r["target"], r["predicted"], r["probability"], r["correct"]) for r in rows]
    assert seen == [
        ("order", "Passeriformes", "Passeriformes", 0.75, True),
        ("family", "Corvidae", "Paridae", 0.75, False),
        ("genus", None, None, None, None),  # the parid's genus is a hole: no answer, and nothing to compare it with
        ("species", None, "Parus major", 0.75, None),
    ]


def test_the_mean_of_correct_is_the_accuracy(tmp_path: Path):
    rng = np.random.default_rng(0)
    tree = fake.taxonomy()
    target = rng.integers(0, len(tree), 300)
    answered = rng.integers(0, len(tree), (300, 3))
    taxon = np.where(rng.random((300, 1, 3)) < 0.1, -1, np.swapaxes(tree.ancestor[answered], 1, 2)).astype(np.int64)
    probability = np.where(taxon >= 0, rng.random(taxon.shape), math.nan)
    samples = np.array([f"{i}.jpg" for i in range(300)])
    predictions = Predictions(samples, target, taxon, probability, "rank_sum", np.arange(len(tree)))
    write_run(fake.run(cells=(Cell("e", "encoder", "knn", "ok", predictions=(predictions,)),)), tmp_path)
    table = pd.read_parquet(tmp_path / "predictions.parquet")
    top = table[table.k == 1]
    assert len(top) == 300 * 4
    accuracy = top.groupby("rank", observed=True)["correct"].apply(lambda values: values.dropna().astype(bool).mean())
    expected = dict(zip(tree.ranks, np.nanmean(rank_hits(target, taxon[:, :, :1], tree), axis=0), strict=True))
    assert accuracy.to_dict() == pytest.approx(expected)
    assert len(table) == len(top) + (taxon[:, :, 1:] >= 0).sum()


def test_run_json(folder: Path):
    meta = read_run(folder).meta
    assert (meta["schema_version"], meta["status"], meta["logging"]) == (2, "ok", None)
    assert meta["taxonomy"] == {
        "digest": fake.taxonomy().digest,
        "n_taxa": {"order": 1, "family": 2, "genus": 2, "species": 4},
    }
    assert meta["config"]["dataset"] == {"seed": 0, "note": "None"}
    assert meta["dataset"]["n_images"] == 40
    knn, _, control, refused = meta["cells"]
    assert knn["details"] == {"k": 1, "spread": None}
    assert knn["answers"][0]["n_candidates"] == 3
    assert knn["answers"][0]["candidates"] == control["answers"][0]["candidates"]
    assert (refused["status"], refused["reason"]) == ("unsupported", "colour_texture has no text tower")
    assert {"python", "torch", "open_clip_torch", "timm", "numpy"} <= meta["versions"].keys()
    assert meta["host"]["cpu_count"] >= 1
    assert {name: file["rows"] for name, file in meta["files"].items()} == {
        "scores.parquet": 34,
        "predictions.parquet": 34,
        "images.parquet": 6,
        "splits_encoder_mini_clip_knn.parquet": 2,
    }
    assert knn["tables"] == {"splits": "splits_encoder_mini_clip_knn.parquet"}
    assert pq.read_table(folder / knn["tables"]["splits"]).to_pydict() == {
        "fold": [0, 1],
        "support": ["a.jpg", "c.jpg"],
    }


def test_equal_runs_have_equal_tables(folder: Path, tmp_path: Path):
    write_run(fake.run(), tmp_path / "again")
    assert read_run(tmp_path / "again").meta["files"] == read_run(folder).meta["files"]


def test_logging_is_added_and_the_rest_stays(folder: Path):
    before = read_run(folder).meta
    record_logging(LogOutcome("offline", run_id="x1", path="wandb/offline-run-x1", sync_command="wandb sync a"), folder)
    after = read_run(folder).meta
    assert after == {**before, "logging": {"status": "offline", "run_id": "x1", "path": "wandb/offline-run-x1"}}


def test_a_run_without_any_number_is_a_run(tmp_path: Path):
    write_run(fake.run(cells=()), tmp_path)
    saved = read_run(tmp_path)
    assert (saved.scores().num_rows, saved.predictions().num_rows) == (0, 0)
    assert tuple(saved.scores().column_names) == SCORE_COLUMNS


def test_a_second_run_replaces_the_first(folder: Path):
    write_run(fake.run(name="second", cells=fake.run().cells[3:]), folder)
    assert read_run(folder).meta["name"] == "second"
    assert read_run(folder).scores().num_rows == 1


@contextmanager
def full_disk(bytes_left: int):
    """No file may grow beyond this: the operating system refuses, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("bytes_left", [0, 5000])  # not even the first table; the tables, but not predictions and so on
def test_full_disk(tmp_path: Path, bytes_left: int):
    many = tuple(fake.score(slice=f"clade {i}", value=1 / (i + 1)) for i in range(2000))
    with (
        full_disk(bytes_left),
        pytest.raises(TaxoevalError, match=r"run: the results cannot be written \(.*\); free space"),
    ):
        write_run(fake.run(cells=(*fake.run().cells, Cell("e", "encoder", "t", "ok", scores=many))), tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_full_disk_leaves_an_earlier_run_as_it_was(folder: Path):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with full_disk(100), pytest.raises(TaxoevalError, match="free space"):
        write_run(fake.run(name="second"), folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_folder_that_is_a_file(tmp_path: Path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(TaxoevalError, match=r"run: the results cannot be written \(File exists\)"):
        write_run(fake.run(), tmp_path / "run")
    with pytest.raises(TaxoevalError, match="Not a directory"):
        write_run(fake.run(), tmp_path / "run" / "below")
    assert (tmp_path / "run").read_text() == "mine"


def test_killed_between_two_files(folder: Path):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from taxoeval.reports import write_run; from tests.reports import fake\n"
        "move = Path.replace\n"
        "def stop(self, target):\n"
        "    if target.name == 'predictions.parquet': os._exit(9)\n"
        "    return move(self, target)\n"
        "Path.replace = stop\n"
        "write_run(fake.run(name='second'), Path(sys.argv[1]))\n"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code, folder], cwd=root).returncode == 9
    with pytest.raises(TaxoevalError, match=r"no run\.json, so no finished run is here"):
        read_run(folder)


def test_what_is_not_a_run(tmp_path: Path):
    file = tmp_path / "run.json"
    file.write_text('{"schema_version": 99}')
    with pytest.raises(TaxoevalError, match="schema_version 99, but this version of taxoeval reads 2"):
        read_run(tmp_path)
    file.write_text("[]")
    with pytest.raises(TaxoevalError, match="schema_version None"):
        read_run(tmp_path)
    file.write_text('{"schema')
    with pytest.raises(TaxoevalError, match="cannot be read"):
        read_run(tmp_path)
    file.write_text('{"schema_version": 2}')
    (tmp_path / "scores.parquet").write_text("PAR1 no")
    with pytest.raises(TaxoevalError, match=r"scores\.parquet: cannot be read"):
        read_run(tmp_path).scores()
    with pytest.raises(TaxoevalError, match=r"predictions\.parquet: cannot be read"):
        read_run(tmp_path).predictions()


def test_plain_values_only(tmp_path: Path):
    assert plain({1: np.float32(0.5), "a": np.array([[1, 2]]), "b": float("inf"), "c": True}) == {
        "1": 0.5,
        "a": [[1, 2]],
        "b": None,
        "c": True,
    }
    with pytest.raises(ValueError, match=re.escape("config.task[1] is a object, not a plain value")):
        write_run(fake.run(config={"task": ["knn", object()]}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_the_person_or_the_machine(folder: Path, monkeypatch: pytest.MonkeyPatch):
    import getpass
    import platform

    text = (folder / "run.json").read_text()
    assert str(folder) not in text
    assert str(Path.home()) not in text
    assert f'"{platform.node()}"' not in text
    assert f'"{getpass.getuser()}"' not in text


def test_a_run_of_the_wrong_shape_is_refused():
    with pytest.raises(
        ValueError, match=r"two scores for \(decoder, slice, rank, metric, k\) = \('leaf_argmax', 'all'"
    ):
        Cell("e", "encoder", "knn", "ok", scores=(fake.score(), fake.score()))
    with pytest.raises(ValueError, match="needs a reason"):
        Cell("e", "encoder", "knn", "failed")
    with pytest.raises(ValueError, match="got 'judge' and 'ok'"):
        Cell("e", "judge", "knn", "ok")


def test_status_of_a_run():
    encoder, _, control, refused = fake.run().cells
    failed = replace(control, status="failed", reason="x")
    refusing = replace(encoder, status="unsupported", reason="x")
    statuses = [fake.run(cells=cells).status for cells in ((encoder, refused), (refusing, control), (encoder, failed))]
    assert statuses == ["ok", "unsupported", "failed"]
    assert json.dumps(fake.run(cells=()).status) == '"ok"'


def test_one_row_per_image_and_decoder(tmp_path: Path):
    run = fake.run()
    write_run(run, tmp_path)
    rows = read_run(tmp_path).images().to_pylist()
    assert len(rows) == sum(len(p.sample) for cell in run.cells for p in cell.predictions)
    for cell in run.cells:
        for predictions in cell.predictions:
            hits = rank_hits(predictions.target, predictions.taxon[:, :, :1], run.taxonomy)
            for i, sample in enumerate(predictions.sample):
                (row,) = [
                    r for r in rows if (r["role"], r["sample"], r["slice"]) == (cell.role, sample, predictions.slice)
                ]
                right = [row[f"right_{rank}"] for rank in run.taxonomy.ranks]
                assert right == [None if np.isnan(h) else h > 0.5 for h in hits[i]]
                assert row["target_path"] == run.taxonomy.path(int(predictions.target[i]))


def test_hashes_tell_what_a_run_was_given(folder: Path, tmp_path: Path):
    given = {"labels": "aa", "vectors": {"encoder": "bb"}}
    changed = replace(fake.run(), hashes=given, config={**fake.run().config, "name": "another"})
    write_run(changed, tmp_path / "changed")
    before, after = (read_run(place).meta["hashes"] for place in (folder, tmp_path / "changed"))
    assert (after["labels"], after["vectors"]) == ("aa", {"encoder": "bb"})
    assert before["code"] == after["code"]
    assert len(before["config"]) == 64
    assert before["config"] != after["config"]

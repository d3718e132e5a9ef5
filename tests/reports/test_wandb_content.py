"""What a run shows in W&B, read back from runs kept offline: lines, tables, pictures, figures, artifacts."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from taxoeval.records import Embeddings
from taxoeval.reports import Cell, Run, write_run
from taxoeval.reports.html import write_report
from taxoeval.reports.mistakes import write_mistakes
from taxoeval.reports.thumbnails import write_thumbnails
from taxoeval.reports.wandb import _tags, log_run
from taxoeval.reports.wandb_process import _table
from taxoeval.reports.wandb_summary import MAX_CHARTS, by_rank, charts, summary
from taxoeval.reports.wandb_tables import DRAWN_ROWS, MAX_ROWS, drawn_tables, note, score_drawn
from tests.reports import fake

WANDB = Path(sys.executable).parent / "wandb"


def png() -> bytes:
    import io

    content = io.BytesIO()
    Image.new("RGB", (12, 8), "teal").save(content, format="PNG")
    return content.getvalue()


def whole_run() -> Run:
    """The made-up run with a figure and vectors."""
    run = fake.run()
    first = replace(run.cells[0], figures={"tree.png": png(), "tree.svg": b"<svg/>"})
    taxa = run.taxonomy.ids(["Corvus corax", "Corvus corone"])
    vectors = Embeddings(np.eye(2, 3, dtype=np.float32), taxa, np.array(["a.jpg", "b [1].jpg"]), "demo")
    return replace(run, cells=(first, *run.cells[1:]), embeddings=vectors)


def written(run: Run, folder: Path) -> Path:
    """All files an evaluation writes."""
    write_run(run, folder)
    write_mistakes(run, folder)
    write_thumbnails(run, ["a.jpg", "b [1].jpg", "c.jpg"], lambda i: Image.new("RGB", (40, 20), (i, 0, 0)), folder)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """One run kept offline with everything, and its records."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WANDB")]:
            patch.delenv(name)
        run = whole_run()
        folder = written(run, tmp_path_factory.mktemp("run"))
        outcome = log_run(run, folder, mode="offline", embeddings=True)
    assert (outcome.status, outcome.reason, outcome.note) == ("offline", "", "")
    (file,) = (folder / outcome.path).glob("*.wandb")
    told = subprocess.run([WANDB, "leet", "inspect", "--json", file], capture_output=True, check=True, text=True)
    return folder / outcome.path, [json.loads(line) for line in told.stdout.splitlines()]


def history(told: list[dict]) -> list[dict]:
    return [record["history"]["item"] for record in told if record["type"] == "history"]


def drawn(kept: tuple[Path, list[dict]], name: str) -> list[dict]:
    """Rows of a table as W&B would show it."""
    shown = history(kept[1])[-1]
    assert shown[f"{name}._type"] == "table-file"
    table = json.loads((kept[0] / "files" / shown[f"{name}.path"]).read_text())
    assert shown[f"{name}.nrows"] == len(table["data"])
    return [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]


def test_accuracy_is_a_line_over_ranks(kept):
    lines = [row for row in history(kept[1]) if "rank_depth" in row]
    assert [row["rank_depth"] for row in lines] == [1, 2, 4]  # nothing is known of the genus
    assert [row["by_rank/knn/leaf_argmax"] for row in lines] == [1.0, 0.875, 0.5]
    assert [row["by_rank/zero_shot/rank_sum"] for row in lines] == [1.0, 0.75, 0.375]
    (of,) = [record["metric"] for record in kept[1] if "by_rank" in record.get("metric", {}).get("glob_name", "")]
    assert (of["step_metric"], of["options"]["hidden"]) == ("rank_depth", True)
    updates = {}
    for record in kept[1]:
        updates |= record.get("summary", {}).get("update", {})
    assert updates["knn/leaf_argmax/species/rank_hits"] == 0.5
    assert not any(name.startswith("by_rank") for name in updates)  # a line, not its last point


def test_one_chart_per_task(kept):
    panels = {}
    for record in kept[1]:
        panels |= record.get("config", {}).get("update", {})
    chart = panels["_wandb.visualize.accuracy_by_rank/knn"]["panel_config"]
    assert chart["panelDefId"] == "wandb/lineseries/v0"
    assert chart["stringSettings"]["xname"] == "rank: 1 order, 2 family, 3 genus, 4 species"
    rows = drawn(kept, "accuracy_by_rank/knn_table")
    lines = {row["lineKey"]: {} for row in rows}
    for row in rows:
        lines[row["lineKey"]][row["step"]] = row["lineVal"]
    assert lines == {
        "leaf_argmax": {1: 1.0, 2: 0.875, 4: 0.5},
        "95 % low": {1: 1.0, 2: 0.75, 4: 0.375},
        "95 % high": {1: 1.0, 2: 1.0, 4: 0.625},
        "chance": {1: 1.0, 2: 0.625, 4: 0.25},
        "colour_texture (control)": {1: 1.0, 2: 0.625, 4: 0.25},
    }
    assert "_wandb.visualize.accuracy_by_rank/zero_shot" in panels


def test_a_decoder_is_a_line_and_a_part_a_chart():
    scores = (
        *fake.scores(),
        *fake.scores(decoder="rank_sum", shift=0.125),
        *(replace(score, slice="5-shot") for score in fake.scores()),
    )
    run = fake.run(cells=(Cell("mini_clip", "encoder", "knn", "ok", scores=scores),))
    one, other = charts(run)
    assert (one["key"], other["key"]) == ("accuracy_by_rank/knn", "accuracy_by_rank/knn@5-shot")
    assert one["names"] == ["leaf_argmax", "95 % low", "95 % high", "chance", "rank_sum"]
    assert one["x"][-1] == [1, 2, 4]
    assert one["y"][-1] == [1.0, 0.75, 0.375]
    assert by_rank(run)[1] == {
        "rank_depth": 2,
        "by_rank/knn/leaf_argmax": 0.875,
        "by_rank/knn/rank_sum": 0.75,
        "by_rank/knn@5-shot/leaf_argmax": 0.875,
    }


def test_what_is_not_decoded_is_a_line_per_metric():
    of = {"decoder": "", "task": "structure", "slice": "images"}
    scores = (fake.score("purity", 0.75, "genus", k=20, **of), fake.score("hubness", 2.0, "", **of))
    run = fake.run(cells=(Cell("mini_clip", "encoder", "structure", "ok", scores=scores),))
    assert by_rank(run) == [{"rank_depth": 3, "by_rank/structure@images/purity_top20": 0.75}]
    named = summary(run)
    assert named["structure@images/none/genus/purity_top20"] == 0.75
    assert named["structure@images/none/lineage/hubness"] == 2.0


def test_one_point_is_no_line_and_a_page_of_charts_is_not_read():
    lone = Cell("mini_clip", "encoder", "knn", "ok", scores=(fake.score(),))
    assert charts(fake.run(cells=(lone,))) == []
    many = [replace(score, slice=f"part {i}") for i in range(MAX_CHARTS + 5) for score in fake.scores()]
    assert len(charts(fake.run(cells=(replace(lone, scores=tuple(many)),)))) == MAX_CHARTS


def test_tables_of_clades_and_confusions(kept):
    clades = drawn(kept, "clades")
    assert {(row["encoder"], row["task"]) for row in clades} == {("mini_clip", "knn"), ("colour_texture", "knn")}
    assert [row["n"] for row in clades] == sorted((row["n"] for row in clades), reverse=True)
    own = {row["taxon"]: row for row in clades if row["encoder"] == "mini_clip"}
    assert (own["Corvus corax"]["n"], own["Corvus corax"]["recall"]) == (2, 0.5)
    assert own["Corvus corax"]["path"] == "Passeriformes > Corvidae > Corvus > Corvus corax"
    pairs = [row for row in drawn(kept, "confusions") if row["encoder"] == "mini_clip" and row["rank"] == "species"]
    assert [(row["target"], row["predicted"], row["n"]) for row in pairs] == [("Corvus corax", "Corvus corone", 1)]
    assert {row["wrong_from"] for row in drawn(kept, "mistake_ranks")} >= {"species", "family", "no answer"}


def test_mistakes_come_with_picture_and_paths(kept):
    entries = artifacts(kept[1])["mistakes"]
    table = json.loads(entries["mistakes.table.json"].read_text())  # the copy beside the run holds no picture
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert len(drawn(kept, "mistakes")) == len(rows)
    assert [(row["sample"], row["task"], row["decoder"]) for row in rows] == [
        ("b [1].jpg", "knn", "leaf_argmax"),
        ("c.jpg", "knn", "leaf_argmax"),
    ]
    assert rows[0]["target_path"] == "Passeriformes > Corvidae > Corvus > Corvus corax"
    assert rows[0]["predicted_path"] == "Passeriformes > Corvidae > Corvus > Corvus corone"
    assert [(row["image"]["_type"], row["image"]["width"]) for row in rows] == [("image-file", 40)] * 2
    assert all(entries[row["image"]["path"]].read_bytes()[:2] == b"\xff\xd8" for row in rows)  # JPEG


def artifacts(told: list[dict]) -> dict[str, dict[str, Path]]:
    """Files of every artifact, by the end of its name."""
    found = {}
    for record in told:
        if record["type"] == "artifact":
            name = record["artifact"]["name"]
            kind = name.split("-")[0] if not name.startswith("run-") else name.split("-", 2)[2]
            contents = record["artifact"]["manifest"]["contents"]
            found[kind] = {entry["path"]: Path(entry["local_path"]) for entry in contents}
    return found


def test_figures_and_page_are_shown(kept):
    shown = history(kept[1])[-1]
    name = "figures/knn/tree"
    assert [key for key in shown if key.startswith("figures/") and key.endswith("._type")] == [f"{name}._type"]
    assert (kept[0] / "files" / shown[f"{name}.path"]).read_bytes() == png()
    assert shown["report._type"] == "html-file"
    page = (kept[0] / "files" / shown["report.path"]).read_text(encoding="utf-8")
    assert page == (kept[0].parents[1] / "report.html").read_text(encoding="utf-8")


def test_the_artifact_is_the_whole_run(kept):
    home = kept[0].parents[1]
    found = artifacts(kept[1])
    assert set(found["results"]) == {
        "run.json",
        "report.html",
        "scores.parquet",
        "predictions.parquet",
        "images.parquet",
        "splits_encoder_mini_clip_knn.parquet",
        "figures/encoder_mini_clip_knn_tree.png",
        "figures/encoder_mini_clip_knn_tree.svg",
        "mistake_ranks.parquet",
        "confusions.parquet",
        "clades.parquet",
        "hardest.parquet",
        "thumbnails.parquet",
    }
    files = [path for artifact in found.values() for path in artifact.values()]
    assert all(path.is_file() and path.is_relative_to(home.resolve()) for path in files)
    assert {found["results"][name].parent for name in ("scores.parquet", "predictions.parquet")} == {home.resolve()}
    assert found["results"]["report.html"].is_relative_to(home.resolve() / "wandb")  # it may be made again


def test_embeddings_are_an_artifact_by_choice(kept, tmp_path: Path):
    (file,) = artifacts(kept[1])["embeddings"].values()
    assert pq.read_table(file).to_pylist()[1] == {
        "sample": "b [1].jpg",
        "path": "Passeriformes > Corvidae > Corvus > Corvus corone",
        "vector": [0.0, 1.0, 0.0],
    }
    run = whole_run()
    write_run(run, tmp_path)
    from taxoeval.reports.wandb import _message

    told = _message(run, tmp_path, tmp_path, 1.0, embeddings=False)
    assert list(told["artifacts"]) == ["results"]
    without = replace(run, embeddings=None)
    assert list(_message(without, tmp_path, tmp_path, 1.0, embeddings=True)["artifacts"]) == ["results"]


def test_tables_stay_below_the_limit_of_the_service_and_say_so(tmp_path: Path):
    many = tuple(fake.score(slice=f"clade {i}") for i in range(10_500))
    run = fake.run(cells=(Cell("mini_clip", "encoder", "knn", "ok", scores=many),))
    scores = score_drawn(run)
    assert len(scores["data"]) == MAX_ROWS == 10_000
    assert note({"scores": scores}) == "of its tables W&B shows 10,000 of 10,500 scores; its artifact has all rows"
    write_mistakes(fake.run(), tmp_path)
    clades = pq.read_table(tmp_path / "clades.parquet")
    repeated = clades.take(np.arange(2000) % len(clades))
    pq.write_table(repeated, tmp_path / "clades.parquet")
    short = drawn_tables(fake.run(), tmp_path, tmp_path)["clades"]
    assert (len(short["data"]), short["of"]) == (DRAWN_ROWS, 2000)
    at = short["columns"].index("n")
    assert sum(row[at] for row in short["data"]) == sum(sorted(repeated["n"].to_pylist())[-DRAWN_ROWS:])


def test_types_of_a_table_are_those_of_all_its_rows():
    rows = [[None, 1], ["text", None], ["more", 2.5]] * 50
    table = _table({"columns": ["name", "number"], "data": rows, "image": None})
    assert table.data == rows
    types = table._column_types.params["type_map"]
    assert types["name"].assign("word").name != "invalid"
    assert types["number"].assign(None).name != "invalid"
    assert types["number"].assign("word").name == "invalid"


def test_tags_are_encoder_dataset_and_the_users():
    run = fake.run()
    assert _tags(run, ["birds", "mini_clip"]) == ["mini_clip", "corvids [test]", "birds"]
    long = replace(run, dataset="x" * 70 + "end")
    assert [len(tag) for tag in _tags(long, [])] == [9, 64]
    assert _tags(long, [])[1].endswith("end")

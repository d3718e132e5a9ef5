"""The command line as a user types it: what it prints, what it writes, how it ends."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One embedding store for all runs of this file."""
    return tmp_path_factory.mktemp("store")


def taxoeval(*arguments, folder, store, check=None):
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("WANDB")},
        "TAXOEVAL_STORE": str(store),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "110",
    }
    command = [sys.executable, "-m", "taxoeval", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if check is not None:
        assert done.returncode == check, done.stdout + done.stderr
    return done


def results(folder):
    """The folders below that hold a finished run, in order."""
    return sorted(file.parent for file in Path(folder).glob("outputs/**/run.json"))


def scores(folder):
    return pq.read_table(folder / "scores.parquet").to_pylist()


@pytest.fixture(scope="module")
def default_run(tmp_path_factory, store):
    """The command without arguments, but for the size of the clade."""
    folder = tmp_path_factory.mktemp("default")
    done = taxoeval("dataset.n_images=150", "prompts.templates=none", folder=folder, store=store, check=0)
    return folder, done


def test_a_run_without_arguments_prints_a_table_per_rank(default_run):
    _, done = default_run
    for word in ("mini_clip, zero_shot", "mini_clip, knn", "kingdom", "species", "chance", "mistake severity"):
        assert word in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    told = r"W&B: kept offline( \(.*\))?; to upload it: \S*wandb sync outputs/\S+/wandb/offline-run-\S+\n"
    assert re.search(told, done.stdout)


def test_a_run_writes_scores_predictions_and_its_record(default_run):
    (folder,) = results(default_run[0])
    rows = scores(folder)
    encoders = {(row["encoder"], row["role"]) for row in rows}
    assert encoders == {("mini_clip", "encoder"), ("colour_texture", "control")}
    knn = {
        row["rank"]: row
        for row in rows
        if (row["encoder"], row["task"], row["decoder"], row["metric"], row["k"])
        == ("mini_clip", "knn", "leaf_argmax", "rank_hits", 1)
    }
    assert list(knn) == ["kingdom", "phylum", "class", "order", "family", "genus", "species"]
    for row in knn.values():
        assert row["low"] <= row["value"] <= row["high"]
        assert 0 < row["chance"] < 1
    assert knn["species"]["value"] > 5 * knn["species"]["chance"]
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "ok"
    statuses = {(cell["role"], cell["task"]): cell["status"] for cell in record["cells"]}
    assert statuses["control", "zero_shot"] == "unsupported"
    assert statuses["encoder", "zero_shot"] == "ok"
    assert record["config"]["dataset"]["n_images"] == 150
    predictions = pq.read_table(folder / "predictions.parquet").to_pandas()
    first = predictions.query("encoder == 'mini_clip' and task == 'knn' and decoder == 'leaf_argmax' and k == 1")
    assert first[first["rank"] == "species"]["correct"].mean() == pytest.approx(knn["species"]["value"])
    splits = pq.read_table(folder / "splits_encoder_mini_clip_few_shot.parquet").to_pandas()
    assert set(splits["shots"]) == {1}  # no label of this small clade has an image left after five


def test_nothing_is_computed_twice(default_run, store):
    """A second run reads its vectors from the store: no file in it changes."""
    before = {file: file.stat().st_mtime_ns for file in store.rglob("*.parquet")}
    assert before
    taxoeval(
        *("dataset.n_images=150", "prompts.templates=none", "logger=none"), folder=default_run[0], store=store, check=0
    )
    assert {file: file.stat().st_mtime_ns for file in store.rglob("*.parquet")} == before


def test_a_sweep_keeps_its_runs_apart_and_goes_on_after_a_refusal(tmp_path, store):
    arguments = ("-m", "encoder=mini_clip,pixels", "task=zero_shot", "dataset.n_images=150", "prompts.templates=none")
    done = taxoeval(*arguments, "~encoder@control", folder=tmp_path, store=store)
    one, two = results(tmp_path)
    records = [json.loads((folder / "run.json").read_text()) for folder in (one, two)]
    assert [record["name"] for record in records] == ["simulated__mini_clip", "simulated__pixels"]
    assert [record["status"] for record in records] == ["ok", "unsupported"]
    assert "no text tower" in " ".join(done.stdout.split())
    assert done.returncode == 2
    logged = [list(folder.glob("wandb/offline-run-*")) for folder in (one, two)]
    assert [len(found) for found in logged] == [1, 1]


def test_a_users_own_configuration(tmp_path, store):
    (tmp_path / "conf" / "encoder").mkdir(parents=True)
    (tmp_path / "conf" / "encoder" / "tiny_pixels.yaml").write_text(
        "_target_: taxoeval.encoders.weightless.pixels\ngreyscale: true\nname: tiny_pixels\n"
    )
    arguments = ("--config-dir", "conf", "encoder=tiny_pixels", "task=knn", "dataset.n_images=150", "logger=none")
    done = taxoeval(*arguments, "~encoder@control", folder=tmp_path, store=store, check=0)
    assert "tiny_pixels, knn" in done.stdout


def test_typing_errors_are_answered_with_the_right_key(tmp_path, store):
    done = taxoeval("task.knn.kk=3", folder=tmp_path, store=store, check=1)
    assert done.stderr.strip() == "taxoeval: task.knn.kk is no setting; did you mean task.knn.k?"
    done = taxoeval("+lgger=none", "task=knn", folder=tmp_path, store=store, check=1)
    assert done.stderr.strip().startswith("taxoeval: lgger is no setting; did you mean logger?")
    assert results(tmp_path) == []


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("nothing.csv", "nothing.csv"),
        ("empty.csv", "empty.csv"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(tmp_path, store, labels, message):
    (tmp_path / "empty.csv").write_text("filename,genus,species\n")
    arguments = ("dataset=table", f"dataset.labels={labels}", "task=knn", "logger=none")
    done = taxoeval(*arguments, folder=tmp_path, store=store, check=1)
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("taxoeval: ")
    assert message in line
    assert results(tmp_path) == []


def test_an_unknown_encoder_fails_its_cells_and_says_why(tmp_path, store):
    arguments = ("encoder=timm", "encoder.model=mobilenetv2_1000", "task=knn", "dataset.n_images=150", "logger=none")
    done = taxoeval(*arguments, "~encoder@control", folder=tmp_path, store=store, check=1)
    assert "mobilenetv2_100" in done.stderr
    assert "Traceback" not in done.stderr
    (folder,) = results(tmp_path)
    (cell,) = json.loads((folder / "run.json").read_text())["cells"]
    assert cell["status"] == "failed"
    assert "mobilenetv2_1000" in cell["reason"]


def annotated(folder):
    """A table of four labels without images, and what a system answered."""
    (folder / "labels.csv").write_text(
        "id,family,genus,species\n1,Corvidae,Corvus,corax\n2,Corvidae,Pica,pica\n3,Corvidae,Pica,\n4,Paridae,,\n"
    )
    (folder / "answers.csv").write_text("id,prediction\n1,Corvus corone\n2,Pica pica\n3,Pica pica\n4,Larus canus\n")
    answers = ("task.score_predictions.answers=answers.csv", "dataset.labels=labels.csv", "logger=none")
    return ("encoder=none", "dataset=table", "dataset.annotations_only=true", *answers)


def test_flat_labels_are_one_rank_for_every_task(tmp_path, store):
    """A folder of folders: no lineage, so nothing can contradict, and a space has one rank."""
    from taxoeval.datasets import simulated

    dataset = simulated.load(n_species=4, n_images=24, size=32)
    for i, name in enumerate(dataset.label):
        (tmp_path / "flat" / name.split()[-1]).mkdir(parents=True, exist_ok=True)
        dataset.source.image(i).save(tmp_path / "flat" / name.split()[-1] / f"{i}.png")
    tasks = "task=[knn,few_shot,zero_shot,linear_probe,retrieval,alignment,structure]"
    quick = ("task.few_shot.shots=[1]", "task.structure.permutations=19", "logger=none", "~encoder@control")
    done = taxoeval("dataset=folder", "dataset.root=flat", tasks, *quick, folder=tmp_path, store=store, check=0)
    (folder,) = results(tmp_path)
    cells = json.loads((folder / "run.json").read_text())["cells"]
    assert {cell["task"]: cell["status"] for cell in cells} == dict.fromkeys(tasks[6:-1].split(","), "ok")
    assert not [note for cell in cells for note in cell["notes"] if "not drawn" in note]
    assert {row["rank"] for row in scores(folder)} == {"label", ""}
    hits = [row for row in scores(folder) if (row["task"], row["metric"], row["k"]) == ("knn", "rank_hits", 1)]
    assert {row["n"] for row in hits} == {24}
    assert "Traceback" not in done.stderr


def test_answers_are_scored_without_encoder_and_images(tmp_path, store):
    arguments = annotated(tmp_path)
    done = taxoeval(*arguments, "task=[score_predictions,knn]", folder=tmp_path, store=store, check=0)
    assert "none, score_predictions, leaf_argmax" in done.stdout
    assert "knn: unsupported: knn needs an encoder's vectors" in " ".join(done.stdout.split())
    assert "colour_texture" not in done.stdout
    (folder,) = results(tmp_path)
    first = [
        row for row in scores(folder) if (row["decoder"], row["metric"], row["k"]) == ("leaf_argmax", "rank_hits", 1)
    ]
    assert {row["rank"]: (row["value"], row["n"]) for row in first} == {
        "family": (0.75, 4),
        "genus": (1.0, 3),
        "species": (0.5, 2),
    }
    record = json.loads((folder / "run.json").read_text())
    assert {cell["task"]: cell["status"] for cell in record["cells"]} == {
        "score_predictions": "ok",
        "knn": "unsupported",
    }
    # the dataset has no Corvus corone: the answer is shown all the same, as a taxon of the joined taxonomy
    assert record["cells"][0]["taxonomy"] != record["taxonomy"]["digest"] == record["cells"][1]["taxonomy"]
    confused = pq.read_table(folder / "confusions.parquet").to_pylist()
    pairs = {(row["target"], row["predicted_path"]) for row in confused if row["rank"] == "species"}
    assert pairs == {("Corvus corax", "Corvidae > Corvus > Corvus corone")}
    again = taxoeval(*arguments, "task=knn", folder=tmp_path, store=store, check=1)
    assert "did you mean" in again.stderr or "task.score_predictions" in again.stderr


def test_without_images_an_encoder_has_nothing_to_see(tmp_path, store):
    arguments = [argument for argument in annotated(tmp_path) if argument != "encoder=none"]
    done = taxoeval(*arguments, "encoder=pixels", "task=score_predictions", folder=tmp_path, store=store, check=1)
    assert "1 (labels.csv, row 2): read with annotations_only=true" in done.stderr
    assert "Traceback" not in done.stderr


def test_tasks_that_were_asked_with_different_texts_are_told(tmp_path, store):
    other = "{_target_:taxoeval.prompts.Prompts,text_type:sci,templates:one}"
    small = ("dataset.n_images=60", "prompts.templates=none", "~encoder@control", "logger=none")
    done = taxoeval(
        *(*small, "task=[zero_shot,alignment]", f"task.alignment.prompts={other}"),
        folder=tmp_path, store=store, check=0,
    )  # fmt: skip
    warning = "texts are written differently from task to task (zero_shot: taxon_com, none; alignment: sci, one)"
    assert warning in done.stderr
    (folder,) = results(tmp_path)
    assert json.loads((folder / "run.json").read_text())["warnings"][0].startswith("texts are written differently")


def test_results_that_cannot_be_written_are_one_line(tmp_path, store):
    (tmp_path / "file").write_text("in the way")
    arguments = ("dataset.n_images=150", "task=knn", "logger=none", "hydra.run.dir=file/run")
    done = taxoeval(*arguments, folder=tmp_path, store=store)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("taxoeval: the folder for the results cannot be made")
    assert "file/run" in line


def test_rules_chosen_from_the_command_line(default_run, store):
    """Fitted on half of the images, all scored on the other half, the promises in a table of their own."""
    arguments = ("decoding=hedging", "task=knn", "task.knn.k=5", "dataset.n_images=150", "logger=none")
    known = set(results(default_run[0]))
    done = taxoeval(*arguments, "~encoder@control", folder=default_run[0], store=store, check=0)
    (folder,) = set(results(default_run[0])) - known
    page = " ".join(done.stdout.split())
    for word in ("darts_at_0.95", "climb_at_0.8", "fitted", "alike", "75 set aside, 75 scored", "temperature fitted"):
        assert word in page
    table = pq.read_table(folder / "fitted_rules_encoder_mini_clip_knn.parquet").to_pandas()
    assert table["asked"].tolist() == [0.8, 0.9, 0.95, 0.8, 0.9, 0.95]
    assert table["scored"].between(0, 1).all()
    assert len(pq.read_table(folder / "decoder_agreement_encoder_mini_clip_knn.parquet")) == 8 * 7 // 2 * 7
    (n,) = {row["n"] for row in scores(folder) if row["metric"] == "rank_hits" and row["rank"] == "kingdom"}
    assert n == 75


def test_a_share_that_cannot_be_set_aside_is_one_line(tmp_path, store):
    arguments = ("decoding.calibration_share=1.2", "task=knn", "dataset.n_images=150", "logger=none")
    done = taxoeval(*arguments, folder=tmp_path, store=store, check=1)
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("taxoeval: decoding.calibration_share=1.2 must be at least 0 and below 1")

"""W&B online: runs go to a server on loopback that can be told to misbehave, and never cost a result."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from taxoeval.reports import read_run, record_logging, write_run
from taxoeval.reports import wandb_child as child
from taxoeval.reports.wandb import log_run
from tests.reports import fake
from tests.reports.wandb_kit import KEY, WANDB, clean, contents, inspected, records, stub_server  # noqa: F401 - fixtures


def test_an_offline_run_can_be_sent_later(tmp_path: Path, stub):
    run, folder = fake.run(), tmp_path / "my runs"
    write_run(run, folder)
    outcome = log_run(run, folder, mode="offline")
    told = records(folder / outcome.path)
    updates = {}
    for record in told:
        updates |= record.get("summary", {}).get("update", {})
    name = "knn/leaf_argmax/genus/rank_hits"  # of which nothing is known
    assert name in updates
    assert updates[name] is None
    assert updates[f"{name}_n"] == 0
    assert f"{name}_low" not in updates
    (table,) = (folder / outcome.path / "files" / "media" / "table").glob("scores_*")
    drawn = json.loads(table.read_text())
    rows = [dict(zip(drawn["columns"], row, strict=True)) for row in drawn["data"]]
    assert len(rows) == 34
    assert [row["value"] for row in rows[:4]] == [1.0, 0.875, None, 0.5]
    manifests = [record["artifact"]["manifest"] for record in told if record["type"] == "artifact"]
    files = [Path(entry["local_path"]) for manifest in manifests for entry in manifest["contents"]]
    assert len(files) == 8  # tables of scores and two charts; scores, predictions, images, splits and run.json whole
    assert all(file.is_relative_to(folder.resolve()) and file.is_file() for file in files)
    assert not (tmp_path / "home").exists()
    record_logging(outcome, folder)  # changes run.json, of which W&B holds a copy of its own
    server = stub()
    environment = os.environ | {"PATH": f"{WANDB.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(outcome.sync_command, shell=True, check=True, capture_output=True, env=environment)  # noqa: S602
    assert {"predictions.parquet", "run.json"} <= {Path(r["what"]).name for r in server.seen("^/storage/artifact")}
    assert len(server.seen("CommitArtifact")) == 4


def test_a_key_means_online(tmp_path: Path, stub):
    server = stub()
    run, folder = fake.run(), tmp_path / "run"
    write_run(run, folder)
    outcome = log_run(run, folder, entity="birders", project="field", timeout=20)
    assert (outcome.status, outcome.reason, outcome.sync_command) == ("online", "", "")
    assert outcome.message == f"W&B: {outcome.url}"
    assert outcome.url.endswith(f"/birders/field/runs/{outcome.run_id}")
    sent = {Path(request["what"]).name for request in server.seen("^/storage/artifact")}
    assert sent == {
        "images.parquet",
        "predictions.parquet",
        "run.json",
        "scores.parquet",
        "knn_table.table.json",
        "scores.table.json",
        "zero_shot_table.table.json",
        "splits_encoder_mini_clip_knn.parquet",
    }
    assert len(server.seen("CommitArtifact")) == 4
    assert [request["body"]["exitcode"] for request in server.seen("file_stream") if "exitcode" in request["body"]] == [
        0
    ]


@pytest.mark.parametrize(
    ("fault", "timeout", "reason"),
    [
        ("UpsertBucket=500", 3, "(CommError: Timed out while retrying: HTTP 500|no answer within 3 s)"),
        ("^/storage=403", 30, "not everything was uploaded: file transfer: upload: failed to upload: status: 403"),
        ("CommitArtifact=die", 6, "(no answer within 6 s|TimeoutError)"),
    ],
    ids=["never answers well", "refuses files", "dies midway"],
)
def test_a_server_that_fails_costs_nothing_but_the_upload(tmp_path: Path, stub, monkeypatch, fault, timeout, reason):
    stub(fault)
    monkeypatch.setattr(child, "GRACE", 1.0)
    run, folder = fake.run(), tmp_path / "run"
    write_run(run, folder)
    before = contents(folder)
    outcome = log_run(run, folder, timeout=timeout)
    assert outcome.status == "failed"
    assert re.match(reason, outcome.reason)
    assert KEY not in outcome.reason
    assert str(tmp_path) not in outcome.reason
    assert contents(folder) == before
    assert outcome.sync_command.split()[-1] == os.path.relpath(folder / outcome.path)
    assert inspected(folder / outcome.path)["summary"]["knn/leaf_argmax/species/rank_hits"] == 0.5
    record_logging(outcome, folder)
    assert read_run(folder).meta["logging"]["status"] == "failed"
    assert "the result files are complete" in outcome.message


@pytest.mark.parametrize(
    ("fault", "reason", "offline"),
    [
        ("UpsertBucket=401", "ConnectionError: the server does not accept the key (HTTP 401)", True),
        ("UpsertBucket=403", "ConnectionError: the key may not write there (HTTP 403)", True),
        ("CreateArtifact=402", "not everything was uploaded: sender: failed to log artifact: ", False),
    ],
    ids=["wrong key", "no right", "quota"],
)
def test_a_refusal_is_told_and_costs_nothing(tmp_path: Path, stub, fault: str, reason: str, offline: bool):
    stub(fault)
    run, folder = fake.run(), tmp_path / "run"
    write_run(run, folder)
    before = contents(folder)
    outcome = log_run(run, folder, timeout=20)
    assert outcome.status == "failed"
    assert outcome.reason.startswith(reason)
    assert contents(folder) == before
    assert outcome.path.startswith("wandb/offline-run-" if offline else "wandb/run-")
    assert outcome.path in outcome.sync_command
    assert inspected(folder / outcome.path)["summary"]["status"] == "ok"


def test_a_key_that_is_none_is_told(tmp_path: Path, stub, monkeypatch: pytest.MonkeyPatch):
    stub()
    monkeypatch.setenv("WANDB_API_KEY", "short")
    run, folder = fake.run(), tmp_path / "run"
    write_run(run, folder)
    outcome = log_run(run, folder, timeout=20)
    assert outcome.status == "failed"
    assert "must have 40+ characters" in outcome.reason
    assert inspected(folder / outcome.path)["state"] == "finished"


def test_a_dead_server_leaves_an_offline_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    run, folder = fake.run(), tmp_path / "run"
    write_run(run, folder)
    outcome = log_run(run, folder, timeout=3)
    assert outcome.status == "failed"
    assert "connection refused" in outcome.reason
    assert outcome.path.startswith("wandb/offline-run-")
    assert inspected(folder / outcome.path)["state"] == "finished"

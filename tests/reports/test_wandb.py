"""W&B: runs kept offline are read back; runs sent online go to a server on loopback that can be told to misbehave."""

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from taxoeval.reports import Cell, read_run, record_logging, write_run
from taxoeval.reports import wandb as ours
from taxoeval.reports.wandb import WandbLogger, log_run, summary
from taxoeval.reports.wandb_process import has_credentials, upload_fault
from tests.reports import fake

WANDB = Path(sys.executable).parent / "wandb"
KEY = "k" * 40


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("WANDB")] + ["NETRC"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")


@dataclass
class Stub:
    requests: Path

    def seen(self, what: str) -> list[dict]:
        lines = [json.loads(line) for line in self.requests.read_text().splitlines()]
        return [line for line in lines if re.search(what, line["what"])]


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stub]]:
    """Start a server with the faults given, and lead wandb to it."""
    started = []

    def start(*faults: str) -> Stub:
        requests = tmp_path / "requests.jsonl"
        command = [sys.executable, str(Path(__file__).with_name("stub_server.py")), str(requests), *faults]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(server)
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{int(server.stdout.readline())}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        return Stub(requests)

    yield start
    for server in started:
        server.kill()
        server.communicate()


def inspected(folder: Path) -> dict:
    """Summary, configuration and state of the one run kept in a folder of W&B."""
    (file,) = folder.glob("*.wandb")
    done = subprocess.run([WANDB, "leet", "inspect", "--summary", "--json", file], capture_output=True, check=True)
    return json.loads(done.stdout)


def records(folder: Path) -> list[dict]:
    (file,) = folder.glob("*.wandb")
    done = subprocess.run([WANDB, "leet", "inspect", "--json", file], capture_output=True, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_two_runs_of_one_process_stay_two(tmp_path: Path):
    environment = dict(os.environ)
    first = fake.run(group="sweep 1")
    failed = Cell("mini_clip", "encoder", "few_shot", "failed", "labels.csv row 3: no such file")
    second = replace(first, name="second", config={"seed": 1, "none": None}, cells=(*first.cells, failed))
    kept = []
    for run in (first, second):
        folder = tmp_path / run.name
        write_run(run, folder)
        outcome = WandbLogger(tags=["birds"])(run, folder)
        assert (outcome.status, outcome.reason) == ("offline", "")
        assert outcome.sync_command.split()[-1] == os.path.relpath(folder / outcome.path)
        kept.append((outcome, inspected(folder / outcome.path)))
    (one, a), (two, b) = kept
    assert one.run_id != two.run_id
    assert dict(os.environ) == environment
    assert (a["state"], a["exit_code"], b["state"], b["exit_code"]) == ("finished", 0, "failed", 1)
    assert a["tags"] == ["birds"]
    assert a["config"]["dataset"] == {"seed": 0, "note": "None"}  # the text "None" is not null
    assert a["config"]["task"]["knn"] == {"k": 1, "gallery": None}
    assert (b["config"]["seed"], b["config"]["none"]) == (1, None)
    assert a["config"]["provenance"]["taxonomy"]["digest"] == first.taxonomy.digest
    assert a["summary"]["knn/leaf_argmax/species/rank_hits"] == 0.5
    assert a["summary"]["control/colour_texture/knn/leaf_argmax/species/rank_hits"] == 0.25
    assert b["summary"]["few_shot/status"] == "failed: labels.csv row 3: no such file"
    assert "few_shot/status" not in a["summary"]
    (run_record,) = [r["run"] for r in records(tmp_path / first.name / one.path) if r["type"] == "run"]
    assert (run_record["run_group"], run_record["job_type"]) == ("sweep 1", "knn+zero_shot")
    assert "host" not in run_record


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
    (table,) = (folder / outcome.path / "files" / "media" / "table").iterdir()
    drawn = json.loads(table.read_text())
    rows = [dict(zip(drawn["columns"], row, strict=True)) for row in drawn["data"]]
    assert len(rows) == 34
    assert [row["value"] for row in rows[:4]] == [1.0, 0.875, None, 0.5]
    manifests = [record["artifact"]["manifest"] for record in told if record["type"] == "artifact"]
    files = [Path(entry["local_path"]) for manifest in manifests for entry in manifest["contents"]]
    assert len(files) == 6  # the table, the scores, the predictions, the images, the splits, run.json
    assert all(file.is_relative_to(folder.resolve()) and file.is_file() for file in files)
    assert not (tmp_path / "home").exists()
    record_logging(outcome, folder)  # changes run.json, of which W&B holds a copy of its own
    server = stub()
    environment = os.environ | {"PATH": f"{WANDB.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(outcome.sync_command, shell=True, check=True, capture_output=True, env=environment)  # noqa: S602
    assert {"predictions.parquet", "run.json"} <= {Path(r["what"]).name for r in server.seen("^/storage/artifact")}
    assert len(server.seen("CommitArtifact")) == 2


def test_the_limit_is_that_of_the_service():
    many = tuple(fake.score(slice=f"clade {i}") for i in range(10_500))
    run = fake.run(cells=(Cell("mini_clip", "encoder", "knn", "ok", scores=many),))
    assert len(ours._table(run)["data"]) == 10_000
    assert ours._note(run) == "its table shows 10,000 of 10,500 scores, its artifact all"


def test_names_of_the_summary():
    scores = (
        fake.score(value=0.5, k=5, low=math.nan, high=math.nan, majority=math.nan),
        fake.score("mistake_severity", 1.5, "", slice="5-shot", chance=math.nan, low=1.25, high=1.75, majority=2.0),
    )
    cells = (
        Cell("a/b", "encoder", "few_shot", "ok", scores=scores),
        Cell("other", "encoder", "few_shot", "unsupported", "no label has more than 5 images"),
    )
    both = summary(fake.run(cells=cells))
    assert both == {
        "status": "ok",
        "encoder/a_b/few_shot/status": "ok",
        "encoder/a_b/few_shot/leaf_argmax/species/rank_hits_top5": 0.5,
        "encoder/a_b/few_shot/leaf_argmax/species/rank_hits_top5_n": 40,
        "encoder/a_b/few_shot/leaf_argmax/species/rank_hits_top5_chance": 0.25,
        "encoder/a_b/few_shot@5-shot/leaf_argmax/lineage/mistake_severity": 1.5,
        "encoder/a_b/few_shot@5-shot/leaf_argmax/lineage/mistake_severity_n": 40,
        "encoder/a_b/few_shot@5-shot/leaf_argmax/lineage/mistake_severity_low": 1.25,
        "encoder/a_b/few_shot@5-shot/leaf_argmax/lineage/mistake_severity_high": 1.75,
        "encoder/a_b/few_shot@5-shot/leaf_argmax/lineage/mistake_severity_majority": 2.0,
        "encoder/other/few_shot/status": "unsupported: no label has more than 5 images",
    }
    alone = summary(fake.run(cells=cells[:1]))
    assert {name.removeprefix("encoder/a_b/") for name in both if "other" not in name} == alone.keys()


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
        "scores.table.json",
        "splits_encoder_mini_clip_knn.parquet",
    }
    assert len(server.seen("CommitArtifact")) == 2
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
    monkeypatch.setattr(ours, "GRACE", 1.0)
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


def test_a_reason_tells_neither_key_nor_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    told = {
        "mode": "online",
        "path": str(tmp_path / "wandb" / "x"),
        "url": "u",
        "reason": f"secret in {tmp_path}/wandb",
    }
    outcome = ours._outcome(told, tmp_path)
    assert (outcome.status, outcome.reason, outcome.path) == ("failed", "*** in ./wandb", "wandb/x")


def test_faults_on_this_side_are_outcomes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run, folder = fake.run(), tmp_path / "run"
    assert log_run(run, folder).reason.startswith("TaxoevalError: ")  # no files yet
    write_run(run, folder)
    assert log_run(run, folder, mode="sometimes").reason.startswith("mode is 'sometimes'; there are auto")
    monkeypatch.setattr(ours, "_environment", lambda folder: {"PYTHONPATH": str(tmp_path / "broken")})
    broken = tmp_path / "broken" / "wandb"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('no wandb here')")
    assert log_run(run, folder).reason == "ImportError: no wandb here"
    (broken / "__init__.py").write_text("import os; os._exit(3)")
    assert log_run(run, folder).reason == "wandb ended"


def test_time_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    slow = tmp_path / "slow" / "wandb"
    slow.mkdir(parents=True)
    (slow / "__init__.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(ours, "_environment", lambda folder: {"PYTHONPATH": str(slow.parent)})
    monkeypatch.setattr(ours, "GRACE", 0.0)
    run, folder = fake.run(), tmp_path / "run"
    write_run(run, folder)
    assert log_run(run, folder, mode="offline", timeout=0.5).reason == "no answer within 0.5 s"


def test_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run, folder = fake.run(), tmp_path / "run"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert log_run(run, folder).status == "off"
    for said, meant in {"": "auto", "dryrun": "offline", "run": "online", "offline": "offline"}.items():
        monkeypatch.setenv("WANDB_MODE", said)
        assert ours._mode_of_environment() == meant


def test_where_a_key_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Settings:
        api_key = None
        base_url = "https://api.wandb.ai"

    assert not has_credentials(Settings())
    file = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(file))
    assert not has_credentials(Settings())
    file.write_text("machine elsewhere.org login user password x\n")
    assert not has_credentials(Settings())
    file.write_text(f"machine api.wandb.ai login user password {KEY}\n")
    assert has_credentials(Settings())
    file.write_text("machine {")
    assert not has_credentials(Settings())
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert has_credentials(Settings())


def test_upload_fault_reads_what_it_can(tmp_path: Path):
    assert upload_fault(tmp_path) == ""
    (tmp_path / "logs").mkdir()
    lines = ['{"level":"ERROR","msg":"api: HTTP error"}', '{"level":"INFO","msg":"well"}', "not json", "[1]"]
    (tmp_path / "logs" / "debug-internal.log").write_text("\n".join(lines))
    assert upload_fault(tmp_path) == ""


def test_no_other_file_imports_wandb():
    package = Path(ours.__file__).parents[1]
    pattern = re.compile(r"^\s*(import wandb\b|from wandb\b)", re.MULTILINE)
    assert [file.name for file in package.rglob("*.py") if pattern.search(file.read_text())] == ["wandb_process.py"]
    code = "import sys, taxoeval.reports, taxoeval.reports.wandb as w; assert 'wandb' not in sys.modules; "
    code += "assert not {'rich', 'pyarrow', 'torch'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=package.parent)

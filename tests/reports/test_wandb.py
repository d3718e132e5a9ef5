"""W&B: what a run is called there, how it ends, and where a key is looked for; runs kept offline are read back."""

import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from taxoeval.reports import Cell, write_run
from taxoeval.reports import wandb as ours
from taxoeval.reports import wandb_child as child
from taxoeval.reports.failure import failure_logged
from taxoeval.reports.wandb import WandbLogger, log_run
from taxoeval.reports.wandb_process import has_credentials, upload_fault
from taxoeval.reports.wandb_summary import summary
from tests.reports import fake
from tests.reports.wandb_kit import KEY, clean, inspected, records  # noqa: F401 - a fixture


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
    assert a["tags"] == ["mini_clip", "corvids [test]", "birds"]
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


def test_a_job_without_a_run_has_failed_in_wandb_too(tmp_path: Path, capsys):
    logger, folder = WandbLogger(tags=["birds"]), tmp_path / "3_birds__mini_clip"
    about = {"name": None, "group": "sweep 1", "tasks": ["knn", "zero_shot"], "config": {"task": {"knn": {"k": 1}}}}
    with pytest.raises(OSError, match="no such table"), failure_logged(logger, folder, **about):
        raise OSError("labels.csv:\n no such table")
    assert "W&B: kept offline; to upload it: " in capsys.readouterr().err
    (kept,) = (folder / "wandb").glob("offline-run-*")
    told = inspected(kept)
    assert (told["state"], told["exit_code"]) == ("failed", 1)
    assert (told["summary"]["status"], told["summary"]["reason"]) == ("failed", "labels.csv: no such table")
    assert told["config"]["task"] == {"knn": {"k": 1}}
    (run,) = [r["run"] for r in records(kept) if r["type"] == "run"]
    assert (run["run_group"], run["job_type"], run["display_name"]) == (
        "sweep 1",
        "knn+zero_shot",
        "3_birds__mini_clip",
    )


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
        "n_images": 40,
        "timings/dataset": 0.25,
        "encoder/a_b/few_shot/status": "ok",
        "encoder/a_b/few_shot/seconds": 0.0,
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


def test_a_reason_tells_neither_key_nor_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    told = {
        "mode": "online",
        "path": str(tmp_path / "wandb" / "x"),
        "url": "u",
        "reason": f"secret in {tmp_path}/wandb",
    }
    outcome = child._outcome(told, tmp_path)
    assert (outcome.status, outcome.reason, outcome.path) == ("failed", "*** in ./wandb", "wandb/x")


def test_faults_on_this_side_are_outcomes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run, folder = fake.run(), tmp_path / "run"
    assert log_run(run, folder).reason.startswith("TaxoevalError: ")  # no files yet
    write_run(run, folder)
    assert log_run(run, folder, mode="sometimes").reason.startswith("mode is 'sometimes'; there are auto")
    monkeypatch.setattr(child, "_environment", lambda folder: {"PYTHONPATH": str(tmp_path / "broken")})
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
    monkeypatch.setattr(child, "_environment", lambda folder: {"PYTHONPATH": str(slow.parent)})
    monkeypatch.setattr(child, "GRACE", 0.0)
    run, folder = fake.run(), tmp_path / "run"
    write_run(run, folder)
    assert log_run(run, folder, mode="offline", timeout=0.5).reason == "no answer within 0.5 s"


def test_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run, folder = fake.run(), tmp_path / "run"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert log_run(run, folder).status == "off"
    for said, meant in {"": "auto", "dryrun": "offline", "run": "online", "offline": "offline"}.items():
        monkeypatch.setenv("WANDB_MODE", said)
        assert ours._chosen("auto") == meant


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

"""How a sweep ended is read from the files it left."""

import json
import os
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from taxoeval.__main__ import _SWEEP, SweepBegins
from taxoeval.compare.sweep import exit_code, job_ends, told
from taxoeval.reports import Cell
from tests.compare import make


def begun(folder: Path) -> Path:
    (folder / ".hydra").mkdir(parents=True)
    return folder


def test_every_job_is_told(tmp_path: Path):
    make.write(begun(tmp_path / "0_birds__good"), make.cell("good", 0.9))
    failed = Cell("bad", "encoder", "knn", "failed", "weights missing")
    make.write(begun(tmp_path / "1_birds__bad"), failed, make.cell("c", 0.2, role="control"))
    make.write(
        begun(tmp_path / "10_birds__blind"), Cell("blind", "encoder", "zero_shot", "unsupported", "no text tower")
    )
    begun(tmp_path / "2_birds__killed")
    (begun(tmp_path / "3_birds__typo") / "failed.json").write_text(json.dumps({"reason": "labels.csv: no such file"}))
    (begun(tmp_path / "4_birds__fault") / "error_encoder_knn.txt").write_text("Traceback")
    ends = job_ends(tmp_path, expected=6)
    assert [(end.name.split("_")[0], end.status) for end in ends] == [
        ("0", "ok"),
        ("1", "failed"),
        ("2", "missing"),
        ("3", "missing"),
        ("4", "missing"),
        ("10", "unsupported"),
        ("5", "missing"),
    ]
    assert told(ends) == [
        "sweep: 7 jobs: 1 ok, 1 unsupported, 1 failed, 4 missing",
        "1_birds__bad: bad, knn: failed: weights missing",
        "2_birds__killed: missing: no result was written: killed, or out of memory or time; run the same command again",
        "3_birds__typo: missing: labels.csv: no such file",
        "4_birds__fault: missing: no result; see error_encoder_knn.txt",
        "10_birds__blind: blind, zero_shot: unsupported: no text tower",
        "5: missing: it never began",
    ]
    assert exit_code(ends) == 1
    assert exit_code([end for end in ends if end.status in ("ok", "unsupported")]) == 2
    assert exit_code(ends[:1]) == 0


@pytest.mark.parametrize(
    ("params", "typed", "jobs"),
    [
        (None, ["encoder=a,b", "dataset=x,y", "task=[knn,few_shot]"], 4),
        ({"encoder": "a,b,c"}, ["experiment=e", "dataset=x,y"], 6),
        ({"encoder": "a,b,c"}, ["encoder=a"], 1),  # what is typed replaces what the experiment would sweep
    ],
)
def test_jobs_are_counted_with_those_an_experiment_sweeps(tmp_path: Path, monkeypatch, params, typed, jobs):
    monkeypatch.setenv(_SWEEP, "")
    hydra = {"sweeper": {"params": params}, "overrides": {"task": typed}, "sweep": {"dir": str(tmp_path)}}
    SweepBegins().on_multirun_start(OmegaConf.create({"hydra": hydra}))
    assert os.environ[_SWEEP] == f"{tmp_path}\t{jobs}"

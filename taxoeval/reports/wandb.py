"""One W&B run per evaluation, made after the result files and never at their cost.

Names of the summary, flat so that W&B can sort and plot them::

    <task>/<decoder>/<rank>/<metric>             knn/leaf_argmax/species/rank_hits
    <task>/<decoder>/<rank>/<metric>_low         likewise _high (95 % interval), _n, _chance, _majority
    <task>/<decoder>/<rank>/<metric>_top5        more than one answer allowed
    <task>/<decoder>/lineage/<metric>            about the whole lineage: mistake_severity, ...
    <task>@<slice>/...                           a part of the data: few_shot@5-shot/...
    control/<name>/<task>/...                    the same for a control
    <task>/status                                "ok", or why there are no numbers

A value that is undefined is null, and its ``_n`` is 0. The table ``scores`` holds the same in tidy form; it and the
predictions are whole in the artifact.
"""

import json
import math
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from taxoeval.records import Score
from taxoeval.reports import wandb_process
from taxoeval.reports.columns import SCORE_COLUMNS, score_rows
from taxoeval.reports.files import plain, read_run
from taxoeval.reports.run import EXIT_CODE, Cell, LogOutcome, Run

Mode = Literal["auto", "online", "offline", "disabled"]

MAX_ROWS = 10_000
"""W&B cuts a longer table without a word; ours is cut here, and says so."""

GRACE = 10.0
"""Seconds beyond its own timeouts after which the child is killed."""

INHERITED = ("WANDB_MODE", "WANDB_DIR", "WANDB_RUN_ID", "WANDB_RESUME", "WANDB_SERVICE", "WANDB_SWEEP_ID")
"""Variables that would join several runs into one or lead them elsewhere; the child does not get them."""


@dataclass(frozen=True)
class WandbLogger:
    """Log each run to W&B; see `log_run`.

    Attributes
    ----------
    project, entity
        Where the run goes.
    mode
        ``auto``: what ``WANDB_MODE`` says, else online where a key is set and offline where not.
    group
        None: the sweep the run belongs to.
    tags
        Words to find runs by.
    timeout
        Seconds after which W&B is given up.

    Examples
    --------
    >>> WandbLogger(mode="disabled")(None, None).status
    'off'
    """

    project: str = "taxoeval"
    entity: str | None = None
    mode: Mode = "auto"
    group: str | None = None
    tags: Sequence[str] = ()
    timeout: float = 120.0

    def __call__(self, run: Run, folder: Path) -> LogOutcome:
        """Log one run."""
        return log_run(
            run,
            folder,
            project=self.project,
            entity=self.entity,
            mode=self.mode,
            group=self.group,
            tags=self.tags,
            timeout=self.timeout,
        )


def log_run(
    run: Run,
    folder: Path,
    *,
    project: str = "taxoeval",
    entity: str | None = None,
    mode: Mode = "auto",
    group: str | None = None,
    tags: Sequence[str] = (),
    timeout: float = 120.0,
) -> LogOutcome:
    """Log a run whose files have been written.

    Parameters
    ----------
    run, folder
        The run and where `write_run` put it. An offline run is kept inside the folder, with all that a later
        ``wandb sync`` reads. That command must find the folder where it was: W&B notes full paths.
    project, entity, group, tags
        As in W&B; the group is by default the sweep's.
    mode
        See `WandbLogger`.
    timeout
        Seconds, at least a few: half of them for the first contact (30 at most), half for the upload.

    Returns
    -------
    outcome
        Never an exception. When the server cannot be reached, the run is kept offline beside the reason.

    Examples
    --------
    >>> log_run(None, None, mode="disabled")
    LogOutcome(status='off', reason='', run_id='', url='', path='', sync_command='', note='')
    """
    try:
        if mode == "auto":
            mode = _mode_of_environment()
        if mode not in ("auto", "online", "offline", "disabled"):
            return LogOutcome("failed", f"mode is {mode!r}; there are auto, online, offline and disabled")
        if mode == "disabled":
            return LogOutcome("off")
        home = folder.resolve()
        message = _message(run, home, timeout)
        arguments = {"project": project, "entity": entity, "group": group or run.group, "tags": list(tags)}
        message["init"] |= {**arguments, "mode": mode}
        outcome = _attempt(message, home)
        if outcome.status == "failed" and not outcome.path and mode != "offline":
            message["init"]["mode"] = "offline"
            message["timeout"] = max(timeout, 60.0)  # no server to wait for, but perhaps a busy machine
            kept = _attempt(message, home)
            outcome = replace(outcome, run_id=kept.run_id, path=kept.path, sync_command=kept.sync_command)
        return replace(outcome, note=_note(run))
    except Exception as error:  # the run is over and its files are written: nothing here may end the program
        return LogOutcome("failed", f"{type(error).__name__}: {' '.join(str(error).split())}")


def _mode_of_environment() -> Any:
    """``WANDB_MODE``, with its older names; ``auto`` where it is empty or not set."""
    named = os.environ.get("WANDB_MODE", "").strip()
    return {"": "auto", "run": "online", "dryrun": "offline"}.get(named, named)


def summary(run: Run) -> dict[str, Any]:
    """The flat summary of a run; the names are explained at the top of this file.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> cells = (Cell("pixels", "encoder", "zero_shot", "unsupported", "pixels has no text tower"),)
    >>> summary(Run(name="demo", started="2026-11-21T10:00:00", dataset="magpies", taxonomy=taxonomy, cells=cells))
    {'status': 'unsupported', 'zero_shot/status': 'unsupported: pixels has no text tower'}
    """
    several = len({cell.encoder for cell in run.cells if cell.role == "encoder"}) > 1
    rows: dict[str, Any] = {"status": run.status}
    for cell in run.cells:
        prefix = f"{cell.role}/{_word(cell.encoder)}/" if several or cell.role == "control" else ""
        rows[f"{prefix}{_word(cell.task)}/status"] = f"{cell.status}: {cell.reason}" if cell.reason else cell.status
        for score in cell.scores:
            rows |= _named(prefix, cell, score)
    return rows


def _named(prefix: str, cell: Cell, score: Score) -> dict[str, Any]:
    part = "" if score.slice == "all" else f"@{_word(score.slice)}"
    answers = "" if score.k == 1 else f"_top{score.k}"
    rank, decoder = score.rank or "lineage", _word(score.decoder)
    name = f"{prefix}{_word(cell.task)}{part}/{decoder}/{rank}/{score.metric}{answers}"
    beside = {"low": score.low, "high": score.high, "chance": score.chance, "majority": score.majority}
    known = {f"{name}_{what}": float(value) for what, value in beside.items() if math.isfinite(value)}
    return {name: float(score.value) if math.isfinite(score.value) else None, f"{name}_n": int(score.n), **known}


def _word(text: str) -> str:
    """A name as one part of a key: slashes would start a new part."""
    return text.replace("/", "_").replace("@", "_")


def _table(run: Run) -> dict[str, Any]:
    left_out = {"run", "dataset", "reason"}
    keep = [i for i, name in enumerate(SCORE_COLUMNS) if name not in left_out]
    rows = [[row[i] for i in keep] for row in score_rows(run)[:MAX_ROWS]]
    return {"columns": [SCORE_COLUMNS[i] for i in keep], "data": rows}


def _note(run: Run) -> str:
    n = sum(max(1, len(cell.scores)) for cell in run.cells)
    return f"its table shows {MAX_ROWS:,} of {n:,} scores, its artifact all" if n > MAX_ROWS else ""


def _message(run: Run, folder: Path, timeout: float) -> dict[str, Any]:
    """What the child is told."""
    meta = read_run(folder).meta
    provenance = {
        key: meta[key] for key in ("dataset", "taxonomy", "fingerprints", "versions", "git", "host", "started")
    }
    tasks = list(dict.fromkeys(cell.task for cell in run.cells))
    return {
        "init": {
            "name": run.name,
            "job_type": "+".join(tasks),
            "dir": str(folder),
            "config": {**plain(run.config), "provenance": provenance},
        },
        "timeout": timeout,
        "summary": summary(run),
        "table": _table(run),
        "artifact": {
            "name": "results",
            "kept": [str(folder / name) for name in meta["files"]],
            "copied": [str(folder / "run.json")],  # it changes once more, when the outcome is noted in it
        },
        "exit_code": EXIT_CODE[run.status],
    }


def _attempt(message: Mapping[str, Any], folder: Path) -> LogOutcome:
    """Let a child log the run, and kill it when time is up."""
    child = Path(wandb_process.__file__)
    overdue = False
    with tempfile.TemporaryFile() as noise:
        process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-P", str(child)],  # -P: beside that file lies another wandb.py
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=noise,
            env=_environment(folder),
            start_new_session=True,
        )
        try:
            told, _ = process.communicate(json.dumps(message).encode(), timeout=message["timeout"] + GRACE)
        except subprocess.TimeoutExpired:
            overdue = True
            process.kill()
            told, _ = process.communicate()
        finally:
            process.kill()
        noise.seek(0)
        last = noise.read().decode("utf-8", "replace").strip().splitlines()[-1:]
    facts: dict[str, Any] = {}
    for line in told.decode().splitlines():
        facts |= json.loads(line)
    if not facts.get("done") and "reason" not in facts:
        facts["reason"] = f"no answer within {message['timeout']:g} s" if overdue else " ".join(["wandb ended", *last])
    return _outcome(facts, folder)


def _environment(folder: Path) -> dict[str, str]:
    """Variables of the child: all that wandb keeps beside a run lies in the run's folder."""
    inside = {
        name: str(folder / "wandb" / "data") for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_ARTIFACT_DIR")
    }
    kept = {name: value for name, value in os.environ.items() if name not in INHERITED}
    return kept | inside | {"WANDB_SILENT": "true"}


def _outcome(facts: Mapping[str, Any], folder: Path) -> LogOutcome:
    path = Path(facts["path"]) if facts.get("path") else None
    reason = str(facts.get("reason", "")).replace(str(folder), ".")
    if secret := os.environ.get("WANDB_API_KEY"):
        reason = reason.replace(secret, "***")
    online = facts.get("mode") == "online"
    status: Literal["failed", "online", "offline"] = "failed" if reason else "online" if online else "offline"
    return LogOutcome(
        status=status,
        reason=reason,
        run_id=str(facts.get("run_id", "")),
        url=str(facts.get("url", "")) if online else "",
        path=path.relative_to(folder).as_posix() if path and path.is_relative_to(folder) else "",
        sync_command=f"{_program()} sync {shlex.quote(os.path.relpath(path))}" if path and status != "online" else "",
    )


def _program() -> str:
    """How to call ``wandb`` from here: by its name if that is the one beside our Python, else by its path."""
    ours = Path(sys.executable).parent / "wandb"
    found = shutil.which("wandb")
    if not ours.exists() or (found and Path(found).resolve() == ours.resolve()):
        return "wandb"
    return shlex.quote(os.path.relpath(ours))

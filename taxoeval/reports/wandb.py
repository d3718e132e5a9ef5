"""One W&B run per evaluation, made after the result files and never at their cost.

The names of its numbers are explained in `taxoeval.reports.wandb_summary`; the rest of what is sent, in
`taxoeval.reports.wandb_tables`. The predictions and every table are whole in its artifact.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

from taxoeval.reports import wandb_process
from taxoeval.reports.files import plain, read_run
from taxoeval.reports.run import EXIT_CODE, LogOutcome, Run
from taxoeval.reports.wandb_embeddings import write_embeddings
from taxoeval.reports.wandb_summary import by_rank, charts, summary
from taxoeval.reports.wandb_tables import artifact_files, drawn_tables, figures, note

Mode = Literal["auto", "online", "offline", "disabled"]

LONGEST = 64
"""Characters of a tag; W&B refuses a run with a longer one."""

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
        Words to find runs by, besides the names of encoder and dataset.
    embeddings
        Send the vectors of the encoder, too.
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
    embeddings: bool = False
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
            embeddings=self.embeddings,
            timeout=self.timeout,
        )

    def failed(
        self,
        reason: str,
        folder: Path,
        *,
        name: str,
        group: str | None,
        tasks: Sequence[str],
        config: Mapping[str, Any],
    ) -> LogOutcome:
        """Log a job that ended before it had a run: its configuration, and why; in W&B it has failed, too."""
        init: dict[str, Any] = {"name": name, "job_type": "+".join(tasks), "config": config, "tags": list(self.tags)}
        init |= {"project": self.project, "entity": self.entity, "group": self.group or group}
        nothing: dict[str, Any] = {
            "by_rank": [],
            "charts": [],
            "tables": {},
            "figures": {},
            "page": None,
            "artifacts": {},
        }
        told = {"summary": {"status": "failed", "reason": reason}, "exit_code": EXIT_CODE["failed"]}

        def message(home: Path, _: Path) -> dict[str, Any]:
            return {"init": {**plain(init), "dir": str(home)}, "timeout": self.timeout, **told, **nothing}

        return _send(message, folder, self.mode)


def log_run(
    run: Run,
    folder: Path,
    *,
    project: str = "taxoeval",
    entity: str | None = None,
    mode: Mode = "auto",
    group: str | None = None,
    tags: Sequence[str] = (),
    embeddings: bool = False,
    timeout: float = 120.0,
) -> LogOutcome:
    """Log a run whose files have been written.

    Parameters
    ----------
    run, folder
        The run and where `write_run` put it. An offline run is kept inside the folder, with all that a later
        ``wandb sync`` reads. That command must find the folder where it was: W&B notes full paths.
    project, entity, group
        As in W&B; the group is by default the sweep's.
    mode, tags, embeddings
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

    def message(home: Path, pictures: Path) -> dict[str, Any]:
        told = _message(run, home, pictures, timeout, embeddings)
        arguments = {"project": project, "entity": entity, "group": group or run.group, "tags": _tags(run, tags)}
        return {**told, "init": {**told["init"], **arguments}}

    return _send(message, folder, mode)


def _send(make: Callable[[Path, Path], dict[str, Any]], folder: Path, mode: str) -> LogOutcome:
    """Send the message made for a folder and a place for pictures; offline, if the server will not have it."""
    try:
        if mode == "auto":
            mode = _mode_of_environment()
        if mode not in ("auto", "online", "offline", "disabled"):
            return LogOutcome("failed", f"mode is {mode!r}; there are auto, online, offline and disabled")
        if mode == "disabled":
            return LogOutcome("off")
        home = folder.resolve()
        with tempfile.TemporaryDirectory() as pictures:
            with _child(home) as child:  # it gets ready while we are
                message = make(home, Path(pictures))
                message["init"]["mode"] = mode
                outcome = _attempt(child, message, home)
            if outcome.status == "failed" and not outcome.path and mode != "offline":
                message["init"]["mode"] = "offline"
                message["timeout"] = max(message["timeout"], 60.0)  # no server to wait for, but perhaps a busy machine
                with _child(home) as child:
                    kept = _attempt(child, message, home)
                outcome = replace(outcome, run_id=kept.run_id, path=kept.path, sync_command=kept.sync_command)
        return replace(outcome, note=note(message["tables"]))
    except Exception as error:  # the run is over and its files are written: nothing here may end the program
        return LogOutcome("failed", f"{type(error).__name__}: {' '.join(str(error).split())}")


def _mode_of_environment() -> Any:
    """``WANDB_MODE``, with its older names; ``auto`` where it is empty or not set."""
    named = os.environ.get("WANDB_MODE", "").strip()
    return {"": "auto", "run": "online", "dryrun": "offline"}.get(named, named)


def _tags(run: Run, tags: Sequence[str]) -> list[str]:
    """The names of encoder and dataset, then the user's own, each once; the end of a long name tells most of it."""
    named = [*(cell.encoder for cell in run.cells if cell.role == "encoder"), run.dataset, *tags]
    return list(dict.fromkeys(tag[-LONGEST:] for tag in named if tag))


def _message(run: Run, folder: Path, pictures: Path, timeout: float, embeddings: bool) -> dict[str, Any]:
    """What the child is told."""
    meta = read_run(folder).meta
    provenance = {
        key: meta[key] for key in ("dataset", "taxonomy", "fingerprints", "versions", "git", "host", "started")
    }
    page = folder / "report.html"
    tasks = list(dict.fromkeys(cell.task for cell in run.cells))
    artifacts = {"results": artifact_files(meta["files"], folder)}
    if embeddings and (vectors := write_embeddings(run, folder / "wandb")):
        artifacts["embeddings"] = {"kept": {vectors.name: str(vectors)}, "copied": {}}
    return {
        "init": {
            "name": run.name,
            "job_type": "+".join(tasks),
            "dir": str(folder),
            "config": {**plain(run.config), "provenance": provenance},
        },
        "timeout": timeout,
        "summary": summary(run),
        "by_rank": by_rank(run),
        "charts": charts(run),
        "tables": drawn_tables(run, folder, pictures),
        "figures": figures(run, folder),
        "page": str(page) if page.is_file() else None,
        "artifacts": artifacts,
        "exit_code": EXIT_CODE[run.status],
    }


@contextmanager
def _child(folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes]]]:
    """The process that talks to W&B and what it prints; it ends with the block."""
    with tempfile.TemporaryFile() as noise:
        process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-P", str(Path(wandb_process.__file__))],  # -P: beside that file lies another wandb.py
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=noise,
            env=_environment(folder),
            start_new_session=True,
        )
        with process:
            try:
                yield process, noise
            finally:
                process.kill()


def _attempt(
    child: tuple["subprocess.Popen[bytes]", IO[bytes]], message: Mapping[str, Any], folder: Path
) -> LogOutcome:
    """Let the child log the run, and kill it when time is up."""
    process, noise = child
    overdue = False
    try:
        told, _ = process.communicate(json.dumps(message).encode(), timeout=message["timeout"] + GRACE)
    except subprocess.TimeoutExpired:
        overdue = True
        process.kill()
        told, _ = process.communicate()
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

"""The process that talks to W&B, seen from here: started, given its message, killed when time is up."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from taxoeval.reports import wandb_process
from taxoeval.reports.run import LogOutcome

Child = tuple["subprocess.Popen[bytes]", IO[bytes]]
"""The process, and what it prints."""

GRACE = 10.0
"""Seconds beyond its own timeouts after which the child is killed."""

INHERITED = ("WANDB_MODE", "WANDB_DIR", "WANDB_RUN_ID", "WANDB_RESUME", "WANDB_SERVICE", "WANDB_SWEEP_ID")
"""Variables that would join several runs into one or lead them elsewhere; the child does not get them."""


@contextmanager
def started(folder: Path) -> Iterator[Child]:
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


def told(child: Child, message: Mapping[str, Any], folder: Path) -> LogOutcome:
    """Let the child log the run, and kill it when time is up."""
    process, noise = child
    overdue = False
    try:
        answer, _ = process.communicate(json.dumps(message).encode(), timeout=message["timeout"] + GRACE)
    except subprocess.TimeoutExpired:
        overdue = True
        process.kill()
        answer, _ = process.communicate()
    noise.seek(0)
    last = noise.read().decode("utf-8", "replace").strip().splitlines()[-1:]
    facts: dict[str, Any] = {}
    for line in answer.decode().splitlines():
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

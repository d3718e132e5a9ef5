"""One W&B run per evaluation, made after the result files and never at their cost.

The names of its numbers are explained in `taxoeval.reports.wandb_summary`; the rest of what is sent, in
`taxoeval.reports.wandb_tables`. The predictions and every table are whole in its artifact.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from taxoeval.reports.files import plain, read_run
from taxoeval.reports.run import EXIT_CODE, LogOutcome, Run
from taxoeval.reports.wandb_child import Child, started, told
from taxoeval.reports.wandb_embeddings import write_embeddings
from taxoeval.reports.wandb_summary import by_rank, charts, summary
from taxoeval.reports.wandb_tables import artifact_files, drawn_tables, figures, note

Mode = Literal["auto", "online", "offline", "disabled"]

LONGEST = 64
"""Characters of a tag; W&B refuses a run with a longer one."""


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

    def __call__(self, run: Run, folder: Path, *, child: Child | None = None) -> LogOutcome:
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
            child=child,
        )

    @contextmanager
    def ready(self, folder: Path) -> Iterator[Callable[[Run, Path], LogOutcome]]:
        """Start the process that talks to W&B while the caller still works; what this gives logs the run then."""
        if _chosen(self.mode) == "disabled":
            yield self
            return
        with started(folder.resolve()) as child:
            yield partial(self, child=child)

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
        end = {"summary": {"status": "failed", "reason": reason}, "exit_code": EXIT_CODE["failed"]}

        def message(home: Path, _: Path) -> dict[str, Any]:
            return {"init": {**plain(init), "dir": str(home)}, "timeout": self.timeout, **end, **nothing}

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
    child: Child | None = None,
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
    child
        The process that talks to W&B, where it has been started.

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
        whole = _message(run, home, pictures, timeout, embeddings)
        arguments = {"project": project, "entity": entity, "group": group or run.group, "tags": _tags(run, tags)}
        return {**whole, "init": {**whole["init"], **arguments}}

    return _send(message, folder, mode, child)


def _send(
    make: Callable[[Path, Path], dict[str, Any]], folder: Path, mode: str, child: Child | None = None
) -> LogOutcome:
    """Send the message made for a folder and a place for pictures; offline, if the server will not have it."""
    try:
        mode = _chosen(mode)
        if mode not in ("auto", "online", "offline", "disabled"):
            return LogOutcome("failed", f"mode is {mode!r}; there are auto, online, offline and disabled")
        if mode == "disabled":
            return LogOutcome("off")
        home = folder.resolve()
        with tempfile.TemporaryDirectory() as pictures:
            with nullcontext(child) if child else started(home) as ready:  # it gets ready while we are
                message = make(home, Path(pictures))
                message["init"]["mode"] = mode
                outcome = told(ready, message, home)
            if outcome.status == "failed" and not outcome.path and mode != "offline":
                message["init"]["mode"] = "offline"
                message["timeout"] = max(message["timeout"], 60.0)  # no server to wait for, but perhaps a busy machine
                with started(home) as another:
                    kept = told(another, message, home)
                outcome = replace(outcome, run_id=kept.run_id, path=kept.path, sync_command=kept.sync_command)
        return replace(outcome, note=note(message["tables"]))
    except Exception as error:  # the run is over and its files are written: nothing here may end the program
        return LogOutcome("failed", f"{type(error).__name__}: {' '.join(str(error).split())}")


def _chosen(mode: str) -> str:
    """The mode; instead of ``auto`` what ``WANDB_MODE`` says, also by its older names, if it says anything."""
    if mode != "auto":
        return mode
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

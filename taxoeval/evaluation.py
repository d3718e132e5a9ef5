"""One evaluation from the first image to the last report: embed once, ask every task, write, show, log."""

import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from taxoeval.datasets.images import NoImages
from taxoeval.embedding import processes
from taxoeval.embedding.progress import progress_bar
from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.reports import Cell, Logger, Run, print_run, record_logging, write_run
from taxoeval.reports.cell_key import task_settings
from taxoeval.reports.cell_store import CellStore, Overwrite
from taxoeval.reports.console import Detail
from taxoeval.reports.failure import failure_logged
from taxoeval.reports.figures import draw_all, write_figures
from taxoeval.reports.files import read_run
from taxoeval.reports.html import write_report
from taxoeval.reports.mistakes import write_mistakes
from taxoeval.reports.no_logger import NoLogger
from taxoeval.reports.prompt_differences import prompt_differences
from taxoeval.reports.run import Status
from taxoeval.reports.thumbnails import write_thumbnails
from taxoeval.subject import subject_of
from taxoeval.subjects import Found, Outcome, subjects_of
from taxoeval.tasks import Subject, Task
from taxoeval.tasks.decoding import Decoding

if TYPE_CHECKING:
    from taxoeval.datasets.base import ImageDataset
    from taxoeval.encoders import Encoder


@dataclass(frozen=True)
class Runtime:
    """How a run uses the machine; none of it changes a result.

    Attributes
    ----------
    store
        Folder of the embedding store, shared by all runs.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    batch_size
        Images that are read and computed at a time; ``auto`` leaves it to the device. Where they do not fit into
        memory, the network gets fewer.
    workers
        Processes that decode images; ``auto`` leaves it to the number of processors.
    progress
        Show bars while embedding and evaluating, where standard error is a terminal.
    console
        How much is printed: see `print_run`.
    cells
        Folder of finished results, shared by all runs: a question that was answered is not computed again. None
        keeps none.
    overwrite
        What to do where a result is there already: see `CellStore`; ``never`` also leaves a folder alone that holds a
        finished run.
    """

    store: str
    device: str = "auto"
    batch_size: int | Literal["auto"] = "auto"
    workers: int | Literal["auto"] = "auto"
    progress: bool = True
    console: Detail = "normal"
    cells: str | None = "outputs/cells"
    overwrite: Overwrite = "only_missing"


def evaluate(
    *,
    encoders: Mapping[str, Callable[[], "Encoder"]],
    dataset: Callable[[], "ImageDataset"],
    tasks: Mapping[str, Task],
    decoding: Decoding,
    logger: Logger,
    runtime: Runtime,
    folder: Path,
    name: str | None,
    group: str | None,
    config: Mapping[str, Any],
) -> Status:
    """Evaluate each encoder with each task, write the results into the folder, show them, then log them.

    Parameters
    ----------
    encoders
        Makers by role: ``encoder``, and ``control`` for the one whose numbers stand beside.
    dataset
        Maker of the dataset.
    tasks
        Tasks by name.
    decoding
        How their scores become answers.
    logger
        Where the finished run is sent; whatever it does, the results are on disk before.
    runtime
        Use of the machine.
    folder
        Where results are written.
    name, group
        Names of the run (default: dataset and encoder) and of the sweep it belongs to.
    config
        The resolved configuration, for the record.

    Returns
    -------
    status
        ``ok`` if the encoder got a result, ``unsupported`` if every task refused it, ``failed`` if anything failed.

    Raises
    ------
    TaxoevalError
        If the dataset cannot be read or the results cannot be written.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    store = CellStore(Path(runtime.cells).expanduser() if runtime.cells else None, runtime.overwrite)
    found = Found()
    with processes.group():
        kept = runtime.overwrite == "never" and (folder / "run.json").is_file()
        if processes.any_of_us(kept):
            return _left_alone(folder) if kept else "ok"
        with (
            failure_logged(
                logger if processes.is_first() else NoLogger(),
                folder,
                name=name,
                group=group,
                tasks=list(tasks),
                config=config,
            ),
            found.timed("dataset"),
        ):
            images = dataset()
        found.notes += images.notes
        embed = partial(_embed, dataset=images, decoding=decoding, runtime=runtime)
        subjects: Iterable[tuple[str, Outcome]] = subjects_of(encoders, images, embed, found)
        if processes.joined():
            subjects = list(subjects)  # all vectors, while all processes are there
    if not processes.is_first():
        return _others_end(subjects)
    with progress_bar("evaluating", len(encoders) * len(tasks), "tasks", shown=runtime.progress) as advance:
        for role, outcome in subjects:
            if isinstance(outcome, Exception):
                found.cells += [_failed(found.names.get(role, role), role, task, outcome, folder) for task in tasks]
                continue
            subject, about = outcome
            if role == "encoder" and getattr(logger, "embeddings", False):
                found.embeddings = subject.embeddings
            for key, task in tasks.items():
                settings = task_settings(config, key, task)
                ask = partial(_ask, found.names[role], role, key, task, subject, folder)
                cell = store.get({**about, **settings}, found.names[role], role, key, ask) if settings else ask()
                found.cells.append(cell)
                advance(1)
    run = Run(
        name=name or f"{images.name}__{found.names.get('encoder', 'encoder')}",
        group=group,
        started=started,
        dataset=images.name,
        dataset_notes=tuple(found.notes),
        n_images=len(images),
        taxonomy=images.taxonomy,
        config=config,
        fingerprints=found.fingerprints,
        cells=tuple(found.cells),
        timings=found.timings,
        hashes={"labels": found.labels, "vectors": found.vectors},
        warnings=prompt_differences(found.cells),
        embeddings=found.embeddings,
    )
    write_run(run, folder)
    write_mistakes(run, folder)
    ready = getattr(logger, "ready", None)  # some loggers can get ready meanwhile
    with ready(folder) if ready else nullcontext(logger) as log:
        _picture(run, images, folder)
        print_run(run, folder, detail=runtime.console)
        for warning in run.warnings:
            print(f"taxoeval: {warning}", file=sys.stderr)
        logged = log(run, folder)
    record_logging(logged, folder)
    if logged.message:
        print(logged.message)
    return run.status


def _embed(encoder: "Encoder", dataset: "ImageDataset", decoding: Decoding, runtime: Runtime) -> Subject:
    return subject_of(
        encoder,
        dataset,
        decoding,
        store=Path(runtime.store).expanduser(),
        batch_size=runtime.batch_size,
        workers=runtime.workers,
        device=runtime.device,
        progress=runtime.progress and processes.is_first(),
    )


def _left_alone(folder: Path) -> Status:
    print(f"taxoeval: {folder} holds a finished run, which runtime.overwrite=never leaves alone")
    return cast(Status, read_run(folder).meta["status"])


def _others_end(subjects: Iterable[tuple[str, Outcome]]) -> Status:
    """The end of a process that helped to compute vectors; the first one evaluates."""
    for _, outcome in subjects:
        if isinstance(outcome, Exception):
            raise outcome
    return "ok"


def _picture(run: Run, images: "ImageDataset", folder: Path) -> None:
    """The page of the run and its small pictures. The numbers are on disk by now; no fault here may cost the run."""
    try:
        if not isinstance(images.source, NoImages):
            write_thumbnails(run, images.sample.tolist(), images.source.image, folder)
        write_figures(folder)
        write_report(folder)
    except Exception as error:
        print(f"taxoeval: {folder}: figures or page were not made ({type(error).__name__}: {error})", file=sys.stderr)


def _ask(encoder: str, role: str, key: str, task: Task, subject: Subject, folder: Path) -> Cell:
    """One task; a refusal or a fault becomes the status of its cell, and the others go on."""
    start = time.perf_counter()
    try:
        if not subject.embeddings.vectors.shape[1] and getattr(task, "needs_vectors", True):
            raise UnsupportedError(
                f"{key} needs an encoder's vectors, and encoder=none gives none; choose an encoder, or "
                "task=score_predictions for answers from elsewhere"
            )
        result = task(subject)
    except UnsupportedError as reason:
        return Cell(encoder=encoder, role=role, task=key, status="unsupported", reason=str(reason))
    except Exception as error:
        return _failed(encoder, role, key, error, folder)
    figures: dict[str, bytes] = {}
    undrawn: tuple[str, ...] = ()
    try:
        figures = draw_all(result.records)
    except Exception as error:  # the numbers are worth keeping without their pictures
        undrawn = (f"its figures were not drawn: {type(error).__name__}: {' '.join(str(error).split())}",)
    return Cell(
        encoder=encoder,
        role=role,
        task=key,
        status="ok",
        reason="",
        scores=result.scores,
        predictions=result.predictions,
        notes=(*result.notes, *undrawn),
        seconds=time.perf_counter() - start,
        details=result.details,
        tables=result.tables,
        taxonomy=result.taxonomy,
        figures=figures,
    )


def _failed(encoder: str, role: str, task: str, error: Exception, folder: Path) -> Cell:
    """A cell that failed: one line for a user's error, the traceback in a file beside the results for ours."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, TaxoevalError):
        file = folder / f"error_{role}_{task}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        reason = f"{type(error).__name__}: {reason} (traceback in {file.name})"
    print(f"taxoeval: {encoder}{'' if encoder == role else f' ({role})'}, {task}: {reason}", file=sys.stderr)
    return Cell(encoder=encoder, role=role, task=task, status="failed", reason=reason)

"""The records a finished evaluation hands to its reports."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from taxoeval.records import Embeddings, Predictions, Score
from taxoeval.taxonomy import Taxonomy

Status = Literal["ok", "unsupported", "failed"]

EXIT_CODE: Mapping[Status, int] = {"ok": 0, "failed": 1, "unsupported": 2}
"""Exit status of a run, the same for the shell and for W&B."""


@dataclass(frozen=True, eq=False)
class Cell:
    """One encoder asked one task.

    Attributes
    ----------
    encoder
        Short name of the encoder.
    role
        ``"encoder"`` for one under evaluation, ``"control"`` for one whose numbers stand beside it.
    task
        Name of the task.
    status, reason
        ``"ok"``; or ``"unsupported"`` or ``"failed"`` with the reason in one line.
    scores, predictions
        The numbers, and the answers they were computed from.
    notes
        What a reader must know to read the numbers, one sentence each.
    seconds
        How long the task took.
    details
        Plain values for the record: resolved settings, counts, hashes.
    tables
        Further columns worth a file, by name: the splits of few-shot, for example.
    taxonomy
        The taxonomy of the predictions where it is not the run's.
    figures
        Contents of the files of the figures drawn from what the task found, by name with suffix.
    cached
        Whether it was read from an earlier evaluation; ``seconds`` are those of that one.

    Raises
    ------
    ValueError
        If role or status is none of the above, a reason is missing, or two scores answer the same question.

    Examples
    --------
    >>> Cell("pixels", "control", "zero_shot", "unsupported", "pixels has no text tower").status
    'unsupported'
    """

    encoder: str
    role: str
    task: str
    status: Status
    reason: str = ""
    scores: tuple[Score, ...] = ()
    predictions: tuple[Predictions, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)
    taxonomy: Taxonomy | None = None
    figures: Mapping[str, bytes] = field(default_factory=dict)
    cached: bool = False

    def __post_init__(self) -> None:
        if self.role not in ("encoder", "control") or self.status not in EXIT_CODE:
            raise ValueError(
                f"role must be encoder or control and status one of {', '.join(EXIT_CODE)}; "
                f"got {self.role!r} and {self.status!r}"
            )
        if self.status != "ok" and not self.reason:
            raise ValueError(f"a cell with status {self.status!r} needs a reason ({self.encoder}, {self.task})")
        questions = Counter((s.decoder, s.slice, s.rank, s.metric, s.k) for s in self.scores)
        twice = [question for question, count in questions.items() if count > 1]
        if twice:
            raise ValueError(
                f"{self.encoder}, {self.task}: two scores for (decoder, slice, rank, metric, k) = {twice[0]}"
            )


@dataclass(frozen=True, eq=False)
class Run:
    """Everything one evaluation found, ready to be written, shown and logged.

    Attributes
    ----------
    name, group
        Name of the run, and of the sweep it belongs to.
    started
        When it started, UTC, ISO 8601.
    dataset, dataset_notes, n_images
        Name of the dataset, what its reader detected and decided, and its size.
    taxonomy
        The taxonomy of the dataset, and of every cell that has none of its own; see `taxonomy_of`.
    config
        The resolved configuration: plain values, nested.
    fingerprints
        What identifies the vectors of each encoder, by role or name.
    cells
        One per encoder and task.
    timings
        Seconds by step.
    hashes
        What tells whether two runs were given the same: ``labels`` and, by role, ``vectors``.
    warnings
        Why some of its numbers should not be compared with others of it, one sentence each.
    embeddings
        The vectors of the encoder under evaluation, where the logger wants them. Not kept in the files of the run: the
        store has them.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> cells = (Cell("pixels", "encoder", "zero_shot", "unsupported", "pixels has no text tower"),)
    >>> Run(name="demo", started="2026-11-21T10:00:00+00:00", dataset="magpies", taxonomy=taxonomy, cells=cells).status
    'unsupported'
    """

    name: str
    started: str
    dataset: str
    taxonomy: Taxonomy
    cells: tuple[Cell, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    fingerprints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    dataset_notes: tuple[str, ...] = ()
    n_images: int = 0
    timings: Mapping[str, float] = field(default_factory=dict)
    hashes: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    group: str | None = None
    embeddings: Embeddings | None = None

    @property
    def status(self) -> Status:
        """``failed`` if any cell failed; ``unsupported`` if every cell but the controls' is; else ``ok``."""
        if any(cell.status == "failed" for cell in self.cells):
            return "failed"
        asked = [cell.status for cell in self.cells if cell.role == "encoder"]
        return "unsupported" if asked and all(status == "unsupported" for status in asked) else "ok"

    def taxonomy_of(self, cell: Cell) -> Taxonomy:
        """The taxonomy that the taxa in a cell's predictions are of."""
        return self.taxonomy if cell.taxonomy is None else cell.taxonomy


@dataclass(frozen=True)
class LogOutcome:
    """What became of a run at a logging service.

    Attributes
    ----------
    status
        ``"off"``, ``"offline"`` (kept on disk), ``"online"`` (uploaded whole), or ``"failed"``.
    reason
        Why it failed, in one line.
    run_id, url
        Identity of the run at the service.
    path
        Its folder, relative to the results folder.
    sync_command
        What uploads it later, to be typed where the program was started.
    note
        What a reader should know of a run that succeeded: a table that was cut, for example.

    Examples
    --------
    >>> LogOutcome("offline", sync_command="wandb sync outputs/wandb/offline-run-1").message
    'W&B: kept offline; to upload it: wandb sync outputs/wandb/offline-run-1'
    """

    status: Literal["off", "offline", "online", "failed"]
    reason: str = ""
    run_id: str = ""
    url: str = ""
    path: str = ""
    sync_command: str = ""
    note: str = ""

    @property
    def message(self) -> str:
        """One line for the console; ``""`` when there is nothing to say."""
        if self.status == "off":
            return ""
        later = f"; to upload it: {self.sync_command}" if self.sync_command else ""
        note = f" ({self.note})" if self.note else ""
        if self.status == "failed":
            return f"W&B: failed, the result files are complete: {self.reason}{later}"
        return f"W&B: kept offline{note}{later}" if self.status == "offline" else f"W&B: {self.url}{note}"


class Logger(Protocol):
    """Sends a finished run somewhere. The result files are complete before it is called; it never raises."""

    def __call__(self, run: Run, folder: Path) -> LogOutcome:
        """Log one run."""
        ...

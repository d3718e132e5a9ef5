"""How a sweep ended: what each job left on disk, whatever its scheduler says of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taxoeval.errors import TaxoevalError
from taxoeval.reports.files import read_run


@dataclass(frozen=True)
class JobEnd:
    """One job of a sweep.

    Attributes
    ----------
    name
        Folder of the job below the sweep's.
    status
        ``ok``, ``unsupported``, ``failed``, or ``missing`` for one that left no result.
    cells
        ``(encoder, task, status, reason)`` of each question asked; controls are left out unless they failed.
    reason
        Why there is no result, for a missing one.
    """

    name: str
    status: str
    cells: tuple[tuple[str, str, str, str], ...] = ()
    reason: str = ""


def job_ends(folder: Path, expected: int | None = None) -> list[JobEnd]:
    """What the jobs of a sweep left, in the order of their numbers.

    Parameters
    ----------
    folder
        Of the sweep.
    expected
        How many jobs there were to be; those that never began are told as missing.
    """
    places = sorted((p for p in folder.iterdir() if (p / ".hydra").is_dir() or (p / "run.json").is_file()), key=_number)
    began = {_number(place) for place in places}
    never = [JobEnd(f"{i}", "missing", reason="it never began") for i in range(expected or 0) if i not in began]
    return [*(_end(place) for place in places), *never]


def exit_code(ends: Sequence[JobEnd]) -> int:
    """0 if every job gave results, 1 if one failed or is missing, 2 if one had only refusals.

    Examples
    --------
    >>> exit_code([JobEnd("0", "ok"), JobEnd("1", "unsupported")]), exit_code([JobEnd("0", "missing")])
    (2, 1)
    """
    statuses = {end.status for end in ends}
    return 1 if statuses & {"failed", "missing"} else 2 if "unsupported" in statuses else 0


def told(ends: Sequence[JobEnd]) -> list[str]:
    """Lines that say how many jobs ended how, and why those did that are not ok.

    Examples
    --------
    >>> told([JobEnd("0", "ok"), JobEnd("1", "missing", reason="killed")])
    ['sweep: 2 jobs: 1 ok, 1 missing', '1: missing: killed']
    """
    counts = {
        status: n
        for status in ("ok", "unsupported", "failed", "missing")
        if (n := sum(end.status == status for end in ends))
    }
    jobs = "1 job" if len(ends) == 1 else f"{len(ends)} jobs"
    lines = [f"sweep: {jobs}: {', '.join(f'{n} {status}' for status, n in counts.items())}"]
    for end in ends:
        if end.reason:
            lines.append(f"{end.name}: {end.status}: {end.reason}")
        lines += [
            f"{end.name}: {who}, {task}: {status}: {why}" for who, task, status, why in end.cells if status != "ok"
        ]
    return lines


def _number(place: Path) -> float:
    number = place.name.split("_", 1)[0]
    return int(number) if number.isdigit() else float("inf")


def _end(place: Path) -> JobEnd:
    if not (place / "run.json").is_file():
        return JobEnd(place.name, "missing", reason=last_words(place))
    try:
        meta = read_run(place).meta
    except TaxoevalError as error:
        return JobEnd(place.name, "missing", reason=str(error))
    cells = tuple(
        (cell["encoder"], cell["task"], cell["status"], cell["reason"])
        for cell in meta["cells"]
        if cell["role"] == "encoder" or cell["status"] == "failed"
    )
    return JobEnd(place.name, meta["status"], cells)


def last_words(place: Path) -> str:
    """What a job said before it ended without a result, or that it said nothing: then it was killed."""
    errors = sorted(file.name for file in place.glob("error_*.txt"))
    if errors:
        return f"no result; see {errors[0]}"
    try:
        return str(json.loads((place / "failed.json").read_text(encoding="utf-8"))["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        return "no result was written: killed, or out of memory or time; run the same command again"

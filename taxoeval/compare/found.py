"""The runs below some folders: those that finished, and those that left only traces."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taxoeval.compare.sweep import last_words
from taxoeval.errors import TaxoevalError
from taxoeval.reports.files import SavedRun, read_run


@dataclass(frozen=True)
class Unfinished:
    """A folder in which a job began and no finished run is.

    Attributes
    ----------
    folder
        Where.
    reason
        Why it does not count, in one line.
    """

    folder: Path
    reason: str


@dataclass(frozen=True)
class Found:
    """What there is to compare.

    Attributes
    ----------
    runs
        Finished runs, in the order of their folders.
    unfinished
        Jobs that began and left no result that can be read.
    """

    runs: tuple[SavedRun, ...]
    unfinished: tuple[Unfinished, ...]


def find_runs(folders: Sequence[Path]) -> Found:
    """Look for runs in folders and everything below them.

    Parameters
    ----------
    folders
        Folders of runs, of sweeps, or of both.

    Returns
    -------
    found
        Each run once, however often it is named.

    Raises
    ------
    TaxoevalError
        If a folder does not exist, or there is no run in any.

    Examples
    --------
    >>> find_runs([Path("no such folder")])
    Traceback (most recent call last):
    taxoeval.errors.TaxoevalError: no such folder: there is no such folder; give folders that runs were written to
    """
    seen: dict[Path, SavedRun | Unfinished] = {}
    for folder in folders:
        if not folder.is_dir():
            raise TaxoevalError(f"{folder}: there is no such folder; give folders that runs were written to")
        for place in sorted({path.parent for path in folder.rglob("run.json")} | _begun(folder)):
            if place.resolve() not in seen:
                seen[place.resolve()] = _opened(place)
    runs = tuple(one for one in seen.values() if isinstance(one, SavedRun))
    unfinished = tuple(one for one in seen.values() if isinstance(one, Unfinished))
    if not runs:
        why = f" ({unfinished[0].folder}: {unfinished[0].reason})" if unfinished else ""
        names = ", ".join(str(folder) for folder in folders)
        raise TaxoevalError(f"{names}: no finished run is there{why}; run `python -m taxoeval` first")
    return Found(runs, unfinished)


def _begun(folder: Path) -> set[Path]:
    """Folders in which a job wrote down its settings; a sweep's own folder holds those of no job."""
    return {path.parent.parent for path in folder.rglob(".hydra/overrides.yaml")}


def _opened(place: Path) -> SavedRun | Unfinished:
    if not (place / "run.json").is_file():
        return Unfinished(place, last_words(place))
    try:
        run = read_run(place)
        run.scores(), run.images()  # a file that is gone or cut off is this run's fault, not the comparison's
        return run
    except TaxoevalError as error:
        return Unfinished(place, str(error).removeprefix(f"{place / 'run.json'}: ").removeprefix(f"{place}: "))

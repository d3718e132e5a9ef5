"""Results found by what was computed: the same question about the same vectors is answered from disk."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from taxoeval.encoders.base import canonical_json
from taxoeval.errors import TaxoevalError
from taxoeval.reports.cell_files import load_cell, save_cell
from taxoeval.reports.provenance import code_sha256
from taxoeval.reports.run import Cell

Overwrite = Literal["only_missing", "always", "never", "only_cached"]
POLICIES = ("only_missing", "always", "never", "only_cached")


@dataclass(frozen=True)
class CellStore:
    """A folder of finished cells, each named by the digest of everything that its numbers depend on.

    Attributes
    ----------
    root
        The folder; None keeps nothing.
    overwrite
        ``only_missing`` (and ``never``, which differs for whole runs only): a cell that is there is read, another
        computed. ``always``: every cell is computed and replaces the one that is there. ``only_cached``: nothing is
        computed; a cell that is not there is reported as unsupported.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     store = CellStore(Path(folder))
    ...     ask = lambda: print("computing") or Cell("pixels", "control", "knn", "unsupported", "too few images")
    ...     _ = store.get({"task": "knn"}, "pixels", "control", "knn", ask)
    ...     store.get({"task": "knn"}, "pixels", "control", "knn", ask).reason
    computing
    'too few images'
    """

    root: Path | None
    overwrite: Overwrite = "only_missing"

    def __post_init__(self) -> None:
        if self.overwrite not in POLICIES:
            raise TaxoevalError(f"runtime.overwrite={self.overwrite!r} is none of {', '.join(POLICIES)}")

    def get(
        self, depends_on: Mapping[str, Any], encoder: str, role: str, task: str, compute: Callable[[], Cell]
    ) -> Cell:
        """A cell, read or computed as the policy says; one that failed is never kept.

        Parameters
        ----------
        depends_on
            Plain values: equal ones mean equal cells.
        encoder, role, task
            Names the cell is to carry; a kept one may have been made in another role.
        compute
            Makes the cell.

        Raises
        ------
        TaxoevalError
            If the cell cannot be written.
        """
        if self.root is None:
            return compute()
        folder = self.root / _digest(depends_on)
        kept = load_cell(folder) if self.overwrite != "always" else None
        if kept is not None:
            return replace(kept, encoder=encoder, role=role, task=task, cached=True)
        if self.overwrite == "only_cached":
            return Cell(encoder, role, task, "unsupported", "not computed yet, and runtime.overwrite=only_cached")
        cell = compute()
        if cell.status != "failed":
            save_cell(cell, folder)
        return cell


def _digest(depends_on: Mapping[str, Any]) -> str:
    content = canonical_json({**depends_on, "code": code_sha256()})
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def content_of_files(settings: Any) -> dict[str, str]:
    """SHA-256 of every file that a setting names: a table that was edited makes another result.

    Parameters
    ----------
    settings
        Plain values, nested.

    Examples
    --------
    >>> content_of_files({"k": 1, "names": ["no such file"]})
    {}
    """
    if isinstance(settings, Mapping):
        settings = list(settings.values())
    if isinstance(settings, list | tuple):
        return {name: digest for value in settings for name, digest in content_of_files(value).items()}
    if not isinstance(settings, str | Path) or not _is_file(settings):
        return {}
    with Path(settings).open("rb") as file:
        return {str(settings): hashlib.file_digest(file, "sha256").hexdigest()}


def _is_file(name: str | Path) -> bool:
    try:
        return bool(str(name)) and Path(name).is_file()
    except (OSError, ValueError):  # too long, or holds what no name may hold
        return False

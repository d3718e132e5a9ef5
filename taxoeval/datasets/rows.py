"""The rows of a table of labels as text, and everything that can be wrong with them before an image is opened."""

import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from taxoeval.datasets.base import Problem


@dataclass(frozen=True, eq=False)
class Rows:
    """The cells that are needed, as stripped text with ``""`` for unknown, row by row.

    Attributes
    ----------
    number
        Row numbers, as messages give them.
    path
        The image paths, or whatever names the rows.
    ranks
        One column per rank, coarse to fine.
    label, common, group
        Further columns; None where the table has none.
    notes
        What was decided.
    """

    number: list[int]
    path: list[str]
    ranks: dict[str, list[str]]
    label: list[str] | None
    common: list[str] | None
    group: list[str] | None
    notes: tuple[str, ...]

    def without(self, numbers: set[int]) -> "Rows":
        """The other rows."""
        keep = [i for i, number in enumerate(self.number) if number not in numbers]

        def part(column: list[str]) -> list[str]:
            return [column[i] for i in keep]

        def part_of(column: list[str] | None) -> list[str] | None:
            return None if column is None else part(column)

        return Rows(
            [self.number[i] for i in keep],
            part(self.path),
            {rank: part(column) for rank, column in self.ranks.items()},
            part_of(self.label),
            part_of(self.common),
            part_of(self.group),
            self.notes,
        )

    def lineage(self, i: int) -> tuple[str, ...]:
        """The names of a row, one per rank."""
        return tuple(column[i] for column in self.ranks.values())


def sample_id(path: str, root: Path | None) -> str:
    r"""What an image is called: its path without detours and relative to the root.

    ``""`` where the path leads out of the root (symbolic links may). Without a root, where no file is meant to be
    there, the name as written, without detours.

    Examples
    --------
    >>> sample_id("./birds/../1.jpg", Path("photographs")), sample_id("../1.jpg", Path("photographs"))
    ('1.jpg', '')
    >>> sample_id(".\\birds\\1.jpg", None)
    'birds/1.jpg'
    """
    if root is None:
        return posixpath.normpath(path.replace("\\", "/")) if path else ""
    base = os.path.normpath(root.absolute())
    full = os.path.normpath(f"{base}/{path}" if not path.startswith("/") else path)
    return full[len(base) :].lstrip("/") if full.startswith(base.rstrip("/") + "/") else ""


def problems(rows: Rows, root: Path | None, where: str) -> Iterator[Problem]:
    """Everything that can be seen without opening an image; without a root, no file is looked for."""
    for i, (number, path) in enumerate(zip(rows.number, rows.path, strict=True)):
        reason = _path_problem(path, root) or _lineage_problem(rows.lineage(i))
        if reason:
            yield Problem(where, number, path, reason)
    yield from _repeated(rows, root, where)


def hint(bad: Sequence[Problem], rows: Rows, root: Path | None) -> str:
    """What to do where not one image is found; ``""`` otherwise."""
    absent = sum(problem.reason.startswith(("no such file", "leads out")) for problem in bad)
    if root is None or absent < len(rows.path):
        return ""
    return (
        f"Not one image is there: are they downloaded, and do their paths start from {root} (root=...)? To score "
        "answers without any image: annotations_only=true"
    )


def _path_problem(path: str, root: Path | None) -> str:
    if not path:
        return "no image path" if root is not None else "no sample id"
    if root is None:
        return ""
    below = sample_id(path, root)
    if not below:
        return f"leads out of the image root (root={root})"
    if not (root / below).is_file():
        return f"no such file (under {root})"
    return ""


def _lineage_problem(lineage: tuple[str, ...]) -> str:
    named = [name for name in lineage if name]
    known = [name for k, name in enumerate(named) if k == 0 or name != named[k - 1]]
    if not known:
        return "no name at any rank"
    if len(set(known)) < len(known):
        return f"the lineage goes in a circle ({' > '.join(known)})"
    return ""


def _repeated(rows: Rows, root: Path | None, where: str) -> Iterator[Problem]:
    """Rows whose image stands in another row too."""
    places: dict[str, list[int]] = {}
    for i, path in enumerate(rows.path):
        if path:
            places.setdefault(sample_id(path, root) or path, []).append(i)
    for same in places.values():
        if len(same) < 2:
            continue
        one_label = len({rows.lineage(i) for i in same}) == 1
        listed = ", ".join(str(rows.number[i]) for i in same)
        for i in same[1:] if one_label else same:
            reason = "duplicate row" if one_label else "one image with conflicting labels"
            yield Problem(where, rows.number[i], rows.path[i], f"{reason} (rows {listed})")

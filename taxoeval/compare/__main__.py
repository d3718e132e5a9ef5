"""``python -m taxoeval.compare RUN...``: one table over runs."""

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from taxoeval.compare.blocks import Block, blocks
from taxoeval.compare.cost import cost_figure
from taxoeval.compare.differences import Compared, compared
from taxoeval.compare.formats import print_sheets, to_latex, to_markdown
from taxoeval.compare.found import Unfinished, find_runs
from taxoeval.compare.overview import FITS, overview, sentences
from taxoeval.compare.page import to_html
from taxoeval.compare.rows import COLUMNS, rows
from taxoeval.compare.sheets import sheet
from taxoeval.errors import TaxoevalError
from taxoeval.reports.figures.style import rendered

if TYPE_CHECKING:
    from rich.console import Console

Result = tuple[Block, dict[str, Compared]]

PICTURES = (".svg", ".png", ".pdf")
SUFFIXES = (".csv", ".md", ".tex", ".html", *PICTURES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare runs; the exit status is 1 if there is nothing to compare or a file cannot be written."""
    parser = argparse.ArgumentParser(
        prog="python -m taxoeval.compare",
        description="One table over finished runs: paired differences on the same images, ties with the best, and what "
        "cannot be compared and why.",
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run, a sweep, or many")
    parser.add_argument("--task", action="append", help="only this task (may be given several times)")
    parser.add_argument("--decoder", action="append", help="only this decoder; default: the first of each task; or all")
    parser.add_argument(
        "--sort", default="", help="a column: a rank, distance, severity, p, encoder; default: the finest rank"
    )
    parser.add_argument(
        "--output",
        type=Path,
        action="append",
        default=[],
        help=f"also write a file: {', '.join(SUFFIXES)}; a picture shows quality against speed",
    )
    chosen = parser.parse_args(arguments)
    try:
        for path in chosen.output:
            if path.suffix not in SUFFIXES:
                raise TaxoevalError(f"{path}: the suffix must be one of {', '.join(SUFFIXES)}")
        compare(chosen.runs, tasks=chosen.task, decoders=chosen.decoder, sort=chosen.sort, outputs=chosen.output)
    except TaxoevalError as error:
        print(f"taxoeval: {error}", file=sys.stderr)
        return 1
    return 0


def compare(
    folders: Sequence[Path],
    *,
    tasks: Sequence[str] | None = None,
    decoders: Sequence[str] | None = None,
    sort: str = "",
    outputs: Sequence[Path] = (),
    out: "Console | None" = None,
) -> None:
    """Find runs, compare them, print the tables and write the files.

    Parameters
    ----------
    folders
        Of runs or sweeps.
    tasks, decoders
        Only these; by default all tasks, and of each the first decoder. ``["all"]`` for all decoders.
    sort
        See `taxoeval.compare.sheets.sheet`.
    outputs
        Files to write, by suffix.
    out
        Where to print; by default standard output.

    Raises
    ------
    TaxoevalError
        If there is no run, nothing is left of the choice, or a file cannot be written.
    """
    found = find_runs(folders)
    chosen = _chosen(blocks(found.runs), tasks, decoders)
    _check_sort(sort, chosen)
    results = [(block, compared(block)) for block in chosen]
    for path in outputs:
        _write(path, results, found.unfinished, sort)
    console = out or _console()
    whole = overview(results)
    near = [result for result in results if not _coarser(result[0], chosen)]
    print_sheets([sheet(block, of, sort=sort) for block, of in near], console)
    if whole is not None and len(whole.header) <= FITS + 1:
        print_sheets([whole], console, legend=())
    for line in sentences(near):
        console.print(line, markup=False)
    if len(near) < len(results):
        more = ", ".join(block.part for block, _ in results if _coarser(block, chosen))
        console.print(f"also compared, in the files (--output table.html): {more}", markup=False, soft_wrap=True)
    for job in found.unfinished:
        console.print(f"{job.folder}: {job.reason}", markup=False, style="yellow", soft_wrap=True)
    for path in outputs:
        console.print(f"written: {path}", markup=False, soft_wrap=True)


def _chosen(every: list[Block], tasks: Sequence[str] | None, decoders: Sequence[str] | None) -> list[Block]:
    first: dict[tuple[str, str, str], str] = {}
    for block in every:
        if block.decoder:
            first.setdefault(block.key[:3], block.decoder)
    kept = [
        block
        for block in every
        if (not tasks or block.task in tasks)
        and (
            decoders == ["all"]
            or not block.decoder
            or (block.decoder in decoders if decoders else block.decoder == first.get(block.key[:3]))
        )
    ]
    if not kept:
        there = sorted({f"{block.task} {block.decoder}".strip() for block in every})
        raise TaxoevalError(f"nothing is left of that choice; there are {', '.join(there) or 'no numbers at all'}")
    return kept


def _check_sort(sort: str, chosen: Sequence[Block]) -> None:
    ranks = dict.fromkeys(rank for block in chosen for rank in block.ranks)
    known = ("encoder", *ranks, "distance", "severity", "difference", "p")
    if sort and sort not in known:
        raise TaxoevalError(f"--sort {sort}: there is no such column; there are {', '.join(known)}")


def _coarser(block: Block, every: Sequence[Block]) -> bool:
    """Whether a part of the data is one of several that differ by a rank, and not the finest: too many for a screen."""
    of, _, rank = block.part.rpartition(", ")
    places = [b.ranks.index(r) for b in every for o, _, r in [b.part.rpartition(", ")] if o == of and r in b.ranks]
    return bool(of) and rank in block.ranks and block.ranks.index(rank) < max(places)


def _write(path: Path, results: Sequence[Result], unfinished: Sequence[Unfinished], sort: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(_content(path, results, unfinished, sort))
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise TaxoevalError(f"{path}: cannot be written: {error.strerror or error}; choose another place") from None


def _content(path: Path, results: Sequence[Result], unfinished: Sequence[Unfinished], sort: str) -> bytes:
    if path.suffix not in PICTURES:
        return _text(path.suffix, results, unfinished, sort).encode()
    figure = cost_figure(results)
    if figure is None:
        raise TaxoevalError(f"{path}: shows quality against speed, and no encoder has both; add speed to its tasks")
    return rendered(figure, path.suffix[1:])


def _text(suffix: str, results: Sequence[Result], unfinished: Sequence[Unfinished], sort: str) -> str:
    if suffix == ".html":
        return to_html(results, unfinished, sort=sort)
    if suffix == ".csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for block, found in results:
            writer.writerows(rows(block, found))
        return text.getvalue()
    sheets = [sheet(block, of, sort=sort, most_ranks=len(block.ranks)) for block, of in results]
    if (whole := overview(results)) is not None:
        sheets.insert(0, whole)
    return to_markdown(sheets) if suffix == ".md" else to_latex(sheets)


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 100)


if __name__ == "__main__":
    sys.exit(main())

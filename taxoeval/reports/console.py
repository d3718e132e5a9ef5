"""The tables a run prints: one per encoder, task and part of the data, with a row per rank."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from taxoeval.errors import TaxoevalError
from taxoeval.records import Score
from taxoeval.reports.decoders import Parts, alike, contradiction_line, decoder_table, plain, plain_table, stacked
from taxoeval.reports.numbers import NOTHING, count, percent, ranks
from taxoeval.reports.run import Cell, Run
from taxoeval.reports.structure_table import headlines, reasons, structure_table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH = 100
"""Columns used where the output is no terminal, such as a file or the log of a continuous integration job."""

Detail = Literal["quiet", "normal", "verbose"]
"""How much is printed: what went wrong and where the results are; tables that fit a screen; every number."""

LEGEND = (
    "accuracy: % of images given the right taxon of that rank; per taxon: mean of the taxa's accuracies",
    "in brackets: 95 % interval, for other taxa and other images of the kind; n: images scored",
    "decoders: rules that turn the same scores into answers; contradicting: % of images whose answers at",
    "two ranks exclude each other; at the finest rank, %: calib. error (stated minus observed; fitted:",
    "under the temperature fitted), answered, alike (same answer as the first decoder)",
    "most common: always answering the commonest taxon; chance: a blind guess among the candidates",
    "ranks to climb: from the true taxon up to the first that it shares with the answer",
)


def print_run(
    run: Run, folder: Path | None = None, console: "Console | None" = None, detail: Detail = "normal"
) -> None:
    """Print the tables of a run, for people.

    Parameters
    ----------
    run
        The finished run.
    folder
        Where its files are, to be named below the tables.
    console
        Where to print; by default standard output, at the terminal's width or at `WIDTH` where there is none.
    detail
        ``"quiet"``: tasks without a result, and the folder. ``"verbose"``: a table for every decoder too, and all
        numbers of a latent space.

    Raises
    ------
    TaxoevalError
        If there is no such detail.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> cells = (Cell("pixels", "encoder", "zero_shot", "unsupported", "pixels has no text tower"),)
    >>> run = Run(name="demo", started="2026-11-21T10:00:00+00:00", dataset="magpies", taxonomy=taxonomy, cells=cells)
    >>> print_run(run)
    <BLANKLINE>
    magpies: 0 images, 2 taxa
    <BLANKLINE>
    pixels, zero_shot: unsupported: pixels has no text tower
    """
    if detail not in get_args(Detail):
        raise TaxoevalError(f"runtime.console={detail!r} is none of {', '.join(get_args(Detail))}")
    out = console or _console()
    shown = [cell for cell in run.cells if cell.role == "encoder" or not _has_partner(cell, run)]
    if detail == "quiet":
        shown = [cell for cell in shown if cell.status != "ok"]
    else:
        _print_about(out, run)
    for cell in shown:
        _print_cell(out, cell, run, detail)
    if any(cell.scores for cell in shown):
        _line(out, "")
        for line in LEGEND:
            _line(out, line, "dim")
    if folder is not None:
        out.print(f"\nresults: {folder}", markup=False, emoji=False, highlight=False, soft_wrap=True)


def _print_about(out: "Console", run: Run) -> None:
    _line(out, f"\n{run.dataset}: {count(run.n_images, 'image')}, {count(len(run.taxonomy), 'taxon', 'taxa')}", "bold")
    for note in run.dataset_notes:
        _line(out, f"- {note}", "dim")


def _console() -> "Console":
    import sys

    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else WIDTH)


def _line(out: "Console", text: str, style: str = "") -> None:
    """Print text as it is: names may hold brackets, which must not be read as markup."""
    out.print(text, style=style or None, markup=False, emoji=False, highlight=False)


def _has_partner(control: Cell, run: Run) -> bool:
    """Whether a control's numbers stand in the table of some encoder, so that it needs none of its own."""
    partners = [cell for cell in run.cells if cell.role == "encoder" and cell.task == control.task]
    return control.status == "ok" and any(_blocks(cell).keys() & _blocks(control).keys() for cell in partners)


def _blocks(cell: Cell) -> dict[tuple[str, str], Parts]:
    """The scores of a cell by part of the data and decoder, in the order in which they come."""
    blocks: dict[tuple[str, str], dict[tuple[str, int, str], Score]] = {}
    for score in cell.scores:
        blocks.setdefault((score.slice, score.decoder), {})[score.metric, score.k, score.rank] = score
    return dict(blocks)


def _print_cell(out: "Console", cell: Cell, run: Run, detail: Detail) -> None:
    name = cell.encoder if cell.role == "encoder" else f"{cell.encoder} (control)"
    if cell.status != "ok":
        _line(
            out, f"\n{name}, {cell.task}: {cell.status}: {cell.reason}", "red" if cell.status == "failed" else "yellow"
        )
        return
    blocks = _blocks(cell)
    parts = list(dict.fromkeys(part for part, _ in blocks))
    for part in parts if detail == "verbose" else _finest(parts, run.taxonomy.ranks):
        rules = {rule: parts for (piece, rule), parts in blocks.items() if piece == part and _has_accuracy(parts)}
        if not rules:
            title = ", ".join([name, cell.task, *([part] if part != "all" else [])])
            _line(out, f"\n{title}", "bold")
            _print_numbers(out, [s for s in cell.scores if s.slice == part], run, detail)
            continue
        for decoder, scores in list(rules.items())[: None if detail == "verbose" else 1]:
            _print_answers(out, cell, run, part, decoder, scores)
        if len(rules) > 1:
            names = run.taxonomy.ranks
            out.print(decoder_table(rules, names, out.width, alike(cell.tables, part, decoder, names[-1])))
            for line in contradiction_line(cell.tables, part):
                _line(out, line)
    hidden = [] if detail == "verbose" else [part for part in parts if part not in _finest(parts, run.taxonomy.ranks)]
    if hidden:
        _line(out, f"also: {'; '.join(hidden)}: scores.parquet, or runtime.console=verbose", "dim")
    for note in cell.notes:
        _line(out, f"note: {note}", "dim")
    if cell.cached:
        _line(out, "read from an earlier evaluation; runtime.overwrite=always computes it again", "dim")


def _finest(parts: Sequence[str], rank_names: Sequence[str]) -> list[str]:
    """The parts of the data; of several that differ by a rank, ``text_to_image, genus``, only that of the finest."""
    last: dict[str, str] = {}
    for part in parts:
        of, _, rank = part.rpartition(", ")
        before = last.get(of) if rank in rank_names else None
        if before is None or rank_names.index(rank) > rank_names.index(before.rpartition(", ")[2]):
            last[of if rank in rank_names else part] = part
    return [part for part in parts if part in last.values()]


def _print_answers(out: "Console", cell: Cell, run: Run, part: str, decoder: str, scores: Parts) -> None:
    """The table of one decoder, and how far its mistakes go."""
    name = cell.encoder if cell.role == "encoder" else f"{cell.encoder} (control)"
    controls = [
        (other.encoder, _blocks(other)[part, decoder])
        for other in run.cells
        if other.role == "control"
        and other is not cell
        and other.task == cell.task
        and (part, decoder) in _blocks(other)
    ]
    title = ", ".join([name, cell.task, *([part] if part != "all" else []), decoder])
    _line(out, f"\n{title}", "bold")
    out.print(_table(scores, run.taxonomy.ranks, controls, out.width))
    for line in _below(cell, part, decoder, scores):
        _line(out, line)


def _print_numbers(out: "Console", scores: Sequence[Score], run: Run, detail: Detail) -> None:
    """Numbers that are not about answers: those of a latent space by rank, others one a line."""
    tested = any(s.reason or not math.isnan(s.p) for s in scores)
    shown = headlines(scores) if detail != "verbose" else list(scores)
    if any(s.rank and s.n for s in shown):
        out.print(structure_table(shown, run.taxonomy.ranks, out.width, "null" if tested else "chance"))
    whole = [s for s in shown if not s.rank]
    if whole:
        out.print(plain_table(whole, out.width))
    for line in reasons(shown):
        _line(out, line, "dim")
    if len(shown) < len(scores):
        _line(out, f"{len(scores) - len(shown)} further numbers: scores.parquet, or runtime.console=verbose", "dim")


def _has_accuracy(scores: Parts) -> bool:
    """Whether these scores are about answers at ranks; others, such as the AUROC of a detector, are in the files."""
    return any(metric == "rank_hits" for metric, _, _ in scores)


def _table(scores: Parts, rank_names: Sequence[str], controls: Sequence[tuple[str, Parts]], width: int) -> "Table":
    """One row per rank: the first decoder with intervals, and what stands beside it."""
    from rich import box
    from rich.table import Table

    roomy = width >= WIDTH
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2 if roomy else 0, 0, 0), expand=False
    )
    beside = [stacked(f"control_{encoder}") for encoder, _ in controls]
    for i, heading in enumerate(["rank", "accuracy %", "per taxon %", *beside, "most\ncommon", "chance", "n"]):
        table.add_column(plain(heading), justify="left" if i < 3 else "right", vertical="bottom", no_wrap=i < 3)
    for rank in rank_names:
        score = scores.get(("rank_hits", 1, rank))
        if score is not None:
            macro = scores.get(("rank_hits_macro", 1, rank))
            table.add_row(*(plain(text) for text in _row(rank, score, macro, [parts for _, parts in controls])))
    return table


def _row(rank: str, score: Score, macro: Score | None, beside: Iterable[Parts]) -> list[str]:
    others = [parts.get(("rank_hits", 1, rank)) for parts in beside]
    values = [percent(other.value) if other is not None else NOTHING for other in others]
    if score.n == 0:
        return [rank, _aligned(NOTHING, ""), _aligned(NOTHING, ""), *[NOTHING for _ in values], NOTHING, NOTHING, "0"]
    if score.chance >= 1 - 1e-12:
        cells = [_aligned(percent(score.value), "one taxon only"), _aligned(percent(score.value), "")]
    else:
        cells = [_with_interval(score), _with_interval(macro) if macro is not None else _aligned(NOTHING, "")]
    return [rank, *cells, *values, percent(score.majority), percent(score.chance), f"{score.n:,}"]


def _with_interval(score: Score) -> str:
    low, high = percent(score.low), percent(score.high)
    return _aligned(percent(score.value), "" if NOTHING in (low, high) else f"({low}–{high})")


def _aligned(value: str, beside: str) -> str:
    """A value and what stands beside it, so that the values of a column stand below each other."""
    return f"{value:>5} {beside}".rstrip()


def _below(cell: Cell, part: str, decoder: str, scores: Parts) -> Iterator[str]:
    """What stands below a table: how far mistakes go, and among how many taxa."""
    severity = scores.get(("mistake_severity", 1, ""))
    if severity is not None:
        yield _distance("mistake severity", severity, "wrong image") if severity.n else "mistake severity: no mistakes"
    average = scores.get(("average_hierarchical_distance", 1, ""))
    if average is not None:
        yield _distance("average hierarchical distance", average, "image")
    spread = [s for (metric, _, _), s in scores.items() if metric == "rank_hits_fold_std" and s.n]
    if spread:
        yield (
            f"spread of {spread[-1].rank} accuracy over {count(spread[-1].n, 'draw')} of support images: "
            f"{percent(spread[-1].value)} points (standard deviation)"
        )
    sizes = {p.n_candidates for p in cell.predictions if p.decoder == decoder and _within(p.slice, part)}
    if sizes:
        few, many = min(sizes), max(sizes)
        yield f"candidates: {count(many, 'taxon', 'taxa')}" if few == many else f"candidates: {few:,} to {many:,} taxa"


def _within(piece: str, part: str) -> bool:
    """Whether predictions belong to a part of the data: its own, or one of its repeats (``5-shot fold 2``)."""
    return piece == part or piece.startswith(f"{part} ")


def _distance(name: str, score: Score, unit: str) -> str:
    interval = (
        f" ({ranks(score.low)}–{ranks(score.high)})" if NOTHING not in (ranks(score.low), ranks(score.high)) else ""
    )
    return (
        f"{name}: {ranks(score.value)}{interval} ranks to climb, chance {ranks(score.chance)}, "
        f"over {count(score.n, unit)}"
    )

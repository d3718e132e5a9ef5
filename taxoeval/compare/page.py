"""The comparison as one page of HTML that opens from disk."""

import base64
import math
from collections.abc import Sequence

from taxoeval.compare.blocks import Block
from taxoeval.compare.cost import cost_figure
from taxoeval.compare.differences import Compared
from taxoeval.compare.found import Unfinished
from taxoeval.compare.names import labels
from taxoeval.compare.overview import QUESTIONS, overview, sentences
from taxoeval.compare.rows import shown_ranks, sorted_entries
from taxoeval.compare.sheets import LEGEND, sheet
from taxoeval.reports.figures.style import rendered
from taxoeval.reports.html.charts import Mark, intervals
from taxoeval.reports.html.markup import table, text
from taxoeval.reports.html.page import document

FIGURE = (
    "figures: points and bars are values and 95 % intervals, each encoder for itself; red ticks are a blind guess; "
    "whether two encoders differ is in the table, which pairs them image by image"
)
"""How to read a figure."""


def to_html(
    results: Sequence[tuple[Block, dict[str, Compared]]], unfinished: Sequence[Unfinished] = (), *, sort: str = ""
) -> str:
    """All blocks, each as a figure of the finest rank and a table that sorts by any column.

    Parameters
    ----------
    results
        Blocks and their comparisons.
    unfinished
        Jobs that left no result; they are listed with the reason.
    sort
        As for `taxoeval.compare.sheets.sheet`.
    """
    datasets = list(dict.fromkeys(block.dataset for block, _ in results))
    encoders = {entry.encoder for block, _ in results for entry in block.entries if entry.role == "encoder"}
    title = f"{_count(len(encoders), 'encoder')} on {', '.join(datasets)}"
    parts = [f"<header><h1>{text(title)}</h1>", _list(sentences(results), ""), "</header>"]
    parts.append('<nav aria-label="Sections">')
    for i, (block, _) in enumerate(results):
        parts.append(f'<a href="#block{i}">{text(", ".join(p for p in block.key[:3] if p != "all"))}</a>')
    parts.append('<a href="#runs">runs</a></nav><main>')
    if (whole := overview(results)) is not None:
        shown = table(whole.header, whole.rows) + _list(whole.notes, "quiet")
        parts.append(f"<section><h2>{text(whole.title)}</h2>{shown}</section>")
    parts += _cost(results)
    parts.append(f"<details><summary>How to read the tables</summary>{_list((*LEGEND, FIGURE), 'quiet')}</details>")
    parts += [_section(i, block, found, sort) for i, (block, found) in enumerate(results)]
    if unfinished:
        jobs = [f"{job.folder.name}: {job.reason}" for job in unfinished]
        parts.append(f"<section><h2>Jobs without a result</h2>{_list(jobs, '')}</section>")
    parts.append(_runs(results))
    return document(title, "".join([*parts, "</main>"]))


def _cost(results: Sequence[tuple[Block, dict[str, Compared]]]) -> list[str]:
    """Quality against speed, where both were measured."""
    figure = cost_figure(results)
    if figure is None:
        return []
    picture = base64.b64encode(rendered(figure, "svg")).decode()
    return [
        "<section><h2>Quality against speed</h2><figure>"
        f'<img class="drawn" alt="accuracy against images per second" src="data:image/svg+xml;base64,{picture}">'
        "<figcaption>higher is more accurate, further right is faster, on the machine of the run</figcaption>"
        "</figure></section>"
    ]


def _section(i: int, block: Block, found: dict[str, Compared], sort: str) -> str:
    one = sheet(block, found, sort=sort, most_ranks=len(block.ranks))
    finest = (shown_ranks(block, 1) or [""])[-1]
    marks, names = [], labels(block)
    for at in sorted_entries(block, found, sort or finest or "encoder"):
        entry = block.entries[at]
        score = entry.scores.get(("rank_hits", 1, finest))
        if score is not None:
            value, low, high, chance = (_number(score[name]) for name in ("value", "low", "high", "chance"))
            marks.append(Mark(names[at], value, low, high, chance, math.nan))
    figure = ""
    if marks:
        drawn = intervals(marks, alt=f"accuracy at {finest}")
        figure = f"<figure>{drawn}<figcaption>% of images given the right {text(finest)}</figcaption></figure>"
    asked = f"<p>{text(QUESTIONS[block.task])}</p>" if block.task in QUESTIONS else ""
    return (
        f'<section id="block{i}"><h2>{text(one.title)}</h2>{asked}{figure}{table(one.header, one.rows)}'
        f"{_list(one.notes, 'quiet')}</section>"
    )


def _runs(results: Sequence[tuple[Block, dict[str, Compared]]]) -> str:
    """Where the numbers come from: every run, with the version of the code that made it."""
    runs = {entry.run.folder: entry.run.meta for block, _ in results for entry in block.entries}
    rows = [
        (
            meta["name"],
            folder.name,
            meta["started"],
            str(meta["dataset"]["n_images"]),
            str((meta.get("versions") or {}).get("taxoeval", "")),
            str((meta.get("git") or {}).get("commit") or "")[:10],
        )
        for folder, meta in runs.items()
    ]
    header = ("run", "folder", "started", "images", "taxoeval", "commit")
    return f'<section id="runs"><h2>Runs</h2>{table(header, rows, texts=3)}</section>'


def _list(lines: Sequence[str], style: str) -> str:
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f'<ul class="{style}">{items}</ul>' if items else ""


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def _number(value: float | None) -> float:
    return math.nan if value is None else value

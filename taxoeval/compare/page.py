"""The comparison as one page of HTML that opens from disk."""

import math
from collections.abc import Sequence

from taxoeval.compare.blocks import Block
from taxoeval.compare.differences import Compared
from taxoeval.compare.found import Unfinished
from taxoeval.compare.rows import shown_ranks, sorted_entries
from taxoeval.compare.sheets import LEGEND, sheet
from taxoeval.reports.html.charts import Mark, intervals
from taxoeval.reports.html.markup import table, text
from taxoeval.reports.html.page import document


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
    title = f"{len(encoders)} encoders on {', '.join(datasets)}"
    parts = [f"<header><h1>{text(title)}</h1>", "".join(f'<p class="quiet">{text(line)}</p>' for line in LEGEND)]
    parts.append('</header><nav aria-label="Sections">')
    for i, (block, _) in enumerate(results):
        parts.append(f'<a href="#block{i}">{text(", ".join(p for p in block.key[:3] if p != "all"))}</a>')
    parts.append("</nav><main>")
    parts += [_section(i, block, found, sort) for i, (block, found) in enumerate(results)]
    if unfinished:
        items = "".join(f"<li>{text(job.folder.name)}: {text(job.reason)}</li>" for job in unfinished)
        parts.append(f"<section><h2>Jobs without a result</h2><ul>{items}</ul></section>")
    return document(title, "".join([*parts, "</main>"]))


def _section(i: int, block: Block, found: dict[str, Compared], sort: str) -> str:
    one = sheet(block, found, sort=sort, most_ranks=len(block.ranks))
    finest = (shown_ranks(block, 1) or [""])[-1]
    marks = []
    for at in sorted_entries(block, found, sort or finest or "encoder"):
        entry = block.entries[at]
        score = entry.scores.get(("rank_hits", 1, finest))
        if score is not None:
            value, low, high, chance = (_number(score[name]) for name in ("value", "low", "high", "chance"))
            marks.append(Mark(entry.encoder, value, low, high, chance, math.nan))
    figure = ""
    if marks:
        figure = (
            f"<figure>{intervals(marks, alt=f'accuracy at {finest}')}<figcaption>Share of images given the right "
            f"{text(finest)}; bars: 95 % intervals, each encoder for itself; red ticks: a blind guess. Whether two "
            "encoders differ is in the table: it pairs them image by image.</figcaption></figure>"
        )
    notes = "".join(f"<li>{text(note)}</li>" for note in one.notes)
    return (
        f'<section id="block{i}"><h2>{text(one.title)}</h2>{figure}{table(one.header, one.rows)}'
        f'<ul class="quiet">{notes}</ul></section>'
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value

"""A block as a table for people: encoders down, ranks across, who is best and who ties marked in every column."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from taxoeval.compare.blocks import Block, Entry
from taxoeval.compare.changes import changes
from taxoeval.compare.differences import Compared
from taxoeval.compare.names import labels
from taxoeval.compare.number_sheets import heading, main_numbers, number_notes, number_rows
from taxoeval.compare.rows import column_of, shown_ranks, sorted_entries
from taxoeval.reports.numbers import NOTHING, percent, ranks

BEST, TIED = "●", "○"
"""Marks the best value of a column, and those that cannot be told from it."""

LEGEND = (
    "accuracy at each rank in %: images given the right taxon of that rank",
    f"{BEST} best; {TIED} cannot be told from it: paired by image, species resampled, adjusted for all pairs",
    "severity, distance: ranks to climb from the true taxon to the first shared; over mistakes, over all",
    "difference: from the best at the finest rank, in points, with its 95 % interval; p adjusted likewise",
)


@dataclass(frozen=True)
class Sheet:
    """A table of text.

    Attributes
    ----------
    title
        Dataset, task, part of the data and decoder.
    header
        Names of the columns.
    rows
        Cells, one tuple per encoder.
    notes
        What to know of it, one line each.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def sheet(block: Block, found: dict[str, Compared], *, sort: str = "", most_ranks: int = 3) -> Sheet:
    """The table of one block.

    Parameters
    ----------
    block, found
        The block and its comparisons.
    sort
        Column to sort by: a rank, ``distance``, ``severity``, ``encoder``; by default the finest rank.
    most_ranks
        How many ranks, from the finest up, are shown.
    """
    shown = shown_ranks(block, most_ranks)
    title = ", ".join(part for part in block.key if part not in ("all", ""))
    if not any(key[0] == "rank_hits" for entry in block.entries for key in entry.scores):
        keys = main_numbers(block)
        notes = (*number_notes(block, keys), *_apart(block), *_told(block))
        order = sorted_entries(block, found, sort if sort == "encoder" else "")
        return Sheet(title, ("encoder", *map(heading, keys)), tuple(number_rows(block, keys, order)), notes)
    finest = shown[-1] if shown else ""
    lead = found.get(f"right_{finest}")
    header = ("encoder", *shown, "severity", "distance", "difference (95 %)", "p")
    order = sorted_entries(block, found, sort or finest or "encoder")
    rows = tuple(_row(block, i, shown, found, lead) for i in order)
    return Sheet(title, header, rows, tuple(_notes(block, found, finest)))


def _row(
    block: Block, i: int, shown: Sequence[str], found: dict[str, Compared], lead: Compared | None
) -> tuple[str, ...]:
    entry = block.entries[i]
    name = labels(block)[i]
    if entry.status != "ok":
        return (name, entry.status, *([NOTHING] * (len(shown) + 3)))
    keys = [*(("rank_hits", 1, rank) for rank in shown)]
    cells = [marked(value_text(entry, key, percent), i, found.get(column_of(*key))) for key in keys]
    distance = ("average_hierarchical_distance", 1, "")
    far = marked(value_text(entry, distance, ranks), i, found.get(column_of(*distance)))
    return (name, *cells, value_text(entry, ("mistake_severity", 1, ""), ranks), far, *_difference(i, lead))


def value_text(entry: Entry, key: tuple[str, int, str], written: Callable[[float], str]) -> str:
    """A value of an entry as it is written, or a dash."""
    value = entry.scores.get(key, {}).get("value")
    if value is None:
        return NOTHING
    return written(value)


def marked(text: str, i: int, found: Compared | None) -> str:
    """A value with the mark of the best, or of what cannot be told from it."""
    if found is None or text == NOTHING:
        return text
    return f"{text} {BEST if i == found.best else TIED if found.tied[i] else ' '}"


def _difference(i: int, lead: Compared | None) -> tuple[str, str]:
    if lead is None or math.isnan(lead.difference[i]) or i == lead.best:
        return NOTHING, NOTHING
    points, low, high = (100 * x for x in (lead.difference[i], lead.low[i], lead.high[i]))
    interval = f" ({low:+.1f}, {high:+.1f})" if math.isfinite(low) and math.isfinite(high) else ""
    p = lead.p[i]
    return f"{points:+.1f}{interval}", NOTHING if math.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def _notes(block: Block, found: dict[str, Compared], finest: str) -> list[str]:
    notes = []
    first = next((e for e in block.entries if e.status == "ok" and ("rank_hits", 1, finest) in e.scores), None)
    if first is not None:
        score = first.scores["rank_hits", 1, finest]
        chance, majority = (percent(float("nan") if score[k] is None else score[k]) for k in ("chance", "majority"))
        notes.append(f"at {finest}: {score['n']:,} images, chance {chance} %, always the commonest taxon {majority} %")
    notes += _apart(block)
    few = [c for c in found.values() if c.column == f"right_{finest}" and first is not None]
    if few and first is not None and few[0].n < first.scores["rank_hits", 1, finest]["n"]:
        notes.append(f"differences rest on the {few[0].n:,} images that all encoders were tested on")
    return [*notes, *_undecided(block, found.get(f"right_{finest}")), *_told(block), *_changes(block, finest)]


def _undecided(block: Block, lead: Compared | None) -> Iterator[str]:
    """Encoders of which interval and test say opposite things: both are approximate where there are few species."""
    if lead is None:
        return
    for i, name in enumerate(labels(block)):
        asked = i != lead.best and not math.isnan(lead.p[i])
        if asked and not lead.tied[i] and lead.low[i] <= 0 <= lead.high[i]:
            yield f"{name}: the interval holds 0 though p is small, as happens with few species; take it as undecided"


def _apart(block: Block) -> Iterator[str]:
    """Why this is a table of its own, and by which settings."""
    if block.apart:
        here = f" (here: {', '.join(block.here[:4])})" if block.here else ""
        why = " and ".join(block.apart)
        yield f"stands apart from another table of the same name: not comparable, for {why} differ{here}"


def _told(block: Block) -> Iterator[str]:
    """What the task said of every encoder's numbers, and why some have none."""
    live = [entry.notes for entry in block.entries if entry.status == "ok"]
    yield from (note for note in live[0] if all(note in notes for notes in live))
    yield from (f"{e.encoder}: {e.status}: {e.reason}" for e in block.entries if e.status != "ok")


def _changes(block: Block, finest: str) -> Iterator[str]:
    """What changed since an encoder's run before."""
    names = labels(block)
    for i, of in changes(block).items():
        if (one := of.get(f"right_{finest}")) is None:
            continue
        if not any(change.difference for change in of.values()):
            yield f"{names[i]}: the same answers as its run of {one.since}"
            continue
        low, high = 100 * one.low, 100 * one.high
        interval = f" ({low:+.1f}, {high:+.1f})" if math.isfinite(low) and math.isfinite(high) else ""
        points = f"{100 * one.difference:+.1f}{interval} points at {finest}"
        yield f"{names[i]}: {points}, newer less older, since its run of {one.since}"

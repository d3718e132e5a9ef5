"""A block as a table for people: encoders down, ranks across, who is best and who ties marked in every column."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from taxoeval.compare.blocks import Block, Entry
from taxoeval.compare.differences import Compared
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
    finest = shown[-1] if shown else ""
    lead = found.get(f"right_{finest}")
    header = ("encoder", *shown, "severity", "distance", "difference (95 %)", "p")
    order = sorted_entries(block, found, sort or finest or "encoder")
    rows = tuple(_row(block, i, shown, found, lead) for i in order)
    return Sheet(
        ", ".join(part for part in block.key if part != "all"), header, rows, tuple(_notes(block, found, finest))
    )


def _row(
    block: Block, i: int, shown: Sequence[str], found: dict[str, Compared], lead: Compared | None
) -> tuple[str, ...]:
    entry = block.entries[i]
    name = f"{entry.encoder} (control)" if entry.role == "control" else entry.encoder
    if sum(e.encoder == entry.encoder and e.role == entry.role for e in block.entries) > 1:
        name = f"{name} [{entry.name}]"  # one encoder with two settings
    if entry.status != "ok":
        return (name, entry.status, *([NOTHING] * (len(shown) + 3)))
    keys = [*(("rank_hits", 1, rank) for rank in shown)]
    cells = [_marked(_text(entry, key, percent), i, found.get(column_of(*key))) for key in keys]
    distance = ("average_hierarchical_distance", 1, "")
    far = _marked(_text(entry, distance, ranks), i, found.get(column_of(*distance)))
    return (name, *cells, _text(entry, ("mistake_severity", 1, ""), ranks), far, *_difference(i, lead))


def _text(entry: Entry, key: tuple[str, int, str], written: Callable[[float], str]) -> str:
    value = entry.scores.get(key, {}).get("value")
    if value is None:
        return NOTHING
    return written(value)


def _marked(text: str, i: int, found: Compared | None) -> str:
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
    if block.apart:
        notes.append(
            f"stands apart from another table of the same name: not comparable, for {' and '.join(block.apart)} differ"
        )
    few = [c for c in found.values() if c.column == f"right_{finest}" and first is not None]
    if few and first is not None and few[0].n < first.scores["rank_hits", 1, finest]["n"]:
        notes.append(f"differences rest on the {few[0].n:,} images that all encoders were tested on")
    notes += [f"{e.encoder}: {e.status}: {e.reason}" for e in block.entries if e.status != "ok"]
    return [*notes, *_changes(block, finest)]


def _changes(block: Block, finest: str) -> Iterator[str]:
    """What changed since an encoder's run before; a control that every job of a sweep repeats is no change."""
    for i, before in block.earlier.items():
        now, key = block.entries[i], ("rank_hits", 1, finest)
        group = now.run.meta["group"]
        new, old = (entry.scores.get(key, {}).get("value") for entry in (now, before))
        if new is not None and old is not None and (group is None or group != before.run.meta["group"]):
            yield f"{now.encoder}: {100 * (new - old):+.1f} points at {finest} since its run of {before.started}"

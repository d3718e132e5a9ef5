"""Tables of numbers that no image has a value of its own for: a latent space, the quality of a search."""

import math
import textwrap
from collections.abc import Sequence

from taxoeval.compare.blocks import Block
from taxoeval.compare.names import labels
from taxoeval.reports.numbers import NOTHING
from taxoeval.reports.structure_table import HEADLINES, short

Key = tuple[str, int, str]
"""Metric, k and rank."""

MOST = 5
"""Columns that find room beside the names."""

WIDTH = 14
"""Letters of a heading to a line."""


def main_numbers(block: Block, most: int = MOST) -> list[Key]:
    """The numbers of a block that stand in its table: each metric once, at its finest rank and its smallest k.

    Parameters
    ----------
    block
        Of a comparison.
    most
        How many; those that a run prints come first.
    """
    found: dict[str, Key] = {}
    for entry in block.entries:
        for metric, k, rank in (key for key, score in entry.scores.items() if score["value"] is not None):
            before = found.get(metric)
            if before is None or (-k, _place(block, rank)) >= (-before[1], _place(block, before[2])):
                found[metric] = (metric, k, rank)
    first = [metric for metric in HEADLINES if metric in found]
    return [found[metric] for metric in [*first, *(m for m in found if m not in first)][:most]]


def _place(block: Block, rank: str) -> int:
    return block.ranks.index(rank) if rank in block.ranks else -1


def heading(key: Key) -> str:
    """The name of a column, over several lines.

    Examples
    --------
    >>> heading(("precision_at_k", 1, "genus")).splitlines(), heading(("anisotropy", 1, ""))
    (['precision at 1', 'genus'], 'anisotropy')
    """
    metric, k, rank = key
    name = metric.removesuffix("_at_k").replace("_", " ")
    if metric.endswith("_at_k"):
        name = f"{name} at {k}"
    elif k > 1:
        name = f"{name} @{k}"
    return "\n".join([*textwrap.wrap(name, WIDTH, break_long_words=False), *([rank] if rank else [])])


def number_rows(block: Block, keys: Sequence[Key], order: Sequence[int]) -> list[tuple[str, ...]]:
    """One row per entry: each value, and half its 95 % interval.

    Parameters
    ----------
    block
        Of a comparison.
    keys
        Columns, from `main_numbers`.
    order
        Positions of the entries.
    """
    names = labels(block)
    rows = []
    for i in order:
        entry = block.entries[i]
        if entry.status != "ok":
            rows.append((names[i], entry.status, *([NOTHING] * (len(keys) - 1))))
        else:
            rows.append((names[i], *(_value(entry.scores.get(key)) for key in keys)))
    return rows


def _value(score: object) -> str:
    if not isinstance(score, dict) or score["value"] is None:
        return NOTHING
    low, high = score["low"], score["high"]
    if low is None or high is None or not math.isfinite(high - low):
        return short(score["value"])
    return f"{short(score['value'])} ±{short((high - low) / 2)}"


def number_notes(block: Block, keys: Sequence[Key]) -> list[str]:
    """What is to be known of such a table."""
    every = {key for entry in block.entries for key, score in entry.scores.items() if score["value"] is not None}
    notes = []
    ranks = ", ".join(dict.fromkeys(rank for _, _, rank in keys if rank))
    chance = [
        f"{' '.join(heading((key[0], key[1], '')).split())} {short(told)}"
        for key in keys
        if (told := next((e.scores[key]["chance"] for e in block.entries if key in e.scores), None)) is not None
    ]
    if chance:
        notes.append(f"by chance{f' (at {ranks})' if ranks else ''}: {', '.join(chance)}")
    notes.append("±: half of each encoder's own 95 % interval; no image has a value to pair encoders by")
    if len(every) > len(keys):
        notes.append(f"{len(every) - len(keys)} further numbers, other ranks among them: --output table.csv")
    return notes

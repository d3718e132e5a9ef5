"""The table that compares decoders: what the same scores become under different rules."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from taxoeval.records import Score
from taxoeval.reports.numbers import NOTHING, percent, ranks

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

Parts = Mapping[tuple[str, int, str], Score]
"""Scores of one decoder on one part of the data, by metric, k and rank."""

SHOWN_RANKS = 4
"""How many ranks, from the finest up, find room; all are in the files."""


def decoder_table(rules: Mapping[str, Parts], rank_names: Sequence[str], width: int) -> "Table":
    """One row per decoder: accuracy at the finest ranks, how far mistakes go, and what its answers are like.

    Parameters
    ----------
    rules
        Scores of each decoder, by name.
    rank_names
        The ranks, coarse to fine; those with a single taxon or without samples are left out.
    width
        Columns there are.

    Returns
    -------
    table
        Accuracy in percent; severity and distance in ranks; images with contradicting answers, calibration error and
        coverage at the finest rank, in percent.

    Examples
    --------
    >>> len(decoder_table({"leaf_argmax": {}}, ("genus", "species"), 100).rows)
    1
    """
    from rich import box
    from rich.table import Table

    first = next(iter(rules.values()))
    known = [
        r for r in rank_names if (s := first.get(("rank_hits", 1, r))) is not None and s.n and s.chance < 1 - 1e-12
    ]
    shown = known[-SHOWN_RANKS:]
    finest = rank_names[-1]
    columns: list[tuple[str, tuple[str, int, str], bool]] = [
        *((rank, ("rank_hits", 1, rank), True) for rank in shown),
        ("severity", ("mistake_severity", 1, ""), False),
        ("distance", ("average_hierarchical_distance", 1, ""), False),
        ("contra-\ndicting", ("tice", 1, ""), True),
        ("calib.\nerror", ("calibration_error", 1, finest), True),
        ("answered", ("coverage", 1, finest), True),
    ]
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2 if width >= 100 else 0, 0, 0), expand=False
    )
    table.add_column(plain("decoder"), vertical="bottom", no_wrap=True)
    for heading, _, _ in columns:
        table.add_column(plain(heading), justify="right", vertical="bottom")
    for rule, parts in rules.items():
        cells = [_cell(parts.get(key), share) for _, key, share in columns]
        table.add_row(*(plain(text) for text in [rule, *cells]))
    return table


def plain_table(scores: Sequence[Score], width: int) -> "Table":
    """One row per score, for tasks whose numbers are not about answers at ranks.

    Examples
    --------
    >>> len(plain_table([], 100).rows)
    0
    """
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2 if width >= 100 else 0, 0, 0), expand=False
    )
    for i, heading in enumerate(["metric", "rank", "k", "value", "95 % interval", "chance", "n"]):
        table.add_column(plain(heading), justify="left" if i < 2 else "right")
    for s in scores:
        numbers = [NOTHING if math.isnan(x) else f"{x:.3f}" for x in (s.value, s.low, s.high, s.chance)]
        value, low, high, chance = numbers
        interval = NOTHING if NOTHING in (low, high) else f"{low} to {high}"
        table.add_row(*(plain(text) for text in [s.metric, s.rank, str(s.k), value, interval, chance, f"{s.n:,}"]))
    return table


def _cell(score: Score | None, share: bool) -> str:
    if score is None or score.n == 0:
        return NOTHING
    return percent(score.value) if share else ranks(score.value)


def stacked(name: str) -> str:
    """A name in a narrow column: one word a line."""
    return name.replace("-", "_").replace("_", "\n")


def plain(text: str) -> "Text":
    """Text as it is: names may hold brackets, which must not be read as markup."""
    from rich.text import Text

    return Text(text)

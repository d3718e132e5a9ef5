"""The table that compares decoders: what the same scores become under different rules."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from taxoeval.records import Score
from taxoeval.reports.numbers import NOTHING, percent, ranks

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

Columns = Mapping[str, NDArray[Any]]
"""A table of a cell: columns of the same length by name."""

Parts = Mapping[tuple[str, int, str], Score]
"""Scores of one decoder on one part of the data, by metric, k and rank."""

SHOWN_RANKS = 4
"""How many ranks, from the finest up, find room; all are in the files."""


def decoder_table(
    rules: Mapping[str, Parts], rank_names: Sequence[str], width: int, alike: Mapping[str, float] | None = None
) -> "Table":
    """One row per decoder: accuracy at the finest ranks, how far mistakes go, and what its answers are like.

    Parameters
    ----------
    rules
        Scores of each decoder, by name.
    rank_names
        The ranks, coarse to fine; those with a single taxon or without samples are left out.
    width
        Columns there are.
    alike
        Share of the images that get the same answer at the finest rank as under the first decoder, by decoder.

    Returns
    -------
    table
        Accuracy in percent; severity and distance in ranks; images with contradicting answers, and at the finest rank
        calibration error, as given and under a fitted temperature if there is one, coverage and agreement, in percent.

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
    fitted = any(("calibration_error_fitted", 1, finest) in parts for parts in rules.values())
    roomy = width >= 100 and not fitted
    columns: list[tuple[str, tuple[str, int, str], bool]] = [
        *((rank, ("rank_hits", 1, rank), True) for rank in shown),
        ("severity" if roomy else "sever-\nity", ("mistake_severity", 1, ""), False),
        ("distance" if roomy else "dis-\ntance", ("average_hierarchical_distance", 1, ""), False),
        ("contra-\ndicting", ("tice", 1, ""), True),
        ("calib.\nerror", ("calibration_error", 1, finest), True),
        *([("\nfitted", ("calibration_error_fitted", 1, finest), True)] if fitted else []),
        ("answered" if roomy else "ans-\nwered", ("coverage", 1, finest), True),
    ]
    space = 0 if width < 100 else 2 if len(columns) + (alike is not None) < 10 and roomy else 1
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, space, 0, 0), expand=False)
    table.add_column(plain("decoder"), vertical="bottom", no_wrap=True)
    for heading, _, _ in columns:
        table.add_column(plain(heading), justify="right", vertical="bottom")
    if alike is not None:
        table.add_column(plain("alike"), justify="right", vertical="bottom")
    for rule, parts in rules.items():
        cells = [_cell(parts.get(key), share) for _, key, share in columns]
        if alike is not None:
            cells.append(percent(alike.get(rule, math.nan)))
        table.add_row(*(plain(text) for text in [rule, *cells]))
    return table


def alike(tables: Mapping[str, Columns], part: str, first: str, finest: str) -> dict[str, float] | None:
    """Agreement of every decoder with the first one at the finest rank; None where the cell has no such table.

    Examples
    --------
    >>> import numpy as np
    >>> columns = {"part": ["all"], "rank": ["species"], "one": ["leaf_argmax"], "other": ["crm"], "agreement": [0.9]}
    >>> tables = {"decoder_agreement": {name: np.array(column) for name, column in columns.items()}}
    >>> alike(tables, "all", "leaf_argmax", "species")
    {'leaf_argmax': 1.0, 'crm': 0.9}
    """
    table = tables.get("decoder_agreement")
    if table is None:
        return None
    rows = (table["part"] == part) & (table["rank"] == finest)
    beside = [
        (str(other), float(share))
        for here, there in (("one", "other"), ("other", "one"))
        for other, share, named in zip(table[there][rows], table["agreement"][rows], table[here][rows], strict=True)
        if named == first
    ]
    return {first: 1.0} | dict(beside) if beside else None


def contradiction_line(tables: Mapping[str, Columns], part: str) -> Iterator[str]:
    """Where the answers of each decoder first contradict each other, of those whose answers do.

    Examples
    --------
    >>> import numpy as np
    >>> columns = {"part": ["all"] * 2, "decoder": ["rank_sum"] * 2, "rank": ["", "genus"], "share": [0.9, 0.1]}
    >>> tables = {"first_contradiction": {name: np.array(column) for name, column in columns.items()}}
    >>> list(contradiction_line(tables, "all"))
    ['first contradiction, % of images: rank_sum genus 10.0']
    """
    table = tables.get("first_contradiction")
    if table is None:
        return
    found: dict[str, list[str]] = {}
    for at, decoder, rank, share in zip(*(table[name] for name in ("part", "decoder", "rank", "share")), strict=True):
        if at == part and rank and share > 0:
            found.setdefault(str(decoder), []).append(f"{rank} {percent(float(share))}")
    if found:
        told = "; ".join(f"{decoder} {', '.join(shares)}" for decoder, shares in found.items())
        yield f"first contradiction, % of images: {told}"


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

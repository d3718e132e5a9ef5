"""The part of a page about numbers that are not answers, such as those of a latent space: the main ones first."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from taxoeval.reports.html.markup import table, text
from taxoeval.reports.numbers import NOTHING
from taxoeval.reports.structure_table import LEVEL, headlines, named, reasons, short

if TYPE_CHECKING:
    import pandas as pd


def quantities(own: "pd.DataFrame", ranks: Sequence[str]) -> str:
    """The main quantities, a column per rank; those of the whole space; why some are missing.

    Parameters
    ----------
    own
        Scores of one task on one part of the data.
    ranks
        Coarse to fine.

    Returns
    -------
    markup
        Tables and a list.
    """
    rows = headlines([row for row in own.itertuples() if not _absent(row.value)])
    shown = [rank for rank in ranks if any(row.rank == rank for row in rows)]
    at: dict[str, dict[str, Any]] = {}
    for row in rows:
        at.setdefault(named(row), {})[row.rank] = row
    parts = []
    if shown:
        lines = [
            [name, *(_cell(of.get(rank)) for rank in shown)]
            for name, of in at.items()
            if any(rank in of for rank in shown)
        ]
        parts.append(
            f'<p class="quiet">In brackets what chance would give; * marks p ≤ {LEVEL}.</p>'
            + table(["quantity", *shown], lines)
        )
    whole = [of[""] for of in at.values() if "" in of]
    if whole:
        lines = [
            [named(row), short(row.value), _interval(row), NOTHING if _absent(row.chance) else short(row.chance)]
            for row in whole
        ]
        parts.append(table(["of the whole space", "value", "95 % interval", "chance or null"], lines))
    missing = reasons(list(own.itertuples()))
    if missing:
        parts.append("<ul>" + "".join(f'<li class="quiet">{text(line)}</li>' for line in missing) + "</ul>")
    return "".join(parts)


def every_number(own: "pd.DataFrame") -> str:
    """All quantities with interval, null, p and n, folded away until asked for."""
    rows = [
        [
            row.metric.replace("_", " "),
            row.rank,
            str(row.k),
            _long(row.value),
            _interval(row),
            _long(row.chance),
            _long(row.p),
            f"{row.n:,}",
            row.reason or "",
        ]
        for row in own.itertuples()
    ]
    header = ["quantity", "rank", "k", "value", "95 % interval", "chance or null", "p", "n", "remark"]
    return f"<details><summary>All {len(rows)} numbers</summary>{table(header, rows, texts=2)}</details>"


def _cell(row: Any) -> str:
    if row is None:
        return ""
    by_chance = "" if _absent(row.chance) else f" ({short(row.chance)})"
    return short(row.value) + ("*" if not _absent(row.p) and row.p <= LEVEL else "") + by_chance


def _interval(row: Any) -> str:
    return NOTHING if _absent(row.low) or _absent(row.high) else f"{_long(row.low)} to {_long(row.high)}"


def _long(value: float | None) -> str:
    return f"{value:.3f}" if value is not None and not math.isnan(value) else NOTHING


def _absent(value: float | None) -> bool:
    return value is None or math.isnan(value)

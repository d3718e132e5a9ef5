"""A comparison as tidy rows: one per dataset, task, part, decoder, encoder, metric and rank."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from taxoeval.compare.blocks import Block
from taxoeval.compare.changes import Change, changes
from taxoeval.compare.differences import DISTANCE, Compared

COLUMNS = (
    "dataset",
    "task",
    "part",
    "decoder",
    "encoder",
    "role",
    "run",
    "started",
    "prompts",
    "metric",
    "rank",
    "k",
    "value",
    "low",
    "high",
    "n",
    "chance",
    "majority",
    "higher_is_better",
    "difference_from_best",
    "difference_low",
    "difference_high",
    "p_adjusted",
    "tied_with_best",
    "n_compared",
    "change",
    "change_low",
    "change_high",
    "changed_since",
    "status",
    "reason",
)
"""Columns of the CSV file; ``change`` is from the same encoder's run before, ``prompts`` named where they differ."""


def rows(block: Block, found: dict[str, Compared]) -> Iterator[dict[str, Any]]:
    """The rows of one block; an entry without numbers gives one with its status and reason."""
    changed = changes(block)
    about = dict(zip(("dataset", "task", "part", "decoder"), block.key, strict=True))
    for i, entry in enumerate(block.entries):
        who = {"encoder": entry.encoder, "role": entry.role, "run": entry.name, "started": entry.started}
        who["prompts"] = block.variants.get(i, "")
        end = {"status": entry.status, "reason": entry.reason}
        if entry.status != "ok":
            yield _row(about | who | end)
        for (metric, k, rank), score in entry.scores.items():
            numbers = {name: score[name] for name in ("value", "low", "high", "n", "chance", "majority")}
            numbers |= {"metric": metric, "rank": rank, "k": k, "higher_is_better": score["higher_is_better"]}
            numbers |= _beside(i, found.get(column_of(metric, k, rank)))
            numbers |= _change(changed.get(i, {}).get(column_of(metric, k, rank)))
            reason = {"status": entry.status, "reason": score["reason"]}
            yield _row(about | who | numbers | reason)


def column_of(metric: str, k: int, rank: str) -> str:
    """The column of values per image that a metric is the mean of; ``""`` where there is none.

    Examples
    --------
    >>> column_of("rank_hits", 1, "genus"), column_of("rank_hits", 5, "genus")
    ('right_genus', '')
    """
    if metric == "rank_hits" and k == 1:
        return f"right_{rank}"
    return DISTANCE if metric == "average_hierarchical_distance" else ""


def _row(known: dict[str, Any]) -> dict[str, Any]:
    return {column: known.get(column) for column in COLUMNS}


def _beside(i: int, found: Compared | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {
        "difference_from_best": _number(found.difference[i]),
        "difference_low": _number(found.low[i]),
        "difference_high": _number(found.high[i]),
        "p_adjusted": _number(found.p[i]),
        "tied_with_best": bool(found.tied[i]),
        "n_compared": found.n,
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _change(found: Change | None) -> dict[str, Any]:
    if found is None:
        return {}
    ends = {"change_low": _number(found.low), "change_high": _number(found.high)}
    return {"change": found.difference, "changed_since": found.since} | ends


def sorted_entries(block: Block, found: dict[str, Compared], by: str) -> list[int]:
    """Positions of the entries, best first by a column; those without numbers last.

    Parameters
    ----------
    block, found
        The block and its comparisons.
    by
        A rank, ``distance``, ``severity``, ``p``, ``encoder``; anything else, such as ``difference``: the finest rank.
    """
    if by == "encoder":
        return sorted(range(len(block.entries)), key=lambda i: block.entries[i].encoder)
    finest = (shown_ranks(block, 1) or [""])[-1]
    lead = found.get(f"right_{finest}")
    if by == "p" and lead is not None:
        return sorted(range(len(block.entries)), key=lambda i: (i != lead.best, _least(-float(lead.p[i]))))
    metric = {"distance": "average_hierarchical_distance", "severity": "mistake_severity"}.get(by, "rank_hits")
    key = (metric, 1, (by if by in block.ranks else finest) if metric == "rank_hits" else "")
    sign = -1.0 if metric == "rank_hits" else 1.0

    def place(i: int) -> tuple[bool, float]:
        value = block.entries[i].scores.get(key, {}).get("value")
        return (value is None, 0.0 if value is None else sign * value)

    return sorted(range(len(block.entries)), key=place)


def _least(value: float) -> float:
    return math.inf if math.isnan(value) else value


def shown_ranks(block: Block, most: int) -> list[str]:
    """The finest ranks at which encoders can differ: those with one taxon, or without images, are left out."""
    known = []
    for rank in block.ranks:
        scores: Sequence[Any] = [e.scores[key] for e in block.entries if (key := ("rank_hits", 1, rank)) in e.scores]
        if any(s["n"] and (s["chance"] is None or s["chance"] < 1 - 1e-12) for s in scores):
            known.append(rank)
    return known[-most:]

"""The numbers of a run as W&B takes them: a flat summary, and accuracy by rank as lines.

Names of the summary, flat so that W&B can sort and plot them::

    <task>/<decoder>/<rank>/<metric>             knn/leaf_argmax/species/rank_hits
    <task>/<decoder>/<rank>/<metric>_low         likewise _high (95 % interval), _n, _chance, _majority
    <task>/<decoder>/<rank>/<metric>_top5        more than one answer allowed
    <task>/<decoder>/lineage/<metric>            about the whole lineage: mistake_severity, ...
    <task>@<slice>/...                           a part of the data: few_shot@5-shot/...
    control/<name>/<task>/...                    the same for a control
    <task>/status                                "ok", or why there are no numbers
    <task>/seconds, timings/<step>               how long it took; n_images beside
    by_rank/<task>/<decoder>                     no number but a line: accuracy over rank_depth, coarse to fine
    by_rank/<task>/<metric>                      likewise where nothing is decoded: purity, silhouette, ...

A value that is undefined is null, and its ``_n`` is 0. Where nothing is decoded, the decoder is ``none``.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from taxoeval.records import Score
from taxoeval.reports.run import Cell, Run

MAX_CHARTS = 20
"""Charts of accuracy by rank, one per task and part of the data; beyond that a page of them is not read."""


def summary(run: Run) -> dict[str, Any]:
    """The flat summary of a run; the names are explained at the top of this file.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> cells = (Cell("pixels", "encoder", "zero_shot", "unsupported", "pixels has no text tower"),)
    >>> summary(Run(name="demo", started="2026-11-21T10:00:00", dataset="magpies", taxonomy=taxonomy, cells=cells))
    {'status': 'unsupported', 'n_images': 0, 'zero_shot/status': 'unsupported: pixels has no text tower'}
    """
    rows: dict[str, Any] = {"status": run.status, "n_images": run.n_images}
    rows |= {f"timings/{step.replace('.', '_')}": float(seconds) for step, seconds in run.timings.items()}
    for cell in run.cells:
        prefix = prefix_of(run, cell)
        rows[f"{prefix}{word(cell.task)}/status"] = f"{cell.status}: {cell.reason}" if cell.reason else cell.status
        if cell.status == "ok":
            rows[f"{prefix}{word(cell.task)}/seconds"] = float(cell.seconds)
        for score in cell.scores:
            rows |= _named(prefix, cell, score)
    return rows


def prefix_of(run: Run, cell: Cell) -> str:
    """What tells the names of one encoder's numbers from another's; nothing for the one under evaluation."""
    several = len({cell.encoder for cell in run.cells if cell.role == "encoder"}) > 1
    return f"{cell.role}/{word(cell.encoder)}/" if several or cell.role == "control" else ""


def part_of(task: str, part: str) -> str:
    """A task and the part of the data, ``"all"`` unsaid, as the first word of a key.

    Examples
    --------
    >>> part_of("few_shot", "5-shot")
    'few_shot@5-shot'
    """
    return word(task) if part == "all" else f"{word(task)}@{word(part)}"


def _named(prefix: str, cell: Cell, score: Score) -> dict[str, Any]:
    answers = "" if score.k == 1 else f"_top{score.k}"
    rank, decoder = score.rank or "lineage", word(score.decoder)
    name = f"{prefix}{part_of(cell.task, score.slice)}/{decoder}/{rank}/{score.metric}{answers}"
    beside = {"low": score.low, "high": score.high, "chance": score.chance, "majority": score.majority}
    known = {f"{name}_{what}": float(value) for what, value in beside.items() if math.isfinite(value)}
    return {name: float(score.value) if math.isfinite(score.value) else None, f"{name}_n": int(score.n), **known}


def word(text: str) -> str:
    """A name as one part of a key: slashes would start a new part, and a part is never empty.

    Examples
    --------
    >>> word("a/b"), word("")
    ('a_b', 'none')
    """
    return text.replace("/", "_").replace("@", "_") or "none"


def by_rank(run: Run) -> list[dict[str, Any]]:
    """The encoder's numbers as one row per rank, coarse to fine: what draws a line in W&B over ``rank_depth``.

    Such lines of many runs lie over each other in one chart, which is what a sweep is read by.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> def hits(rank, value):
    ...     return Score("rank_hits", value, 8, rank, 1, value, value, 0.25, 0.5, True, "knn", "leaf_argmax")
    >>> cells = (Cell("mini", "encoder", "knn", "ok", scores=(hits("genus", 0.75), hits("species", 0.5))),)
    >>> run = Run(name="demo", started="2026-11-21T10:00:00", dataset="magpies", taxonomy=taxonomy, cells=cells)
    >>> for row in by_rank(run):
    ...     print(row)
    {'rank_depth': 1, 'by_rank/knn/leaf_argmax': 0.75}
    {'rank_depth': 2, 'by_rank/knn/leaf_argmax': 0.5}
    """
    ranks = ranks_of(run)
    rows: list[dict[str, Any]] = [{"rank_depth": depth} for depth in range(1, len(ranks) + 1)]
    for cell in run.cells:
        for score in cell.scores:
            name = line_of(score.decoder, score.metric, score.k)
            if cell.role == "encoder" and name and score.rank in ranks and math.isfinite(score.value):
                key = f"by_rank/{prefix_of(run, cell)}{part_of(cell.task, score.slice)}/{name}"
                rows[ranks.index(score.rank)][key] = float(score.value)
    return [row for row in rows if len(row) > 1]


def line_of(decoder: str, metric: str, k: int) -> str:
    """The name of the line that a score is a point of: one for each decoder, its accuracy; else one for each metric.

    Examples
    --------
    >>> line_of("leaf_argmax", "rank_hits", 1), line_of("leaf_argmax", "coverage", 1), line_of("", "purity", 20)
    ('leaf_argmax', '', 'purity_top20')
    """
    if decoder:
        return word(decoder) if metric == "rank_hits" and k == 1 else ""
    return metric if k == 1 else f"{metric}_top{k}"


def charts(run: Run) -> list[dict[str, Any]]:
    """One chart per task and part of the data: accuracy by rank of every decoder, with interval, chance and control.

    Returns
    -------
    charts
        ``key``; ``title``; ``xname``, which spells out the depths; ``x``, ``y`` and ``names`` of its lines. The
        interval, chance and the control are those of the first decoder: the others are given to compare rules.
    """
    ranks = ranks_of(run)
    spelt = axis(ranks)
    lines: dict[str, dict[str, list[tuple[int, float]]]] = {}
    first: dict[tuple[str, str, str, str], str] = {}
    for cell, score in _accuracies(run):
        own = first.setdefault((cell.role, cell.encoder, cell.task, score.slice), score.decoder) == score.decoder
        if cell.role == "control" and not own:
            continue
        several = prefix_of(run, cell) if cell.role == "encoder" else ""
        of = lines.setdefault(f"accuracy_by_rank/{several}{part_of(cell.task, score.slice)}", {})
        told = {f"{cell.encoder} (control)" if cell.role == "control" else score.decoder: score.value}
        if own and cell.role == "encoder":
            told |= {"95 % low": score.low, "95 % high": score.high, "chance": score.chance}
        for name, value in told.items():
            if math.isfinite(value):
                of.setdefault(name, []).append((ranks.index(score.rank) + 1, float(value)))
    drawn = [(key, of) for key, of in lines.items() if any(len(points) > 1 for points in of.values())]
    return [
        {
            "key": key,
            "title": f"accuracy by rank: {key.split('/', 1)[1]}",
            "xname": spelt,
            "x": [[depth for depth, _ in points] for points in of.values()],
            "y": [[value for _, value in points] for points in of.values()],
            "names": list(of),
        }
        for key, of in drawn[:MAX_CHARTS]
    ]


def axis(ranks: Sequence[str]) -> str:
    """What the depths of an axis mean.

    Examples
    --------
    >>> axis(["genus", "species"])
    'rank: 1 genus, 2 species'
    """
    return "rank: " + ", ".join(f"{i} {rank}" for i, rank in enumerate(ranks, 1))


def _accuracies(run: Run) -> Iterator[tuple[Cell, Score]]:
    ranks = set(ranks_of(run))
    for cell in run.cells:
        for score in cell.scores:
            if score.metric == "rank_hits" and score.k == 1 and score.rank in ranks:
                yield cell, score


def ranks_of(run: Run) -> list[str]:
    """Ranks of the run, and those that a task with a taxonomy of its own has besides."""
    return list(dict.fromkeys([*run.taxonomy.ranks, *(r for c in run.cells for r in run.taxonomy_of(c).ranks)]))

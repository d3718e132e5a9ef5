"""Is one encoder better than another, on the same images? Differences with intervals, and who ties with the best."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.compare.blocks import Block, Entry, parent_part, pieces
from taxoeval.metrics import statistics
from taxoeval.reports.files import SavedRun, read_run

Floats = NDArray[np.float64]

DISTANCE = "ranks_to_climb"
"""Column of the average hierarchical distance: lower is better."""


@dataclass(frozen=True, eq=False)
class Compared:
    """The encoders of a block on one column: right at a rank, or ranks to climb.

    Attributes
    ----------
    column
        ``right_<rank>`` or ``ranks_to_climb``.
    mean
        ``(e,)`` over the images that all encoders answered; NaN for an entry without numbers.
    best
        Position of the best encoder; controls take no part.
    difference, low, high
        ``(e,)`` of each from the best, with its 95 % interval; 0 for the best itself.
    p
        ``(e,)`` adjusted for the number of encoders.
    tied
        ``(e,)`` whether it may be the best.
    n
        Images compared.
    """

    column: str
    mean: Floats
    best: int
    difference: Floats
    low: Floats
    high: Floats
    p: Floats
    tied: NDArray[np.bool_]
    n: int


def compared(block: Block, columns: Sequence[str] | None = None) -> dict[str, Compared]:
    """Compare the encoders of a block image by image.

    Parameters
    ----------
    block
        From `taxoeval.compare.blocks`.
    columns
        Which; by default ``right_<rank>`` of all ranks and ``ranks_to_climb``.

    Returns
    -------
    compared
        By column; one that no image has a value in is left out.

    Notes
    -----
    Images are resampled by whole species, all encoders together, see `taxoeval.metrics.statistics.tied_with_best` and
    `paired_difference`. An image that was tested in several repeats counts once, with its mean.
    """
    wanted = list(columns) if columns is not None else [*(f"right_{rank}" for rank in block.ranks), DISTANCE]
    values = [values_per_image(entry, block, wanted) for entry in block.entries if entry.status == "ok"]
    if not values or not values[0][0]:
        return {}
    samples = sorted(set.intersection(*(set(names) for names, _, _ in values)))
    if not samples:
        return {}
    taken = [dict(zip(names, range(len(names)), strict=True)) for names, _, _ in values]
    rows = [np.array([place[sample] for sample in samples]) for place in taken]
    group = values[0][1][rows[0]]
    found = {}
    for c, column in enumerate(wanted):
        table = np.stack([table[of, c] for (_, _, table), of in zip(values, rows, strict=True)], axis=1)
        if not np.isnan(table).all():
            found[column] = _one(block, column, table, group)
    return found


def _one(block: Block, column: str, table: Floats, group: NDArray[np.str_]) -> Compared:
    higher = column != DISTANCE
    live = [i for i, entry in enumerate(block.entries) if entry.status == "ok"]
    rivals = [c for c, i in enumerate(live) if block.entries[i].role == "encoder"] or list(range(len(live)))
    known = ~np.isnan(table).any(axis=1)
    e = len(block.entries)
    mean, difference, low, high, p = (np.full(e, np.nan) for _ in range(5))
    tied = np.zeros(e, dtype=bool)
    mean[live] = table[known].mean(axis=0) if known.any() else np.nan
    several = len(rivals) > 1 and len(np.unique(group[known])) > 1
    if several:
        result = statistics.tied_with_best(table[:, rivals], groups=group, higher_is_better=higher)
        best = rivals[result.best]
        p[[live[c] for c in rivals]], tied[[live[c] for c in rivals]] = result.p, result.tied
    else:
        order = mean[[live[c] for c in rivals]]
        best = rivals[int(np.nanargmax(order if higher else -order))] if not np.isnan(order).all() else rivals[0]
        tied[live[best]] = True
    difference[live[best]] = 0.0
    if len(np.unique(group[known])) > 1:
        for c, i in enumerate(live):
            if c != best:
                interval = statistics.paired_difference(table[:, c], table[:, best], groups=group)
                difference[i], low[i], high[i] = interval.estimate, interval.low, interval.high
    return Compared(column, mean, live[best], difference, low, high, p, tied, int(known.sum()))


def values_per_image(entry: Entry, block: Block, columns: Sequence[str]) -> tuple[list[str], NDArray[np.str_], Floats]:
    """Samples, their taxa and their values of an entry, ``(n, columns)``: the mean over the repeats of each image."""
    samples: list[str] = []
    taxa: list[str] = []
    parts: list[Floats] = []
    for who, rows in _pieces(entry.run):
        if who[:4] == (entry.encoder, entry.role, block.task, block.decoder) and parent_part(who[4]) == block.part:
            samples += rows["sample"].tolist()
            taxa += rows["target_path"].tolist()
            parts.append(np.stack([rows[name].astype(np.float64) for name in columns], axis=1))
    if not samples:
        return [], np.array([], dtype=np.str_), np.empty((0, len(columns)))
    table = np.concatenate(parts)
    names, first, image = np.unique(np.array(samples), return_index=True, return_inverse=True)
    known = ~np.isnan(table)
    total, tested = np.zeros((len(names), len(columns))), np.zeros((len(names), len(columns)))
    np.add.at(total, image, np.where(known, table, 0.0))
    np.add.at(tested, image, known.astype(np.float64))
    mean = np.divide(total, tested, out=np.full_like(total, np.nan), where=tested > 0)
    return names.tolist(), np.array(taxa, dtype=np.str_)[first], mean


def _pieces(run: SavedRun) -> list[tuple[tuple[str, str, str, str, str], dict[str, NDArray[Any]]]]:
    return _read(run.folder.resolve())


@lru_cache(maxsize=64)
def _read(folder: Path) -> list[tuple[tuple[str, str, str, str, str], dict[str, NDArray[Any]]]]:
    """The images of a run, read once for all tables it stands in."""
    table = read_run(folder).images()
    return list(pieces(table)) if table.num_rows else []

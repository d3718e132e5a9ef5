"""What changed between two dates of one run: the newer less the older, image by image."""

from dataclasses import dataclass

import numpy as np

from taxoeval.compare.blocks import Block
from taxoeval.compare.differences import DISTANCE, values_per_image
from taxoeval.metrics import statistics


@dataclass(frozen=True)
class Change:
    """The newer run less the older one, on the images of both.

    Attributes
    ----------
    difference, low, high
        Of the mean, with its 95 % interval; species are resampled. NaN ends where there are too few species.
    n
        Images compared.
    since
        When the older run started.
    """

    difference: float
    low: float
    high: float
    n: int
    since: str


def changes(block: Block) -> dict[int, dict[str, Change]]:
    """For each entry that has an earlier run, its change in every column of values per image.

    Parameters
    ----------
    block
        From `taxoeval.compare.blocks`.

    Returns
    -------
    changes
        By position among the entries, then by column (``right_<rank>``, ``ranks_to_climb``). What the jobs of one
        sweep repeat, such as a control, is no change and left out.
    """
    columns = [*(f"right_{rank}" for rank in block.ranks), DISTANCE]
    found: dict[int, dict[str, Change]] = {}
    for i, before in block.earlier.items():
        now = block.entries[i]
        group = now.run.meta["group"]
        if now.started == before.started or (group is not None and group == before.run.meta["group"]):
            continue
        new_names, taxa, new = values_per_image(now, block, columns)
        old_names, _, old = values_per_image(before, block, columns)
        _, here, there = np.intersect1d(new_names, old_names, return_indices=True)
        for c, column in enumerate(columns):
            pair = np.stack([new[here, c], old[there, c]], axis=1) if len(here) else np.empty((0, 2))
            known = ~np.isnan(pair).any(axis=1)
            if known.any():
                one = _change(pair[known], taxa[here][known], before.started)
                found.setdefault(i, {})[column] = one
    return found


def _change(pair: "np.typing.NDArray[np.float64]", taxa: "np.typing.NDArray[np.str_]", since: str) -> Change:
    difference, low, high = float((pair[:, 0] - pair[:, 1]).mean()), np.nan, np.nan
    if len(np.unique(taxa)) > 1:
        interval = statistics.paired_difference(pair[:, 0], pair[:, 1], groups=taxa)
        low, high = float(interval.low), float(interval.high)
    return Change(difference, low, high, len(pair), since)

"""Quality against speed over the runs of a comparison, where both were measured."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from taxoeval.compare.blocks import Block
from taxoeval.compare.differences import Compared

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def cost_figure(results: Sequence[tuple[Block, Mapping[str, Compared]]]) -> "Figure | None":
    """The figure over everything that is compared; None where no encoder was timed and asked.

    Parameters
    ----------
    results
        Blocks and their comparisons.
    """
    if not any(block.task == "speed" for block, _ in results):
        return None
    import pandas as pd

    from taxoeval.reports.figures.quality_against_speed import quality_against_speed

    runs = {entry.run.folder: entry.run for block, _ in results for entry in block.entries}
    scores = pd.concat([run.scores().to_pandas() for run in runs.values()])
    ranks = max((block.ranks for block, _ in results), key=len)
    return quality_against_speed(scores, ranks)

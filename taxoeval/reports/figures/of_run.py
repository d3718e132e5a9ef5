"""The figures every finished run is given: how often right, how far wrong."""

from pathlib import Path
from typing import TYPE_CHECKING

from taxoeval.reports.atomic import together
from taxoeval.reports.figures.accuracy_by_rank import accuracy_by_rank
from taxoeval.reports.figures.mistake_distance import mistake_distance
from taxoeval.reports.figures.style import KINDS, rendered
from taxoeval.reports.files import read_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_figures(folder: Path) -> list[Path]:
    """Draw ``figures/accuracy_by_rank`` and ``figures/mistake_distance`` of a finished run.

    Parameters
    ----------
    folder
        Of the run.

    Returns
    -------
    paths
        The files; none for a run without answers, such as one of the latent space alone.

    Raises
    ------
    TaxoevalError
        If there is no finished run or the folder cannot be written.
    """
    import pandas as pd

    run = read_run(folder)
    ranks = list(run.meta["taxonomy"]["n_taxa"])
    mistakes = folder / "mistake_ranks.parquet"
    figures: dict[str, Figure | None] = {"accuracy_by_rank": accuracy_by_rank(run.scores().to_pandas(), ranks)}
    if mistakes.is_file():
        figures["mistake_distance"] = mistake_distance(pd.read_parquet(mistakes), ranks)
    files = {f"{name}.{kind}": rendered(drawn, kind) for name, drawn in figures.items() if drawn for kind in KINDS}
    if files:
        place = folder / "figures"
        place.mkdir(exist_ok=True)
        with together(place, next(iter(files))) as staged:
            for name, content in files.items():
                staged(name).write_bytes(content)
    return [folder / "figures" / name for name in files]

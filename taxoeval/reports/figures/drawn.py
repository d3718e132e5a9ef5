"""Which figure shows which record."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from taxoeval.reports.figures.style import rendered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("svg", "png")
"""Formats in which every figure is written: one to edit and print, one to look at."""


def draw_all(records: Mapping[str, Any]) -> dict[str, bytes]:
    """The figures of whatever among the records can be drawn.

    Parameters
    ----------
    records
        By name.

    Returns
    -------
    files
        Contents by file name: ``<name>.svg`` and ``<name>.png``.

    Raises
    ------
    TaxoevalError
        If there is something to draw and matplotlib is not installed.

    Examples
    --------
    >>> draw_all({"numbers": (1, 2)})
    {}
    """
    files: dict[str, bytes] = {}
    for name, record in records.items():
        figure = draw(record)
        if figure is not None:
            files |= {f"{name}.{kind}": rendered(figure, kind) for kind in KINDS}
    return files


def draw(record: Any) -> "Figure | None":
    """The figure of one record, None where there is none for its kind."""
    from taxoeval.reports.figures.purity_curves import purity_curves
    from taxoeval.reports.figures.similarity_profile import similarity_profile
    from taxoeval.reports.figures.variance_bars import variance_bars
    from taxoeval.structure import Neighbours, SimilarityByLca, VarianceByRank

    match record:
        case VarianceByRank():
            return variance_bars({"without bias": record.share.tolist(), "raw": record.raw.tolist()}, record.levels)
        case SimilarityByLca():
            return similarity_profile(record)
        case Neighbours():
            return purity_curves(record)
    return None

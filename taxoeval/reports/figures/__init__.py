"""Figures: each a function from a record or from tidy rows to a picture."""

from taxoeval.reports.figures.drawn import draw_all
from taxoeval.reports.figures.of_run import write_figures

__all__ = ["draw_all", "write_figures"]

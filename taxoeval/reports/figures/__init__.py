"""Figures: each a function from a record or from tidy rows to a picture."""

from taxoeval.reports.figures.drawn import draw_all

__all__ = ["draw_all"]

"""The HTML report of a run: one file that opens from disk."""

from taxoeval.reports.html.page import page, write_report

__all__ = ["page", "write_report"]

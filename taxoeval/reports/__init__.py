"""What people look at: result files, the console table, W&B. Files come first; the rest may fail without loss."""

from taxoeval.reports.console import print_run
from taxoeval.reports.files import SavedRun, read_run, record_logging, write_run
from taxoeval.reports.run import Cell, Logger, LogOutcome, Run

__all__ = ["Cell", "LogOutcome", "Logger", "Run", "SavedRun", "print_run", "read_run", "record_logging", "write_run"]

"""The logger that logs nowhere."""

from dataclasses import dataclass
from pathlib import Path

from taxoeval.reports.run import LogOutcome, Run


@dataclass(frozen=True)
class NoLogger:
    """Leave the run in its folder.

    Examples
    --------
    >>> NoLogger()(None, None).status
    'off'
    """

    def __call__(self, run: Run, folder: Path) -> LogOutcome:
        """Do nothing."""
        return LogOutcome("off")

"""A job that ends before it has a run is told to the logger, so that it is not merely missing there."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from taxoeval.reports.run import Logger


@contextmanager
def failure_logged(
    logger: Logger,
    folder: Path,
    *,
    name: str | None,
    group: str | None,
    tasks: Sequence[str],
    config: Mapping[str, Any],
) -> Iterator[None]:
    """Whatever is raised in the block goes on, but is logged first by a logger that has a method ``failed``.

    Examples
    --------
    >>> from taxoeval.reports.no_logger import NoLogger
    >>> with failure_logged(NoLogger(), Path("run"), name=None, group=None, tasks=["knn"], config={}):
    ...     raise OSError("no such table")
    Traceback (most recent call last):
    OSError: no such table
    """
    try:
        yield
    except Exception as error:
        if tell := getattr(logger, "failed", None):
            reason = " ".join(str(error).split()) or type(error).__name__
            folder.mkdir(parents=True, exist_ok=True)
            outcome = tell(reason, folder, name=name or folder.name, group=group, tasks=tasks, config=config)
            if outcome.message:
                print(outcome.message, file=sys.stderr)
        raise

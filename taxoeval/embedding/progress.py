"""Bars with rate and time left, for people at a terminal only; one within another where a step has steps."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

_display: "Progress | None" = None  # a terminal has room for one; what begins meanwhile draws its bar there


@contextmanager
def progress_bar(title: str, total: int, unit: str, *, shown: bool | None = None) -> Iterator[Callable[[int], None]]:
    """Draw a bar on standard error while the block runs.

    Parameters
    ----------
    title
        What is going on, in a few words.
    total
        How many steps there are.
    unit
        What a step is, in the plural.
    shown
        Nothing is drawn if False, or if standard error is not a terminal: logs stay clean. None draws where a bar is
        drawn already: for a step of something longer.

    Yields
    ------
    Callable
        To be called with the number of steps just done.

    Examples
    --------
    >>> with progress_bar("encoding", 3, "images", shown=False) as advance:
    ...     advance(3)
    """
    outer = shown is not False and _display is not None
    if not outer and not (shown and sys.stderr.isatty()):
        yield lambda steps: None
        return
    with _shared() as progress:
        task = progress.add_task(title, total=total, rate="")
        begin = time.perf_counter()
        done = 0

        def advance(steps: int) -> None:
            nonlocal done
            done += steps
            rate = done / max(time.perf_counter() - begin, 1e-9)
            progress.update(task, advance=steps, rate=f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.2f} {unit}/s")

        try:
            yield advance
        finally:
            if outer:
                progress.remove_task(task)


@contextmanager
def _shared() -> "Iterator[Progress]":
    """The display that is on, or a new one for as long as the block runs."""
    global _display
    if _display is not None:
        yield _display
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as _display:
        try:
            yield _display
        finally:
            _display = None

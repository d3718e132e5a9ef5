"""A bar with rate and time left, for people at a terminal only."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(title: str, total: int, unit: str, *, shown: bool) -> Iterator[Callable[[int], None]]:
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
        Nothing is drawn if False, or if standard error is not a terminal: logs stay clean.

    Yields
    ------
    Callable
        To be called with the number of steps just done.

    Examples
    --------
    >>> with progress_bar("encoding", 3, "images", shown=False) as advance:
    ...     advance(3)
    """
    if not shown or not sys.stderr.isatty():
        yield lambda steps: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total, rate="")
        begin = time.perf_counter()
        done = 0

        def advance(steps: int) -> None:
            nonlocal done
            done += steps
            rate = done / max(time.perf_counter() - begin, 1e-9)
            progress.update(task, advance=steps, rate=f"{rate:,.0f} {unit}/s" if rate >= 10 else f"{rate:.2f} {unit}/s")

        yield advance

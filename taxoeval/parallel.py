"""Independent work on several processor cores at once: numpy lets go of Python's lock in what takes long."""

import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """A function of each item, in as many threads as there are cores; results in the order of the items.

    Parameters
    ----------
    function
        Of one item; must not depend on what is done with the others. What it imports should have been imported before:
        of two threads that import at once, Python may refuse one because of a deadlock.
    items
        Met one after the other, at most twice as many ahead of the results as there are threads, so that a long series
        of large items need not fit into memory.

    Yields
    ------
    result
        Of the next item. An error of the function is raised in the place of its result.

    Notes
    -----
    BLAS keeps to one thread meanwhile: cores that already work have none to lend, and threads that wait for one another
    are slower than one alone.

    Examples
    --------
    >>> list(in_threads(lambda x: x * x, range(4)))
    [0, 1, 4, 9]
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    # threads that silence a warning for a moment may put back what another one had set: the end sets that right
    with warnings.catch_warnings(), _one_thread_each(), ThreadPoolExecutor(cores) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= 2 * cores:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()


_lock = threading.Lock()
_limits: list[Any] = []  # the limit, and a None for each further user


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Keep BLAS to one thread from the first that enters to the last that leaves."""
    # scipy brings a BLAS of its own: loaded later, it would have its threads, and scikit-learn, which sets and resets
    # them around its loops, would in one thread give them back in the middle of another's loop, where BLAS may hang
    import scipy.linalg
    import scipy.sparse
    import scipy.special  # noqa: F401 - these two are what most functions import late

    with _lock:
        _limits.append(threadpool_limits(1, user_api="blas") if not _limits else None)
    try:
        yield
    finally:
        with _lock:
            if len(_limits) == 1:
                _limits[0].restore_original_limits()
                _limits.clear()
            else:
                _limits.pop()

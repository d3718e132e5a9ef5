"""Work in threads: order, errors, how far ahead it looks, and what BLAS is left with."""

import subprocess
import sys
import threading
import warnings

import pytest
from threadpoolctl import threadpool_info

from taxoeval.parallel import in_threads


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)


def blas() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_results_are_in_the_order_of_the_items_and_two_run_at_once():
    both = threading.Barrier(2, timeout=60)

    def together(x: int) -> tuple[int, bool]:
        both.wait()  # goes on only when a second thread is here
        return x, threading.current_thread() is not threading.main_thread()

    assert list(in_threads(together, range(6))) == [(x, True) for x in range(6)]


def test_an_error_comes_in_the_place_of_its_result_and_ends_the_series():
    met = []

    def half(x: int) -> float:
        met.append(x)
        return 1 / x

    found = in_threads(half, [1, 2, 0, *range(3, 100)])
    assert [next(found), next(found)] == [1.0, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(found)
    assert len(met) < 10  # the rest was not begun


def test_items_are_met_a_few_ahead_only():
    met = []

    def items():
        for x in range(100):
            met.append(x)
            yield x

    found = in_threads(abs, items())
    assert next(found) == 0
    assert len(met) == 4
    found.close()


def test_blas_keeps_to_one_thread_and_gets_its_own_back():
    before = blas()
    first, second = in_threads(lambda _: blas(), range(6)), in_threads(lambda _: blas(), range(6))
    assert next(first) == next(second) == [1] * len(before)
    first.close()
    assert blas() == [1] * len(before)  # the second is still at work
    assert list(second) == [[1] * len(before)] * 5
    assert blas() == before


def test_threads_that_silence_warnings_leave_the_filters_as_they_were():
    turns = [threading.Event() for _ in range(3)]

    def first(_: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            turns[0].set()
            turns[1].wait(60)  # the other has saved what was set here
        turns[2].set()

    def second(_: int) -> None:
        turns[0].wait(60)
        with warnings.catch_warnings():
            turns[1].set()
            turns[2].wait(60)

    before = list(warnings.filters)
    list(in_threads(lambda work: work(0), [first, second]))
    assert warnings.filters == before


IN_A_NEW_PROCESS = """
import os
os.sched_getaffinity = lambda _: {0, 1}
from threadpoolctl import threadpool_info
from taxoeval.parallel import in_threads

def late(_):
    import scipy.linalg, sklearn.cluster
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

print(list(in_threads(late, range(2))))
"""


def test_a_blas_that_would_be_loaded_later_keeps_to_one_thread_too():
    done = subprocess.run([sys.executable, "-c", IN_A_NEW_PROCESS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[{1}, {1}]"


def test_one_core_needs_no_threads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    assert list(in_threads(lambda _: threading.current_thread(), range(2))) == [threading.main_thread()] * 2

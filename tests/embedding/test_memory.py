"""What is asked of the C library, and that it is asked back; other libraries are left alone."""

import contextlib
import ctypes

import pytest

from taxoeval.embedding.memory import M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, freed_memory_kept

MIB = 1 << 20


class Library:
    """A C library that notes what it is told."""

    def __init__(self, most: int) -> None:
        self.told: list[tuple[int, ...]] = []
        self.most = most

    def mallopt(self, option: int, value: int) -> int:
        self.told.append((option, value))
        return int(option != M_MMAP_THRESHOLD or value <= self.most)

    def malloc_trim(self, pad: int) -> int:
        self.told.append((pad,))
        return 1


@pytest.mark.parametrize(
    ("most", "asked"), [(1 << 40, [1024 * MIB]), (32 * MIB, [1024 * MIB, 32 * MIB])], ids=["new", "old"]
)
def test_options_are_set_and_set_back_after_an_error_too(monkeypatch: pytest.MonkeyPatch, most, asked):
    library = Library(most)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    with contextlib.suppress(ValueError), freed_memory_kept():
        before = list(library.told)
        raise ValueError("stop")
    assert before == [*((M_MMAP_THRESHOLD, size) for size in asked), (M_TRIM_THRESHOLD, 2048 * MIB - 1)]
    assert library.told[len(before) :] == [(M_MMAP_THRESHOLD, 32 * MIB), (M_TRIM_THRESHOLD, 64 * MIB), (0,)]


@pytest.mark.parametrize("fault", [OSError, TypeError, AttributeError])
def test_other_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch, fault):
    def absent(name):
        raise fault("no such thing")

    monkeypatch.setattr(ctypes, "CDLL", absent)
    with freed_memory_kept():
        done = True
    assert done

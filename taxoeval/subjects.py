"""The encoders of a run, one after the other: made, their vectors computed or read, and what was found on the way."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from taxoeval.datasets.images import NoImages
from taxoeval.embedding import processes
from taxoeval.records import Embeddings
from taxoeval.reports import Cell
from taxoeval.reports.cell_key import given
from taxoeval.tasks import Subject

if TYPE_CHECKING:
    from taxoeval.datasets.base import ImageDataset
    from taxoeval.encoders import Encoder

Outcome = tuple[Subject, dict[str, Any]] | Exception
"""What the tasks are given of an encoder and what identifies it, or why there is nothing."""


@dataclass
class Found:
    """What an evaluation has found so far."""

    cells: list[Cell] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    fingerprints: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    vectors: dict[str, str] = field(default_factory=dict)
    labels: str | None = None
    dimension: int = 0
    embeddings: Embeddings | None = None
    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Note how long the block took."""
        start = time.perf_counter()
        yield
        self.timings[what] = time.perf_counter() - start


def subjects_of(
    encoders: "Mapping[str, Callable[[], Encoder]]",
    images: "ImageDataset",
    embed: "Callable[[Encoder], Subject]",
    found: Found,
) -> Iterator[tuple[str, Outcome]]:
    """Each encoder that has something to say, embedded when it is asked for.

    Parameters
    ----------
    encoders
        Makers by role.
    images
        The dataset.
    embed
        Encoder to what the tasks are given of it.
    found
        Gets name, fingerprint, hashes and timings of each, as far as they come.

    Yields
    ------
    role, outcome
        A fault of one encoder is an outcome; the others go on.
    """
    for role, make in encoders.items():
        if role == "control" and "encoder" in found.fingerprints and not found.dimension:
            continue  # beside answers that no vector gave, a control says nothing
        if role == "control" and isinstance(images.source, NoImages):
            found.notes.append("no control was run: it looks at images, and the labels came without")
            continue
        outcome: Outcome
        try:
            with processes.step():
                outcome = _subject(role, make, embed, found)
        except Exception as error:
            outcome = error
        yield role, outcome


def _subject(
    role: str, make: "Callable[[], Encoder]", embed: "Callable[[Encoder], Subject]", found: Found
) -> tuple[Subject, dict[str, Any]]:
    with found.timed(f"{role}.load"):
        encoder = make()
    found.fingerprints[role], found.names[role], found.dimension = encoder.fingerprint, encoder.name, encoder.dimension
    with found.timed(f"{role}.embed"):
        subject = embed(encoder)
    about = given(subject, encoder)
    found.labels, found.vectors[role] = about["labels"], about["vectors"]
    return subject, about

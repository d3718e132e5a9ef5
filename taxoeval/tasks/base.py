"""What a task is given and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from taxoeval.records import Embeddings, Predictions, Score
from taxoeval.tasks.decoding import Decoding
from taxoeval.taxonomy import Taxonomy

if TYPE_CHECKING:
    from taxoeval.datasets.base import ImageSource
    from taxoeval.encoders import Encoder


@dataclass(frozen=True, eq=False)
class Subject:
    """One encoder on one dataset, as every task sees it: vectors and labels.

    Attributes
    ----------
    embeddings
        Vectors, taxa and sample ids of the images.
    taxonomy
        The taxonomy of the taxa.
    common_name
        ``(n_taxa,)`` vernacular names, ``""`` where unknown.
    label
        ``(n,)`` the label of each image as the source wrote it.
    embed_texts
        Texts to their vectors ``(m, d)``, un-normalised; None for an encoder without a text tower.
    logit_scale
        What cosines are multiplied by before the softmax, as trained; 1 without a text tower.
    group
        ``(n,)`` what each image belongs to (an observation, a specimen, a burst of a camera): images of one group are
        never each other's neighbour, and stay on one side of every split. None where the dataset names none.
    decoding
        How scores become answers.
    encoder, source
        The encoder itself and the images, for what is about them and not about vectors; None where there is none.
    """

    embeddings: Embeddings
    taxonomy: Taxonomy
    common_name: Sequence[str]
    label: NDArray[np.str_]
    embed_texts: Callable[[Sequence[str]], NDArray[np.float32]] | None = None
    logit_scale: float = 1.0
    group: NDArray[np.str_] | None = None
    decoding: Decoding = field(default_factory=Decoding)
    encoder: "Encoder | None" = None
    source: "ImageSource | None" = None


@dataclass(frozen=True, eq=False)
class TaskResult:
    """What a task found.

    Attributes
    ----------
    scores, predictions
        The numbers, and the answers they were computed from.
    notes
        What a reader must know to read the numbers, one sentence each.
    details
        Plain values for the record of the run: settings resolved, counts.
    tables
        Columns worth keeping in a file of their own, by name: the splits of few-shot, for example.
    taxonomy
        The taxonomy of the predictions where it is not the subject's: one joined with that of candidates from
        elsewhere, for example.
    records
        What figures are drawn from, by the name of the figure's file.
    """

    scores: tuple[Score, ...]
    predictions: tuple[Predictions, ...]
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)
    taxonomy: Taxonomy | None = None
    records: Mapping[str, Any] = field(default_factory=dict)


class Task(Protocol):
    """A frozen dataclass of settings whose call evaluates a `Subject`.

    Raises `UnsupportedError` where the question cannot be asked of this encoder or dataset. A task that does not look
    at the vectors says so by a class attribute ``needs_vectors = False``: it can be asked without an encoder. One
    whose numbers are about the machine has ``of_this_machine = True``: they are not taken for those of another.
    """

    name: str

    def __call__(self, subject: Subject) -> TaskResult:
        """Evaluate one encoder on one dataset."""
        ...


def normalised(vectors: NDArray[np.float32], where: str) -> NDArray[np.float32]:
    """Rows divided by their length; an all-zero row stays zero (it is like nothing, at cosine 0 to everything)."""
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise ValueError(f"{where}: vector {row} holds NaN or infinity; recompute the embeddings")
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))

"""What all decoders share: their signature, and the grouping of candidates under their taxon at a rank."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.taxonomy import Taxonomy


class Answers(NamedTuple):
    """The best taxa at every rank, best first.

    ``taxon`` and ``probability`` are ``(n, n_ranks, k)``; ``-1`` and NaN where there is no answer.
    """

    taxon: NDArray[np.int64]
    probability: NDArray[np.float64]


class Decoder(Protocol):
    """A rule: probabilities ``(n, c)`` of the candidates ``(c,)`` in, `Answers` out."""

    __name__: str

    def __call__(self, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
        """Answer every rank with the k best taxa."""
        ...


class Groups(NamedTuple):
    """Candidates in preorder, cut into runs that share a taxon at one rank.

    ``taxon[g]`` is the taxon of run ``g`` (``-1`` for a candidate unknown at this rank, which is a run of its own) and
    ``starts[g]`` where it begins among the sorted candidates.
    """

    taxon: NDArray[np.int64]
    starts: NDArray[np.int64]


def sorted_inputs(
    probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Check both and put the candidates, and the columns with them, in preorder, where every clade is one run."""
    scores, taxa = np.asarray(probability), np.asarray(candidates)
    if scores.ndim != 2 or taxa.shape != (scores.shape[1],) or len(taxa) == 0:
        raise ValueError(f"probability must be (n, c) for candidates (c,), c > 0; got {scores.shape} and {taxa.shape}")
    order = np.argsort(taxa, kind="stable")
    taxa = taxa[order].astype(np.int64)
    if taxa[0] < 0 or taxa[-1] >= len(taxonomy) or (np.diff(taxa) == 0).any():
        raise ValueError("candidates must be different taxa of the taxonomy")
    if not (scores >= 0).all():
        raise ValueError("probabilities must be numbers of at least 0; apply a softmax to similarities first")
    return scores[:, order].astype(np.float64, copy=False), taxa


def groups_at(candidates: NDArray[np.int64], rank: int, taxonomy: Taxonomy) -> Groups:
    """Runs of sorted candidates that share their taxon at a rank."""
    taxon = taxonomy.ancestor[candidates, rank].astype(np.int64)
    first = np.r_[True, (taxon[1:] != taxon[:-1]) | (taxon[1:] < 0)]
    starts = np.flatnonzero(first)
    return Groups(taxon[starts], starts)


def best(score: NDArray[np.float64], k: int) -> NDArray[np.int64]:
    """Columns of the k largest scores of each row, best first; ties go to the first column, -1 where score is 0."""
    columns = score.shape[1]
    wanted = min(k, columns)
    if wanted == 1:
        top = score.argmax(axis=1)[:, None]
    elif wanted < columns // 8:
        # what is at least as good as the k-th best, then a stable sort of these few: ties keep the order of columns
        threshold = np.partition(score, columns - wanted, axis=1)[:, columns - wanted]
        top = np.stack([_first_best(row, least, wanted) for row, least in zip(score, threshold, strict=True)])
    else:
        top = np.argsort(-score, axis=1, kind="stable")[:, :wanted]
    top = np.where(np.take_along_axis(score, top, axis=1) > 0, top, -1)
    return np.pad(top, ((0, 0), (0, k - wanted)), constant_values=-1)


def _first_best(row: NDArray[np.float64], least: float, wanted: int) -> NDArray[np.int64]:
    eligible = np.flatnonzero(row >= least)
    return eligible[np.argsort(-row[eligible], kind="stable")[:wanted]]

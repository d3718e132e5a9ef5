"""What all decoders share: their signature, the check of what they are given, and the choice of the k best."""

from typing import Any, NamedTuple, Protocol

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
    """A rule: probabilities ``(n, c)`` of the candidates ``(c,)`` in, `Answers` out.

    A function, or a frozen dataclass of the rule's settings; `decoder_name` names either.
    """

    def __call__(self, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
        """Answer every rank with the k best taxa."""
        ...


class Calibration(Protocol):
    """Settings of a rule with a number in it that has to be found on samples whose taxon is known."""

    @property
    def name(self) -> str:
        """What the results of the fitted rule are kept under."""
        ...

    def fit(self, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, target: ArrayLike) -> "Decoder":
        """The rule with its number, found on a calibration split; `target` ``(n,)``, ``-1`` leaves a sample out."""
        ...


def decoder_name(decoder: Decoder) -> str:
    """The name results are kept under: the ``name`` of a dataclass with its settings, or that of the function.

    Examples
    --------
    >>> from taxoeval.decoding import Threshold, rank_sum
    >>> decoder_name(rank_sum), decoder_name(Threshold(0.9))
    ('rank_sum', 'threshold_0.9')
    """
    return str(getattr(decoder, "name", None) or decoder.__name__)  # type: ignore[attr-defined]


def sorted_inputs(
    probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Check both and put the candidates, and the columns with them, in preorder, where every clade is one run."""
    scores, taxa = checked_inputs(probability, candidates, taxonomy)
    return scores.astype(np.float64, copy=False), taxa


def checked_inputs(
    probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The same in the precision they came in, and not copied if they are in preorder already."""
    scores, taxa = np.asarray(probability), np.asarray(candidates)
    if scores.dtype.kind != "f":
        scores = scores.astype(np.float64)
    if scores.ndim != 2 or taxa.shape != (scores.shape[1],) or len(taxa) == 0:
        raise ValueError(f"probability must be (n, c) for candidates (c,), c > 0; got {scores.shape} and {taxa.shape}")
    order = np.argsort(taxa, kind="stable")
    taxa = taxa[order].astype(np.int64)
    if taxa[0] < 0 or taxa[-1] >= len(taxonomy) or (np.diff(taxa) == 0).any():
        raise ValueError("candidates must be different taxa of the taxonomy")
    if scores.size and not scores.min() >= 0:  # also NaN
        raise ValueError("probabilities must be numbers of at least 0; apply a softmax to similarities first")
    return (scores if (order[:-1] < order[1:]).all() else scores[:, order]), taxa


def best(score: NDArray[np.floating], k: int) -> NDArray[np.int64]:
    """Columns of the k largest scores of each row, best first; ties go to the first column, -1 where score is 0."""
    wanted = min(k, score.shape[1])
    if wanted <= _FEW:
        rows = max(1, _CACHED // score.shape[1])
        pieces = [_one_by_one(score[i : i + rows], wanted) for i in range(0, len(score), rows)]
        top = np.concatenate(pieces) if pieces else np.zeros((0, wanted), dtype=np.int64)
    elif wanted >= score.shape[1] // 8:
        top = _answers(score, np.argsort(-score, axis=1, kind="stable")[:, :wanted])
    else:
        rows = max(1, _CACHED // score.shape[1])
        pieces = [_few_best(score[i : i + rows], wanted) for i in range(0, len(score), rows)]
        top = np.concatenate(pieces) if pieces else np.zeros((0, wanted), dtype=np.int64)
    return np.pad(top, ((0, 0), (0, k - wanted)), constant_values=-1) if wanted < k else top


def _answers(score: NDArray[np.floating], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The columns, -1 for those whose score is 0."""
    return np.where(np.take_along_axis(score, columns, axis=1) > 0, columns, -1)


_FEW = 8  # best scores that are found faster by looking at all for each

_CACHED = 1 << 18  # scores worked on at a time: what fits the processor's cache is several times as fast


def _one_by_one(score: NDArray[np.floating], k: int) -> NDArray[np.int64]:
    """The same for few: take the best out, then the best of the others."""
    left, rows = score.copy(), np.arange(len(score))
    top = np.empty((len(score), k), dtype=np.int64)
    for place in range(k):
        column = left.argmax(axis=1)
        top[:, place] = np.where(left[rows, column] > 0, column, -1)
        left[rows, column] = -1.0
    return top


def _few_best(score: NDArray[np.floating], k: int) -> NDArray[np.int64]:
    """The same for k far below the number of columns: find the k-th best score, then look only at what reaches it."""
    columns = score.shape[1]
    least = np.partition(score, columns - k, axis=1)[:, columns - k, None]
    reaching = score >= least
    if np.count_nonzero(reaching) > k * len(score):  # of those that equal the k-th best, keep the first ones
        tied = np.flatnonzero(reaching.sum(axis=1) > k)
        equal = score[tied] == least[tied]
        spare = k - (score[tied] > least[tied]).sum(axis=1, keepdims=True)
        reaching[tied] &= ~equal | (np.cumsum(equal, axis=1) <= spare)
    found = (np.flatnonzero(reaching) % columns).reshape(len(score), k)
    order = np.argsort(-np.take_along_axis(score, found, axis=1), axis=1, kind="stable")
    return _answers(score, np.take_along_axis(found, order, axis=1))

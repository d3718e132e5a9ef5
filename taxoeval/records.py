"""The frozen records that rooms hand to each other: embeddings, predictions, scores."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Vectors of one encoder over one dataset, row by row beside the taxon of each image.

    Attributes
    ----------
    vectors
        ``(n, d)`` float32, as the encoder gave them: not normalised.
    taxon
        ``(n,)`` int, the taxon id of each image: a node of the dataset's taxonomy.
    sample
        ``(n,)`` str, the id of each image, unique within the dataset.
    source
        Fingerprint of encoder and images: equal sources mean equal vectors.
    """

    vectors: NDArray[np.float32]
    taxon: NDArray[np.int64]
    sample: NDArray[np.str_]
    source: str

    def __post_init__(self) -> None:
        n = len(self.vectors)
        if self.vectors.ndim != 2 or len(self.taxon) != n or len(self.sample) != n:
            raise ValueError(
                f"Embeddings need vectors (n, d), taxon (n,) and sample (n,); got {self.vectors.shape}, "
                f"{self.taxon.shape} and {self.sample.shape}"
            )


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one decoder answers for every image at every rank, best first.

    Attributes
    ----------
    sample
        ``(n,)`` str, the ids of the images.
    target
        ``(n,)`` int, the true taxon of each image.
    taxon
        ``(n, n_ranks, k)`` int: the k best taxa at each rank, ``-1`` where there are fewer.
    probability
        ``(n, n_ranks, k)`` float: their probabilities, NaN where the taxon is ``-1``.
    decoder
        Name of the rule that turned scores into answers (reference names: ``leaf_argmax``, ``rank_sum``, ...).
    candidates
        ``(c,)`` int, the closed set of taxa a prediction could take.
    slice
        The part of the data this is about, ``"all"`` or a name such as ``"5-shot fold 2"``.
    fitted
        ``(n, n_ranks)`` float: the probability of the first answers under a temperature fitted on other images; None
        where none was fitted. Not kept in files.
    """

    sample: NDArray[np.str_]
    target: NDArray[np.int64]
    taxon: NDArray[np.int64]
    probability: NDArray[np.float64]
    decoder: str
    candidates: NDArray[np.int64]
    slice: str = "all"
    fitted: NDArray[np.float64] | None = None

    @property
    def n_candidates(self) -> int:
        """How many taxa a prediction could take."""
        return len(self.candidates)


@dataclass(frozen=True)
class Score:
    """One number of an evaluation with everything needed to read it.

    Attributes
    ----------
    metric
        Name of the metric.
    value
        The estimate; NaN means undefined, never zero.
    n
        How many samples (or taxa, for a mean over taxa) the value rests on.
    rank
        The taxonomic rank it is about, or ``""`` for the whole lineage.
    k
        How many answers were allowed.
    low, high
        Ends of the 95 % interval.
    chance
        Value expected of a uniform guess over the candidates.
    majority
        Value of always answering the most frequent target taxon; NaN where there is none.
    higher_is_better
        Direction of the metric; None for one that has none, such as a dimension.
    task, decoder, slice
        Where the number comes from: task, decoding rule, and the part of the data (``"all"``).
    p
        Of a permutation test against the chance level; NaN where none was made.
    reason
        Why the value is NaN, or what to know about it; ``""`` where there is nothing to say.
    """

    metric: str
    value: float
    n: int
    rank: str
    k: int
    low: float
    high: float
    chance: float
    majority: float
    higher_is_better: bool | None
    task: str
    decoder: str
    slice: str = "all"
    p: float = float("nan")
    reason: str = ""

"""What decoders that answer about the same images have in common: the images, and what chance and majority score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval import metrics
from taxoeval.metrics import statistics
from taxoeval.records import Predictions
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pool:
    """The samples of all repeats below each other, beside the distinct images they are about.

    Attributes
    ----------
    parts
        The predictions of one of the decoders, one per repeat.
    target
        ``(n,)`` true taxon of each sample.
    finest
        ``(n,)`` whether that is of the finest rank.
    image
        ``(n,)`` place of each sample's image among the images.
    first
        ``(n_images,)`` the first sample of each image.
    lineage
        ``(n_images, n_ranks)`` taxon of each image at every rank, ``-1`` where unknown.
    """

    parts: tuple[Predictions, ...]
    target: Ids
    finest: NDArray[np.bool_]
    image: Ids
    first: Ids
    lineage: NDArray[np.int32]

    @classmethod
    def of(cls, parts: tuple[Predictions, ...], taxonomy: Taxonomy) -> "Pool":
        """The samples that one decoder answers about."""
        target = np.concatenate([part.target for part in parts])
        sample = np.concatenate([part.sample for part in parts])
        _, first, image = np.unique(sample, return_index=True, return_inverse=True)
        finest = (target >= 0) & (taxonomy.rank[target] == taxonomy.n_ranks - 1)
        return cls(parts, target, finest, image, first, _lineage(target[first], taxonomy))

    def holds(self, parts: tuple[Predictions, ...]) -> bool:
        """Whether another decoder answers about the same samples, among the same candidates."""
        return len(parts) == len(self.parts) and all(
            np.array_equal(getattr(one, name), getattr(other, name))
            for one, other in zip(self.parts, parts, strict=True)
            for name in ("target", "sample", "candidates")
        )

    def per_image(self, values: Floats) -> list[tuple[Floats, Floats]]:
        """Mean of each column ``(n, columns)`` over the repeats of each image, and how many repeats it rests on."""
        whole = np.bincount(self.image, minlength=len(self.first)).astype(np.float64)
        found = []
        for column in np.ascontiguousarray(values.T):
            known = ~np.isnan(column)
            if len(self.parts) == 1 and len(self.first) == len(column):
                value, tested = column[self.first], known[self.first].astype(np.float64)
            else:
                tested = whole if known.all() else np.bincount(self.image[known], minlength=len(whole)).astype(float)
                value = np.full(len(whole), np.nan)
                total = np.bincount(self.image[known], column[known], len(whole))
                np.divide(total, tested, out=value, where=tested > 0)
            found.append((value, tested))
        return found


@dataclass(frozen=True, eq=False)
class Levels:
    """Beside which numbers scores are read.

    Attributes
    ----------
    chance
        Number of answers k -> ``(n_ranks,)`` share of images of which one of k blind guesses is right, at each rank.
    majority
        ``(n_ranks,)`` share of images of the commonest taxon.
    macro_chance, macro_majority
        ``(n_ranks,)`` the same as means over taxa, for one answer.
    height, majority_height
        Mean ranks to climb from a blind guess, and from the commonest taxon of the finest rank.
    severity, majority_severity
        The same over mistakes alone.
    """

    chance: dict[int, list[float]]
    majority: list[float]
    macro_chance: list[float]
    macro_majority: list[float]
    height: float
    majority_height: float
    severity: float
    majority_severity: float

    @classmethod
    def of(cls, pool: Pool, taxonomy: Taxonomy, ks: set[int]) -> "Levels":
        """Levels for the images of a pool, and for some numbers of answers."""
        target, candidates = pool.target, pool.parts[0].candidates
        taxa, place = np.unique(target, return_inverse=True)
        guessed = {k: statistics.chance_hits(taxa, candidates, taxonomy, k=k)[place] for k in {1, *ks}}
        commonest = statistics.majority_hits(target, taxonomy)
        lineage = pool.lineage[pool.image]
        height = float(statistics.mean(statistics.chance_rank_height(taxa, candidates, taxonomy)[place]))
        wrong = 1 - float(statistics.mean(guessed[1][:, -1]))
        finest = target[pool.finest]
        most = np.bincount(finest).argmax() if len(finest) else -1
        climbed = metrics.rank_height(target, np.full(len(target), most), taxonomy)
        return cls(
            {k: statistics.mean(level).tolist() for k, level in guessed.items()},
            statistics.mean(commonest).tolist(),
            statistics.taxon_mean(guessed[1], lineage).tolist(),
            statistics.taxon_mean(commonest, lineage).tolist(),
            height,
            float(statistics.mean(climbed)),
            height / wrong if wrong > 0 else float("nan"),
            float(statistics.mean(metrics.mistakes_only(climbed))),
        )


def _lineage(taxon: Ids, taxonomy: Taxonomy) -> NDArray[np.int32]:
    return np.where(taxon[:, None] >= 0, taxonomy.ancestor[taxon], np.int32(-1))

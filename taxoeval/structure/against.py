"""Partitions of images against the taxa of a rank: agreement, with its null, p and interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.agreement import MEASURES, Partition, agreement
from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.record import ByRank
from taxoeval.structure.shuffles import Shuffle, of_species, p_value

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_HELD = 1 << 18
"""Images in shuffles looked at together."""


@dataclass(frozen=True, eq=False)
class Against:
    """The taxa of one rank, to compare partitions with.

    Attributes
    ----------
    lineage
        ``(n, n_ranks)`` taxon of each image at every rank, ``-1`` where unknown.
    place
        Of the rank.
    label
        ``(n,)`` place of the label of each image among the labels.
    reason
        Why nothing can be compared at this rank; empty where it can.
    permutations, seed
        How many shuffles, and what they are drawn from.
    """

    lineage: Ints
    place: int
    label: Ints
    reason: str
    permutations: int
    seed: int

    def compare(self, partition: Ints) -> "Compared":
        """Agreement of a partition ``(n,)``, ``-1`` for images that it leaves out."""
        own = self.lineage[:, self.place]
        used = (own >= 0) & (partition >= 0)
        n = int(used.sum())
        if self.reason or not n:
            return Compared.undefined(n, self.reason or "no image is in a cluster")
        own, part = (np.unique(of[used], return_inverse=True)[1] for of in (own, partition))
        value = agreement(own, part)
        if np.isnan(value).any():
            return Compared.undefined(n, "all images in clusters are of one taxon, or in one cluster")
        label = self.label[used]

        def without(kept: NDArray[np.bool_]) -> Floats:
            some = kept[label]
            return np.asarray(Partition.of(part[some]).agreements(own[None, some])[0])

        ends = jackknife(without, int(self.label.max()) + 1, seed=self.seed)
        null, p, why = self._shuffled(used, partition)
        return Compared(n, value, ends.low, ends.high, null, p, why)

    def _shuffled(self, used: NDArray[np.bool_], partition: Ints) -> tuple[Floats, Floats, str]:
        """Null mean and p of each measure, of the images whose label is dealt out; and why there is none."""
        nothing = np.full(3, np.nan)
        if not self.permutations:
            return nothing, nothing, ""
        first = np.unique(self.label, return_index=True)[1]
        shuffle, of_image = of_species(self.lineage[first], self.place, self.label)
        if shuffle.untested:
            return nothing, nothing, shuffle.untested
        dealt = used & (shuffle.taxon[of_image] >= 0)
        of_image, rng = of_image[dealt], np.random.default_rng(self.seed)
        taxa, code = np.unique(shuffle.taxon, return_inverse=True)
        shuffle = Shuffle(code - int((taxa < 0).sum()), shuffle.stratum)
        part = Partition.of(np.unique(partition[dealt], return_inverse=True)[1])
        value = part.agreements(shuffle.taxon[None, of_image])[0]
        deals = shuffle.deals(self.permutations, rng, max(1, _HELD // max(1, len(of_image))))
        drawn = np.concatenate([part.agreements(taxon[:, of_image]) for taxon in deals])
        if np.isnan(value).any() or np.isnan(drawn).any():
            return nothing, nothing, "untested: the images whose species can be dealt out are in one taxon or cluster"
        return drawn.mean(axis=0), np.array([p_value(v, of) for v, of in zip(value, drawn.T, strict=True)]), ""


@dataclass(frozen=True, eq=False)
class Compared:
    """Agreement of a partition with the taxa of a rank, each array ``(3,)`` by measure; see `ByRank`."""

    n: int
    value: Floats
    low: Floats
    high: Floats
    null: Floats
    p: Floats
    why: str

    @classmethod
    def undefined(cls, n: int, why: str) -> "Compared":
        """Nothing to compare, and why."""
        nan = np.full(3, np.nan)
        return cls(n, nan, nan, nan, nan, nan, why)


def compared(
    name: str, partitions: Sequence[Ints], against: Sequence[Against], ranks: tuple[str, ...], why: str
) -> list[ByRank]:
    """A row of each measure for one partition ``(n,)`` a rank; ``why`` it is none, if it is none."""
    found = [
        Compared.undefined(0, rank.reason or why) if why else rank.compare(np.asarray(partition))
        for partition, rank in zip(partitions, against, strict=True)
    ]
    return [
        ByRank.of(
            f"{measure}, {name}",
            ranks,
            [one.value[m] for one in found],
            n=[one.n for one in found],
            unit="images",
            low=[one.low[m] for one in found],
            high=[one.high[m] for one in found],
            null=[one.null[m] for one in found],
            p=[one.p[m] for one in found],
            reason=[one.why for one in found],
        )
        for m, measure in enumerate(MEASURES)
    ]

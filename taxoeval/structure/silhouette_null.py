"""Silhouettes where lineage says nothing: the same images, with the taxonomy dealt out anew."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.image_values import Beside
from taxoeval.structure.nested_taxa import RankTaxa
from taxoeval.structure.shuffles import Shuffle, free, p_value
from taxoeval.structure.silhouette_scores import score
from taxoeval.structure.sums import TaxonSums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_HELD = 1 << 20
"""Mean cosines of taxa with images held at a time: 8 MB."""


class Run(NamedTuple):
    """Taxa ``start`` to ``stop``, compared with each other; their parts and images, and the products of the two."""

    start: int
    stop: int
    part: Ints
    image: Ints
    product: Floats


@dataclass(frozen=True, eq=False)
class Parts:
    """What is dealt out among the taxa of a rank, and the images followed.

    Attributes
    ----------
    shuffle
        The taxon of each part, as its place among ``k``, and within what the parts change places.
    product
        ``(m, s)`` inner product of the sum of each part's unit vectors with each image followed.
    count
        ``(m,)`` images of each part.
    part
        ``(s,)`` the part of each image followed.
    weight
        ``(s,)`` how many images it stands for.
    square
        ``(s,)`` squared length of its vector.
    parent
        ``(k,)`` the taxon above each, for silhouettes among siblings; None for those among all.
    """

    shuffle: Shuffle
    product: Floats
    count: Ints
    part: Ints
    weight: Floats
    square: Floats
    parent: Ints | None

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The taxa that are compared with each other, all or those of one parent, and what of them is there.

        Parts change places within these alone, so who is in which holds for every shuffle.
        """
        k = int(self.shuffle.taxon.max()) + 1
        home = np.zeros(k, dtype=np.int64) if self.parent is None else self.parent
        start = np.flatnonzero(np.diff(home, prepend=-2))
        stop = np.append(start[1:], k)
        compared = (stop - start > 1) & (home[start] >= 0)
        run = np.where(compared, np.arange(len(start)), -1)[np.repeat(np.arange(len(start)), stop - start)]
        of_part = np.append(run, -1)[self.shuffle.taxon]
        part, image = _by_run(of_part, len(start)), _by_run(of_part[self.part], len(start))
        return tuple(
            Run(int(start[r]), int(stop[r]), part[r], image[r], self.product[np.ix_(part[r], image[r])])
            for r in np.flatnonzero(compared).tolist()
            if len(image[r])
        )

    @property
    def at_a_time(self) -> int:
        """Shuffles looked at together."""
        largest = max([(run.stop - run.start) * len(run.image) for run in self.runs], default=1)
        return max(1, _HELD // max(largest, len(self.shuffle.taxon), len(self.part)))

    def means(self, taxon: Ints) -> Floats:
        """``(b, 2)`` mean silhouette over images, and over taxa of two images or more.

        Parameters
        ----------
        taxon
            ``(b, m)`` the taxa of the parts in each of ``b`` shuffles.
        """
        b, k = len(taxon), int(self.shuffle.taxon.max()) + 1
        row, dealt = np.arange(b)[:, None], np.flatnonzero(self.shuffle.taxon >= 0)
        held = np.tile(self.count[dealt], b)
        count = np.bincount((row * k + taxon[:, dealt]).ravel(), held, minlength=b * k).reshape(b, k)
        found = np.full((b, 2), np.nan)
        if not self.runs:
            return found
        value = np.concatenate([self._silhouettes(run, taxon, count) for run in self.runs], axis=1)
        image = np.concatenate([run.image for run in self.runs])
        own, weight = taxon[:, self.part[image]], self.weight[image]
        found[:, 0] = value @ weight / weight.sum()
        several = np.where(count[row, own] > 1, weight, 0.0)
        by, total = (
            np.bincount((row * k + own).ravel(), of.ravel(), minlength=b * k).reshape(b, k)
            for of in (several, several * value)
        )
        mean = np.divide(total, by, out=np.zeros((b, k)), where=by > 0)
        np.divide(mean.sum(axis=1), (by > 0).sum(axis=1), out=found[:, 1], where=by.any(axis=1))
        return found

    def _silhouettes(self, run: Run, taxon: Ints, count: Ints | Floats) -> Floats:
        """``(b, images)`` of the images of a run."""
        from scipy.sparse import csr_array

        b, k, s = len(taxon), run.stop - run.start, len(run.image)
        row, held = np.arange(b)[:, None], count[:, run.start : run.stop]
        where = (row * k + taxon[:, run.part] - run.start).ravel()
        gather = csr_array(
            (1 / held.ravel()[where], (where, np.tile(np.arange(len(run.part)), b))), shape=(b * k, len(run.part))
        )
        mean = (gather @ run.product).reshape(b, k, s)
        own = taxon[:, self.part[run.image]] - run.start
        n_own = held[row, own]
        at = row, own, np.arange(s)
        a = 1 - (mean[at] * n_own - self.square[run.image]) / np.maximum(n_own - 1, 1)
        mean[at] = -np.inf
        return score(a, 1 - mean.max(axis=1), n_own)

    def compare(self, permutations: int, rng: np.random.Generator) -> tuple[Floats, Floats, str]:
        """Null mean and p, each of the mean over images and over taxa ``(2,)``, and why there is none."""
        nothing = np.full(2, np.nan)
        if len(np.unique(self.shuffle.taxon[self.shuffle.taxon >= 0])) < 2:
            return nothing, nothing, "untested: no two taxa whose parts are known"
        if self.shuffle.untested:
            return nothing, nothing, self.shuffle.untested
        value = self.means(self.shuffle.taxon[None])[0]
        drawn = np.concatenate([self.means(dealt) for dealt in self.shuffle.deals(permutations, rng, self.at_a_time)])
        p = np.array([p_value(v, null) for v, null in zip(value, drawn.T, strict=True)])
        return np.where(np.isnan(value), np.nan, drawn.mean(axis=0)), p, ""


def _by_run(run: Ints, runs: int) -> list[Ints]:
    """Positions of each run in ``run``, where ``-1`` is none."""
    order = np.argsort(run, kind="stable")
    return np.split(order, np.searchsorted(run[order], np.arange(runs + 1)))[1:-1]


@dataclass(frozen=True, eq=False)
class Followed:
    """Images whose silhouettes are followed through the shuffles.

    Attributes
    ----------
    label
        ``(s,)`` the place of the label of each.
    units
        ``(s, d)`` their vectors, of length 1.
    """

    label: Ints
    units: Floats

    @property
    def square(self) -> Floats:
        """``(s,)`` squared lengths."""
        return np.asarray(np.einsum("ij,ij->i", self.units, self.units))

    def weight(self, count: Ints) -> Floats:
        """``(s,)`` how many of the images of its label, ``count (g,)``, each stands for."""
        return np.asarray(count[self.label] / np.bincount(self.label, minlength=len(count))[self.label])


def shuffled(
    ranks: list[RankTaxa],
    sums: TaxonSums,
    spread: Followed,
    whole: Followed,
    *,
    permutations: int,
    rng: np.random.Generator,
) -> tuple[tuple[Beside, Beside], tuple[Beside, Beside]]:
    """Null and p at every rank, of silhouettes among all taxa, and of those among siblings.

    Parameters
    ----------
    ranks
        The taxa of every rank.
    sums
        Sums of all images per label.
    spread, whole
        Images of as many labels as possible; images of whole genera, for ranks whose taxa have one label each: there
        species cannot change places, so images do.
    permutations
        How many shuffles; 0 for no null.
    rng
        Where they come from.

    Returns
    -------
    all, siblings
        For each, what the mean over images and the mean over taxa are read against.
    """
    if not permutations:
        nothing = Beside.nothing(len(ranks))
        return (nothing, nothing), (nothing, nothing)
    product = sums.total @ spread.units.T
    dealt = [free(sums.lineage, place) for place in range(len(ranks))]
    gram = whole.units @ whole.units.T if any(shuffle.each_alone for shuffle in dealt) else np.empty((0, 0))

    def beside(siblings: bool) -> tuple[Beside, Beside]:
        null, p, why = np.full((2, len(ranks)), np.nan), np.full((2, len(ranks)), np.nan), [""] * len(ranks)
        for place, (at, shuffle) in enumerate(zip(ranks, dealt, strict=True)):
            if shuffle.each_alone:
                parts = _of_images(at, whole, gram, siblings)
            elif siblings:
                parts = _of_siblings(at, ranks[place + 1] if place + 1 < len(ranks) else None, sums, product, spread)
            else:
                own = Shuffle(np.where(shuffle.taxon >= 0, at.own, -1), shuffle.stratum)
                weight = spread.weight(sums.count)
                parts = Parts(own, product, sums.count, spread.label, weight, spread.square, None)
            null[:, place], p[:, place], why[place] = parts.compare(permutations, rng)
        return Beside(null[0], p[0], tuple(why)), Beside(null[1], p[1], tuple(why))

    return beside(False), beside(True)


def _of_siblings(at: RankTaxa, below: RankTaxa | None, sums: TaxonSums, product: Floats, spread: Followed) -> Parts:
    """Parts of sibling taxa dealt out among the siblings: genera to the families of their order.

    Only taxa of the very next rank are parts: a species of unknown genus may be of one of the genera that are known.
    """
    from scipy.sparse import csr_array

    units, g = len(at.part), len(at.part_of_label)
    gather = csr_array((np.ones(g), (at.part_of_label, np.arange(g))), shape=(units, g))
    count = np.bincount(at.part_of_label, weights=sums.count, minlength=units).astype(np.int64)
    known = np.zeros(units, dtype=bool)
    known[below.row if below is not None else np.arange(units)] = True
    known &= at.part >= 0
    # a taxon of which no part is known changes with none, but stays for others to be near to
    still = (at.part >= 0) & ~np.isin(at.part, at.part[known])
    known |= still
    taxa, code = np.unique(at.part[known], return_inverse=True)
    taxon, home = np.full(units, -1), np.full(units, -1)
    taxon[known], home[known] = code, at.parent[at.part[known]]
    home[still] = -2 - at.part[still]
    part, weight = at.part_of_label[spread.label], spread.weight(sums.count)
    return Parts(Shuffle(taxon, home), gather @ product, count, part, weight, spread.square, at.parent[taxa])


def _of_images(at: RankTaxa, whole: Followed, product: Floats, siblings: bool) -> Parts:
    """Images dealt out to the taxa of their rank, or among siblings; there are no others than those followed."""
    own = at.own[whole.label]
    known = np.flatnonzero(own >= 0)
    taxa, code = np.unique(own[known], return_inverse=True)
    parent = at.parent[taxa]
    home = parent[code] if siblings else np.zeros(len(code), dtype=np.int64)
    gram = product if len(known) == len(own) else product[np.ix_(known, known)]
    one, square = np.ones(len(known)), np.diag(gram).copy()
    place = np.arange(len(known))
    return Parts(Shuffle(code, home), gram, one.astype(np.int64), place, one, square, parent if siblings else None)

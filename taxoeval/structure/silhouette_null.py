"""Silhouettes where lineage says nothing: the same images, with the taxonomy dealt out anew."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.image_values import Beside
from taxoeval.structure.nested_taxa import RankTaxa
from taxoeval.structure.shuffles import Shuffle, free, p_value
from taxoeval.structure.silhouette_scores import silhouettes
from taxoeval.structure.sums import TaxonSums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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

    def means(self, taxon: Ints) -> tuple[float, float]:
        """Mean silhouette over images, and over taxa of two images or more, with ``taxon (m,)`` the taxa of parts."""
        from scipy.sparse import csr_array

        dealt = np.flatnonzero(taxon >= 0)
        k = int(taxon.max()) + 1
        gather = csr_array((np.ones(len(dealt)), (taxon[dealt], dealt)), shape=(k, len(taxon)))
        own = taxon[self.part]
        seen = own >= 0
        product = gather @ (self.product if seen.all() else self.product[:, seen])
        count = np.bincount(taxon[dealt], weights=self.count[dealt], minlength=k)
        pair = silhouettes(product, count, own[seen], self.square[seen], self.parent)
        value = pair[0] if self.parent is None else pair[1]
        used = ~np.isnan(value)
        if not used.any():
            return float("nan"), float("nan")
        weight, own, value = self.weight[seen][used], own[seen][used], value[used]
        several = count[own] > 1
        by = np.bincount(own[several], weights=weight[several], minlength=k)
        total = np.bincount(own[several], weights=(weight * value)[several], minlength=k)
        macro = float((total[by > 0] / by[by > 0]).mean()) if by.any() else float("nan")
        return float(np.average(value, weights=weight)), macro

    def compare(self, permutations: int, rng: np.random.Generator) -> tuple[Floats, Floats, str]:
        """Null mean and p, each of the mean over images and over taxa ``(2,)``, and why there is none."""
        nothing = np.full(2, np.nan)
        if len(np.unique(self.shuffle.taxon[self.shuffle.taxon >= 0])) < 2:
            return nothing, nothing, "untested: no two taxa whose parts are known"
        if self.shuffle.untested:
            return nothing, nothing, self.shuffle.untested
        value = np.array(self.means(self.shuffle.taxon))
        drawn = np.array([self.means(self.shuffle.draw(rng)) for _ in range(permutations)])
        p = np.array([p_value(v, null) for v, null in zip(value, drawn.T, strict=True)])
        return np.where(np.isnan(value), np.nan, drawn.mean(axis=0)), p, ""


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
    siblings: bool,
    permutations: int,
    rng: np.random.Generator,
) -> tuple[Beside, Beside]:
    """Null and p at every rank, of the mean over images and of the mean over taxa.

    Parameters
    ----------
    ranks
        The taxa of every rank.
    sums
        Sums of all images per label.
    spread, whole
        Images of as many labels as possible; images of whole genera, for ranks whose taxa have one label each: there
        species cannot change places, so images do.
    siblings
        Whether it is silhouettes among siblings.
    permutations
        How many shuffles; 0 for no null.
    rng
        Where they come from.
    """
    null, p, why = np.full((2, len(ranks)), np.nan), np.full((2, len(ranks)), np.nan), [""] * len(ranks)
    product = sums.total @ spread.units.T if permutations else np.empty(0)
    for place, at in enumerate(ranks if permutations else []):
        shuffle = free(sums.lineage, place)
        if shuffle.each_alone:
            parts = _of_images(at, whole, siblings)
        elif siblings:
            parts = _of_siblings(at, ranks[place + 1] if place + 1 < len(ranks) else None, sums, product, spread)
        else:
            own = Shuffle(np.where(shuffle.taxon >= 0, at.own, -1), shuffle.stratum)
            weight = spread.weight(sums.count)
            parts = Parts(own, product, sums.count, spread.label, weight, spread.square, None)
        null[:, place], p[:, place], why[place] = parts.compare(permutations, rng)
    return Beside(null[0], p[0], tuple(why)), Beside(null[1], p[1], tuple(why))


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


def _of_images(at: RankTaxa, whole: Followed, siblings: bool) -> Parts:
    """Images dealt out to the taxa of their rank, or among siblings; there are no others than those followed."""
    own = at.own[whole.label]
    known = np.flatnonzero(own >= 0)
    taxa, code = np.unique(own[known], return_inverse=True)
    parent = at.parent[taxa]
    home = parent[code] if siblings else np.zeros(len(code), dtype=np.int64)
    gram = whole.units[known] @ whole.units[known].T
    one, square = np.ones(len(known)), np.diag(gram).copy()
    place = np.arange(len(known))
    return Parts(Shuffle(code, home), gram, one.astype(np.int64), place, one, square, parent if siblings else None)

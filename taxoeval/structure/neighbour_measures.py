"""Of which taxa an image's neighbours are: shares, what chance would make of them, and lowest common ancestors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.shuffles import Shuffle, of_species, p_value
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_HELD = 1 << 18
"""Neighbours in shuffles looked at together."""


def purity(own: Ints, of_neighbour: Ints, mates: Ints | Floats) -> Floats:
    """Share of each image's first neighbours that are of its taxon, after one neighbour, two, and so on.

    Of neighbours of unknown taxon nothing is counted. No more neighbours are looked at than the image's taxon has other
    images, so that a rare taxon too can reach 1.

    Parameters
    ----------
    own
        ``(n,)`` taxon of each image; ``-1`` where unknown.
    of_neighbour
        ``(n, k)`` taxa of its neighbours, nearest first; ``-1`` where unknown, or where there is none.
    mates
        ``(n,)`` how many images of its taxon could be neighbours.

    Returns
    -------
    purity
        ``(n, k)``; NaN where the image has no mates, or no neighbour so far whose taxon is known.

    Examples
    --------
    >>> purity(np.array([5]), np.array([[5, -1, 6, 5]]), np.array([3]))
    array([[1.        , 1.        , 0.5       , 0.66666667]])
    """
    seen = (of_neighbour >= 0) & (own >= 0)[:, None]
    seen &= np.cumsum(seen, axis=1) <= np.asarray(mates)[:, None]
    same = np.cumsum(seen & (of_neighbour == own[:, None]), axis=1)
    looked = np.cumsum(seen, axis=1)
    return np.asarray(np.divide(same, looked, out=np.full(same.shape, np.nan), where=looked > 0))


def candidates(own: Ints, group: Ints | None) -> tuple[Ints, Ints]:
    """How many images of its taxon, and of known taxon, could be a neighbour of each image: ``(n,)`` each.

    Examples
    --------
    >>> candidates(np.array([5, 5, 5, 6, -1]), np.array([0, 0, 1, 1, 2]))
    (array([1, 1, 2, 0, 0]), array([2, 2, 2, 2, 0]))
    """
    known = own >= 0
    group = np.arange(len(own)) if group is None else group
    size = max(int(own.max(initial=0)), 0) + 1
    of_taxon = np.bincount(own[known], minlength=size)
    of_group = np.bincount(group[known], minlength=int(group.max(initial=0)) + 1)
    _, both, of_both = np.unique(group * size + np.where(known, own, 0), return_inverse=True, return_counts=True)
    of_both = np.bincount(both[known], minlength=len(of_both))
    mates = np.where(known, of_taxon[own] - of_both[both], 0)
    return mates, np.where(known, known.sum() - of_group[group], 0)


def lowest_common(lineage: Ints, neighbour: Ints) -> NDArray[np.int8]:
    """``(n, k)`` place of the finest rank at which image and neighbour are known to be of one taxon.

    ``-1`` where there is no such rank, ``-2`` where there is no such neighbour.
    """
    place = np.where(neighbour >= 0, -1, -2).astype(np.int8)
    for r, own in enumerate(lineage.T):
        place[(neighbour >= 0) & (own >= 0)[:, None] & (own[neighbour] == own[:, None])] = r
    return place


def pairs_by_rank(taxon: Ints, taxonomy: Taxonomy, group: Ints | None) -> Floats:
    """``(n_ranks + 1,)`` share of the pairs that may be neighbours, by the rank of the lowest common ancestor.

    The last is of those known to share nothing or not known to share anything.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "C. corax"), ("Corvus", "C. corone")], ranks=("genus", "species"))
    >>> pairs_by_rank(np.array([1, 1, 2, 2]), taxonomy, None).round(3)
    array([0.667, 0.333, 0.   ])
    """
    all_pairs = float(_pairs_of(np.zeros_like(taxon), group, 1)[0])
    within = np.zeros(len(taxonomy))
    for own in taxonomy.ancestor[taxon].T:
        known = own >= 0
        within += _pairs_of(own[known], None if group is None else group[known], len(taxonomy))
    inner = np.flatnonzero(taxonomy.parent >= 0)
    finer = np.bincount(taxonomy.parent[inner], weights=within[inner], minlength=len(taxonomy))
    share = np.bincount(taxonomy.rank, weights=within - finer, minlength=taxonomy.n_ranks)
    share = np.append(share, all_pairs - share.sum())
    return np.asarray(share / all_pairs if all_pairs else np.full_like(share, np.nan))


def _pairs_of(node: Ints, group: Ints | None, size: int) -> Floats:
    """``(size,)`` ordered pairs of images of each node that are not of one group."""
    count = np.bincount(node, minlength=size).astype(np.float64)
    if group is None:
        return count * (count - 1)
    both, held = np.unique(np.stack([node, group]), axis=1, return_counts=True)
    return np.asarray(count**2 - np.bincount(both[0], weights=held.astype(np.float64) ** 2, minlength=size))


@dataclass(frozen=True, eq=False)
class Sampled:
    """A sample of images whose neighbours are followed through shuffles of the taxonomy.

    Attributes
    ----------
    position
        ``(s,)`` their rows.
    weight
        ``(s,)`` how many images of its label each stands for.
    neighbour
        ``(s, k)`` rows of their neighbours, ``-1`` where there is none.
    label
        ``(n,)`` place of the label of every image.
    alike
        ``(s,)`` images of the same label that may not be a neighbour: of its group, itself included.
    """

    position: Ints
    weight: Floats
    neighbour: Ints
    label: Ints
    alike: Ints

    def compare(
        self, lineage: Ints, place: int, permutations: int, rng: np.random.Generator
    ) -> tuple[Floats, Floats, str]:
        """Null mean and p of kappa over images and over taxa, ``(2,)`` each; and why there is none.

        Species ``lineage (g, n_ranks)`` change places; where every taxon of the rank has one label, images do.
        """
        nothing = np.full(2, np.nan)
        dealt, of_image = of_species(lineage, place, self.label)
        if dealt.untested:
            return nothing, nothing, dealt.untested
        taxa, code = np.unique(dealt.taxon, return_inverse=True)
        dealt = Shuffle(code - int((taxa < 0).sum()), dealt.stratum)
        kappa = Kappa.of(self, dealt.taxon, of_image)
        value = kappa.means(dealt.taxon[None])[0]
        deals = dealt.deals(permutations, rng, max(1, _HELD // self.neighbour.size))
        drawn = np.concatenate([kappa.means(taxon) for taxon in deals])
        p = np.array([p_value(v, null) for v, null in zip(value, drawn.T, strict=True)])
        return drawn.mean(axis=0), p, ""


@dataclass(frozen=True, eq=False)
class Kappa:
    """Mean kappa of the images of a sample if taxa were dealt out to ``m`` parts, each an image or all of a species.

    Not purity, which is the higher the more unequal the taxa are in size, whatever the neighbours. Of which images the
    taxon is known holds for every shuffle, and so does which neighbours count.

    Attributes
    ----------
    part, of_neighbour
        ``(s,)`` and ``(k, s)`` the part of each image and of its neighbours.
    turn
        ``(k, s)`` how many neighbours of known taxon there are up to each; ``k + 1`` where its own is not, or the
        image's.
    known
        ``(s,)`` how many there are in all.
    alike, weight
        ``(s,)`` see `Sampled`; the first is higher than the number of images where the taxon of the image is unknown.
    count
        ``(m,)`` images of each part.
    """

    part: Ints
    of_neighbour: Ints
    turn: Ints
    known: Ints
    alike: Ints
    weight: Floats
    count: Ints

    @classmethod
    def of(cls, sampled: Sampled, taxon: Ints, of_image: Ints) -> "Kappa":
        """Of a sample, with any ``taxon (m,)`` of the parts and ``of_image (n,)`` the part of every image."""
        neighbour, part = sampled.neighbour.T, of_image[sampled.position]
        seen = (neighbour >= 0) & (taxon[of_image[neighbour]] >= 0) & (taxon[part] >= 0)
        turn = np.where(seen, np.cumsum(seen, axis=0), len(seen) + 1)
        alike = np.where(taxon[part] >= 0, sampled.alike, len(of_image) + 1)
        count = np.bincount(of_image, minlength=len(taxon))
        return cls(part, of_image[neighbour], turn, seen.sum(axis=0), alike, sampled.weight, count)

    def means(self, taxon: Ints) -> Floats:
        """``(b, 2)`` mean kappa over images and over taxa.

        Parameters
        ----------
        taxon
            ``(b, m)`` the taxa of the parts, numbered from 0, in each of ``b`` shuffles; ``-1`` where unknown.
        """
        b, (k, s) = len(taxon), self.turn.shape
        taxa, row = int(taxon.max(initial=0)) + 1, np.arange(b)[:, None]
        known = np.flatnonzero(taxon[0] >= 0)
        held = np.tile(self.count[known], b)
        of_taxon = np.bincount((row * taxa + taxon[:, known]).ravel(), held, minlength=b * taxa).reshape(b, taxa)
        own = taxon.take(self.part, axis=1)
        mates = np.maximum(of_taxon[row, own] - self.alike, 0)
        few = taxon.astype(np.int32)
        same = few.take(self.of_neighbour.ravel(), axis=1).reshape(b, k, s) == few.take(self.part, axis=1)[:, None]
        same &= self.turn.astype(np.int32) <= np.minimum(mates, k).astype(np.int32)[:, None]
        looked = np.minimum(self.known, mates)
        value = same.view(np.uint8).sum(axis=1, dtype=np.uint8 if k < 256 else np.int64) / np.maximum(looked, 1)
        chance = mates / max(1, self.count[known].sum() - 1)
        used = (looked > 0) & (chance < 1)
        gain, most = (np.where(used, self.weight * of, 0.0) for of in (value - chance, 1 - chance))
        found = np.full((b, 2), np.nan)
        np.divide(gain.sum(axis=1), most.sum(axis=1), out=found[:, 0], where=used.any(axis=1))
        kappa = np.divide(gain, 1 - chance, out=np.zeros((b, s)), where=used)
        total, by = (
            np.bincount((row * taxa + own)[used], of[used], minlength=b * taxa).reshape(b, taxa)
            for of in (kappa, np.broadcast_to(self.weight, (b, s)))
        )
        mean = np.divide(total, by, out=np.zeros((b, taxa)), where=by > 0)
        np.divide(mean.sum(axis=1), (by > 0).sum(axis=1), out=found[:, 1], where=used.any(axis=1))
        return found

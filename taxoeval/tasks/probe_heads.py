"""What a probe chooses among: one set of taxa per head, and what each label says about them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.tasks.splits import Split
from taxoeval.taxonomy import Taxonomy

Ints = NDArray[np.int64]


class Paths(NamedTuple):
    """The known taxa from the coarsest rank down to each label, as runs of classes; see `Head.paths`.

    Attributes
    ----------
    start, end
        ``(m, levels)`` the classes at or below the label's taxon at each rank, ``start`` included, ``end`` not; both 0
        where that taxon is unknown or finer than the label.
    height
        ``(m, levels)`` ranks from that taxon down to the head's finest rank; NaN where there is none.
    last
        ``(m,)`` the column of the label itself.
    own
        ``(m,)`` whether the label is a class.
    """

    start: Ints
    end: Ints
    height: NDArray[np.float64]
    last: Ints
    own: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Head:
    """A closed set of taxa that one linear layer gives logits for.

    Attributes
    ----------
    classes
        ``(c,)`` the taxa, ascending: in preorder, so that the classes of every clade are one run.
    level
        Place of the finest rank it speaks of.
    taxonomy
        The taxonomy of all.
    rank
        The rank all classes have; ``""`` for a head over the finest labels there are, whatever their ranks.
    """

    classes: Ints
    level: int
    taxonomy: Taxonomy
    rank: str = ""

    def labels(self, taxon: Ints) -> Ints:
        """What each image says to this head: the taxon itself, or its ancestor at the head's rank; -1 for nothing.

        A label above the classes, a genus over classes that are species, stays: it says that one of them is right. A
        head of one rank only takes labels of that rank.

        Examples
        --------
        >>> taxonomy = Taxonomy.from_lineages([("Pica", "Pica pica"), ("Corvus", "")], ranks=("genus", "species"))
        >>> pica, pica_pica, corvus = taxonomy.ids(["Pica", "Pica pica", "Corvus"])
        >>> said = Head(np.array([pica_pica]), 1, taxonomy).labels(np.array([pica, pica_pica, corvus]))
        >>> said.tolist() == [pica, pica_pica, -1]
        True
        """
        if self.rank:
            found = self.taxonomy.at(self.rank)[taxon]
            return np.where(np.isin(found, self.classes), found, -1)
        end = np.searchsorted(self.classes, taxon + self.taxonomy.size[taxon])
        return np.where(end > np.searchsorted(self.classes, taxon), taxon, -1)

    def paths(self, labels: Ints) -> Paths:
        """The ancestors of some labels, and themselves, as runs of classes.

        Examples
        --------
        >>> taxonomy = Taxonomy.from_lineages(
        ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
        ...     ranks=("genus", "species"))
        >>> head = Head(taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"]), 1, taxonomy)
        >>> paths = head.paths(taxonomy.ids(["Corvus corone", "Pica"]))
        >>> paths.start, paths.end
        (array([[0, 1],
               [2, 0]]), array([[2, 2],
               [3, 0]]))
        """
        path = self.taxonomy.ancestor[labels, : self.level + 1].astype(np.int64)
        known = path >= 0
        taxa = np.where(known, path, 0)
        start = np.searchsorted(self.classes, taxa)
        end = np.searchsorted(self.classes, taxa + self.taxonomy.size[taxa])
        height = np.broadcast_to(self.level - np.arange(self.level + 1.0), path.shape)
        return Paths(
            start=np.where(known, start, 0),
            end=np.where(known, end, 0),
            height=np.where(known, height, np.nan),
            last=self.taxonomy.rank[labels],
            own=np.isin(labels, self.classes),
        )

    def largest_distance(self) -> int:
        """The most ranks that lie between two classes: from the finest up to the first that all classes share."""
        common = int(self.taxonomy.lca(self.classes[0], self.classes[-1]))
        return self.level + 1 if common < 0 else max(1, self.level - int(self.taxonomy.rank[common]))


def heads(taxon: Ints, taxonomy: Taxonomy, which: str) -> list[Head]:
    """The heads of a probe over the labels of its training images.

    Parameters
    ----------
    taxon
        ``(n,)`` taxa of the training images.
    taxonomy
        Their taxonomy.
    which
        ``"leaf"``: one head over the finest labels, those with no other below them. ``"ranks"``: one for each rank,
        from coarse to fine, over the taxa that occur there. The name of a rank: that one of them.

    Returns
    -------
    heads
        One or more, without those of ranks no image is known at.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", ""), ("Pica", "")], ranks=("genus", "species"))
    >>> taxon = taxonomy.ids(["Corvus corax", "Corvus", "Pica"])
    >>> [list(taxonomy.names[head.classes]) for head in heads(taxon, taxonomy, "leaf")]
    [['Corvus corax', 'Pica']]
    >>> [list(taxonomy.names[head.classes]) for head in heads(taxon, taxonomy, "ranks")]
    [['Corvus', 'Pica'], ['Corvus corax']]
    """
    if which == "leaf":
        labels = np.unique(taxon)
        alone = np.searchsorted(labels, labels + taxonomy.size[labels]) == np.arange(len(labels)) + 1
        return [Head(labels[alone], taxonomy.n_ranks - 1, taxonomy)]
    found = []
    for rank in taxonomy.ranks if which == "ranks" else (which,):
        classes = np.unique(taxonomy.at(rank)[taxon])
        classes = classes[classes >= 0]
        if len(classes):
            found.append(Head(classes, taxonomy.ranks.index(rank), taxonomy, rank))
    return found


def split_notes(split: Split, taxon: Ints, found: Sequence[Head], rank: str | None) -> Iterator[str]:
    """What became of images that are not simply trained on or tested."""
    count = split.counts()
    if rank is not None:
        yield (
            f"{len(split.hidden)} taxa of rank {rank} are hidden, with their {count.get('hidden', 0)} images: these "
            "are scored down to the finest rank at which the probe knows their lineage"
        )
        yield from split.left_out(rank)
    finest = found[-1]
    labels = finest.labels(taxon[split.positions("train")])
    above = int((~np.isin(labels, finest.classes)).sum())
    if above:
        yield (
            f"{above} of {count['train']} training images are labelled above the classes of the "
            f"{finest.rank or 'finest'} head"
        )

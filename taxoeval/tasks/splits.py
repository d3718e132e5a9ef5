"""Which images train, which validate, which test; and which taxa are never seen: seeded, even over taxa, kept."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.tasks.groups import one_of_each
from taxoeval.taxonomy import Taxonomy

Ints = NDArray[np.int64]

PARTS = ("train", "validation", "test", "hidden", "unsure", "beside")
"""Parts an image can be in. ``hidden``: of a taxon left out. Used nowhere: ``unsure``, which might be of one, and
``beside``, in the group of a hidden image."""


@dataclass(frozen=True, eq=False)
class Split:
    """The part of every image.

    Attributes
    ----------
    part
        ``(n,)`` one of `PARTS` for each image.
    hidden
        Taxa left out, ascending; empty if none is.
    """

    part: NDArray[np.str_]
    hidden: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def positions(self, part: str) -> Ints:
        """Positions of the images in one part, ascending.

        Examples
        --------
        >>> Split(np.array(["train", "test", "train"])).positions("train")
        array([0, 2])
        """
        if part not in PARTS:
            raise ValueError(f"no part {part!r}; the parts are {', '.join(PARTS)}")
        return np.flatnonzero(self.part == part)

    def counts(self) -> dict[str, int]:
        """How many images each part that occurs has.

        Examples
        --------
        >>> Split(np.array(["train", "test", "train"])).counts()
        {'train': 2, 'test': 1}
        """
        return {part: int((self.part == part).sum()) for part in PARTS if (self.part == part).any()}

    def left_out(self, rank: str) -> Iterator[str]:
        """Sentences about images that are used nowhere, because of the taxa of a rank that are hidden."""
        count = self.counts()
        if "unsure" in count:
            yield f"{count['unsure']} images are left out: they could be of a hidden {rank}, for their own is unknown"
        if "beside" in count:
            yield f"{count['beside']} images are left out: they are in a group with an image of a hidden {rank}"

    def table(self, sample: NDArray[np.str_]) -> Mapping[str, NDArray[Any]]:
        """Columns to keep, so that the split can be had again without this program."""
        return {"sample": sample.astype(object), "part": self.part.astype(object)}

    def names(self, taxonomy: Taxonomy) -> Mapping[str, NDArray[Any]]:
        """Columns that name the taxa left out."""
        return {"hidden": np.array([taxonomy.path(int(taxon)) for taxon in self.hidden], dtype=object)}


def split_images(
    taxon: NDArray[np.int64], *, validation: float, test: float, seed: int, group: Ints | None = None
) -> Split:
    """Draw validation and test images evenly over taxa.

    Parameters
    ----------
    taxon
        ``(n,)`` the taxon of each image.
    validation, test
        Shares of all images, at least 0 and together below 1.
    seed
        Seed of the draw; the split depends on it, the taxa and their order, and the groups alone.
    group
        ``(n,)`` numbers from 0 without gaps: images of one group get the same part. None: each image its own.

    Returns
    -------
    split
        `Split`. Every taxon keeps one image at least for training.

    Raises
    ------
    ValueError
        If the shares are out of range.

    Notes
    -----
    The shares are spread evenly over the images but one of each taxon, taxon after taxon in the order of the tree: as
    many of a taxon, or of any clade, as its size asks for, one more or less. Rounding within each taxon instead would
    leave validation empty where taxa have five images and a tenth is wanted. Where most taxa have a single image there
    may be too few others to reach the shares.

    Groups are drawn as images are, each as one image of its rarest taxon; then the shares are of groups. Where all
    images of a taxon stood in groups drawn for other taxa, one of these goes back to training.

    Examples
    --------
    >>> split = split_images(np.repeat([4, 7], [4, 6]), validation=0.1, test=0.2, seed=0)
    >>> split.counts()
    {'train': 7, 'validation': 1, 'test': 2}
    """
    if validation < 0 or test < 0 or validation + test >= 1:
        raise ValueError(f"shares must be at least 0 and together below 1; got {validation} and {test}")
    if group is None:
        return Split(_drawn_parts(taxon, validation, test, np.random.default_rng(seed)))
    units = taxon[one_of_each(group, taxon)]
    part = _drawn_parts(units, validation, test, np.random.default_rng(seed))
    for lost in np.setdiff1d(taxon, taxon[part[group] == "train"]):
        part[group[np.flatnonzero(taxon == lost)[0]]] = "train"
    return Split(part[group])


def leave_taxa_out(
    taxon: NDArray[np.int64],
    taxonomy: Taxonomy,
    *,
    rank: str,
    share: float,
    validation: float,
    test: float,
    seed: int,
    group: Ints | None = None,
) -> Split:
    """Hide whole taxa of one rank, and split the images of the others.

    Parameters
    ----------
    taxon
        ``(n,)`` the taxon of each image.
    taxonomy
        Their taxonomy.
    rank
        Rank of the taxa that are hidden.
    share
        Share of the taxa of that rank that occur, rounded, one at least.
    validation, test
        As for `split_images`, shares of the images that are left.
    seed
        Seed of both draws.
    group
        As for `split_images`. Other images in the group of a hidden one are ``beside``.

    Returns
    -------
    split
        `Split`. ``hidden`` holds all images of the hidden taxa. A taxon is hidden only if the next taxon above it keeps
        images of others of that rank, so that there is something right to say of it; if there are not enough such
        taxa, fewer are hidden. Images whose taxon at the rank is unknown are ``unsure`` if it could be a hidden one.

    Raises
    ------
    ValueError
        If the taxonomy lacks the rank or a share is out of range.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus"), ("Corvidae", "Pica"), ("Alaudidae", "Alauda"), ("Corvidae", "")],
    ...     ranks=("family", "genus"))
    >>> taxon = taxonomy.ids(["Corvus", "Pica", "Alauda", "Corvidae", "Corvus"])
    >>> split = leave_taxa_out(taxon, taxonomy, rank="genus", share=0.4, validation=0, test=0, seed=0)
    >>> [str(taxonomy.names[i]) for i in split.hidden], [str(part) for part in split.part]
    (['Pica'], ['train', 'hidden', 'train', 'unsure', 'train'])
    """
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1; got {share}")
    at_rank = taxonomy.at(rank)[taxon]
    hidden = _drawn(at_rank, taxonomy, share, np.random.default_rng(seed))
    part = np.full(len(taxon), "hidden", dtype="<U10")
    unsure = (at_rank < 0) & _over(hidden, _above(taxon, taxonomy, rank), taxonomy)
    part[unsure] = "unsure"
    left = ~np.isin(at_rank, hidden) & ~unsure
    if group is not None:
        beside = left & np.isin(group, group[np.isin(at_rank, hidden)])
        part[beside] = "beside"
        left &= ~beside
        group = np.unique(group[left], return_inverse=True)[1].astype(np.int64)
    part[left] = split_images(taxon[left], validation=validation, test=test, seed=seed, group=group).part
    return Split(part, hidden)


def _drawn_parts(taxon: Ints, validation: float, test: float, rng: np.random.Generator) -> NDArray[np.str_]:
    """The part of each image, or of each group with one taxon for each."""
    shuffled = rng.permutation(len(taxon))
    order = shuffled[np.argsort(taxon[shuffled], kind="stable")]
    part = np.full(len(taxon), "train", dtype="<U10")
    _, first = np.unique(taxon[order], return_index=True)
    spare = np.delete(order, first)
    share = (validation + test) * len(taxon) / max(1, len(spare))
    held = spare[_evenly(len(spare), min(share, 1.0), rng.random())]
    tested = _evenly(len(held), test / max(validation + test, 1e-300), rng.random())
    part[held] = "validation"
    part[held[tested]] = "test"
    return part


def _evenly(n: int, share: float, start: float) -> NDArray[np.bool_]:
    """Mark a share of n things, as evenly spaced as whole things can be."""
    return np.asarray(np.diff(np.floor(np.arange(n + 1) * share + start)) > 0)


def _drawn(at_rank: Ints, taxonomy: Taxonomy, share: float, rng: np.random.Generator) -> Ints:
    """Taxa to hide, one after the other in random order, none that its parent would have no other image without."""
    taxa, count = np.unique(at_rank[at_rank >= 0], return_counts=True)
    left = np.bincount(taxonomy.parent[taxa] + 1, weights=count, minlength=len(taxonomy) + 1)  # slot 0: no parent
    left[0] = 0
    wanted = max(1, int(np.rint(share * len(taxa))))
    hidden: list[int] = []
    for i in rng.permutation(len(taxa)):
        above = taxonomy.parent[taxa[i]] + 1
        if len(hidden) < wanted and left[above] > count[i]:
            left[above] -= count[i]
            hidden.append(int(taxa[i]))
    return np.array(sorted(hidden), dtype=np.int64)


def _above(taxon: Ints, taxonomy: Taxonomy, rank: str) -> Ints:
    """The finest known taxon coarser than the rank, of each taxon; -1 if there is none."""
    coarser = taxonomy.ancestor[taxon, : taxonomy.ranks.index(rank)].astype(np.int64)
    return np.asarray(np.max(coarser, axis=1, initial=-1))  # in preorder the finest ancestor is the largest id


def _over(hidden: Ints, above: Ints, taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """Whether there is a hidden taxon within each clade; the whole forest for -1."""
    end = np.where(above >= 0, above + taxonomy.size[above], len(taxonomy))
    return np.asarray(np.searchsorted(hidden, end) > np.searchsorted(hidden, above))

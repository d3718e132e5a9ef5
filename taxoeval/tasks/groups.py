"""Groups of images that must not meet across a split: one observation, one specimen, one burst of a camera."""

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import UnsupportedError
from taxoeval.tasks.base import Subject

Ints = NDArray[np.int64]


def groups_of(subject: Subject) -> Ints:
    """The group of each image as a number.

    Parameters
    ----------
    subject
        Its ``group`` holds a name for each image; ``""``, and None for all, is a group of its own.

    Returns
    -------
    group
        ``(n,)``; equal numbers are one group.

    Raises
    ------
    UnsupportedError
        If all images are of one group: none could be compared with another.
    ValueError
        If there are not as many groups as images.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.records import Embeddings
    >>> taxonomy = Taxonomy.from_lineages([("Pica",)], ranks=("genus",))
    >>> images = Embeddings(np.zeros((4, 1), np.float32), np.zeros(4, int), np.array(list("abcd")), "example")
    >>> subject = Subject(images, taxonomy, [""], np.array([""] * 4), group=np.array(["nest 2", "", "nest 2", ""]))
    >>> groups_of(subject)
    array([0, 1, 0, 2])
    """
    n = len(subject.embeddings.taxon)
    if subject.group is None:
        return np.arange(n)
    if len(subject.group) != n:
        raise ValueError(f"group must name one group per image; got {len(subject.group)} for {n} images")
    names, code = np.unique(subject.group, return_inverse=True)
    if len(names) == 1 and names[0] and n > 1:
        raise UnsupportedError(
            f"all {n} images are of one group ({str(names[0])!r}), and images of one group are never compared; choose "
            "another column (dataset.group=...), or none"
        )
    alone = np.flatnonzero(subject.group == "")
    code[alone] = n + np.arange(len(alone))
    return np.unique(code, return_inverse=True)[1].astype(np.int64)


def n_groups(subject: Subject) -> int | None:
    """How many groups there are; None where the dataset names none."""
    return None if subject.group is None else int(groups_of(subject).max(initial=-1)) + 1


def group_note(subject: Subject) -> tuple[str, ...]:
    """What a reader must know of the groups; nothing where there are none."""
    if subject.group is None:
        return ()
    return (f"images of one group are kept apart: {n_groups(subject)} groups of {len(subject.group)} images",)


def one_of_each(group: Ints, taxon: Ints) -> Ints:
    """One image for each group, to draw groups by: one of the taxon that has the fewest images.

    A group of several taxa, such as a camera's location, is most needed where images are rare.

    Parameters
    ----------
    group
        ``(n,)`` as `groups_of` numbers them.
    taxon
        ``(n,)`` the taxon of each image.

    Returns
    -------
    position
        ``(n_groups,)``, by number of the group.

    Examples
    --------
    >>> one_of_each(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 7]))
    array([0, 3])
    """
    _, code, count = np.unique(taxon, return_inverse=True, return_counts=True)
    order = np.argsort(count[code], kind="stable")
    _, first = np.unique(group[order], return_index=True)
    return np.asarray(order[first], dtype=np.int64)

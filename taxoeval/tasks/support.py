"""Which images support their label in few-shot: the two published ways of shuffling, by name."""

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

Shuffle = Literal["copied", "in_place"]
SHUFFLES = ("copied", "in_place")


class Fold(NamedTuple):
    """Positions of the support images, label after label, and of those to be tested."""

    support: Ints
    test: Ints


def folds_of(taxon: Ints, shots: Sequence[int], folds: int, shuffle: Shuffle = "copied") -> list[list[Fold]]:
    """The folds of each number of shots.

    In fold f the images of every label are shuffled by Python's generator seeded with f, label after label in the order
    in which they first occur; the first k support the label. A label with fewer than k images is passed over.

    Parameters
    ----------
    taxon
        ``(n,)`` the label of each image.
    shots
        The numbers k, in the order in which they are evaluated.
    folds
        How many folds.
    shuffle
        ``copied``: each fold shuffles the images as they stand in the dataset, so folds and shots do not depend on each
        other (``classification.py`` of bioclip-2, from 2026 on [1]_). ``in_place``: each shuffles what the fold before
        it, and the shots before it, left behind (``few_shot.py`` of BioCLIP and bioclip-2, by which the published
        numbers were made): their number and order count.

    Returns
    -------
    folds
        For each number of shots, `Fold` by fold.

    References
    ----------
    .. [1] https://github.com/Imageomics/bioclip-2, folder ``src/evaluation``.

    Examples
    --------
    >>> taxon = np.array([7, 7, 7, 7, 3, 3, 3, 3])
    >>> [[fold.support.tolist() for fold in one] for one in folds_of(taxon, (1, 2), 2)]
    [[[2, 4], [3, 7]], [[2, 0, 4, 5], [3, 0, 7, 5]]]
    >>> [[fold.support.tolist() for fold in one] for one in folds_of(taxon, (1, 2), 2, "in_place")]
    [[[2, 4], [3, 6]], [[1, 3, 6, 5], [0, 1, 4, 5]]]
    """
    members: dict[int, list[int]] = {}
    for position, label in enumerate(taxon.tolist()):
        members.setdefault(label, []).append(position)
    return [[_fold(members, k, fold, shuffle) for fold in range(folds)] for k in shots]


def _fold(members: dict[int, list[int]], shots: int, seed: int, shuffle: Shuffle) -> Fold:
    generator = random.Random(seed)  # noqa: S311 - a seeded split, nothing secret
    support: list[int] = []
    test: list[int] = []
    for positions in members.values():
        if len(positions) < shots:
            continue
        shuffled = positions if shuffle == "in_place" else positions[:]
        generator.shuffle(shuffled)
        support += shuffled[:shots]
        test += shuffled[shots:]
    return Fold(np.array(support, dtype=np.int64), np.array(test, dtype=np.int64))

"""Which images are followed through shuffles of the taxonomy, where following all would take long."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

SAMPLE = 1024
"""Images whose silhouettes are followed through the shuffles."""
_OF_A_LABEL = 32
"""Of a label, where images are what is shuffled: with more of them a sample would hold few species."""


def in_turn(code: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Rows label by label, in random order within each, and the turn of each in its label: 0, 1, 2 ..."""
    order = rng.permutation(len(code))
    order = order[np.argsort(code[order], kind="stable")]
    count = np.bincount(code)
    return order, np.arange(len(code)) - np.repeat(np.cumsum(count) - count, count)


def spread_out(code: Ints, rng: np.random.Generator, size: int = SAMPLE) -> Ints:
    """Rows of one image of every label, then of a second of those that have one, and so on; ascending.

    Examples
    --------
    >>> label = np.array([0, 0, 0, 0, 1, 2])
    >>> label[spread_out(label, np.random.default_rng(0), size=3)]
    array([0, 1, 2])
    """
    order, turn = in_turn(code, rng)
    return np.sort(order[np.lexsort((rng.random(len(code)), turn))[:size]])


def whole_groups(group: Ints, code: Ints, rng: np.random.Generator, size: int = SAMPLE) -> Ints:
    """Rows of up to 32 images of every label of some groups (genera); groups of several labels come first."""
    labels = np.bincount(np.unique(np.stack([group, code]), axis=1)[0])
    order, turn = in_turn(code, rng)
    order = order[turn < _OF_A_LABEL]
    turn = rng.permutation(len(labels)) + np.where(labels > 1, 0, len(labels))
    return np.sort(order[np.argsort(turn[group[order]], kind="stable")][:size])

"""Intervals of many columns over the same images: what is resampled is drawn once for all of them."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics import statistics
from taxoeval.metrics.statistics.alike import distinct
from taxoeval.parallel import in_threads

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_HELD = 1 << 21  # values resampled at a time: 16 MiB, and several times that in between
_FEWEST = 8  # columns resampled together, however many images there are


class Column(NamedTuple):
    """A number for each image, NaN where undefined, its weight, and what its mean is over.

    ``rank``: ``None`` for a mean over images; else the place of the rank over whose taxa it is.
    """

    values: Floats
    weights: Floats
    rank: int | None = None


class Mean(NamedTuple):
    """The mean of a column, how many images or taxa it rests on, and the ends of its interval."""

    value: float
    n: int
    low: float
    high: float


def intervals(columns: Sequence[Column], groups: Ids, lineage: NDArray[np.integer] | None = None) -> list[Mean]:
    """Means of columns with their intervals, which resample taxa, then the images of each.

    Parameters
    ----------
    columns
        All over the same images.
    groups
        ``(n,)`` what is resampled for means over images: the taxon of each.
    lineage
        ``(n, n_ranks)`` the taxon of each image at every rank; what is resampled for means over taxa.

    Returns
    -------
    means
        In the order of the columns. Columns that are alike are resampled once.

    Examples
    --------
    >>> images, ones = np.array([1.0, 0.0, 1.0, 1.0]), np.ones(4)
    >>> over = [Column(images, ones), Column(images, ones, 0)]
    >>> [mean.value for mean in intervals(over, np.array([3, 3, 3, 4]), np.array([[1], [1], [1], [2]]))]
    [0.75, 0.8333333333333333]
    """
    values, weights = (distinct(side)[1] for side in ([c.values for c in columns], [c.weights for c in columns]))
    names = list(zip(values, weights, (column.rank for column in columns), strict=True))
    different = dict(zip(reversed(names), reversed(columns), strict=True))
    most = max(_FEWEST, _HELD // max(1, len(groups)))
    blocks = []
    for rank in dict.fromkeys(column.rank for column in columns):
        here = [name for name in different if name[2] == rank]
        blocks += [here[first : first + most] for first in range(0, len(here), most)]
    of = partial(_means, groups=groups, lineage=lineage)
    found = in_threads(of, ([different[name] for name in block] for block in blocks))
    mean = {
        name: one for block, means in zip(blocks, found, strict=True) for name, one in zip(block, means, strict=True)
    }
    return [mean[name] for name in names]


def _means(columns: list[Column], groups: Ids, lineage: NDArray[np.integer] | None) -> list[Mean]:
    """Of columns that are all means over the same."""
    rank = columns[0].rank
    found = statistics.bootstrap(
        np.stack([column.values for column in columns]).T,
        groups=groups if rank is None or lineage is None else lineage[:, rank],
        weights=np.stack([column.weights for column in columns]).T,
        average="micro" if rank is None else "macro",
    )
    ends = zip(found.estimate, found.n, found.low, found.high, strict=True)
    return [Mean(float(value), int(n), float(low), float(high)) for value, n, low, high in ends]

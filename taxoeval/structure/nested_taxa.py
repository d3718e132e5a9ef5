"""Sums per label turned into sums per taxon of every rank, each rank from the finer one below it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RankTaxa:
    """The taxa of one rank over given labels.

    Attributes
    ----------
    gather
        Sparse ``(units, finer units)`` of ones: a unit is a taxon of the rank or, where a lineage has a hole there,
        the nearest finer taxon (at the finest rank: the label itself). None where the units are the finer ones.
    row
        ``(k,)`` which units are taxa of the rank.
    taxon
        ``(k,)`` their ids, ascending; so siblings stand side by side.
    count
        ``(k,)`` images of each.
    own
        ``(g,)`` the place of each label's taxon in `taxon`; ``-1`` where unknown.
    unit
        ``(g,)`` the unit of each label.
    parent
        ``(k,)`` the taxon one rank up; ``-1`` where unknown; 0 for all at the coarsest rank.
    part
        ``(finer units,)`` the place in `taxon` of each finer unit, ``-1`` for those in none.
    part_of_label
        ``(g,)`` the finer unit of each label.
    """

    gather: Any
    row: Ints
    taxon: Ints
    count: Ints
    own: Ints
    unit: Ints
    parent: Ints
    part: Ints
    part_of_label: Ints


def rank_taxa(lineage: Ints, taxon: Ints, count: Ints) -> list[RankTaxa]:
    """The taxa of every rank, coarse to fine.

    Parameters
    ----------
    lineage
        ``(g, n_ranks)`` the taxon of each label at every rank, ``-1`` where unknown.
    taxon
        ``(g,)`` the labels, distinct and ascending.
    count
        ``(g,)`` images of each.

    Examples
    --------
    >>> lineage = np.array([[0, 1], [0, 2], [3, 4]])
    >>> genera, species = rank_taxa(lineage, np.array([1, 2, 4]), np.array([5, 5, 2]))
    >>> genera.taxon, genera.count, genera.own, species.parent
    (array([0, 3]), array([10,  2]), array([0, 0, 1]), array([0, 0, 3]))
    """
    from scipy.sparse import csr_array

    found: list[RankTaxa] = []
    finer, of_label = taxon, np.arange(len(taxon))
    for place in range(lineage.shape[1] - 1, -1, -1):
        at = lineage[:, place]
        units, first, code = np.unique(np.where(at >= 0, at, finer[of_label]), return_index=True, return_inverse=True)
        up = np.full(len(finer), -1)
        up[of_label] = code
        gather = csr_array((np.ones(len(finer)), (up, np.arange(len(finer)))), shape=(len(units), len(finer)))
        row = np.flatnonzero(at[first] >= 0)
        to_row = np.full(len(units), -1)
        to_row[row] = np.arange(len(row))
        above = lineage[first[row], place - 1] if place else np.zeros(len(row), dtype=np.int64)
        found.append(
            RankTaxa(
                gather=None if len(units) == len(finer) else gather,
                row=row,
                taxon=units[row],
                count=np.bincount(code, weights=count, minlength=len(units))[row].astype(np.int64),
                own=to_row[code],
                unit=code,
                parent=above,
                part=to_row[up],
                part_of_label=of_label,
            )
        )
        finer, of_label = units, code
    return found[::-1]

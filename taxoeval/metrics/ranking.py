"""Retrieval on the tree: are the neighbours of a query its kin? Per rank, from the neighbours' taxa in ranked order.

Only the order of the neighbours enters, never a score: shifting or stretching scores changes nothing. ``neighbours`` is
``(n, k)``, the taxa of the gallery items nearest to each query, nearest first, without the query itself; ``-1`` is no
neighbour. At each rank a neighbour is relevant if it shares the query's taxon there; a neighbour whose taxon at that
rank is unknown is not.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._gains import gains_and_best
from taxoeval.metrics._pairs import ratio
from taxoeval.metrics._rings import Ids
from taxoeval.metrics._shapes import target_and_pred, taxon_ids
from taxoeval.metrics.conventions import Convention, Similarity
from taxoeval.taxonomy import Taxonomy, Tree

Floats = NDArray[np.float64]

_BLOCK = 1 << 20  # neighbours at a time


def relevant_counts(
    target: ArrayLike, gallery: ArrayLike, taxonomy: Taxonomy, *, leave_one_out: bool = False
) -> Floats:
    """How many gallery items share each query's taxon, at each rank.

    Parameters
    ----------
    target
        Taxa of the queries, shape ``(n,)``.
    gallery
        Taxa of the gallery items, shape ``(c,)``; ``-1`` is unknown and never counts.
    taxonomy
        The taxonomy of both.
    leave_one_out
        Each query is itself in the gallery, and is not counted.

    Returns
    -------
    count
        ``(n, n_ranks)``; NaN where the query's taxon is unknown. Unit: items.

    Raises
    ------
    ValueError
        If an id is not in the taxonomy, or a query left out is not in the gallery.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Corvus", "Corvus corone")],
    ...                                   ranks=("genus", "species"))
    >>> raven, crow = taxonomy.ids(["Corvus corax", "Corvus corone"])
    >>> relevant_counts([raven], [raven, raven, crow], taxonomy, leave_one_out=True)
    array([[2., 1.]])
    """
    targets = taxon_ids(target, "target", len(taxonomy))
    items = taxon_ids(gallery, "gallery", len(taxonomy))
    absent = np.setdiff1d(targets[targets >= 0], items)
    if leave_one_out and len(absent):
        raise ValueError(f"leave_one_out takes each target out of the gallery, but taxon {absent[0]} is not in it")
    count = np.full((len(targets), taxonomy.n_ranks), np.nan)
    for r in range(taxonomy.n_ranks):
        of_item, truth = _at(items, r, taxonomy), _at(targets, r, taxonomy)
        members = np.bincount(of_item[of_item >= 0], minlength=len(taxonomy))
        count[:, r] = np.where(truth >= 0, members[truth] - leave_one_out, np.nan)
    return count


def precision_at_k(target: ArrayLike, neighbours: ArrayLike, taxonomy: Taxonomy) -> Floats:
    """Share of the k neighbours that belong to the query's taxon, at each rank (P@k).

    Parameters
    ----------
    target
        Taxa of the queries, shape ``(n,)``.
    neighbours
        ``(n, k)``, nearest first; see the module's text. Pass ``neighbours[:, :k]`` for a smaller k.
    taxonomy
        The taxonomy of both.

    Returns
    -------
    precision
        ``(n, n_ranks)`` in [0, 1]; NaN where the query's taxon is unknown. Higher is better. A query with fewer than k
        relevant items cannot reach 1: `r_precision` can.

    Raises
    ------
    ValueError
        If the shapes disagree or an id is not in the taxonomy.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"),
    ...                                    ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> precision_at_k([raven], [[raven, magpie, crow, crow]], taxonomy)
    array([[0.75, 0.25]])
    """
    targets, found = _queries(target, neighbours, taxonomy)
    precision = np.full((len(targets), taxonomy.n_ranks), np.nan)
    for part, r, known, hits in _hits(targets, found, taxonomy):
        precision[part, r] = np.where(known, hits.mean(axis=1), np.nan)
    return precision


def r_precision(target: ArrayLike, neighbours: ArrayLike, taxonomy: Taxonomy, relevant: ArrayLike) -> Floats:
    """Precision among the first R neighbours, R being how many relevant items there are, at each rank.

    1 if all relevant items come before any other.

    Parameters
    ----------
    target
        Taxa of the queries, shape ``(n,)``.
    neighbours
        ``(n, k)``, nearest first, with k at least the largest R.
    taxonomy
        The taxonomy of both.
    relevant
        ``(n, n_ranks)``, R for each query and rank, from `relevant_counts`; NaN leaves a query out at that rank.

    Returns
    -------
    precision
        ``(n, n_ranks)`` in [0, 1]; NaN where R is 0 or unknown. Higher is better.

    Raises
    ------
    ValueError
        If the shapes disagree, an id is not in the taxonomy, or R exceeds the neighbours given.

    References
    ----------
    .. [1] K. Musgrave, S. Belongie, S.-N. Lim, "A Metric Learning Reality Check", ECCV 2020.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"),
    ...                                    ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> r_precision([raven], [[raven, magpie, crow]], taxonomy, [[2, 1]])
    array([[0.5, 1. ]])
    """
    return _until_r(target, neighbours, taxonomy, relevant, averaged=False)


def map_at_r(target: ArrayLike, neighbours: ArrayLike, taxonomy: Taxonomy, relevant: ArrayLike) -> Floats:
    """Mean, over the first R neighbours, of the precision up to each relevant one and 0 for the others (MAP@R).

    Like `r_precision` it is 1 if all R relevant items come first, but it also minds how late the first others come.

    Parameters
    ----------
    target, neighbours, taxonomy, relevant
        As for `r_precision`.

    Returns
    -------
    precision
        ``(n, n_ranks)`` in [0, 1], never above `r_precision`; NaN where R is 0 or unknown. Higher is better.

    Raises
    ------
    ValueError
        If the shapes disagree, an id is not in the taxonomy, or R exceeds the neighbours given.

    References
    ----------
    .. [1] K. Musgrave, S. Belongie, S.-N. Lim, "A Metric Learning Reality Check", ECCV 2020.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Pica", "Pica pica")],
    ...                                   ranks=("genus", "species"))
    >>> raven, magpie = taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> map_at_r([raven, raven], [[raven, magpie], [magpie, raven]], taxonomy, [[2, 2], [2, 2]])
    array([[0.5 , 0.5 ],
           [0.25, 0.25]])
    """
    return _until_r(target, neighbours, taxonomy, relevant, averaged=True)


def ndcg_at_k(
    target: ArrayLike,
    neighbours: ArrayLike,
    tree: Tree,
    gallery: ArrayLike,
    *,
    convention: Convention | Similarity | str,
    leave_one_out: bool = False,
) -> Floats:
    """Discounted likeness of the k neighbours to the query, as a share of the most the gallery allows (nDCG@k).

    1 if no gallery item is more like the query than the neighbours given, in their order.

    Parameters
    ----------
    target
        Taxa of the queries, shape ``(n,)``.
    neighbours
        ``(n, k)``, nearest first; each must occur in the gallery, ``-1`` is no neighbour and counts 0.
    tree
        The tree of all.
    gallery
        Taxa of all gallery items, with repeats, shape ``(c,)``; without ``-1``.
    convention
        The graded relevance: a `Similarity` as it is, or one minus a normalised `Convention`; ``"rank_height"`` gives
        the share of ranks shared. As in `hierarchical_precision_at_k`.
    leave_one_out
        Each query is itself in the gallery, but not among its own neighbours.

    Returns
    -------
    ndcg
        ``(n,)`` in [0, 1]; NaN where the query is undefined under the convention, or nothing in the gallery is like it.
        Higher is better. Place j, from 1, is discounted by log2(j + 1); gains are linear.

    Raises
    ------
    ValueError
        If the convention is unknown, a neighbour is not in the gallery, k exceeds it, or the shapes disagree.

    References
    ----------
    .. [1] K. Järvelin, J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"),
    ...                                    ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> raven, crow, magpie = gallery = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> ndcg_at_k([raven, raven], [[raven, crow], [crow, raven]], taxonomy, gallery, convention="rank_height").round(3)
    array([1.  , 0.86])
    """
    names = ("neighbours", "gallery")
    gain, best, which = gains_and_best(
        target, neighbours, tree, gallery, convention=convention, leave_one_out=leave_one_out, names=names
    )
    discount = 1 / np.log2(np.arange(2, gain.shape[1] + 2))
    return ratio(gain @ discount, (best @ discount)[which])


def _until_r(
    target: ArrayLike, neighbours: ArrayLike, taxonomy: Taxonomy, relevant: ArrayLike, *, averaged: bool
) -> Floats:
    targets, found = _queries(target, neighbours, taxonomy)
    counts = np.asarray(relevant, dtype=np.float64)
    if counts.shape != (shape := (len(targets), taxonomy.n_ranks)):
        raise ValueError(f"relevant must hold a count per query and rank, shape {shape}; got {counts.shape}")
    if (counts > found.shape[1]).any():
        row, r = np.argwhere(counts > found.shape[1])[0]
        raise ValueError(
            f"relevant reaches {counts[row, r]:.0f} at rank {taxonomy.ranks[r]}, but only {found.shape[1]} neighbours "
            "were given: give as many, or set relevant to NaN where you mean to leave a rank out"
        )
    precision = np.full(shape, np.nan)
    for part, r, known, hits in _hits(targets, found, taxonomy):
        n_relevant = counts[part, r]
        until = np.where(known & (n_relevant > 0), n_relevant, np.nan)
        gain = hits * np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1) if averaged else hits
        sums = np.cumsum(gain, axis=1, dtype=np.float64)
        last = np.maximum(np.nan_to_num(until).astype(np.int64) - 1, 0)
        precision[part, r] = sums[np.arange(len(sums)), last] / until
    return precision


def _hits(
    targets: Ids, neighbours: Ids, taxonomy: Taxonomy
) -> Iterator[tuple[slice, int, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Blocks of queries, rank by rank: the rows, the rank, whether the query is known there, and ``(rows, k)`` hits."""
    rows = max(1, _BLOCK // neighbours.shape[1])
    for r in range(taxonomy.n_ranks):
        for first in range(0, len(targets), rows):
            part = slice(first, first + rows)
            truth = _at(targets[part], r, taxonomy)
            known = truth >= 0
            yield part, r, known, (_at(neighbours[part], r, taxonomy) == truth[:, None]) & known[:, None]


def _queries(target: ArrayLike, neighbours: ArrayLike, taxonomy: Taxonomy) -> tuple[Ids, Ids]:
    targets, _ = target_and_pred(target, neighbours, len(taxonomy))
    found = taxon_ids(neighbours, "neighbours", len(taxonomy))
    if found.ndim != 2 or not found.shape[1]:
        raise ValueError(f"neighbours must be (n, k) with k of at least 1, nearest first; got {found.shape}")
    return targets, found


def _at(ids: Ids, rank: int, taxonomy: Taxonomy) -> NDArray[np.int32]:
    return np.where(ids >= 0, taxonomy.ancestor[:, rank][ids], np.int32(-1))

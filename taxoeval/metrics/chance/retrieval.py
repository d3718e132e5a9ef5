"""What a gallery, or the candidates, in random order score."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._gains import gains_and_best, likeness
from taxoeval.metrics._rings import candidate_ids
from taxoeval.metrics._shapes import taxon_ids
from taxoeval.metrics.chance.expected import chance_of
from taxoeval.metrics.conventions import Convention, Similarity
from taxoeval.taxonomy import Tree

Floats = NDArray[np.float64]


def chance_precision(relevant: ArrayLike, gallery_size: int) -> Floats:
    """Share of relevant items in the gallery: the level of `precision_at_k`, at any k, and of `r_precision`.

    Parameters
    ----------
    relevant
        How many items of the gallery are relevant to each query, of `relevant_counts`; any shape, NaN where unknown.
    gallery_size
        How many items a query could find: one less than the gallery where the query is in it.

    Returns
    -------
    chance
        Shape of ``relevant``, in [0, 1]. `precision_at_k` is 0 for a query without relevant items, `r_precision` NaN.

    Raises
    ------
    ValueError
        If the gallery is empty or a count exceeds it.

    Examples
    --------
    >>> chance_precision([1, 2, np.nan], 4)
    array([0.25, 0.5 ,  nan])
    """
    return _counts(relevant, gallery_size) / gallery_size


def chance_map_at_r(relevant: ArrayLike, gallery_size: int) -> Floats:
    """Mean `map_at_r` of a gallery in random order.

    Parameters
    ----------
    relevant, gallery_size
        As for `chance_precision`.

    Returns
    -------
    chance
        Shape of ``relevant``, in [0, 1]; NaN where nothing is relevant or that is unknown. With R of N items relevant,
        place i counts its precision if it is relevant: ``R/N * (1 + (i - 1) * (R - 1) / (N - 1)) / i``; the mean of
        that over the first R places.

    Raises
    ------
    ValueError
        If the gallery is empty or a count exceeds it.

    Examples
    --------
    >>> chance_map_at_r([1, 2], 4).round(3)  # 2 of 4: (0.5 + 0.333) / 2
    array([0.25 , 0.417])
    """
    counts = _counts(relevant, gallery_size)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, int(np.nanmax(counts, initial=0)) + 1))])
    r = np.where(counts > 0, counts, np.nan)
    repeated = (r - 1) / max(gallery_size - 1, 1)  # that another given place is relevant too
    first = harmonic[np.nan_to_num(r).astype(np.int64)] / r  # mean of 1 / i over the places
    return np.asarray(r / gallery_size * (first * (1 - repeated) + repeated))


def chance_precision_at_k(
    target: ArrayLike,
    candidates: ArrayLike,
    tree: Tree,
    *,
    k: int,
    convention: Convention | Similarity | str,
    leave_one_out: bool = False,
) -> Floats:
    """Mean `hierarchical_precision_at_k` of the candidates in random order.

    Parameters
    ----------
    target, candidates, tree, convention, leave_one_out
        As in `hierarchical_precision_at_k`.
    k
        How many places.

    Returns
    -------
    chance
        ``(n, k)`` in [0, 1], one column per cut-off; put into `hierarchical_map` and `average_hierarchical_precision`
        it gives their levels too, because every place earns the mean likeness of all candidates.

    Raises
    ------
    ValueError
        As `hierarchical_precision_at_k`.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"),
    ...                                    ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])  # likeness to the raven: 1, 0.5, 0
    >>> chance_precision_at_k(species[:1], species, taxonomy, k=3, convention="rank_height").round(3)
    array([[0.5  , 0.667, 1.   ]])
    """
    mean, best = _mean_and_best(target, candidates, tree, k, convention, leave_one_out, "candidates")
    return _ratio(mean[:, None] * np.arange(1, k + 1), np.cumsum(best, axis=1))


def chance_ndcg_at_k(
    target: ArrayLike,
    gallery: ArrayLike,
    tree: Tree,
    *,
    k: int,
    convention: Convention | Similarity | str,
    leave_one_out: bool = False,
) -> Floats:
    """Mean `ndcg_at_k` of the gallery in random order.

    Parameters
    ----------
    target, gallery, tree, convention, leave_one_out
        As in `ndcg_at_k`.
    k
        How many neighbours.

    Returns
    -------
    chance
        ``(n,)`` in [0, 1].

    Raises
    ------
    ValueError
        As `ndcg_at_k`.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"),
    ...                                    ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> chance_ndcg_at_k(species[:1], species, taxonomy, k=1, convention="rank_height")
    array([0.5])
    """
    mean, best = _mean_and_best(target, gallery, tree, k, convention, leave_one_out, "gallery")
    discount = 1 / np.log2(np.arange(2, k + 2))
    return _ratio(mean * discount.sum(), best @ discount)


def _mean_and_best(
    target: ArrayLike,
    candidates: ArrayLike,
    tree: Tree,
    k: int,
    convention: Convention | Similarity | str,
    leave_one_out: bool,
    name: str,
) -> tuple[Floats, Floats]:
    """Mean likeness of all candidates, ``(n,)``, and the k greatest ones, ``(n, k)``."""
    closed_set, targets = candidate_ids(candidates, tree, name), taxon_ids(target, "target", len(tree))
    if not 1 <= k <= len(closed_set) - leave_one_out:
        raise ValueError(f"k must be between 1 and the {len(closed_set) - leave_one_out} {name} to rank; got {k}")
    places = np.broadcast_to(closed_set[:k], (len(targets), k))
    _, best, which = gains_and_best(
        targets, places, tree, closed_set, convention=convention, leave_one_out=leave_one_out, names=("pred", name)
    )
    mean = chance_of(lambda y, p: likeness(y, p, tree, convention), targets, closed_set, tree)
    if leave_one_out:
        own = likeness(targets, targets, tree, convention)
        mean = (len(closed_set) * mean - own) / (len(closed_set) - 1)
    return mean, best[which]


def _ratio(share: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(share, whole, out=np.full(np.shape(share), np.nan), where=whole > 0))


def _counts(relevant: ArrayLike, gallery_size: int) -> Floats:
    counts = np.asarray(relevant, dtype=np.float64)
    if gallery_size < 1:
        raise ValueError(f"gallery_size must be at least 1; got {gallery_size}")
    if counts.size and (np.nanmin(counts, initial=0) < 0 or np.nanmax(counts, initial=0) > gallery_size):
        wrong = counts[(counts < 0) | (counts > gallery_size)].flat[0]
        raise ValueError(f"relevant must lie between 0 and gallery_size = {gallery_size}; got {wrong:g}")
    return counts

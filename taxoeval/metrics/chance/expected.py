"""The exact mean of any metric over every guess: candidates alike to a target are counted, and one of them scored."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._rings import candidate_ids, rings_of
from taxoeval.metrics._shapes import taxon_ids
from taxoeval.metrics.conventions import Convention, Similarity
from taxoeval.metrics.distances import lca_distance, lca_similarity
from taxoeval.taxonomy import Tree

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

Metric = Callable[[Ids, Ids], Floats]
"""Values ``(m,)`` or ``(m, columns)`` of targets ``(m,)`` and predictions ``(m,)``; ``-1`` is no prediction."""

_BLOCK = 1 << 18  # kinds of guess scored at a time


def chance_of(metric: Metric, target: ArrayLike, candidates: ArrayLike, tree: Tree) -> Floats:
    """Mean of a metric over a uniform guess among the candidates, for each target, without trying them all.

    Parameters
    ----------
    metric
        Function of targets ``(m,)`` and predictions ``(m,)`` that gives one value, or one row, for each. It may depend
        on a prediction through its depth, its number of leaves and its lowest common ancestor with the target; every
        distance, similarity, path score and hit of this library does no more.
    target
        True taxa, shape ``(n,)``.
    candidates
        What a guess is drawn from, shape ``(c,)``. A taxon given twice is drawn twice as often: the targets themselves
        as candidates give the level of a guess by how common the taxa are.
    tree
        The tree of both.

    Returns
    -------
    chance
        ``(n,)`` or ``(n, columns)``, in the unit of the metric. Guesses whose value is undefined are left out; NaN
        where all are.

    Raises
    ------
    ValueError
        If there are no candidates, or an id is not in the tree.

    Notes
    -----
    By linearity it is also the level of a mean over k different guesses, such as `average_hierarchical_distance` at k.
    The level of `mistake_severity` is that of the distance over that of a mistake, both averaged over samples.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.metrics import rank_height
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Corvus", "Corvus corone"),
    ...      ("Corvidae", "Pica", "Pica pica"), ("Paridae", "Parus", "Parus major")],
    ...     ranks=("family", "genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica", "Parus major"])
    >>> chance_of(lambda target, pred: rank_height(target, pred, taxonomy), species[:1], species, taxonomy)
    array([1.5])
    """
    parts, which = [], _targets(target, tree)
    for value, count in _kinds(metric, np.unique(which), candidates, tree):
        weight = np.where(np.isnan(value), 0, count)
        total = (np.nan_to_num(value) * weight).sum(axis=1)
        whole = weight.sum(axis=1)
        parts.append(np.divide(total, whole, out=np.full(total.shape, np.nan), where=whole > 0))
    return _spread(parts, which, value_shape=())


def chance_best_of_k(
    metric: Metric, target: ArrayLike, candidates: ArrayLike, tree: Tree, *, k: int, higher_is_better: bool = False
) -> Floats:
    """Mean of the best value among k different uniform guesses, for each target.

    Parameters
    ----------
    metric, target, tree
        As for `chance_of`; the metric gives one value, and is undefined for all guesses of a target or for none.
    candidates
        The closed set, shape ``(c,)``, each once.
    k
        How many guesses.
    higher_is_better
        Direction of the metric: which of the k values is the best.

    Returns
    -------
    chance
        ``(n,)``. The i-th best of c values is the best of k drawn ones with a hypergeometric probability.

    Raises
    ------
    ValueError
        If ``k`` is not between 1 and the number of candidates, there are none, or an id is not in the tree.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.metrics import rank_height
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"),
    ...                                    ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])  # heights of the raven: 0, 1, 2
    >>> height = lambda target, pred: rank_height(target, pred, taxonomy)
    >>> chance_best_of_k(height, species[:1], species, taxonomy, k=2).round(3)
    array([0.333])
    """
    closed_set = np.unique(candidate_ids(candidates, tree))
    if not 1 <= k <= len(closed_set):
        raise ValueError(f"k must be between 1 and the number of candidates, {len(closed_set)}; got {k}")
    parts, which = [], _targets(target, tree)
    for value, count in _kinds(metric, np.unique(which), closed_set, tree):
        if value.ndim != 2:
            raise ValueError(f"the metric must give one value for each guess, shape (m,); got {value.shape[2:]} more")
        undefined = (np.isnan(value) & (count > 0)).any(axis=1)
        order = np.argsort(np.where(count > 0, -value if higher_is_better else value, np.inf), axis=1)
        value, count = np.take_along_axis(value, order, axis=1), np.take_along_axis(count, order, axis=1)
        worse = len(closed_set) - np.cumsum(count, axis=1)  # guesses worse than this kind
        none_so_good = np.ones(worse.shape)
        for j in range(k):
            none_so_good *= np.maximum(worse - j, 0) / (len(closed_set) - j)
        best_here = -np.diff(none_so_good, axis=1, prepend=1.0)
        found = np.where(count > 0, np.nan_to_num(value) * best_here, 0).sum(axis=1)
        parts.append(np.where(undefined, np.nan, found))
    return _spread(parts, which, value_shape=())


def chance_distance(
    target: ArrayLike, candidates: ArrayLike, tree: Tree, *, convention: Convention | Similarity | str
) -> Floats:
    """Mean `lca_distance`, or `lca_similarity`, of a uniform guess over the candidates, for each target.

    Parameters
    ----------
    target, candidates, tree
        As for `chance_of`.
    convention
        One of `Convention` or of `Similarity`, or its name.

    Returns
    -------
    chance
        ``(n,)``, in the unit of the convention; NaN where it is undefined for the target.

    Raises
    ------
    ValueError
        If the convention is unknown, there are no candidates, or an id is not in the tree.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"),
    ...                                    ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> chance_distance(species[:1], species, taxonomy, convention="edge")  # 0, 2 and 4 edges
    array([2.])
    """

    def value(targets: Ids, preds: Ids) -> Floats:
        if convention in set(Similarity):
            return lca_similarity(targets, preds, tree, convention=convention)
        return lca_distance(targets, preds, tree, convention=convention)

    return chance_of(value, target, candidates, tree)


def _targets(target: ArrayLike, tree: Tree) -> Ids:
    targets = taxon_ids(target, "target", len(tree))
    if targets.ndim != 1:
        raise ValueError(f"target must have shape (n,), one taxon per sample; got {targets.shape}")
    return targets


def _kinds(metric: Metric, unique: Ids, candidates: ArrayLike, tree: Tree) -> Iterator[tuple[Floats, Ids]]:
    """Blocks of targets: the metric of each kind of guess, ``(u, kinds, ...)``, and how many candidates are so."""
    groups = _alike(candidate_ids(candidates, tree), tree)
    rows = max(1, _BLOCK // (len(groups) * (int(tree.depth.max()) + 2)))
    for first in range(0, len(unique), rows):
        targets = unique[first : first + rows]
        rings = rings_of(targets, groups, tree)
        example, count = (x.reshape(len(targets), -1) for x in (rings.example, rings.count))
        value = np.asarray(metric(np.repeat(targets, example.shape[1]), example.ravel()), dtype=np.float64)
        value = value.reshape(*example.shape, *value.shape[1:])
        yield value, count.reshape(*count.shape, *(1,) * (value.ndim - 2))


def _alike(candidates: Ids, tree: Tree) -> list[Ids]:
    """Candidates in groups of one depth and one number of leaves, each ascending."""
    ordered = np.sort(candidates)
    _, kind = np.unique(tree.depth[ordered] * (len(tree) + 1) + tree.n_leaves_below[ordered], return_inverse=True)
    by_kind = np.argsort(kind, kind="stable")
    return np.split(ordered[by_kind], np.cumsum(np.bincount(kind))[:-1])


def _spread(parts: list[Floats], targets: Ids, value_shape: tuple[int, ...]) -> Floats:
    """The values of the different targets, given to every sample."""
    if not parts:
        return np.zeros((0, *value_shape))
    return np.asarray(np.concatenate(parts)[np.unique(targets, return_inverse=True)[1]])

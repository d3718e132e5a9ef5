"""Precision, recall and F read off the lowest common ancestor alone: by weight, or on the paths below it."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from taxoeval.metrics._nodes import nodes_of
from taxoeval.metrics._pairs import Floats, Ids, pair_values, ratio
from taxoeval.metrics.paths import PrecisionRecallF
from taxoeval.taxonomy import Tree

Weight = Literal["depth", "information"]


def lca_precision_recall_f(
    target: ArrayLike, pred: ArrayLike, tree: Tree, *, weight: Weight, beta: float = 1.0
) -> PrecisionRecallF:
    """Share of what the prediction claims, and of what the target tells, that their lowest common ancestor holds.

    With f(v) what node v tells, a the lowest common ancestor of target y and prediction p: precision f(a) / f(p),
    recall f(a) / f(y). Both are 1 for the right answer, and precision alone for an ancestor of the target.

    Parameters
    ----------
    target
        True taxa of any rank, shape ``(n,)``; ``-1`` makes the sample undefined.
    pred
        Predicted taxa of any rank, shape ``(n,)`` or ``(n, k)``. ``-1`` (no answer) is the root: precision 1, recall 0.
    tree
        The tree both are ids of.
    weight
        What a node tells: ``"depth"`` (edges below the root) or ``"information"`` (bits: -log2 of the share of all
        leaves that lie below it, so that steps with a single child count nothing).
    beta
        Weight of recall against precision.

    Returns
    -------
    scores
        Arrays of ``pred``'s shape in [0, 1]; NaN where the target is ``-1``. Nothing over nothing is 1: who claims
        nothing claims nothing wrong. Higher is better.

    Raises
    ------
    ValueError
        If ``weight`` is unknown, ``beta`` negative, if the shapes disagree, or if an id is not in the tree.

    Notes
    -----
    By depth these are hierarchical precision and recall without the root, but for the convention on nothing over
    nothing. F1 is the Wu-Palmer similarity (``wu_palmer_root0``) by depth and Lin's by information.

    References
    ----------
    .. [1] J. Valmadre, "Hierarchical classification at multiple operating points", NeurIPS 2022.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Pica", "Pica pica"),
    ...      ("Paridae", "Parus", "Parus major"), ("Paridae", "Parus", "Parus minor")],
    ...     ranks=("family", "genus", "species"))
    >>> raven, magpie, family = taxonomy.ids(["Corvus corax", "Pica pica", "Corvidae"])
    >>> lca_precision_recall_f([raven, raven], [magpie, family], taxonomy, weight="information").precision
    array([0.5, 1. ])
    """
    if weight not in ("depth", "information"):
        raise ValueError(f"unknown weight {weight!r}; it must be depth or information")
    nodes = nodes_of(tree)
    tells = np.maximum(nodes.depth, 0) if weight == "depth" else nodes.information
    held, claimed, told = pair_values(target, pred, tree, lambda y, p, a: (tells[a], tells[p], tells[y]), 3)
    return _scores(held, claimed, told, beta)


def lca_restricted_precision_recall_f(
    target: ArrayLike, pred: ArrayLike, tree: Tree, *, beta: float = 1.0
) -> PrecisionRecallF:
    """Precision, recall and F on the paths from prediction and target up to their lowest common ancestor only.

    Of the nodes on the way from the prediction up to that ancestor, both ends counted, one is shared: the ancestor.
    So precision is 1 / (edges up from the prediction + 1), recall 1 / (edges up from the target + 1): both 1 for the
    right answer. Easy common ancestors far above do not count as merit.

    Parameters
    ----------
    target
        True taxa of any rank, shape ``(n,)``; ``-1`` makes the sample undefined.
    pred
        Predicted taxa of any rank, shape ``(n,)`` or ``(n, k)``; ``-1`` (no answer) is the root above all.
    tree
        The tree both are ids of.
    beta
        Weight of recall against precision.

    Returns
    -------
    scores
        Arrays of ``pred``'s shape in (0, 1], never 0; NaN where the target is ``-1``. Higher is better.

    Raises
    ------
    ValueError
        If ``beta`` is negative, if the shapes disagree, or if an id is not in the tree.

    References
    ----------
    .. [1] A. Kosmopoulos et al., "Evaluation measures for hierarchical classification: a unified view and novel
       approaches", Data Mining and Knowledge Discovery 29, 2015 (their measure for sets of labels in general graphs,
       here for one path in a tree).

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Pica", "Pica pica")],
    ...     ranks=("family", "genus", "species"))
    >>> raven, pica = taxonomy.ids(["Corvus corax", "Pica"])
    >>> scores = lca_restricted_precision_recall_f([raven, raven], [raven, pica], taxonomy)
    >>> scores.precision, scores.recall.round(2)
    (array([1. , 0.5]), array([1.  , 0.33]))
    """
    depth = nodes_of(tree).depth

    def counts(y: Ids, p: Ids, a: Ids) -> tuple[Floats, ...]:
        return np.ones(p.shape), depth[p] - depth[a] + 1, depth[y] - depth[a] + 1

    shared, predicted, true = pair_values(target, pred, tree, counts, 3)
    return _scores(shared, predicted, true, beta)


def _scores(shared: Floats, predicted: Floats, true: Floats, beta: float) -> PrecisionRecallF:
    if not 0 <= beta < np.inf:
        raise ValueError(f"beta must be 0 or more and finite; got {beta}")
    f = ratio((1 + beta * beta) * shared, beta * beta * true + predicted, empty=1.0)
    return PrecisionRecallF(ratio(shared, predicted, empty=1.0), ratio(shared, true, empty=1.0), f)

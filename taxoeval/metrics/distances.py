"""How far is the prediction from the target in the tree? Each convention has its name; none is just "the distance"."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._nodes import Nodes, nodes_of
from taxoeval.metrics._shapes import target_and_pred
from taxoeval.metrics.conventions import Convention, Similarity
from taxoeval.taxonomy import Taxonomy, Tree

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

E = TypeVar("E", Convention, Similarity)

_BLOCK = 1 << 20  # pairs at a time: what is in between stays below 100 MB however many there are


def lca_distance(
    target: ArrayLike, pred: ArrayLike, tree: Tree, *, convention: Convention | str, normalised: bool = False
) -> Floats:
    """Distance from target to prediction through their lowest common ancestor, under a named convention.

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``.
    pred
        Predicted taxa, shape ``(n,)`` or ``(n, k)``, best first; ``-1`` is no answer.
    tree
        The tree both are ids of; a `Taxonomy` for ``rank_height``. Taxa of different trees of a forest meet in the
        implied root above them, so kingdoms are two edges apart.
    convention
        One of `Convention`, or its name; the formulas stand there.
    normalised
        Divide by the largest value the convention can take on this tree, for a number in [0, 1].

    Returns
    -------
    distance
        ``pred``'s shape. NaN where the target or the prediction is ``-1``, and for ``rank_height`` where the target
        stops above the finest rank. Unit: ranks, edges or bits, as the convention counts. 0 when right (1 for
        ``hycoclip_lca``). Lower is better.

    Raises
    ------
    ValueError
        If the convention is unknown or needs ranks that the tree lacks, if the shapes disagree, or if an id is unknown.

    References
    ----------
    .. [1] L. Bertinetto et al., "Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks", CVPR 2020.
    .. [2] O. Dekel, J. Keshet, Y. Singer, "Large Margin Hierarchical Classification", ICML 2004 (edge length).
    .. [3] J. Valmadre, "Hierarchical classification at multiple operating points", NeurIPS 2022 (excess and deficient).

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Corvus", "Corvus corone"),
    ...      ("Corvidae", "Pica", "Pica pica")], ranks=("family", "genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> lca_distance([raven, raven], [crow, magpie], taxonomy, convention="edge")
    array([2., 4.])
    """
    chosen = _named(convention, Convention, "convention")
    if chosen is Convention.RANK_HEIGHT and not isinstance(tree, Taxonomy):
        raise ValueError("rank_height counts ranks, and a Tree has none: use a Taxonomy, or convention='edge'")
    if chosen is Convention.RANK_HEIGHT:
        distance = _by_pairs(target, pred, tree, _rank_heights(tree))
        return distance / tree.n_ranks if normalised and isinstance(tree, Taxonomy) else distance
    nodes = nodes_of(tree)
    distance = _by_pairs(target, pred, tree, _distances(chosen, tree, nodes))
    return distance / _largest(chosen, nodes) if normalised else distance


def lca_similarity(target: ArrayLike, pred: ArrayLike, tree: Tree, *, convention: Similarity | str) -> Floats:
    """How alike target and prediction are by their place in the tree, under a named convention.

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``.
    pred
        Predicted taxa, shape ``(n,)`` or ``(n, k)``; ``-1`` is no answer.
    tree
        The tree both are ids of.
    convention
        One of `Similarity`, or its name; the formulas stand there.

    Returns
    -------
    similarity
        ``pred``'s shape, in [0, 1], 1 when right; NaN where the target or the prediction is ``-1``. Higher is better.

    Raises
    ------
    ValueError
        If the convention is unknown, if the shapes disagree, or if an id is unknown.

    References
    ----------
    .. [1] Z. Wu, M. Palmer, "Verb Semantics and Lexical Selection", ACL 1994.
    .. [2] D. Lin, "An Information-Theoretic Definition of Similarity", ICML 1998.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Pica", "Pica pica")],
    ...     ranks=("family", "genus", "species"))
    >>> raven, magpie = taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> lca_similarity([raven, raven], [raven, magpie], taxonomy, convention="wu_palmer_root0").round(2)
    array([1.  , 0.33])
    """
    chosen = _named(convention, Similarity, "convention")
    return _by_pairs(target, pred, tree, _similarities(chosen, nodes_of(tree)))


def rank_height(target: ArrayLike, pred: ArrayLike, taxonomy: Taxonomy) -> Floats:
    """Ranks to climb from the finest rank to the finest taxon that target and prediction share.

    0 when the prediction is the target; 1 for the wrong species of the right genus; ``n_ranks`` when nothing is shared.

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``. A target that stops above the finest rank gives NaN: nobody knows how far off it is.
    pred
        Predicted taxa, shape ``(n,)`` or ``(n, k)``, best first; ``-1`` (no answer) gives NaN.
    taxonomy
        The taxonomy both are ids of.

    Returns
    -------
    height
        ``pred``'s shape. Unit: ranks. Range: ``[0, n_ranks]`` or NaN. Lower is better.

    Raises
    ------
    ValueError
        If the shapes disagree or an id is not in the taxonomy.

    Notes
    -----
    Slots are counted, also those a lineage skips, so that all species compare. A prediction of the target's genus
    scores 1, like a wrong species of that genus. "Kingdom unknown" and "no kingdom shared" both give ``n_ranks``: read
    the coverage per rank beside it.

    `mistake_severity` averages it over mistakes, `average_hierarchical_distance` over all samples.

    References
    ----------
    .. [1] L. Bertinetto et al., "Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks", CVPR 2020.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Corvus", "Corvus corone"),
    ...      ("Corvidae", "Pica", "Pica pica")], ranks=("family", "genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> rank_height([raven, raven, raven], [raven, crow, magpie], taxonomy)
    array([0., 1., 2.])
    """
    return lca_distance(target, pred, taxonomy, convention=Convention.RANK_HEIGHT)


_Pairs = Callable[[Ids, Ids, Ids], Floats]
"""Values of pairs from target, prediction and their LCA, all of one shape; ids are valid but for the LCA's -1."""


def _by_pairs(target: ArrayLike, pred: ArrayLike, tree: Tree, values: _Pairs) -> Floats:
    """Apply a rule to blocks of pairs, NaN where a side is -1."""
    targets, preds = target_and_pred(target, pred, len(tree))
    rows = max(1, _BLOCK // max(1, preds[:1].size))
    result = np.empty(preds.shape)
    for first in range(0, len(preds), rows):
        p = preds[first : first + rows]
        y = np.broadcast_to(targets[first : first + rows].reshape((-1,) + (1,) * (p.ndim - 1)), p.shape)
        found = values(y, p, tree.lca(y, p))
        result[first : first + rows] = np.where((y < 0) | (p < 0), np.nan, found)
    return result


def _rank_heights(tree: Tree) -> _Pairs:
    assert isinstance(tree, Taxonomy)  # noqa: S101 - checked where the convention was chosen
    finest, rank = tree.n_ranks - 1, np.append(tree.rank, -1)
    return lambda y, p, a: np.where(rank[y] == finest, finest - rank[a], np.nan)


def _distances(convention: Convention, tree: Tree, nodes: Nodes) -> _Pairs:
    d, bits = nodes.depth, nodes.information
    parent = np.append(tree.parent, -1)

    def padded_proper(y: Ids, p: Ids, a: Ids) -> Floats:
        proper = np.where((a == y) | (a == p), parent[a], a)
        at = np.maximum(d[proper], 0)  # above a root there is nothing: the root itself stays
        return np.where(y == p, 0.0, nodes.deepest - at)

    rules: dict[Convention, _Pairs] = {
        Convention.PADDED_HEIGHT: lambda y, p, a: np.where(y == p, 0.0, nodes.deepest - d[a]),
        Convention.PADDED_HEIGHT_PROPER: padded_proper,
        Convention.HEIGHT: lambda y, p, a: np.where(y == p, 0.0, nodes.height[a]),
        Convention.EDGE: lambda y, p, a: d[y] + d[p] - 2 * d[a],
        Convention.TARGET_LEG: lambda y, p, a: d[y] - d[a],
        Convention.PRED_LEG: lambda y, p, a: d[p] - d[a],
        Convention.MAX_LEG: lambda y, p, a: np.maximum(d[y], d[p]) - d[a],
        Convention.INFORMATION: lambda y, p, a: bits[y] - bits[a],
        Convention.INFORMATION_EXCESS: lambda y, p, a: bits[p] - bits[a],
        Convention.HYCOCLIP_LCA: lambda y, p, a: d[p] - d[a] + 1,
    }
    return rules[convention]


def _largest(convention: Convention, nodes: Nodes) -> float:
    """The largest value a convention can take on a tree, 1 on a tree of one node."""
    largest = {
        Convention.EDGE: 2 * nodes.deepest,
        Convention.INFORMATION: float(nodes.information.max()),
        Convention.INFORMATION_EXCESS: float(nodes.information.max()),
        Convention.HYCOCLIP_LCA: nodes.deepest + 1,
    }
    return largest.get(convention, nodes.deepest) or 1.0


def _similarities(convention: Similarity, nodes: Nodes) -> _Pairs:
    d, bits = nodes.depth, nodes.information

    def ratio(shared: Floats, whole: Floats, y: Ids, p: Ids) -> Floats:
        # nothing over nothing: neither says anything that the other does not
        found = np.divide(shared, whole, out=np.ones(np.shape(whole)), where=whole > 0)
        return np.where(y == p, 1.0, found)

    rules: dict[Similarity, _Pairs] = {
        Similarity.WU_PALMER_ROOT0: lambda y, p, a: ratio(2 * d[a], d[y] + d[p], y, p),
        Similarity.WU_PALMER_ROOT1: lambda y, p, a: ratio(2 * (d[a] + 1), d[y] + d[p] + 2, y, p),
        Similarity.LIN: lambda y, p, a: ratio(2 * bits[a], bits[y] + bits[p], y, p),
        Similarity.JACCARD_ROOT_OUT: lambda y, p, a: ratio(d[a], d[y] + d[p] - d[a], y, p),
        Similarity.JACCARD_ROOT_IN: lambda y, p, a: ratio(d[a] + 1, d[y] + d[p] - d[a] + 1, y, p),
    }
    return rules[convention]


def _named(value: str, names: type[E], argument: str) -> E:
    if value not in set(names):
        raise ValueError(f"unknown {argument} {value!r}; it must be one of {', '.join(names)}")
    return names(value)

"""How far is the prediction from the target in the tree? Each convention has its name; none is just "the distance"."""

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._shapes import target_and_pred
from taxoeval.taxonomy import Taxonomy, Tree


class Convention(StrEnum):
    """Ways to count the distance from a target to a prediction through their lowest common ancestor (LCA).

    Values from different conventions must never be compared: on unequal trees they rank mistakes differently.
    """

    RANK_HEIGHT = "rank_height"
    EDGE = "edge"


def lca_distance(
    target: ArrayLike, pred: ArrayLike, tree: Tree, *, convention: Convention | str
) -> NDArray[np.float64]:
    """Distance from target to prediction through their lowest common ancestor, under a named convention.

    ``rank_height``
        Ranks to climb from the finest rank up to the finest taxon shared; see `rank_height`. Needs ranks.
    ``edge``
        Edges on the path: ``depth(target) + depth(pred) - 2 depth(LCA)``. Taxa of different trees of a forest meet in
        the implied root above them, so kingdoms are two edges apart. Defined for labels and predictions of any rank.

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``.
    pred
        Predicted taxa, shape ``(n,)`` or ``(n, k)``, best first; ``-1`` is no answer.
    tree
        The tree both are ids of; a `Taxonomy` for ``rank_height``.
    convention
        One of `Convention`, or its name.

    Returns
    -------
    distance
        ``pred``'s shape. NaN where the target or the prediction is ``-1``, and where the convention is undefined.
        Unit: ranks (``rank_height``) or edges (``edge``). 0 when right. Lower is better.

    Raises
    ------
    ValueError
        If the convention is unknown or needs ranks that the tree lacks, if the shapes disagree, or if an id is unknown.

    References
    ----------
    .. [1] L. Bertinetto et al., "Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks", CVPR 2020.
    .. [2] O. Dekel, J. Keshet, Y. Singer, "Large Margin Hierarchical Classification", ICML 2004 (edge length).

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
    if convention not in set(Convention):
        raise ValueError(f"unknown convention {convention!r}; it must be one of {', '.join(Convention)}")
    targets, preds = target_and_pred(target, pred, len(tree))
    of_each = targets.reshape(targets.shape + (1,) * (preds.ndim - 1))
    lca = tree.lca(of_each, preds)
    if convention == Convention.EDGE:
        depth = np.append(tree.depth, -1)  # the LCA -1 is the implied root, one edge above every root
        distance = depth[of_each] + depth[preds] - 2 * depth[lca]
        return np.where((of_each < 0) | (preds < 0), np.nan, distance)
    if not isinstance(tree, Taxonomy):
        raise ValueError("rank_height counts ranks, and a Tree has none: use a Taxonomy, or convention='edge'")
    finest = tree.n_ranks - 1
    rank = np.append(tree.rank, -1)
    defined = (rank[of_each] == finest) & (preds >= 0)
    return np.where(defined, finest - rank[lca], np.nan)


def rank_height(target: ArrayLike, pred: ArrayLike, taxonomy: Taxonomy) -> NDArray[np.float64]:
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

"""How good are the k best answers of a sample, with the tree's measure of good?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._gains import gains_and_best
from taxoeval.metrics._nodes import nodes_of
from taxoeval.metrics._pairs import pair_values
from taxoeval.metrics.conventions import Convention, Similarity
from taxoeval.taxonomy import Tree

Floats = NDArray[np.float64]


def best_of_k(distance: ArrayLike) -> Floats:
    """Distance of the nearest among the k best answers.

    Parameters
    ----------
    distance
        ``(n, k)``: the distance of each answer under one convention, from `lca_distance`.

    Returns
    -------
    distance
        ``(n,)``, in the unit of the input; undefined answers are passed over, NaN where all are undefined. Lower is
        better. It cannot grow with k, so compare equal k only.

    Raises
    ------
    ValueError
        If ``distance`` is not two-dimensional, or has no answers.

    References
    ----------
    .. [1] L. Bertinetto et al., "Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks", CVPR 2020.

    Examples
    --------
    >>> best_of_k([[2, 0], [3, 1]])
    array([0., 1.])
    """
    values = np.asarray(distance, dtype=np.float64)
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"distance must be (n, k) with k of at least 1, got {values.shape}")
    return np.asarray(np.fmin.reduce(values, axis=1))


def correct_depth(target: ArrayLike, pred: ArrayLike, tree: Tree, *, root_depth: int = 0) -> Floats:
    """Depth down to which prediction and target agree: that of their lowest common ancestor.

    Parameters
    ----------
    target
        True taxa of any rank, shape ``(n,)``.
    pred
        Predicted taxa, shape ``(n,)`` or ``(n, k)``; ``-1`` (no answer) agrees on the root alone.
    tree
        The tree both are ids of. In a taxonomy the coarsest rank is one edge below the implied root.
    root_depth
        Where depth begins: 0, or 1 as in the code of Barz and Denzler.

    Returns
    -------
    depth
        ``pred``'s shape; NaN where the target is ``-1``. Unit: edges. Range: ``[root_depth, D + root_depth]`` with D
        the depth of the deepest leaf. Higher is better.

    Raises
    ------
    ValueError
        If the shapes disagree or an id is not in the tree.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Pica", "Pica pica")],
    ...     ranks=("family", "genus", "species"))
    >>> raven, magpie = taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> correct_depth([raven, raven], [raven, magpie], taxonomy)
    array([3., 1.])
    """
    depth = np.maximum(nodes_of(tree).depth, 0) + root_depth
    return np.asarray(pair_values(target, pred, tree, lambda y, p, a: (depth[a],), 1)[0])


def hierarchical_precision_at_k(
    target: ArrayLike,
    pred: ArrayLike,
    tree: Tree,
    candidates: ArrayLike,
    *,
    convention: Convention | Similarity | str,
    leave_one_out: bool = False,
) -> Floats:
    """Likeness of the k best answers to the target, as a share of the most that any k candidates could have (HP@k).

    1 where no other k candidates are more like the target.

    Parameters
    ----------
    target
        True taxa of any rank, shape ``(n,)``.
    pred
        ``(n, k)``, best first; ``-1`` is no answer and counts 0.
    tree
        The tree all are ids of.
    candidates
        ``(c,)``, what could have been ranked: every class once for a classifier, the taxon of every gallery item, with
        repeats, for retrieval.
    convention
        What likeness is: a `Similarity` as it is, or one minus a normalised `Convention`: ``"height"`` and the two
        Wu-Palmer similarities are in use for this. ``"lin"`` and ``"information_excess"`` are not available, because
        the best k would need every pair.
    leave_one_out
        Each target is itself one of the candidates and cannot be its own answer, as when a test set is its own gallery.

    Returns
    -------
    precision
        ``(n, k)``: column j holds HP@(j + 1), so take the last column for HP@k and see `hierarchical_map` and
        `average_hierarchical_precision` for averages over columns. Range: [0, 1]; NaN where the target has no likeness
        under the convention, or where no candidate has any. Higher is better.

    Raises
    ------
    ValueError
        If the convention is unknown, if a prediction is no candidate, if k exceeds the candidates, or if the shapes
        disagree.

    Notes
    -----
    The denominator belongs to each sample and is exact, from the number of candidates around it at each distance; the
    code of "Making Better Mistakes" divides sums over a batch of B by sums over all C classes, so that its perfect
    ranking scores about B / C. Answers that repeat a candidate more often than it occurs can score above 1.

    Despite the name, this is not `hierarchical_precision`, which compares sets of ancestors.

    References
    ----------
    .. [1] J. Deng, A. C. Berg, L. Fei-Fei, "Hierarchical Semantic Indexing for Large Scale Image Retrieval", CVPR 2011.
    .. [2] A. Frome et al., "DeViSE: A Deep Visual-Semantic Embedding Model", NIPS 2013.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Corvus", "Corvus corone"),
    ...      ("Corvidae", "Pica", "Pica pica")], ranks=("family", "genus", "species"))
    >>> raven, crow, magpie = species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> hierarchical_precision_at_k([raven, raven], [[raven, crow], [raven, magpie]], taxonomy, species,
    ...                             convention="rank_height")
    array([[1. , 1. ],
           [1. , 0.8]])
    """
    gain, best, which = gains_and_best(
        target, pred, tree, candidates, convention=convention, leave_one_out=leave_one_out
    )
    np.cumsum(gain, axis=1, out=gain)
    np.cumsum(best, axis=1, out=best)
    best[best == 0] = np.nan
    gain /= best[which]
    return gain


def hierarchical_map(precision: ArrayLike) -> Floats:
    """Mean of hierarchical precision over all cut-offs up to k (hmAP@k).

    Parameters
    ----------
    precision
        ``(n, k)``, from `hierarchical_precision_at_k`.

    Returns
    -------
    map
        ``(n,)`` in [0, 1]; NaN where undefined. Higher is better. Not the mean average precision of retrieval.

    References
    ----------
    .. [1] L. Bertinetto et al., "Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks", CVPR 2020
       (in its code).

    Examples
    --------
    >>> hierarchical_map([[1, 0.5], [1, 1]])
    array([0.75, 1.  ])
    """
    return np.asarray(_curves(precision).mean(axis=1))


def average_hierarchical_precision(precision: ArrayLike) -> Floats:
    """Area under the curve of hierarchical precision over the cut-off, from 1 to k, by trapezoids (AHP@k).

    Parameters
    ----------
    precision
        ``(n, k)``, from `hierarchical_precision_at_k`; with k the number of candidates it is AHP.

    Returns
    -------
    area
        ``(n,)`` in [0, 1]: divided by k - 1, so that a perfect ranking has 1; for k = 1 the precision itself. NaN where
        undefined. Higher is better.

    Notes
    -----
    The authors' code divides by k, so that its perfect ranking has (k - 1) / k: multiply by that to compare.

    References
    ----------
    .. [1] B. Barz, J. Denzler, "Hierarchy-based Image Embeddings for Semantic Image Retrieval", WACV 2019.

    Examples
    --------
    >>> average_hierarchical_precision([[1, 0.5, 0.5]])
    array([0.625])
    """
    curves = _curves(precision)
    k = curves.shape[1]
    if k == 1:
        return np.asarray(curves[:, 0].copy())
    return np.asarray((curves.sum(axis=1) - (curves[:, 0] + curves[:, -1]) / 2) / (k - 1))


def _curves(precision: ArrayLike) -> Floats:
    curves = np.asarray(precision, dtype=np.float64)
    if curves.ndim != 2 or not curves.shape[1]:
        raise ValueError(f"precision must be (n, k) with k of at least 1, one column per cut-off; got {curves.shape}")
    return curves

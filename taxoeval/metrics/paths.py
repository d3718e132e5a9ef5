"""Hierarchical precision, recall and F: how much of the predicted path is right, how much of the true path is found."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._nodes import nodes_of
from taxoeval.metrics._pairs import Ids, pair_values, ratio
from taxoeval.taxonomy import Tree

Floats = NDArray[np.float64]

Root = Literal["root_out", "root_in"]
Itself = Literal["self_in", "self_out"]


@dataclass(frozen=True, eq=False)
class PathOverlap:
    """Sizes of two ancestor sets and of what they share, per sample; see `path_overlap`.

    Attributes
    ----------
    shared
        How many ancestors the prediction and the target have in common.
    predicted
        How many ancestors the prediction has.
    true
        How many ancestors the target has.
    """

    shared: Floats
    predicted: Floats
    true: Floats


class PrecisionRecallF(NamedTuple):
    """Precision, recall and F-beta: three arrays, one value per sample, or three numbers where they are pooled."""

    precision: Floats
    recall: Floats
    f: Floats


def path_overlap(
    target: ArrayLike, pred: ArrayLike, tree: Tree, *, root: Root = "root_out", itself: Itself = "self_in"
) -> PathOverlap:
    """Count the ancestors that prediction and target have in common, and those of either.

    Parameters
    ----------
    target
        True taxa of any rank, shape ``(n,)``; ``-1`` makes the sample undefined.
    pred
        Predicted taxa of any rank, shape ``(n,)`` or ``(n, k)``; ``-1`` (no answer) has no ancestors but the root.
    tree
        The tree, or taxonomy, both are ids of.
    root
        Whether the root is counted as an ancestor: ``"root_out"`` (Kiritchenko, HiClass) or ``"root_in"``, which
        makes precision and recall greater than 0 for every answer. In a taxonomy the root is the implied one, above
        the coarsest rank.
    itself
        Whether a taxon counts among its own ancestors: ``"self_in"`` (usual) or ``"self_out"``.

    Returns
    -------
    overlap
        `PathOverlap`, arrays of ``pred``'s shape, NaN where the target is ``-1``. Unit: taxa. Counts of shards may be
        concatenated: `micro_precision_recall_f` of the whole is then exact.

    Raises
    ------
    ValueError
        If a switch is unknown, if the shapes disagree, or if an id is not in the tree.

    Notes
    -----
    Taxa are compared, never names: *Beta vulgaris* and *Thymus vulgaris* share nothing below their first common taxon.
    A rank that a lineage leaves open is no ancestor and is not counted.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Pica", "Pica pica")],
    ...     ranks=("family", "genus", "species"))
    >>> raven, pica = taxonomy.ids(["Corvus corax", "Pica"])
    >>> path_overlap([raven], [pica], taxonomy)
    PathOverlap(shared=array([1.]), predicted=array([2.]), true=array([3.]))
    """
    if root not in ("root_out", "root_in"):
        raise ValueError(f"unknown root {root!r}; it must be root_out or root_in")
    if itself not in ("self_in", "self_out"):
        raise ValueError(f"unknown itself {itself!r}; it must be self_in or self_out")
    size = np.maximum(nodes_of(tree).depth + (root == "root_in"), 0)  # how many ancestors, the node itself among them
    alone = itself == "self_out"

    def counts(y: Ids, p: Ids, a: Ids) -> tuple[Floats, ...]:
        if not alone:
            return size[a], size[p], size[y]
        shared = size[a] - ((a == y) | (a == p))  # the common ancestor is itself one of the two
        return np.maximum(shared, 0), np.maximum(size[p] - 1, 0), np.maximum(size[y] - 1, 0)

    return PathOverlap(*pair_values(target, pred, tree, counts, 3))


def sample_precision_recall_f(overlap: PathOverlap, *, beta: float = 1.0) -> PrecisionRecallF:
    """Hierarchical precision, recall and F-beta of every sample, in one pass.

    Parameters
    ----------
    overlap
        Of `path_overlap`.
    beta
        Weight of recall against precision; above 1 favours recall.

    Returns
    -------
    scores
        Arrays of the counts' shape, in [0, 1]. Higher is better. Precision is NaN where nothing is predicted, recall
        where the target has no counted ancestor, F where both are so. Their means are the ``sample_macro`` figures,
        which HiClass calls "macro".

    Raises
    ------
    ValueError
        If ``beta`` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> sample_precision_recall_f(PathOverlap(np.array([1.0]), np.array([2.0]), np.array([4.0]))).recall
    array([0.25])
    """
    _checked_beta(beta)
    return _scores(overlap.shared, overlap.predicted, overlap.true, beta)


def micro_precision_recall_f(overlap: PathOverlap, *, beta: float = 1.0) -> PrecisionRecallF:
    """Hierarchical precision, recall and F-beta of a whole set: sums over samples first, then the ratio.

    Parameters
    ----------
    overlap
        Of `path_overlap`; undefined samples are left out.
    beta
        Weight of recall against precision.

    Returns
    -------
    scores
        Three numbers in [0, 1]; NaN where there is nothing to divide by. Higher is better. Where all labels and all
        answers are equally deep the three are one number, the mean accuracy over ranks.

    Raises
    ------
    ValueError
        If ``beta`` is negative.

    References
    ----------
    .. [1] S. Kiritchenko et al., "Learning and Evaluation in the Presence of Class Hierarchies: Application to Text
       Categorization", 2006.
    .. [2] C. N. Silla, A. A. Freitas, "A survey of hierarchical classification across different application domains",
       2011.

    Examples
    --------
    >>> import numpy as np
    >>> overlap = PathOverlap(np.array([1.0, 3.0]), np.array([2.0, 3.0]), np.array([3.0, 3.0]))
    >>> [round(float(x), 3) for x in micro_precision_recall_f(overlap)]
    [0.8, 0.667, 0.727]
    """
    _checked_beta(beta)
    return _scores(np.nansum(overlap.shared), np.nansum(overlap.predicted), np.nansum(overlap.true), beta)


def hierarchical_precision(
    target: ArrayLike, pred: ArrayLike, tree: Tree, *, root: Root = "root_out", itself: Itself = "self_in"
) -> Floats:
    """Share of the prediction's ancestors that are the target's too: 1 where it claims nothing wrong.

    Parameters
    ----------
    target, pred, tree, root, itself
        As for `path_overlap`.

    Returns
    -------
    precision
        ``pred``'s shape, in [0, 1]; NaN where nothing is predicted. Higher is better. A prediction that stops at the
        right family has precision 1.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Pica", "Pica pica")],
    ...     ranks=("family", "genus", "species"))
    >>> raven, pica, family = taxonomy.ids(["Corvus corax", "Pica", "Corvidae"])
    >>> hierarchical_precision([raven, raven], [pica, family], taxonomy)
    array([0.5, 1. ])
    """
    return sample_precision_recall_f(path_overlap(target, pred, tree, root=root, itself=itself)).precision


def hierarchical_recall(
    target: ArrayLike, pred: ArrayLike, tree: Tree, *, root: Root = "root_out", itself: Itself = "self_in"
) -> Floats:
    """Share of the target's ancestors that the prediction has too: 1 where nothing is missing.

    Parameters
    ----------
    target, pred, tree, root, itself
        As for `path_overlap`.

    Returns
    -------
    recall
        ``pred``'s shape, in [0, 1]; NaN where the target has no counted ancestor. Higher is better. A prediction finer
        than its target loses nothing here, but precision.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax")], ranks=("genus", "species"))
    >>> raven, corvus = taxonomy.ids(["Corvus corax", "Corvus"])
    >>> hierarchical_recall([raven, corvus], [corvus, raven], taxonomy)
    array([0.5, 1. ])
    """
    return sample_precision_recall_f(path_overlap(target, pred, tree, root=root, itself=itself)).recall


def hierarchical_f_beta(
    target: ArrayLike,
    pred: ArrayLike,
    tree: Tree,
    *,
    beta: float = 1.0,
    root: Root = "root_out",
    itself: Itself = "self_in",
) -> Floats:
    """Weighted harmonic mean of hierarchical precision and recall, per sample.

    Parameters
    ----------
    target, pred, tree, root, itself
        As for `path_overlap`.
    beta
        Weight of recall against precision; above 1 favours recall.

    Returns
    -------
    f
        ``pred``'s shape, in [0, 1]; 0 where nothing is shared or nothing is answered. Higher is better.

    Raises
    ------
    ValueError
        If ``beta`` is negative.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax")], ranks=("genus", "species"))
    >>> raven, corvus = taxonomy.ids(["Corvus corax", "Corvus"])
    >>> hierarchical_f_beta([raven], [corvus], taxonomy).round(2)
    array([0.67])
    """
    return sample_precision_recall_f(path_overlap(target, pred, tree, root=root, itself=itself), beta=beta).f


def _scores(shared: ArrayLike, predicted: ArrayLike, true: ArrayLike, beta: float) -> PrecisionRecallF:
    weight = beta * beta
    both = weight * np.asarray(true) + np.asarray(predicted)
    f = ratio((1 + weight) * np.asarray(shared), both)
    return PrecisionRecallF(ratio(shared, predicted), ratio(shared, true), f)


def _checked_beta(beta: float) -> None:
    if not 0 <= beta < np.inf:
        raise ValueError(f"beta must be 0 or more and finite; got {beta}")

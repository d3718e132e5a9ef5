"""Answers given at every rank by itself: are all of them right, and do they agree with each other?

Every function here takes ``pred`` of shape ``(n, n_ranks)``, one answer per rank from coarse to fine (not the k best,
as elsewhere), or ``(n,)``, one answer that is then read at every rank and so always agrees with itself. An answer is
judged at the rank of its column: a species given as the answer for the genus counts as its genus, and an answer too
coarse for its column, like ``-1``, is no answer.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._pairs import Floats, ratio
from taxoeval.metrics._shapes import target_and_pred, taxon_ids
from taxoeval.taxonomy import Taxonomy

Table = NDArray[np.int32]
"""Taxa at every rank, ``(n, n_ranks)``, in the width of ``taxonomy.ancestor``."""


def full_path_hits(target: ArrayLike, pred: ArrayLike, taxonomy: Taxonomy) -> Floats:
    """Whether the answers are right at every rank at once.

    1 if all ranks at which the target is known are answered rightly, else 0. The mean is the *full-path accuracy*
    (FPA), also called hierarchical consistent accuracy (HCA).

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``; ``-1`` gives NaN. A label known only to family is judged down to family.
    pred
        ``(n, n_ranks)``, one answer per rank, or ``(n,)``; see the module's text.
    taxonomy
        The taxonomy all are ids of.

    Returns
    -------
    hits
        ``(n,)`` of {0, 1, NaN}. Higher is better. With one answer for all ranks it is the accuracy at the finest rank
        known, and says nothing new.

    Raises
    ------
    ValueError
        If the shapes disagree or an id is not in the taxonomy.

    References
    ----------
    .. [1] S. Park et al., "Visually Consistent Hierarchical Image Classification", ICLR 2025 (FPA).
    .. [2] T.-Y. Wu, C.-H. Ho, N. Vasconcelos, "ProTeCt: Prompt Tuning for Taxonomic Open Set Classification", CVPR
       2024 (HCA).

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> corvus, raven, pica = taxonomy.ids(["Corvus", "Corvus corax", "Pica"])
    >>> full_path_hits([raven, raven], [[corvus, raven], [pica, raven]], taxonomy)
    array([1., 0.])
    """
    truth, answers = truth_and_answers(target, pred, taxonomy)
    right = ((answers == truth) | (truth < 0)).all(axis=1)
    return np.where((truth >= 0).any(axis=1), right, np.nan)


def tice(pred: ArrayLike, taxonomy: Taxonomy) -> Floats:
    """Whether the answers of a sample contradict each other: 1 if they do not lie on one path of the tree, else 0.

    The mean is the *tree-based inconsistency error* (TICE). No target is needed: wrong answers may agree.

    Parameters
    ----------
    pred
        ``(n, n_ranks)``, one answer per rank; see the module's text. No answer at a rank contradicts nothing.
    taxonomy
        The taxonomy all are ids of.

    Returns
    -------
    error
        ``(n,)`` of {0, 1, NaN}: NaN where no rank is answered. Lower is better.

    Raises
    ------
    ValueError
        If the shape is wrong or an id is not in the taxonomy.

    Notes
    -----
    An answer at a rank that a finer answer's lineage leaves open contradicts nothing by itself, since the hole is
    unknown; it does if the two name different taxa at a rank above. Published code knows no holes.

    References
    ----------
    .. [1] R. Wang et al., "Consistency-aware Feature Learning for Hierarchical Fine-grained Visual Classification",
       ACM Multimedia 2023.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> corvus, raven, pica = taxonomy.ids(["Corvus", "Corvus corax", "Pica"])
    >>> tice([[corvus, raven], [pica, raven], [pica, -1]], taxonomy)
    array([0., 1., 0.])
    """
    answers = _answers(pred, taxonomy)
    return np.where((answers >= 0).any(axis=1), _contradicts(answers, taxonomy).any(axis=1), np.nan)


def first_incoherent_rank(pred: ArrayLike, taxonomy: Taxonomy) -> Floats:
    """The coarsest rank whose answer contradicts one given above it.

    Parameters
    ----------
    pred
        ``(n, n_ranks)``, one answer per rank; see the module's text.
    taxonomy
        The taxonomy all are ids of.

    Returns
    -------
    rank
        ``(n,)``, places in ``taxonomy.ranks`` (0 is the coarsest and can never be incoherent); NaN where the answers
        agree, so that the mean is over contradictory samples alone. Higher is better: the answers part later.

    Raises
    ------
    ValueError
        If the shape is wrong or an id is not in the taxonomy.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> corvus, raven, pica = taxonomy.ids(["Corvus", "Corvus corax", "Pica"])
    >>> first_incoherent_rank([[corvus, raven], [pica, raven]], taxonomy)
    array([nan,  1.])
    """
    wrong = _contradicts(_answers(pred, taxonomy), taxonomy)
    return np.where(wrong.any(axis=1), wrong.argmax(axis=1), np.nan)


def point_overlap_ratio(target: ArrayLike, pred: ArrayLike, taxonomy: Taxonomy, *, strict: bool = False) -> Floats:
    """Share of the target's known ranks that are answered rightly (POR), or rightly from the top without a miss.

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``; ``-1`` gives NaN.
    pred
        ``(n, n_ranks)``, one answer per rank, or ``(n,)``; see the module's text.
    taxonomy
        The taxonomy all are ids of.
    strict
        Count only up to the first miss, from the coarsest rank down (strict POR; one minus it is the depth at which
        the answer first goes wrong, as a share of the levels).

    Returns
    -------
    ratio
        ``(n,)`` in [0, 1]. Higher is better. Coarse ranks are nearly always right: print the chance level beside it.

    Raises
    ------
    ValueError
        If the shapes disagree or an id is not in the taxonomy.

    References
    ----------
    .. [1] Y. Tan, Y. Qing, B. Gong, "Vision LLMs Are Bad at Hierarchical Visual Understanding, and LLMs Are the
       Bottleneck", 2025, arXiv:2505.24840.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> raven, pica = taxonomy.ids(["Corvus corax", "Pica"])
    >>> point_overlap_ratio([raven], [[pica, raven]], taxonomy)
    array([0.5])
    >>> point_overlap_ratio([raven], [[pica, raven]], taxonomy, strict=True)
    array([0.])
    """
    truth, answers = truth_and_answers(target, pred, taxonomy)
    known = truth >= 0
    right = answers == truth
    if strict:
        right = np.logical_and.accumulate(right | ~known, axis=1)
    return ratio((right & known).sum(axis=1), known.sum(axis=1))


def top_overlap_ratio(target: ArrayLike, pred: ArrayLike, taxonomy: Taxonomy) -> Floats:
    """Share of the neighbouring pairs of the target's known ranks that are both answered rightly (TOR).

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``.
    pred
        ``(n, n_ranks)``, one answer per rank, or ``(n,)``; see the module's text.
    taxonomy
        The taxonomy all are ids of.

    Returns
    -------
    ratio
        ``(n,)`` in [0, 1]; NaN where fewer than two ranks of the target are known. Higher is better.

    Raises
    ------
    ValueError
        If the shapes disagree or an id is not in the taxonomy.

    References
    ----------
    .. [1] Y. Tan, Y. Qing, B. Gong, "Vision LLMs Are Bad at Hierarchical Visual Understanding, and LLMs Are the
       Bottleneck", 2025, arXiv:2505.24840.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Pica", "Pica pica")],
    ...     ranks=("family", "genus", "species"))
    >>> raven, magpie, corvidae, corvus = taxonomy.ids(["Corvus corax", "Pica pica", "Corvidae", "Corvus"])
    >>> top_overlap_ratio([raven], [[corvidae, corvus, magpie]], taxonomy)
    array([0.5])
    """
    truth, answers = truth_and_answers(target, pred, taxonomy)
    pairs, both, above = np.zeros(len(truth)), np.zeros(len(truth)), np.zeros(len(truth), dtype=bool)
    begun = np.zeros(len(truth), dtype=bool)
    for r in range(taxonomy.n_ranks):
        known, right = truth[:, r] >= 0, answers[:, r] == truth[:, r]
        pairs += known & begun
        both += known & begun & right & above
        above = np.where(known, right, above)  # over a hole, the last known rank stays the neighbour
        begun |= known
    return ratio(both, pairs)


def _contradicts(answers: Table, taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """Per rank, whether the answer's lineage names another taxon than the lineage of an answer above it, somewhere."""
    wrong = np.zeros(answers.shape, dtype=bool)
    # most answers are one lineage, that of the finest, whose id is the greatest: nothing there contradicts anything
    lineage = taxonomy.ancestor[answers.max(axis=1)]
    rows = np.flatnonzero(((answers >= 0) & (answers != lineage)).any(axis=1))
    told = answers[rows]
    for r in range(1, taxonomy.n_ranks):
        here = told[:, r]
        for q in range(r):
            above = told[:, q]
            fine, coarse = taxonomy.ancestor[here, : q + 1], taxonomy.ancestor[above, : q + 1]
            differ = ((fine != coarse) & (fine >= 0) & (coarse >= 0)).any(axis=1)
            wrong[rows, r] |= (here >= 0) & (above >= 0) & differ
    return wrong


def truth_and_answers(target: ArrayLike, pred: ArrayLike, taxonomy: Taxonomy) -> tuple[Table, Table]:
    """Taxa of targets and answers at every rank, ``(n, n_ranks)`` each."""
    targets, _ = target_and_pred(target, pred, len(taxonomy))
    return _answers(targets, taxonomy), _answers(pred, taxonomy)


def _answers(pred: ArrayLike, taxonomy: Taxonomy) -> Table:
    ids = taxon_ids(pred, "pred", len(taxonomy))
    if ids.ndim == 1:
        return np.where(ids[:, None] >= 0, taxonomy.ancestor[ids], np.int32(-1))
    if ids.ndim != 2 or ids.shape[1] != taxonomy.n_ranks:
        raise ValueError(
            f"pred must be (n, n_ranks) with n_ranks = {taxonomy.n_ranks}, one answer per rank, or (n,); "
            f"got {ids.shape}. For the k best answers see rank_hits"
        )
    return np.where(ids >= 0, taxonomy.ancestor[ids, np.arange(taxonomy.n_ranks)], np.int32(-1))

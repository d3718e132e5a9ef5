"""One number over all ranks, each weighted by how many taxa it has: the two figures published as "wAP"."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._pairs import Floats, ratio
from taxoeval.metrics._shapes import taxon_ids
from taxoeval.metrics.consistency import truth_and_answers
from taxoeval.taxonomy import Taxonomy


def wap_accuracy(
    target: ArrayLike, pred: ArrayLike, taxonomy: Taxonomy, *, candidates: ArrayLike | None = None
) -> float:
    """Mean over ranks of the accuracy at each rank, weighted by the number of taxa at that rank.

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``.
    pred
        ``(n,)``, one answer read at every rank; or ``(n, n_ranks)``, one answer per rank.
    taxonomy
        The taxonomy all are ids of.
    candidates
        The closed set of answers, whose taxa and their ancestors are counted for the weights; ``None`` counts the
        whole taxonomy.

    Returns
    -------
    wap
        In [0, 1]; NaN if no rank is defined. Higher is better. It is dominated by the finest rank: for 10,000 species
        in 1,000 genera species accuracy has about nine tenths of the weight.

    Raises
    ------
    ValueError
        If the shapes disagree or an id is not in the taxonomy.

    Notes
    -----
    An aggregate, because the ranks are weighted after averaging over samples; ranks without a defined accuracy carry
    no weight. For an interval take the bootstrap of `rank_hits` per rank.

    References
    ----------
    .. [1] Y. Liu et al., "Where to Focus: Investigating Hierarchical Attention Relationship for Fine-Grained Visual
       Classification", ECCV 2022.
    .. [2] S. Park et al., "Visually Consistent Hierarchical Image Classification", ICLR 2025.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Corvus", "Corvus monedula")],
    ...     ranks=("genus", "species"))
    >>> raven, crow = taxonomy.ids(["Corvus corax", "Corvus corone"])
    >>> wap_accuracy([raven, raven], [raven, crow], taxonomy)  # (1 * 1 + 3 * 0.5) / 4
    0.625
    """
    truth, answers = truth_and_answers(target, pred, taxonomy)
    known = truth >= 0
    return _weighted(ratio((known & (answers == truth)).sum(axis=0), known.sum(axis=0)), candidates, taxonomy)


def wap_precision(
    target: ArrayLike, pred: ArrayLike, taxonomy: Taxonomy, *, candidates: ArrayLike | None = None
) -> float:
    """Mean over ranks of the macro precision at each rank, weighted by the number of taxa at that rank.

    Parameters
    ----------
    target, pred, taxonomy, candidates
        As for `wap_accuracy`.

    Returns
    -------
    wap
        In [0, 1]; NaN if no rank is defined. Higher is better.

    Raises
    ------
    ValueError
        If the shapes disagree or an id is not in the taxonomy.

    Notes
    -----
    Macro precision at a rank is the mean, over the taxa that occur among the targets or the answers, of the share of a
    taxon's answers that are right; a taxon that is never answered has precision 0. This is scikit-learn's and
    torchmetrics' definition, and unlike our macro accuracy it counts taxa that are only ever predicted.

    References
    ----------
    .. [1] Y. Liu et al., "Where to Focus: Investigating Hierarchical Attention Relationship for Fine-Grained Visual
       Classification", ECCV 2022 (the variant of OpenVINO Training Extensions).

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Corvus", "Corvus monedula")],
    ...     ranks=("genus", "species"))
    >>> raven, crow = taxonomy.ids(["Corvus corax", "Corvus corone"])
    >>> wap_precision([raven, raven], [raven, crow], taxonomy)  # (1 * 1 + 3 * (1 + 0) / 2) / 4
    0.625
    """
    truth, answers = truth_and_answers(target, pred, taxonomy)
    precision = [_macro_precision(truth[:, r], answers[:, r], len(taxonomy)) for r in range(taxonomy.n_ranks)]
    return _weighted(np.array(precision), candidates, taxonomy)


def _macro_precision(truth: NDArray[np.int32], answer: NDArray[np.int32], n_taxa: int) -> float:
    scored = truth >= 0
    truth, answer = truth[scored], answer[scored]
    answered = np.bincount(answer[answer >= 0], minlength=n_taxa)
    right = np.bincount(answer[answer == truth], minlength=n_taxa)
    occurs = (answered > 0) | (np.bincount(truth, minlength=n_taxa) > 0)
    return float((right / np.maximum(answered, 1))[occurs].mean()) if occurs.any() else np.nan


def _weighted(score: Floats, candidates: ArrayLike | None, taxonomy: Taxonomy) -> float:
    """Mean of a score per rank, weighted by the taxa at each rank."""
    if candidates is None:
        taxa = np.bincount(taxonomy.rank, minlength=taxonomy.n_ranks)
    else:
        ids = taxon_ids(candidates, "candidates", len(taxonomy))
        table = taxonomy.ancestor[ids[ids >= 0]]
        taxa = np.array([len(np.unique(column[column >= 0])) for column in table.T])
    weight = np.where(np.isnan(score), 0, taxa)
    total = weight.sum()
    return float(np.where(weight > 0, score, 0.0) @ weight / total) if total else float("nan")

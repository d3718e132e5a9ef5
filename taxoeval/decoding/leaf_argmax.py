"""The most probable candidate decides every rank."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import Answers, best, groups_at, sorted_inputs
from taxoeval.taxonomy import Taxonomy


def leaf_argmax(probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
    """Answer each rank with the lineage of the most probable candidate.

    Parameters
    ----------
    probability
        ``(n, c)``, at least 0: the probability of each candidate for each sample. Columns need not sum to 1.
    candidates
        ``(c,)`` different taxa, at any rank.
    taxonomy
        Their taxonomy.
    k
        How many answers per rank: the best candidate's lineage, then the other taxa met going down from the best.

    Returns
    -------
    answers
        `Answers`. The probability of an answer is the sum over all candidates that belong to it. The first answers of
        all ranks form a path. A candidate whose taxon at a rank is unknown takes its place there with ``-1``: the rule
        does not look for a second best to fill a hole. Candidates of probability 0 are no answers. Ties go to the
        candidate with the lowest id.

    Raises
    ------
    ValueError
        If the shapes disagree, a candidate occurs twice or is not in the taxonomy, or a probability is negative or NaN.

    Notes
    -----
    Labels of mixed ranks make nested candidates: a genus beside species of that genus. They are no rivals. Where the
    best candidate has candidates below it, the answer goes on with the best of those; so a genus that wins narrowly
    over its own species is still answered with a species.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> answers = leaf_argmax([[0.3, 0.3, 0.4]], [raven, crow, magpie], taxonomy)
    >>> [str(taxonomy.names[taxon]) for taxon in answers.taxon[0, :, 0]], answers.probability[0, :, 0].round(1)
    (['Pica', 'Pica pica'], array([0.4, 0.4]))
    """
    scores, taxa = sorted_inputs(probability, candidates, taxonomy)
    taxon = np.full((len(scores), taxonomy.n_ranks, k), -1, dtype=np.int64)
    confidence = np.full(taxon.shape, np.nan)
    final, passed = _final(scores, taxa, taxonomy)
    ranked = np.where(passed, 0.0, scores)
    ranked[np.arange(len(scores)), final] = 2 * scores.max(axis=1)  # its lineage comes first at every rank
    for r in range(taxonomy.n_ranks):
        groups = groups_at(taxa, r, taxonomy)
        column = best(np.maximum.reduceat(ranked, groups.starts, axis=1), k)
        taxon[:, r] = np.where(column >= 0, groups.taxon[column], -1)
        mass = np.take_along_axis(np.add.reduceat(scores, groups.starts, axis=1), column, axis=1)
        confidence[:, r] = np.where(taxon[:, r] >= 0, mass, np.nan)
    return Answers(taxon, confidence)


def _final(
    scores: NDArray[np.float64], taxa: NDArray[np.int64], taxonomy: Taxonomy
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Column of the candidate whose lineage is each sample's answer, and the candidates passed over on the way down.

    From the best candidate on to the best below it, as long as one there has any probability. In preorder, what is
    below a candidate follows it in a single run.
    """
    final = scores.argmax(axis=1)
    passed = np.zeros(scores.shape, dtype=bool)
    ends = np.searchsorted(taxa, taxa + taxonomy.size[taxa])
    rows = np.flatnonzero(ends[final] > final + 1)
    column = np.arange(len(taxa))
    while len(rows):
        below = (column > final[rows, None]) & (column < ends[final[rows], None])
        left = np.where(below, scores[rows], 0.0)
        onward = left.max(axis=1) > 0
        rows, left = rows[onward], left[onward]
        passed[rows, final[rows]] = True
        final[rows] = left.argmax(axis=1)
    return final, passed

"""The most probable candidate decides every rank."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import Answers
from taxoeval.decoding.piece import Floats, Ids, Piece, answered
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
    return answered(_lineages, probability, candidates, taxonomy, k)


def _lineages(piece: Piece, k: int) -> tuple[Ids, Floats]:
    final, passed = _final(piece.probability, piece.candidates, piece.taxonomy)
    samples = np.arange(len(final))
    ranked = np.array(piece.probability.T, order="C")
    top = ranked.max(axis=0)
    ranked[passed] = 0.0
    ranked[final, samples] = 2 * top  # its lineage comes first at every rank
    return piece.best(piece.runs.maxima(ranked), k)


def _final(scores: NDArray[np.floating], taxa: Ids, taxonomy: Taxonomy) -> tuple[Ids, tuple[Ids, Ids]]:
    """Candidate whose lineage is each sample's answer; candidates passed over on the way down, and by which samples.

    From the best candidate on to the best below it, as long as one there has any probability. In preorder, what is
    below a candidate follows it in a single run.
    """
    final = scores.argmax(axis=1)
    passed: list[tuple[Ids, Ids]] = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))]
    ends = np.searchsorted(taxa, taxa + taxonomy.size[taxa])
    rows = np.flatnonzero(ends[final] > final + 1)
    column = np.arange(len(taxa))
    while len(rows):
        below = (column > final[rows, None]) & (column < ends[final[rows], None])
        left = np.where(below, scores[rows], 0.0)
        onward = left.max(axis=1) > 0
        rows, left = rows[onward], left[onward]
        passed.append((final[rows], rows))
        final[rows] = left.argmax(axis=1)
    candidate, sample = (np.concatenate(parts) for parts in zip(*passed, strict=True))
    return final, (candidate, sample)

"""Each rank answered by probabilities of its own, from prompts or heads made for that rank."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from taxoeval.decoding.base import Answers, best, sorted_inputs
from taxoeval.taxonomy import Taxonomy


def per_rank(
    probability: Sequence[ArrayLike | None], candidates: Sequence[ArrayLike | None], taxonomy: Taxonomy, *, k: int = 1
) -> Answers:
    """Answer each rank with the taxa that its own probabilities put first.

    Parameters
    ----------
    probability
        For each rank, coarse to fine, ``(n, c_r)`` of at least 0, or None for a rank without an answer.
    candidates
        For each rank ``(c_r,)`` different taxa of that rank, or None.
    taxonomy
        Their taxonomy.
    k
        How many answers per rank.

    Returns
    -------
    answers
        `Answers`; probabilities as given. The ranks are independent and need not form a path. Taxa of probability 0 are
        no answers. Ties go to the lowest id.

    Raises
    ------
    ValueError
        If there is not one entry per rank, no rank is given, candidates are not of their rank or occur twice, the
        ranks disagree on n, or a probability is negative or NaN.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> genera, species = taxonomy.ids(["Corvus", "Pica"]), taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> answers = per_rank([[[0.7, 0.3]], [[0.4, 0.6]]], [genera, species], taxonomy)
    >>> taxonomy.names[answers.taxon[0, :, 0]].tolist()
    ['Corvus', 'Pica pica']
    """
    if not len(probability) == len(candidates) == taxonomy.n_ranks:
        raise ValueError(
            f"probability and candidates need one entry for each of {taxonomy.n_ranks} ranks, None where there is "
            f"none; got {len(probability)} and {len(candidates)}"
        )
    answers: Answers | None = None
    for r, (scores, taxa) in enumerate(zip(probability, candidates, strict=True)):
        if scores is None or taxa is None:
            continue
        numbers, ids = sorted_inputs(scores, taxa, taxonomy)
        if (taxonomy.rank[ids] != r).any():
            other = int(ids[(taxonomy.rank[ids] != r).argmax()])
            raise ValueError(f"candidates of rank {taxonomy.ranks[r]} must have it; {taxonomy.path(other)} does not")
        if answers is None:
            shape = (len(numbers), taxonomy.n_ranks, k)
            answers = Answers(np.full(shape, -1, dtype=np.int64), np.full(shape, np.nan))
        if len(numbers) != len(answers.taxon):
            raise ValueError(f"all ranks must have the same rows; {taxonomy.ranks[r]} has {len(numbers)}")
        column = best(numbers, k)
        answers.taxon[:, r] = np.where(column >= 0, ids[column], -1)
        answers.probability[:, r] = np.where(column >= 0, np.take_along_axis(numbers, column, axis=1), np.nan)
    if answers is None:
        raise ValueError("no rank has probabilities")
    return answers

"""Other ways than the sum to pool the probabilities of the candidates under a taxon."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import Answers, Groups, best, groups_at, sorted_inputs
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]


def rank_max(probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
    """Answer each rank with the taxon of the most probable candidate that is known there.

    Parameters
    ----------
    probability, candidates, taxonomy, k
        As for `rank_sum`.

    Returns
    -------
    answers
        `Answers`; the maximum decides, the probability of an answer is the sum over all candidates that belong to it.
        Taxa of probability 0 are no answers. Ties go to the lowest id.

    Raises
    ------
    ValueError
        As for `rank_sum`.

    Notes
    -----
    It differs from `leaf_argmax` where lineages have holes or candidates are nested: each rank is answered on its own,
    by the best candidate whose taxon is known there, so the answers need not form a path.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> answers = rank_max([[0.3, 0.3, 0.4]], [raven, crow, magpie], taxonomy)
    >>> [str(taxonomy.names[taxon]) for taxon in answers.taxon[0, :, 0]], answers.probability[0, :, 0].round(1)
    (['Pica', 'Pica pica'], array([0.4, 0.4]))
    """

    def largest(scores: Floats, groups: Groups) -> Floats:
        return np.asarray(np.maximum.reduceat(scores, groups.starts, axis=1))

    return _pooled(largest, probability, candidates, taxonomy, k)


def rank_mean(probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
    """Answer each rank with the taxon whose candidates are the most probable on average.

    Where `rank_sum` favours taxa with many candidates, this favours taxa with few.

    Parameters
    ----------
    probability, candidates, taxonomy, k
        As for `rank_sum`.

    Returns
    -------
    answers
        `Answers`; the mean decides, the probability of an answer is the sum over all candidates that belong to it. Taxa
        of probability 0 are no answers. Ties go to the lowest id.

    Raises
    ------
    ValueError
        As for `rank_sum`.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> answers = rank_mean([[0.5, 0.1, 0.4]], [raven, crow, magpie], taxonomy)
    >>> [str(taxonomy.names[taxon]) for taxon in answers.taxon[0, :, 0]], answers.probability[0, :, 0].round(1)
    (['Pica', 'Corvus corax'], array([0.4, 0.5]))
    """

    def mean(scores: Floats, groups: Groups) -> Floats:
        sizes = np.diff(groups.starts, append=scores.shape[1])
        return np.asarray(np.add.reduceat(scores, groups.starts, axis=1) / sizes)

    return _pooled(mean, probability, candidates, taxonomy, k)


def _pooled(
    pool: Callable[[Floats, Groups], Floats], probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, k: int
) -> Answers:
    """The k best taxa of every rank by a pooled score, each with the sum of its candidates."""
    scores, taxa = sorted_inputs(probability, candidates, taxonomy)
    taxon = np.full((len(scores), taxonomy.n_ranks, k), -1, dtype=np.int64)
    confidence = np.full(taxon.shape, np.nan)
    for r in range(taxonomy.n_ranks):
        groups = groups_at(taxa, r, taxonomy)
        column = best(np.where(groups.taxon >= 0, pool(scores, groups), 0.0), k)
        mass = np.add.reduceat(scores, groups.starts, axis=1)
        taxon[:, r] = np.where(column >= 0, groups.taxon[column], -1)
        confidence[:, r] = np.where(column >= 0, np.take_along_axis(mass, column, axis=1), np.nan)
    return Answers(taxon, confidence)

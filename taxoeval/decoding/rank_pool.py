"""Other ways than the sum to pool the probabilities of the candidates under a taxon."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import Answers
from taxoeval.decoding.piece import Floats, Ids, Piece, answered
from taxoeval.taxonomy import Taxonomy


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

    def rule(piece: Piece, k: int) -> tuple[Ids, Floats]:
        return piece.best(_known(piece, piece.runs.maxima(piece.of_candidate)), k)

    return answered(rule, probability, candidates, taxonomy, k)


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

    def rule(piece: Piece, k: int) -> tuple[Ids, Floats]:
        sizes = piece.runs.sums(np.ones((len(piece.candidates), 1)))
        return piece.best(_known(piece, tuple(sums / n for sums, n in zip(piece.sums, sizes, strict=True))), k)

    return answered(rule, probability, candidates, taxonomy, k)


def _known(piece: Piece, values: tuple[NDArray[np.floating], ...]) -> tuple[Floats, ...]:
    """0 for candidates that are unknown at a rank."""
    return tuple(np.where(run[:, None] >= 0, of, 0.0) for of, run in zip(values, piece.runs.taxon, strict=True))

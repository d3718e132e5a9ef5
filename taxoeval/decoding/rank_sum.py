"""Candidates vote for their taxon at each rank with their probability."""

from numpy.typing import ArrayLike

from taxoeval.decoding.base import Answers
from taxoeval.decoding.piece import Piece, answered
from taxoeval.taxonomy import Taxonomy


def rank_sum(probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
    """Sum the probability of the candidates under each taxon and answer each rank with the largest sum.

    Parameters
    ----------
    probability
        ``(n, c)``, at least 0: the probability of each candidate for each sample. Columns need not sum to 1.
    candidates
        ``(c,)`` different taxa, at any rank.
    taxonomy
        Their taxonomy.
    k
        How many answers per rank.

    Returns
    -------
    answers
        `Answers`; probabilities are the sums. Candidates whose taxon at a rank is unknown vote for nothing there, so
        the sums at a rank can stay below 1. Taxa of probability 0 are no answers. Ties go to the lowest id.

    Raises
    ------
    ValueError
        If the shapes disagree, a candidate occurs twice or is not in the taxonomy, or a probability is negative or NaN.

    Notes
    -----
    This is what the tree-of-life predictor of the BioCLIP family does. The ranks are answered one by one and need not
    form a path; sums favour taxa with many candidates, the more the flatter the probabilities are.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> answers = rank_sum([[0.3, 0.3, 0.4]], [raven, crow, magpie], taxonomy)
    >>> [str(taxonomy.names[taxon]) for taxon in answers.taxon[0, :, 0]], answers.probability[0, :, 0].round(1)
    (['Corvus', 'Pica pica'], array([0.6, 0.4]))
    """
    return answered(Piece.largest_sums, probability, candidates, taxonomy, k)

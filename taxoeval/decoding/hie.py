"""Hierarchical ensembles: a candidate counts by how probable its parent is, too. Two rules that share a name."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import Answers, checked_inputs
from taxoeval.decoding.leaf_argmax import leaf_argmax
from taxoeval.decoding.nodes import blocks, tree_over
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def hie_marginal(probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
    """Multiply each candidate's probability by the sum over its parent's candidates, and answer with the best.

    Parameters
    ----------
    probability, candidates, taxonomy, k
        As for `leaf_argmax`.

    Returns
    -------
    answers
        As of `leaf_argmax` for the products, which are made to sum to what the row summed to before; probabilities are
        sums of them. The parent of a taxon is its nearest known ancestor; the factor of one without any is the row's
        sum. A parent that is a candidate itself adds its own probability to the factor.

    Raises
    ------
    ValueError
        As for `leaf_argmax`.

    See Also
    --------
    hie_trained : the published rule, with a second model for the parents.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> answers = hie_marginal([[0.25, 0.35, 0.4]], [raven, crow, magpie], taxonomy)
    >>> [str(taxonomy.names[taxon]) for taxon in answers.taxon[0, :, 0]], answers.probability[0, :, 0].round(2)
    (['Corvus', 'Corvus corone'], array([0.69, 0.4 ]))
    """
    scores, taxa = checked_inputs(probability, candidates, taxonomy)
    tree = tree_over(taxa, taxonomy, chains=True)
    product = np.empty(scores.shape)
    for rows in blocks(len(scores), len(tree.taxon)):
        product[rows] = scores[rows] * tree.mass(scores[rows])[tree.parent[tree.candidate]].T
    return leaf_argmax(_same_sums(product, scores), taxa, taxonomy, k=k)


def hie_trained(
    probability: ArrayLike,
    candidates: ArrayLike,
    taxonomy: Taxonomy,
    *,
    coarse_probability: ArrayLike,
    coarse: ArrayLike,
    k: int = 1,
) -> Answers:
    """Multiply each candidate's probability by what a second model gives its parent, and answer with the best.

    Parameters
    ----------
    probability, candidates, taxonomy, k
        As for `leaf_argmax`.
    coarse_probability
        ``(n, m)``, at least 0: the second model's probabilities, a row for each row of ``probability``.
    coarse
        ``(m,)`` different taxa they are about, such as genera. Every candidate must have one of them above it, or be
        one; where it has several the finest counts.

    Returns
    -------
    answers
        As of `leaf_argmax` for the products, which are made to sum to what the row summed to before; probabilities are
        sums of them. A row whose products are all 0 has no answer.

    Raises
    ------
    ValueError
        As for `leaf_argmax`, for both models; if the numbers of rows differ, or a candidate lies under no coarse taxon.

    References
    ----------
    .. [1] K. Jain, S. Karthik, V. Gandhi, "Test-Time Amendment with a Coarse Classifier for Fine-Grained
       Classification", NeurIPS 2023.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> species, genera = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"]), taxonomy.ids(["Corvus", "Pica"])
    >>> answers = hie_trained(
    ...     [[0.25, 0.35, 0.4]], species, taxonomy, coarse_probability=[[0.2, 0.8]], coarse=genera)
    >>> [str(taxonomy.names[taxon]) for taxon in answers.taxon[0, :, 0]], answers.probability[0, :, 0].round(2)
    (['Pica', 'Pica pica'], array([0.73, 0.73]))
    """
    scores, taxa = checked_inputs(probability, candidates, taxonomy)
    factor, above = checked_inputs(coarse_probability, coarse, taxonomy)
    if len(factor) != len(scores):
        raise ValueError(f"coarse_probability must have the rows of probability, {len(scores)}; got {len(factor)}")
    return leaf_argmax(_same_sums(scores * factor[:, _under(taxa, above, taxonomy)], scores), taxa, taxonomy, k=k)


def _under(taxa: Ids, coarse: Ids, taxonomy: Taxonomy) -> Ids:
    """Column of the finest coarse taxon at or above each taxon."""
    lineage = taxonomy.ancestor[taxa]
    place = np.minimum(np.searchsorted(coarse, lineage), len(coarse) - 1)
    column = np.where(coarse[place] == lineage, place, -1).max(axis=1)
    if (column < 0).any():
        first = taxonomy.path(int(taxa[(column < 0).argmax()]))
        raise ValueError(
            f"every candidate must lie under one of the coarse taxa; {(column < 0).sum()} do not, the first is "
            f"{first}: give the second model a class for it, or leave the candidate out"
        )
    return np.asarray(column)


def _same_sums(product: Floats, scores: NDArray[np.floating]) -> Floats:
    """Rows of products scaled to the sums of the original scores; rows of 0 stay."""
    total = product.sum(axis=1, keepdims=True)
    wanted = scores.sum(axis=1, keepdims=True, dtype=np.float64)
    return np.asarray(product * np.divide(wanted, total, out=np.zeros(total.shape), where=total > 0))

"""Descend while the answer is more probable than every alternative met on the way."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import Answers
from taxoeval.decoding.nodes import CandidateTree
from taxoeval.decoding.piece import answer_with_nodes
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def plurality(probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
    """Descend to the best child as long as no taxon passed over on the way down is more probable than it.

    No threshold to choose: the answer stops where going on would mean to prefer a taxon to a likelier one.

    Parameters
    ----------
    probability, candidates, taxonomy
        As for `rank_sum`.
    k
        The rule gives one answer; the others of a rank are ``-1``.

    Returns
    -------
    answers
        `Answers`; a path, ``-1`` below the taxon it stops at; probabilities are sums over candidates. Ties go to the
        lowest id.

    Raises
    ------
    ValueError
        As for `rank_sum`.

    References
    ----------
    .. [1] J. Valmadre, "Hierarchical Classification at Multiple Operating Points", NeurIPS 2022.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> answers = plurality([[0.25, 0.35, 0.4], [0.1, 0.5, 0.4]], [raven, crow, magpie], taxonomy)
    >>> [[taxonomy.names[taxon] if taxon >= 0 else "" for taxon in row] for row in answers.taxon[:, :, 0]]
    [['Corvus', ''], ['Corvus', 'Corvus corone']]
    """
    return answer_with_nodes(_descend, probability, candidates, taxonomy, k)


def _descend(tree: CandidateTree, mass: Floats, _: NDArray[np.floating]) -> Ids:
    node = np.zeros(mass.shape[1], dtype=np.int64)
    rival = np.zeros(mass.shape[1])
    rows = np.flatnonzero(tree.has_children(node))
    while len(rows):
        child, probability, second = tree.best_children(mass, node[rows], rows)
        rival[rows] = np.maximum(rival[rows], second)
        onward = (probability >= rival[rows]) & (probability > 0)
        rows = rows[onward]
        node[rows] = child[onward]
        rows = rows[tree.has_children(node[rows])]
    return node

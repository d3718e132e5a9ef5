"""From the root to the best child, again and again."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import Answers
from taxoeval.decoding.nodes import CandidateTree
from taxoeval.decoding.piece import answer_with_nodes
from taxoeval.decoding.rank_sum import rank_sum
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def top_down(probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
    """Descend from the root to the child with the largest sum of probabilities, until nothing is left below.

    Parameters
    ----------
    probability, candidates, taxonomy
        As for `rank_sum`.
    k
        How many answers per rank: the path, then the other taxa of the rank by their sums.

    Returns
    -------
    answers
        `Answers`; probabilities are the sums. The first answers of all ranks form a path. Children compete whatever
        their ranks: a species whose genus is unknown is a child of the family, beside its genera. At a rank that the
        path skips or does not reach the first answer is ``-1``. Taxa of probability 0 are no answers. Ties go to the
        lowest id.

    Raises
    ------
    ValueError
        As for `rank_sum`.

    Notes
    -----
    A candidate at an inner rank adds to the sum of its taxon; it does not stop the descent while a taxon below it has
    any probability.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> answers = top_down([[0.25, 0.35, 0.4]], [raven, crow, magpie], taxonomy)
    >>> [str(taxonomy.names[taxon]) for taxon in answers.taxon[0, :, 0]], answers.probability[0, :, 0].round(2)
    (['Corvus', 'Corvus corone'], array([0.6 , 0.35]))
    """
    path = answer_with_nodes(_descend, probability, candidates, taxonomy, 1)
    if k == 1:
        return path
    sums = rank_sum(probability, candidates, taxonomy, k=k)
    others = np.argsort(sums.taxon == path.taxon, axis=2, kind="stable")[:, :, : k - 1]  # the path's own taxon last
    return Answers(
        *(
            np.concatenate([first, np.take_along_axis(rest, others, axis=2)], axis=2)
            for first, rest in zip(path, sums, strict=True)
        )
    )


def _descend(tree: CandidateTree, mass: Floats, _: NDArray[np.floating]) -> Ids:
    node = np.zeros(mass.shape[1], dtype=np.int64)
    rows = np.flatnonzero(tree.has_children(node))
    while len(rows):
        child, probability, _ = tree.best_children(mass, node[rows], rows)
        onward = probability > 0
        rows = rows[onward]
        node[rows] = child[onward]
        rows = rows[tree.has_children(node[rows])]
    return node

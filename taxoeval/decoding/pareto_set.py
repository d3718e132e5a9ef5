"""All answers worth giving: those that no other beats both in probability and in what they tell."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import checked_inputs
from taxoeval.decoding.nodes import CandidateTree, blocks, tree_over
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def pareto_set(probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy) -> list[Ids]:
    """Taxa that no other taxon exceeds in probability without telling less, or in information without being less sure.

    Whatever one asks of an answer, by a threshold, a price or a reward that grows with both, the best one is among
    them.

    Parameters
    ----------
    probability, candidates, taxonomy
        As for `rank_sum`.

    Returns
    -------
    taxa
        n arrays of taxa, from the most informative to the surest. The information of a taxon is ``log2`` of all
        candidates over those at or below it, its probability their sum. Of taxa equal in both the deepest stands for
        all, then the one with the lowest id. Taxa of probability 0 and the root, which tells nothing, are in no set; so
        a row without any probability has an empty one.

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
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica"), ("Pica", "Pica nuttalli")],
    ...     ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica", "Pica nuttalli"])
    >>> [taxonomy.names[taxa].tolist() for taxa in pareto_set([[0.3, 0.3, 0.4, 0.0]], species, taxonomy)]
    [['Pica pica', 'Corvus']]
    """
    scores, taxa = checked_inputs(probability, candidates, taxonomy)
    tree = tree_over(taxa, taxonomy)
    sets: list[Ids] = []
    for rows in blocks(len(scores), len(tree.taxon)):
        sets += _undominated(tree, tree.mass(scores[rows]))
    return sets


def _undominated(tree: CandidateTree, mass: Floats) -> list[Ids]:
    """Of each degree of information the surest taxon, if it is surer than all that tell more."""
    order = tree.most_telling_first
    order = order[order > 0]
    mass, degree = mass[order], tree.information[order]
    starts = np.flatnonzero(np.diff(degree, prepend=np.inf))
    top = np.maximum.reduceat(mass, starts, axis=0)
    surer = np.diff(np.maximum.accumulate(top, axis=0), axis=0, prepend=0.0) > 0
    ends = np.append(starts[1:], len(order))
    found: list[list[int]] = [[] for _ in range(mass.shape[1])]
    for group, row in np.argwhere(surer):
        first = starts[group] + mass[starts[group] : ends[group], row].argmax()
        found[row].append(int(tree.taxon[order[first]]))
    return [np.array(taxa, dtype=np.int64) for taxa in found]

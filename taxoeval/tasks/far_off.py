"""How far off an answer is, as every table gives it: ranks to climb from the true taxon to the first shared one."""

import numpy as np
from numpy.typing import NDArray

from taxoeval import metrics
from taxoeval.taxonomy import Taxonomy


def ranks_to_climb(target: NDArray[np.int64], answer: NDArray[np.int64], taxonomy: Taxonomy) -> NDArray[np.float64]:
    """Rank height of each image's deepest answer.

    Parameters
    ----------
    target
        ``(n,)`` the true taxon of each image.
    answer
        ``(n, n_ranks)`` the first answer at every rank, ``-1`` where there is none.
    taxonomy
        Their taxonomy.

    Returns
    -------
    height
        ``(n,)``, 0 for a right answer; NaN as `taxoeval.metrics.rank_height` gives it. No answer at all shares nothing
        with a target of the finest rank: leaving it out would reward silence.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("Corvus", "C. corax"), ("Corvus", "C. corone")], ranks=("genus", "species"))
    >>> ranks_to_climb(np.array([1, 1, 1]), np.array([[0, 1], [0, 2], [-1, -1]]), taxonomy)
    array([0., 1., 2.])
    """
    last = deepest(answer)
    height = metrics.rank_height(target, last, taxonomy)
    height[(last < 0) & (taxonomy.rank[target] == taxonomy.n_ranks - 1)] = taxonomy.n_ranks
    return height


def deepest(taxon: NDArray[np.int64]) -> NDArray[np.int64]:
    """The finest answer of each row of ``(n, n_ranks)``, ``-1`` where there is none.

    Examples
    --------
    >>> deepest(np.array([[0, 1], [0, -1], [-1, -1]]))
    array([ 1,  0, -1])
    """
    answered = taxon >= 0
    last = taxon.shape[1] - 1 - answered[:, ::-1].argmax(axis=1)
    return np.asarray(taxon[np.arange(len(taxon)), last])

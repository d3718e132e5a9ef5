"""The taxon whose hierarchical F-score is expected to be the greatest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import Answers
from taxoeval.decoding.nodes import CandidateTree
from taxoeval.decoding.piece import answer_with_nodes
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class HfOptimal:
    """Answer with the taxon of any rank that maximises the expected hierarchical F-beta with the truth.

    F-beta of an answer v for a target y is ``(1 + beta^2) |A(y) and A(v)| / (beta^2 |A(y)| + |A(v)|)``, A being the
    known ancestors of a taxon with the taxon itself, as in `taxoeval.metrics.hierarchical_f_beta`.

    Attributes
    ----------
    beta
        Weight of recall against precision, above 0. Small: stop early rather than err; large: go on.

    Raises
    ------
    ValueError
        If ``beta`` is out of range; when called, as `rank_sum` does.

    Notes
    -----
    Called with probabilities ``(n, c)``, candidates ``(c,)`` and their taxonomy, it returns `Answers`: a path, ``-1``
    below the taxon it stops at; probabilities are sums. The rule gives one answer, the others of a rank are ``-1``. The
    taxa considered are the candidates and all taxa above them. For the targets of one depth the expectation is a sum
    along the path of v, divided by a number that depends on the two depths alone; so it is computed depth by depth,
    exactly. Ties go to the lowest id.

    References
    ----------
    .. [1] S. Kiritchenko, S. Matwin, R. Nock, A. F. Famili, "Learning and Evaluation in the Presence of Class
       Hierarchies: Application to Text Categorization", 2006 (the score).

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> for beta in (0.5, 1.0):  # Corvus: 0.9 x 5/6 against 0.9/2 + 0.5/2 for a crow; 0.9 x 2/3 against the same
    ...     taxon = HfOptimal(beta)([[0.4, 0.5, 0.1]], species, taxonomy).taxon[0, :, 0]
    ...     print([str(taxonomy.names[i]) for i in taxon if i >= 0])
    ['Corvus']
    ['Corvus', 'Corvus corone']
    """

    beta: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.beta < np.inf:
            raise ValueError(f"beta must be a number above 0; got {self.beta}")

    @property
    def name(self) -> str:
        """``hf_optimal``, with beta if it is not 1."""
        return "hf_optimal" if self.beta == 1 else f"hf_optimal_{self.beta:g}"

    def __call__(self, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
        """Answer every rank that the taxon has."""
        square = self.beta**2

        def choose(tree: CandidateTree, mass: Floats, scores: NDArray[np.floating]) -> Ids:
            depth = tree.depth[tree.candidate]
            expected = np.zeros(mass.shape)
            depths = np.unique(depth)
            for d in depths:
                shared = mass if len(depths) == 1 else tree.mass(np.where(depth == d, scores, 0.0))
                whole = (square * d + tree.depth) / (1 + square)
                expected += _paths_below_root(tree, shared) / whole[:, None]
            return np.asarray(expected.argmax(axis=0))

        return answer_with_nodes(choose, probability, candidates, taxonomy, k, chains=True)


def _paths_below_root(tree: CandidateTree, mass: Floats) -> Floats:
    """Expected number of ancestors that each node shares with the truth."""
    counted = mass.copy()
    counted[0] = 0.0
    return tree.along_paths(counted)

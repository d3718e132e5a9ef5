"""The most specific taxon that is sure enough."""

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
class Threshold:
    """Answer with the most informative taxon whose sum of probabilities reaches a threshold.

    Attributes
    ----------
    tau
        The probability an answer must have, in (0, 1].

    Raises
    ------
    ValueError
        If ``tau`` is out of range; when called, as `rank_sum` does.

    Notes
    -----
    Called with probabilities ``(n, c)``, candidates ``(c,)`` and their taxonomy, it returns `Answers`: a path, ``-1``
    below the taxon it stops at, everywhere if nothing is sure enough; probabilities are sums. The rule gives one
    answer, the others of a rank are ``-1``. A taxon is the more informative the fewer candidates it holds. Of equally
    informative taxa, which only thresholds up to a half can leave, the most probable answers, then the deepest, then
    the one with the lowest id.

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
    >>> answers = Threshold(0.6)([[0.3, 0.5, 0.2], [0.1, 0.7, 0.2]], [raven, crow, magpie], taxonomy)
    >>> [[taxonomy.names[taxon] if taxon >= 0 else "" for taxon in row] for row in answers.taxon[:, :, 0]]
    [['Corvus', ''], ['Corvus', 'Corvus corone']]
    """

    tau: float

    def __post_init__(self) -> None:
        if not 0 < self.tau <= 1:
            raise ValueError(f"tau must be a probability in (0, 1]; got {self.tau}")

    @property
    def name(self) -> str:
        """``threshold_`` and the threshold."""
        return f"threshold_{self.tau:g}"

    def __call__(self, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
        """Answer every rank that the taxon has."""

        def choose(tree: CandidateTree, mass: Floats, _: NDArray[np.floating]) -> Ids:
            order = tree.most_telling_first
            sure = (mass >= self.tau)[order]
            sure[order == 0] = True
            place, sample = np.divmod(np.flatnonzero(sure), sure.shape[1])
            by_sample = np.argsort(sample, kind="stable")
            node, sample = order[place[by_sample]], sample[by_sample]
            starts = np.flatnonzero(np.diff(sample, prepend=-1))
            says = tree.information[node]
            value = np.where(says == says[starts][sample], mass[node, sample], -1.0)
            best = np.flatnonzero(value == np.maximum.reduceat(value, starts)[sample])
            return np.asarray(node[best[np.searchsorted(sample[best], np.arange(len(starts)))]])

        return answer_with_nodes(choose, probability, candidates, taxonomy, k)

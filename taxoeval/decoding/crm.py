"""Conditional risk minimisation: the answer whose distance from the truth is expected to be the least."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import Answers
from taxoeval.decoding.distances import Distance, PathSum
from taxoeval.decoding.nodes import CandidateTree
from taxoeval.decoding.piece import Piece, answer_with_nodes, answered, lineages
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Crm:
    """Answer with the lineage of the candidate of least expected distance from the truth.

    Time and memory grow with candidates, not with pairs of candidates; see `taxoeval.decoding.distances` for how.

    Attributes
    ----------
    distance
        One of `Distance`, or its name. ``padded_height`` is that of the publication; where all candidates have the same
        known ranks, ``rank_height`` gives the same answers.

    Raises
    ------
    ValueError
        If the distance is unknown; when called, as `rank_sum` does.

    Notes
    -----
    Called with probabilities ``(n, c)``, candidates ``(c,)`` and their taxonomy, it returns `Answers`. The first
    answers of all ranks form a path, with ``-1`` where the lineage of the best candidate is unknown; the k best of a
    rank are those of the candidates in ascending order of risk. Answers are ordered by risk, so a taxon of probability
    0 can be among them, next to a likely one; their probabilities are sums over candidates. A row without any
    probability has no answer. Ties go to the lowest id.

    The probability of a candidate at an inner rank is that the truth is this taxon and not known more finely. Under
    ``padded_height`` and ``height`` such a candidate can itself be the best answer.

    References
    ----------
    .. [1] S. Karthik et al., "No Cost Likelihood Manipulation at Test Time for Making Better Mistakes in Deep
       Networks", ICLR 2021.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> answers = Crm()([[0.25, 0.35, 0.4]], [raven, crow, magpie], taxonomy)
    >>> [str(taxonomy.names[taxon]) for taxon in answers.taxon[0, :, 0]]  # a magpie: 1.2 ranks off, a crow: 1.05
    ['Corvus', 'Corvus corone']
    """

    distance: Distance | str = Distance.RANK_HEIGHT

    def __post_init__(self) -> None:
        object.__setattr__(self, "distance", Distance(self.distance))

    @property
    def name(self) -> str:
        """``crm``, with the distance if it is not the default one."""
        return "crm" if self.distance == Distance.RANK_HEIGHT else f"crm_{self.distance}"

    def __call__(self, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
        """Answer every rank with the k best taxa."""
        return answered(self._least_risk, probability, candidates, taxonomy, k)

    def _least_risk(self, piece: Piece, k: int) -> tuple[Ids, Floats]:
        tree, mass = piece.tree(), piece.mass()
        path_sum = PathSum.of(Distance(self.distance), tree, piece.taxonomy)
        gain = path_sum.gain_of_candidates(tree, mass, piece.of_candidate)
        first = np.ascontiguousarray(gain.T).argmax(axis=1)
        if k == 1:
            node = np.where(mass[0] > 0, tree.candidate[first], 0)
            taxon, confidence = lineages(node, mass, tree, piece.taxonomy)
            return taxon[:, :, None], confidence[:, :, None]
        value = gain - gain.min(axis=0) + 1.0
        value[first, np.arange(len(first))] += 1.0  # its lineage comes first at every rank
        value[:, mass[0] <= 0] = 0.0
        return piece.best(piece.runs.maxima(value), k)


@dataclass(frozen=True)
class CrmNodes:
    """Answer with the taxon of any rank, or none, of least expected distance from the truth.

    Attributes
    ----------
    distance
        One of `Distance`, or its name. Only ``edge`` makes going too far down cost something: it stops where no child
        holds more than half of the probability. The others count what is not shared alone, so that a guess loses
        nothing: they stop early only at a candidate of an inner rank.

    Raises
    ------
    ValueError
        If the distance is unknown; when called, as `rank_sum` does.

    Notes
    -----
    Called with probabilities ``(n, c)``, candidates ``(c,)`` and their taxonomy, it returns `Answers`: a path, ``-1``
    below the taxon it stops at, everywhere if the best answer is none; probabilities are sums. The rule gives one
    answer, the others of a rank are ``-1``. The taxa considered are the candidates and all taxa above them. Ties go to
    the lowest id, which is the coarser one of a lineage.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> answers = CrmNodes()([[0.25, 0.35, 0.4]], [raven, crow, magpie], taxonomy)
    >>> answers.taxon[0, :, 0], str(taxonomy.names[0])
    (array([ 0, -1]), 'Corvus')
    """

    distance: Distance | str = Distance.EDGE

    def __post_init__(self) -> None:
        object.__setattr__(self, "distance", Distance(self.distance))

    @property
    def name(self) -> str:
        """``crm_nodes``, with the distance if it is not the default one."""
        return "crm_nodes" if self.distance == Distance.EDGE else f"crm_nodes_{self.distance}"

    def __call__(self, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
        """Answer every rank that the best taxon has."""

        def choose(tree: CandidateTree, mass: Floats, scores: NDArray[np.floating]) -> Ids:
            path_sum = PathSum.of(Distance(self.distance), tree, taxonomy)
            return np.asarray(path_sum.gain(tree, mass, scores).argmax(axis=0))

        return answer_with_nodes(choose, probability, candidates, taxonomy, k)


crm = Crm()
crm_nodes = CrmNodes()

"""Climb from the most probable candidate until the answer is sure enough."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import Answers
from taxoeval.decoding.calibration import agrees, checked_share, known_samples
from taxoeval.decoding.nodes import CandidateTree, blocks, tree_over
from taxoeval.decoding.piece import answer_with_nodes
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Climb:
    """Answer with the most probable candidate, or the first taxon above it whose sum of probabilities is enough.

    Attributes
    ----------
    theta
        The probability an answer must have; above 1, nothing is answered.
    name
        What results are kept under; ``climb_`` and theta unless given.

    Raises
    ------
    ValueError
        When called, as `rank_sum` does.

    Notes
    -----
    Called with probabilities ``(n, c)``, candidates ``(c,)`` and their taxonomy, it returns `Answers`: a path, ``-1``
    below the taxon it stops at, everywhere if nothing is sure enough; probabilities are sums. The rule gives one
    answer, the others of a rank are ``-1``. Unlike `Threshold` it never leaves the lineage of the best candidate; the
    two agree where that lineage holds more than half of the probability at theta. Ties go to the lowest id.

    References
    ----------
    .. [1] S. Goren, I. Galil, R. El-Yaniv, "Hierarchical Selective Classification", NeurIPS 2024.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> answers = Climb(0.6)([[0.3, 0.5, 0.2], [0.1, 0.7, 0.2]], [raven, crow, magpie], taxonomy)
    >>> [[taxonomy.names[taxon] if taxon >= 0 else "" for taxon in row] for row in answers.taxon[:, :, 0]]
    [['Corvus', ''], ['Corvus', 'Corvus corone']]
    """

    theta: float
    name: str = ""

    def __post_init__(self) -> None:
        if not self.theta >= 0:
            raise ValueError(f"theta must be a number of at least 0; got {self.theta}")
        object.__setattr__(self, "name", self.name or f"climb_{self.theta:g}")

    def __call__(self, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
        """Answer every rank that the taxon has."""

        def choose(tree: CandidateTree, mass: Floats, scores: NDArray[np.floating]) -> Ids:
            node = tree.candidate[scores.argmax(axis=1)]
            rows = np.arange(len(node))
            while len(rows):
                rows = rows[(mass[node[rows], rows] < self.theta) & (node[rows] > 0)]
                node[rows] = tree.parent[node[rows]]
            return np.asarray(node)

        return answer_with_nodes(choose, probability, candidates, taxonomy, k)


@dataclass(frozen=True)
class ClimbAt:
    """Find the theta of `Climb` at which a new answer is right with a given chance.

    Attributes
    ----------
    accuracy
        The chance that the answer for a new sample is right: its taxon, or one above it.

    Raises
    ------
    ValueError
        If ``accuracy`` is not between 0 and 1.

    Notes
    -----
    A calibration sample is right as soon as theta exceeds the probability of the highest wrong taxon above its best
    candidate. Theta is the ``ceil((n + 1) accuracy)``-th smallest of these (split conformal prediction): a new sample
    drawn like the n of the calibration split is then right with at least this chance. That is an average over
    calibration splits. The accuracy after one given split is below it in nearly half of the cases; `DartsAt` asks for
    more.

    References
    ----------
    .. [1] S. Goren, I. Galil, R. El-Yaniv, "Hierarchical Selective Classification", NeurIPS 2024.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> probability, target = [[0.3, 0.6, 0.1], [0.5, 0.3, 0.2], [0.2, 0.1, 0.7]], species[[1, 1, 2]]
    >>> ClimbAt(0.7).fit(probability, species, taxonomy, target)  # the second is right as soon as theta exceeds 0.5
    Climb(theta=0.5000000000000001, name='climb_at_0.7')
    """

    accuracy: float

    def __post_init__(self) -> None:
        checked_share(self.accuracy, "accuracy")

    @property
    def name(self) -> str:
        """``climb_at_`` and the accuracy."""
        return f"climb_at_{self.accuracy:g}"

    def fit(self, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, target: ArrayLike) -> Climb:
        """The rule with its theta; infinite, so that nothing is answered, if the split is too small for the accuracy.

        Parameters
        ----------
        probability, candidates, taxonomy
            As for the rule.
        target
            ``(n,)`` true taxa of the calibration split, of any rank, candidates or not; ``-1`` leaves a sample out.

        Raises
        ------
        ValueError
            As for the rule, or if ``target`` does not fit.
        TaxoevalError
            If no target is known.
        """
        scores, taxa, targets = known_samples(probability, candidates, taxonomy, target)
        tree = tree_over(taxa, taxonomy)
        wrong = np.concatenate(
            [
                _surest_wrong(tree, tree.mass(scores[rows]), scores[rows], targets[rows], taxonomy)
                for rows in blocks(len(scores), len(tree.taxon))
            ]
        )
        needed = int(np.ceil((len(wrong) + 1) * self.accuracy - 1e-9))
        if needed > len(wrong):
            return Climb(np.inf, self.name)
        least = np.sort(wrong)[needed - 1]
        return Climb(float(np.nextafter(least, np.inf)) if least >= 0 else 0.0, self.name)


def _surest_wrong(
    tree: CandidateTree, mass: Floats, scores: NDArray[np.floating], target: Ids, taxonomy: Taxonomy
) -> Floats:
    """Probability of the highest wrong node above each best candidate, -1 if the candidate itself is right."""
    node = tree.candidate[scores.argmax(axis=1)]
    wrong = np.full(len(node), -1.0)
    rows = np.arange(len(node))
    while len(rows):
        rows = rows[~agrees(target[rows], tree.taxon[node[rows]], taxonomy)]
        wrong[rows] = mass[node[rows], rows]
        node[rows] = tree.parent[node[rows]]
    return wrong

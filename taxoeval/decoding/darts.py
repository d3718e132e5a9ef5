"""Hedging: give up what is told for being right, at a price that makes the answers right often enough."""

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
class Darts:
    """Answer with the taxon v that maximises ``(I(v) + multiplier) P(v)``: its bits and a prize for being right.

    ``P(v)`` is the sum over the candidates at or below v, ``I(v) = log2(c / candidates at or below v)``. The rule is
    optimal among all that are right equally often, if the probabilities are.

    Attributes
    ----------
    multiplier
        Lambda, the prize in bits: 0 asks for information alone, infinity for certainty (nothing is answered).
    name
        What results are kept under; ``darts_`` and the multiplier unless given.

    Raises
    ------
    ValueError
        If the multiplier is negative; when called, as `rank_sum` does.

    Notes
    -----
    Called with probabilities ``(n, c)``, candidates ``(c,)`` and their taxonomy, it returns `Answers`: a path, ``-1``
    below the taxon it stops at; probabilities are sums. The rule gives one answer, the others of a rank are ``-1``.
    Ties go to the more informative taxon, then to the deeper one, then to the lowest id.

    References
    ----------
    .. [1] J. Deng, J. Krause, A. C. Berg, L. Fei-Fei, "Hedging Your Bets: Optimizing Accuracy-Specificity Trade-offs
       in Large Scale Visual Recognition", CVPR 2012.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica"), ("Pica", "Pica nuttalli")],
    ...     ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica", "Pica nuttalli"])
    >>> for multiplier in (0.0, 1.0, 10.0):  # a crow; a Corvus, for 2 x 0.9 > 3 x 0.5; some bird
    ...     taxon = Darts(multiplier)([[0.4, 0.5, 0.1, 0.0]], species, taxonomy).taxon[0, :, 0]
    ...     print([str(taxonomy.names[i]) for i in taxon if i >= 0])
    ['Corvus', 'Corvus corone']
    ['Corvus']
    []
    """

    multiplier: float
    name: str = ""

    def __post_init__(self) -> None:
        if not self.multiplier >= 0:
            raise ValueError(f"the multiplier must be a number of bits of at least 0; got {self.multiplier}")
        object.__setattr__(self, "name", self.name or f"darts_{self.multiplier:g}")

    def __call__(self, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Answers:
        """Answer every rank that the taxon has."""

        def choose(tree: CandidateTree, mass: Floats, _: NDArray[np.floating]) -> Ids:
            if self.multiplier == np.inf:
                return np.zeros(mass.shape[1], dtype=np.int64)
            order = tree.most_telling_first
            value = (tree.information[order, None] + self.multiplier) * mass[order]
            return np.asarray(order[value.argmax(axis=0)])

        return answer_with_nodes(choose, probability, candidates, taxonomy, k)


@dataclass(frozen=True)
class DartsAt:
    """Find the least multiplier of `Darts` that makes enough of the answers right.

    Attributes
    ----------
    accuracy
        Share of the answers to new samples that must be right (the taxon of the sample, or one above it): the
        ``1 - epsilon`` of the publication.
    confidence
        How likely that must be for as many new samples as the calibration split has, drawn like them. 0.5 asks no more
        than that the calibration split itself reaches the accuracy, which a new one then misses half of the time; 0.99
        costs a few percent of the information (`experiments/validity/hedging.md` measures both).

    Raises
    ------
    ValueError
        If one of them is not between 0 and 1.

    Notes
    -----
    A share ``a`` of n answers is accepted if it exceeds the accuracy ``t`` by the normal quantile of the confidence
    times ``sqrt(2 m (1 - m) / n)`` with ``m = (a + t) / 2``, the spread of the difference between two such shares.
    Bisection, as published, finds one multiplier at which acceptance begins; on a sample there can be several. So the
    multipliers at which the answer to any calibration sample changes are computed, and bisection is replaced by
    going down through them as long as every one is accepted: the least multiplier above which nothing fails. The
    first failure ends it, so that trying many does not wear the confidence down. If nothing is accepted, nothing is
    answered, which is always right.

    Images of one species are more alike than images of two. What is promised is about new images of the same species
    in the same shares, not about new species.

    References
    ----------
    .. [1] J. Deng, J. Krause, A. C. Berg, L. Fei-Fei, "Hedging Your Bets: Optimizing Accuracy-Specificity Trade-offs
       in Large Scale Visual Recognition", CVPR 2012.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica"), ("Pica", "Pica nuttalli")],
    ...     ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica", "Pica nuttalli"])
    >>> probability = [[0.4, 0.5, 0.1, 0.0], [0.0, 0.0, 0.9, 0.1]]  # the first, a raven, is right from 0.25 bits on
    >>> fitted = DartsAt(0.9, confidence=0.5).fit(probability, species, taxonomy, species[[0, 2]])
    >>> 0.25 < fitted.multiplier < 8, fitted.name
    (True, 'darts_at_0.9')
    """

    accuracy: float
    confidence: float = 0.99

    def __post_init__(self) -> None:
        checked_share(self.accuracy, "accuracy")
        checked_share(self.confidence, "confidence")

    @property
    def name(self) -> str:
        """``darts_at_`` and the accuracy."""
        return f"darts_at_{self.accuracy:g}"

    def fit(self, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, target: ArrayLike) -> Darts:
        """The rule with its multiplier.

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
        right, changes = 0, [np.zeros((2, 0))]
        for rows in blocks(len(scores), len(tree.taxon)):
            sample, since, node = _answers(tree, tree.mass(scores[rows]))
            hit = agrees(targets[rows][sample], tree.taxon[node], taxonomy).astype(np.float64)
            first = np.r_[True, sample[1:] != sample[:-1]]
            right += int(hit[first].sum())
            changes.append(np.stack([since[1:], np.diff(hit)])[:, ~first[1:]])
        return Darts(self._least(right, np.concatenate(changes, axis=1), len(scores)), self.name)

    def _least(self, right: int, changes: Floats, n: int) -> float:
        """The least multiplier from which on all are accepted, where ``right`` samples are at 0."""
        multiplier, which = np.unique(np.append(0.0, changes[0]), return_inverse=True)
        share = np.cumsum(np.bincount(which, weights=np.append(right, changes[1]))) / n
        failing = np.flatnonzero(~self._accepts(share, n))
        if not len(failing):
            return 0.0
        if failing[-1] == len(share) - 1:
            return float("inf")
        ends = np.append(multiplier, 2 * multiplier[-1])[failing[-1] + 1 :][:2]
        return float(ends.mean())  # between the change that was needed and the next: no sample sits on a tie

    def _accepts(self, share: Floats, n: int) -> NDArray[np.bool_]:
        from scipy.special import ndtri

        middle = (share + self.accuracy) / 2
        return np.asarray(share - self.accuracy >= ndtri(self.confidence) * np.sqrt(2 * middle * (1 - middle) / n))


def _answers(tree: CandidateTree, mass: Floats) -> tuple[Ids, Floats, Ids]:
    """Every answer that `Darts` gives as its multiplier rises from 0: sample, multiplier it begins at, node.

    Sample by sample, in rising order. As the multiplier rises, the next answer is the node of greater probability whose
    value is the first to catch up with that of the present one.
    """
    order = tree.most_telling_first
    mass = mass[order]
    value = tree.information[order, None] * mass
    rows = np.arange(mass.shape[1])
    node = value.argmax(axis=0)
    found = [(rows, np.zeros(len(rows)), node)]
    while len(rows):
        every = np.arange(len(rows))
        more = mass - mass[node, every]
        behind = value[node, every] - value
        at = np.divide(behind, more, out=np.full(more.shape, np.inf), where=more > 0)
        since = at.min(axis=0)
        node = np.where(at == since, mass, -1.0).argmax(axis=0)  # of several at once, the surest
        onward = since < np.inf
        rows, node, mass, value = rows[onward], node[onward], mass[:, onward], value[:, onward]
        found.append((rows, since[onward], node))
    sample, since, node = (np.concatenate(parts) for parts in zip(*found, strict=True))
    by_sample = np.argsort(sample, kind="stable")
    return sample[by_sample], since[by_sample], order[node[by_sample]]

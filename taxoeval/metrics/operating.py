"""How specific can answers be while staying right? One curve from "it is alive" to a species for every image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._shapes import taxon_ids
from taxoeval.metrics._steps import Rule, steps_of
from taxoeval.metrics._sweep import AnswerScore, Below, Specificity, events_of, swept
from taxoeval.metrics.mass import CandidateTree, known_candidates
from taxoeval.metrics.selection import RiskCoverage
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]

_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class OperatingCurve:
    """Mean values at every threshold, from the root for everyone to the most specific answers.

    Attributes
    ----------
    threshold
        ``(p,)`` descending from infinity: answers are what has at least this probability.
    correct
        ``(p,)`` share of samples whose answer is the target or an ancestor of it.
    specificity
        ``(p,)`` mean specificity of the answers, right or wrong; ascending, unless answers are cut at partial labels.
    recall
        ``(p,)`` mean share of the target's specificity that the lowest common ancestor with the answer has.
    n
        Samples with a known target.
    """

    threshold: Floats
    correct: Floats
    specificity: Floats
    recall: Floats
    n: int


def operating_curve(
    target: ArrayLike,
    probability: ArrayLike,
    candidates: ArrayLike,
    taxonomy: Taxonomy,
    *,
    rule: Rule | str = Rule.THRESHOLD,
    by: Specificity | str = Specificity.INFORMATION,
    below: Below | str = Below.CORRECT,
) -> OperatingCurve:
    """Share of right answers against their specificity, as the probability asked of an answer goes from 1 to 0.

    Parameters
    ----------
    target
        ``(n,)`` true taxa, at any rank; ``-1`` leaves a sample out. Need not be a candidate: if a sister of the target
        is one, their genus is right.
    probability
        ``(n, c)``, rows sum to 1. A taxon has the sum of the candidates below it.
    candidates
        ``(c,)`` different taxa, two at least.
    taxonomy
        The taxonomy of both.
    rule
        One of `Rule`, or its name: which taxon answers at a threshold.
    by
        One of `Specificity`, or its name.
    below
        One of `Below`, or its name.

    Returns
    -------
    curve
        `OperatingCurve`; it begins with the root for all: all right, nothing said. Higher ``correct`` at the same
        specificity is better. Samples of equal probability move together, so row order does not matter. All NaN with
        ``n`` = 0 if no target is known.

    Raises
    ------
    ValueError
        If the shapes disagree, an id is not in the taxonomy, there are fewer than two candidates, or a row of
        ``probability`` does not sum to 1.

    Notes
    -----
    A taxon with a single child among the candidates' ancestors, itself no candidate, says nothing its child does not:
    it is never an answer. An answer must be strictly more specific than the surest ones, so taxa of probability 0 and
    taxa that hold all candidates are none either.

    References
    ----------
    .. [1] J. Valmadre, "Hierarchical Classification at Multiple Operating Points", NeurIPS 2022.
    .. [2] J. Deng et al., "Hedging Your Bets: Optimizing Accuracy-Specificity Trade-offs in Large Scale Visual
       Recognition", CVPR 2012.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica"), ("Pica", "Pica nuttalli")],
    ...     ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica", "Pica nuttalli"])
    >>> curve = operating_curve(species[:1], [[0.375, 0.5, 0.125, 0]], species, taxonomy)
    >>> curve.threshold, curve.correct, curve.specificity  # life, Corvus, C. corone
    (array([  inf, 0.875, 0.5  ]), array([1., 1., 0.]), array([0. , 0.5, 1. ]))
    """
    numbers, taxa = known_candidates(probability, candidates, taxonomy)
    targets = taxon_ids(target, "target", len(taxonomy))
    if targets.shape != (len(numbers),):
        raise ValueError(f"target must be (n,), one taxon per row of {len(numbers)}; got {targets.shape}")
    if len(taxa) < 2:
        raise ValueError("candidates must be two taxa at least: with one there is nothing to say")
    tree = CandidateTree.over(taxa, taxonomy)
    score, way = AnswerScore(tree, taxonomy, Specificity(by), Below(below)), Rule(rule)
    known = np.flatnonzero(targets >= 0)
    events = [np.zeros((4, 0))]
    for rows in np.split(known, range(_rows(tree), len(known), _rows(tree))):
        steps = steps_of(way, numbers[rows], tree, score.eligible, score.of_node)
        events.append(events_of(steps, targets[rows], tree.taxon, score))
    threshold, (correct, specificity, recall) = swept(
        np.concatenate(events, axis=1), score.of(targets[known], np.full(len(known), -1))
    )
    return OperatingCurve(threshold, correct, specificity, recall, len(known))


def _rows(tree: CandidateTree) -> int:
    """How many samples are looked at a time: 32 MB of probabilities of all nodes."""
    return max(1, _BLOCK // len(tree.taxon))


def hierarchical_risk_coverage(
    target: ArrayLike,
    probability: ArrayLike,
    candidates: ArrayLike,
    taxonomy: Taxonomy,
    *,
    rule: Rule | str = Rule.CLIMB,
    below: Below | str = Below.CORRECT,
) -> RiskCoverage:
    """Share of wrong answers against how much the answers say, where doubt climbs the tree instead of staying silent.

    Parameters
    ----------
    target, probability, candidates, taxonomy, rule, below
        As for `operating_curve`; the rule is ``climb`` unless said otherwise.

    Returns
    -------
    curve
        `RiskCoverage`. Coverage is the mean of ``1 - log2(candidates below) / log2(all candidates)``, 0 for the root, 1
        for a single candidate; risk is over *all* samples, those at the root being right.

    Raises
    ------
    ValueError
        As for `operating_curve`.

    References
    ----------
    .. [1] S. Goren, I. Galil, R. El-Yaniv, "Hierarchical Selective Classification", NeurIPS 2024.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica"), ("Pica", "Pica nuttalli")],
    ...     ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica", "Pica nuttalli"])
    >>> curve = hierarchical_risk_coverage(species[:1], [[0.375, 0.5, 0.125, 0]], species, taxonomy)
    >>> curve.coverage, curve.risk
    (array([0. , 0.5, 1. ]), array([0., 0., 1.]))
    """
    curve = operating_curve(target, probability, candidates, taxonomy, rule=rule, below=below)
    return RiskCoverage(curve.specificity, 1 - curve.correct, curve.threshold, curve.n)


def hierarchical_aurc(curve: RiskCoverage) -> float:
    """Area under a `hierarchical_risk_coverage` curve (hAURC), points joined by straight lines.

    Parameters
    ----------
    curve
        What `hierarchical_risk_coverage` returns.

    Returns
    -------
    area
        In [0, 1], NaN if the curve rests on no sample. Lower is better; 0 when nothing is wrong.

    References
    ----------
    .. [1] S. Goren, I. Galil, R. El-Yaniv, "Hierarchical Selective Classification", NeurIPS 2024.

    Examples
    --------
    >>> hierarchical_aurc(RiskCoverage(np.array([0, 0.5, 1]), np.array([0, 0, 1.0]), np.array([np.inf, 0.9, 0.5]), 1))
    0.25
    """
    if not curve.n:
        return float("nan")
    order = np.argsort(curve.coverage, kind="stable")
    coverage, risk = curve.coverage[order], curve.risk[order]
    return float((np.diff(coverage) * (risk[1:] + risk[:-1])).sum() / 2)

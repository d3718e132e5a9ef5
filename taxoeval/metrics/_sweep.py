"""Scores of answers at any taxon, and their means at every threshold."""

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics._names import Name
from taxoeval.metrics._steps import Steps
from taxoeval.metrics.mass import CandidateTree
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


class Specificity(Name):
    """How much an answer says, from 0 (the root) to 1 (a single candidate; for ``depth`` the deepest one).

    ``information`` is ``1 - log2(candidates below) / log2(all candidates)``; ``depth`` is the depth below the root over
    that of the deepest candidate.
    """

    INFORMATION = "information"
    DEPTH = "depth"


class Below(Name):
    """What becomes of an answer below a target that is known to an inner rank only, such as a species for "Corvus sp.".

    ``correct`` calls it right and as specific as it is, as published code does; ``truncate`` scores it as the target
    itself: right, with no credit for what nobody can check; ``wrong`` calls it wrong. Where no target has candidates
    below it the three agree.
    """

    CORRECT = "correct"
    TRUNCATE = "truncate"
    WRONG = "wrong"


class AnswerScore:
    """Whether an answer is right, how much it says, and how much of the target it recovers."""

    def __init__(self, tree: CandidateTree, taxonomy: Taxonomy, by: Specificity, below: Below) -> None:
        self.taxonomy, self.below = taxonomy, below
        if by is Specificity.INFORMATION:
            says = 1 - np.log2(tree.n_candidates) / np.log2(len(tree.column))
        else:
            depth = taxonomy.depth[tree.taxon] + 1.0
            says = depth / depth[tree.column].max()
        self.of_node = says
        self.eligible = tree.branching & (says > 0)
        self._of_taxon = np.append(self._with_the_rest(says, tree), 0.0)  # id -1 is the root

    def _with_the_rest(self, says: Floats, tree: CandidateTree) -> Floats:
        """A taxon outside the tree says what its nearest ancestor in it says: no answer can recover more."""
        nearest = np.full(len(self.taxonomy) + 1, -1)
        nearest[tree.taxon] = np.arange(len(tree.taxon))
        for depth in range(1, int(self.taxonomy.depth.max()) + 1):
            taxa = np.flatnonzero((self.taxonomy.depth == depth) & (nearest[:-1] < 0))
            nearest[taxa] = nearest[self.taxonomy.parent[taxa]]
        return np.asarray(np.append(says, 0.0)[nearest[:-1]])

    def of(self, target: Ids, answer: Ids) -> Floats:
        """``(3, n)``: correct, specificity and recall of answers, ``-1`` for the root, to known targets."""
        size = np.append(self.taxonomy.size, 0)
        correct = (answer < 0) | ((answer <= target) & (target < answer + size[answer]))
        finer = (target < answer) & (answer < target + size[target])
        if self.below is not Below.WRONG:
            correct |= finer
        if self.below is Below.TRUNCATE:
            answer = np.where(finer, target, answer)
        wanted = self._of_taxon[target]
        shared = self._of_taxon[self.taxonomy.lca(target, answer)]
        recall = np.divide(shared, wanted, out=np.ones(len(target)), where=wanted > 0)
        return np.stack([correct.astype(np.float64), self._of_taxon[answer], recall])


def events_of(steps: Steps, target: Ids, taxon: Ids, score: AnswerScore) -> Floats:
    """``(4, e)``: thresholds at which an answer becomes more specific, and what that adds to each score."""
    targets = target[steps.row]
    own = score.of(targets, taxon[steps.node])
    before = score.of(targets, np.full(len(targets), -1))
    followed = np.flatnonzero(steps.row[1:] == steps.row[:-1])  # the next one of the same sample is less specific
    before[:, followed] = own[:, followed + 1]
    return np.concatenate([steps.mass[None], own - before])


def swept(events: Floats, at_root: Floats) -> tuple[Floats, Floats]:
    """Thresholds ``(p,)`` from infinity down and mean scores ``(3, p)`` there; equal thresholds are one point."""
    n = at_root.shape[1]
    order = np.argsort(-events[0], kind="stable")
    threshold = events[0, order]
    total = at_root.sum(axis=1, keepdims=True) + np.cumsum(events[1:, order], axis=1)
    last = np.flatnonzero(np.r_[threshold[1:] != threshold[:-1], True]) if len(threshold) else np.zeros(0, np.int64)
    points = np.concatenate([at_root.sum(axis=1, keepdims=True), total[:, last]], axis=1)
    # running sums of what is at least 0 can end a rounding error below it
    return np.r_[np.inf, threshold[last]], np.maximum(points / n, 0.0) if n else np.full(points.shape, np.nan)

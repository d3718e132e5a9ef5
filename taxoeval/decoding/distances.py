"""Distances whose expectation is a sum over one path: no table of candidates against candidates is needed.

Each grows by a fixed amount with every step down that the target and the answer do not share. With a potential ``F``
that is 0 at the root, the distance of a target y from an answer v that meet in a is

    d(y, v) = alpha(y) + beta(v) - kappa F(a),        and 0 if y is v.

``F(a)`` is the sum of the steps of F down to a, so under probabilities p its expectation is the sum, over the nodes u
on the path of v, of the step at u times the probability ``P(u)`` of all candidates at or below u. What the formula gets
wrong where y is v, which it must where leaves lie at unequal depths, is put right by ``p(v)`` times ``alpha(v) +
beta(v) - kappa F(v)``. alpha depends on the target alone and cannot change which answer is best.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from taxoeval.decoding.nodes import CandidateTree
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]


class Distance(StrEnum):
    """Distances that the rules of conditional risk can minimise; d is the depth (root 0), D the greatest depth.

    ``rank_height`` counts the ranks of the target below what is shared, skipped ones too; ``padded_height`` is D -
    d(a); ``height`` the longest way from a down to a leaf; ``edge`` is d(y) + d(v) - 2 d(a). All are those of
    `taxoeval.metrics.lca_distance`, except that ``rank_height`` of a target at an inner rank counts from that rank.
    """

    RANK_HEIGHT = "rank_height"
    PADDED_HEIGHT = "padded_height"
    HEIGHT = "height"
    EDGE = "edge"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(f"unknown distance {value!r}; it must be one of {', '.join(cls)}")


@dataclass(frozen=True, eq=False)
class PathSum:
    """A distance in the terms of the module's formula, for every node of a tree over candidates.

    Attributes
    ----------
    step
        ``(m,)`` kappa times the step of F from the node's parent to the node.
    own
        ``(m,)`` what the formula gives for an answer that is the target.
    depth_cost
        ``(m,)`` beta.
    """

    step: Floats
    own: Floats
    depth_cost: Floats

    @classmethod
    def of(cls, distance: Distance, tree: CandidateTree, taxonomy: Taxonomy) -> "PathSum":
        """Read it off the taxonomy."""
        deepest = float(taxonomy.depth.max()) + 1.0
        none = np.zeros(len(tree.taxon))
        depth = tree.depth.astype(np.float64)
        if distance is Distance.EDGE:
            return cls(2 * _steps(depth, tree), none, depth)
        if distance is Distance.PADDED_HEIGHT:
            return cls(_steps(depth, tree), deepest - depth, none)
        if distance is Distance.HEIGHT:
            height = np.append(deepest, taxonomy.height[tree.taxon[1:]])
            return cls(_steps(deepest - height, tree), height, none)
        return cls(_steps(np.append(0.0, taxonomy.rank[tree.taxon[1:]] + 1.0), tree), none, none)

    def gain(self, tree: CandidateTree, mass: Floats, probability: NDArray[np.floating]) -> Floats:
        """``(m, n)``: how much each answer's expected distance lies below the expected alpha.

        ``mass`` is that of the nodes under the ``probability`` ``(n, c)`` of the candidates.
        """
        gain = tree.along_paths(mass * self.step[:, None])
        if self.depth_cost.any():
            gain -= self.depth_cost[:, None] * mass[0]
        own = self.own[tree.candidate, None]
        if own.any():
            gain[tree.candidate] += own * probability.T
        return gain

    def gain_of_candidates(self, tree: CandidateTree, mass: Floats, of_candidate: NDArray[np.floating]) -> Floats:
        """The same ``(c, n)`` for the candidates alone, under their probability ``(c, n)``."""
        gain = tree.along_candidate_paths(mass * self.step[:, None])
        if self.depth_cost.any():
            gain -= self.depth_cost[tree.candidate, None] * mass[0]
        own = self.own[tree.candidate, None]
        if own.any():
            gain += own * of_candidate
        return gain


def _steps(potential: Floats, tree: CandidateTree) -> Floats:
    return np.append(0.0, potential[1:] - potential[tree.parent[1:]])

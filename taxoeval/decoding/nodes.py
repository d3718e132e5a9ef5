"""The tree over the candidates, reduced to the nodes that matter, and what is added up along it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import Answers, checked_inputs
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_CACHED = 1 << 19  # masses looked at a time: what fits the processor's cache is several times as fast


@dataclass(frozen=True, eq=False)
class CandidateTree:
    """Nodes above and at the candidates in preorder, from node 0, the implied root that joins everything.

    A taxon that is no candidate and has one child leading to candidates holds exactly the probability of that child;
    such chains are one node, named by their finest taxon. So there are fewer than twice as many nodes as candidates,
    and a rule that sums over a path weighs each node by how far it lies below its parent.

    Attributes
    ----------
    taxon
        ``(m,)`` id of each node in the taxonomy, ascending; ``-1`` for the root.
    parent
        ``(m,)`` parent of each node among the nodes; ``-1`` for the root.
    candidate
        ``(c,)`` the node of each candidate, in ascending order.
    n_candidates
        ``(m,)`` candidates at or below each node.
    depth
        ``(m,)`` known ranks of each node's lineage: 0 for the root.
    levels
        Nodes, siblings together, by steps below the root, from the deepest; with them the start of each run of
        siblings.
    children, first_child
        Node ids grouped by parent, ascending in each group; those of node i are
        ``children[first_child[i] : first_child[i + 1]]``.
    """

    taxon: Ids
    parent: Ids
    candidate: Ids
    n_candidates: Ids
    depth: Ids
    levels: tuple[tuple[Ids, Ids], ...]
    children: Ids
    first_child: Ids

    @cached_property
    def information(self) -> Floats:
        """``(m,)`` bits that each node tells of the candidate: ``log2(all candidates / candidates at or below it)``."""
        return np.asarray(np.log2(len(self.candidate) / self.n_candidates))

    @cached_property
    def most_telling_first(self) -> Ids:
        """Nodes by descending information; of equal ones the deeper first, then the lower id."""
        return np.lexsort((-self.depth, -self.information))

    def mass(self, probability: NDArray[np.floating]) -> Floats:
        """Probability ``(m, n)`` of every node from that of the candidates ``(n, c)``, in ascending order.

        Sums of numbers of at least 0, taken from the bottom up: a parent is never below a child, whatever the rounding.
        """
        mass = np.zeros((len(self.taxon), len(probability)))
        mass[self.candidate] = probability.T
        for level, starts in self.levels:
            mass[self.parent[level[starts]]] += np.add.reduceat(mass[level], starts, axis=0)
        return mass

    def along_paths(self, value: Floats) -> Floats:
        """Sum ``(m, n)`` of a value over the path from the root down to each node."""
        total = value.copy()
        for level, _ in reversed(self.levels):
            total[level] += total[self.parent[level]]
        return total

    def best_children(self, value: Floats, node: Ids, rows: Ids) -> tuple[Ids, Floats, Floats]:
        """Child of greatest value of each node, its value, and that of the next best, each in its column of ``value``.

        Nodes must have children; ties go to the lowest id; the next best of a single child is 0.
        """
        count = self.first_child[node + 1] - self.first_child[node]
        starts = np.cumsum(count) - count
        which = np.repeat(np.arange(len(node)), count)
        child = self.children[np.arange(len(which)) + (self.first_child[node] - starts)[which]]
        values = value[child, rows[which]]
        top = np.maximum.reduceat(values, starts)
        reaching = np.flatnonzero(values == top[which])
        chosen = reaching[np.searchsorted(which[reaching], np.arange(len(node)))]
        values[chosen] = 0.0
        return child[chosen], top, np.maximum.reduceat(values, starts)

    def has_children(self, node: Ids) -> NDArray[np.bool_]:
        """Whether there are nodes below."""
        return np.asarray(self.first_child[node + 1] > self.first_child[node])


def tree_over(candidates: Ids, taxonomy: Taxonomy, *, chains: bool = False) -> CandidateTree:
    """The tree over candidates in ascending order; ``chains`` keeps every taxon of a chain as a node of its own.

    Remembered for a few sets of candidates: tasks decode block after block over the same ones.
    """
    return _tree_over(candidates.tobytes(), taxonomy, chains)


@lru_cache(maxsize=4)
def _tree_over(candidates: bytes, taxonomy: Taxonomy, chains: bool) -> CandidateTree:
    taxa = np.frombuffer(candidates, dtype=np.int64)
    lineage = taxonomy.ancestor[taxa]
    forks = lineage.ravel() if chains else _shared(lineage[:-1], lineage[1:])
    taxon = np.unique(np.concatenate([[-1], taxa, forks]))
    above = taxonomy.ancestor[taxon[1:]].astype(np.int64)
    place = np.searchsorted(taxon, above)
    proper = (taxon[np.minimum(place, len(taxon) - 1)] == above) & (above != taxon[1:, None])
    parent = np.append(-1, np.where(proper, place, 0).max(axis=1))  # finer taxa have higher ids
    candidate = np.searchsorted(taxon, taxa)
    ends = np.searchsorted(taxa, taxon[1:] + taxonomy.size[taxon[1:]])
    tree = CandidateTree(
        taxon=taxon,
        parent=parent,
        candidate=candidate,
        n_candidates=np.append(len(taxa), ends - np.searchsorted(taxa, taxon[1:])),
        depth=np.append(0, taxonomy.depth[taxon[1:]] + 1),
        levels=_levels(parent),
        children=np.argsort(parent[1:], kind="stable") + 1,
        first_child=np.append(0, np.cumsum(np.bincount(parent[1:], minlength=len(parent)))),
    )
    for array in (tree.taxon, parent, candidate, tree.n_candidates, tree.depth, tree.children, tree.first_child):
        array.setflags(write=False)
    return tree


def _shared(one: NDArray[np.int32], other: NDArray[np.int32]) -> Ids:
    """The finest taxon that two lineages share; all forks are among those of neighbours in preorder."""
    same = (one == other) & (one >= 0)
    return np.asarray(np.where(same, one, -1).max(axis=1, initial=-1), dtype=np.int64)


def _levels(parent: Ids) -> tuple[tuple[Ids, Ids], ...]:
    found = []
    level = np.zeros(1, dtype=np.int64)
    is_above = np.zeros(len(parent), dtype=bool)
    left = np.arange(1, len(parent))
    while len(left):
        is_above[level] = True
        below = is_above[parent[left]]
        level = left[below]
        level = level[np.argsort(parent[level], kind="stable")]
        left = left[~below]
        found.append((level, np.flatnonzero(np.diff(parent[level], prepend=-1))))
    return tuple(reversed(found))


def blocks(n: int, tree: CandidateTree) -> Iterator[slice]:
    """Runs of rows small enough that the masses of a run stay in the processor's cache."""
    rows = min(128, max(8, _CACHED // len(tree.taxon)))
    return (slice(first, min(first + rows, n)) for first in range(0, n, rows))


Choice = Callable[[CandidateTree, Floats, NDArray[np.floating]], Ids]
"""Tree, mass ``(m, n)`` of its nodes, probability ``(n, c)`` of the candidates in ascending order: to a node each."""


def answer_with_nodes(
    choose: Choice,
    probability: ArrayLike,
    candidates: ArrayLike,
    taxonomy: Taxonomy,
    k: int,
    *,
    chains: bool = False,
) -> Answers:
    """Answer each sample with the lineage of one node; the other k - 1 answers stay empty, and all if it is the root.

    The choice is made block by block.
    """
    scores, taxa = checked_inputs(probability, candidates, taxonomy)
    tree = tree_over(taxa, taxonomy, chains=chains)
    taxon = np.full((len(scores), taxonomy.n_ranks, k), -1, dtype=np.int64)
    confidence = np.full(taxon.shape, np.nan)
    for rows in blocks(len(scores), tree):
        mass = tree.mass(scores[rows])
        node = choose(tree, mass, scores[rows])
        taxon[rows, :, 0], confidence[rows, :, 0] = lineages(node, mass, tree, taxonomy)
    return Answers(taxon, confidence)


def lineages(node: Ids, mass: Floats, tree: CandidateTree, taxonomy: Taxonomy) -> tuple[Ids, Floats]:
    """Taxon of each row's node at every rank ``(n, n_ranks)``, and its probability."""
    own = tree.taxon[node]
    taxon = np.where(own[:, None] < 0, -1, taxonomy.ancestor[own])
    place = np.searchsorted(tree.taxon, taxon)  # the taxa of a chain come right before the node that stands for it
    return taxon, np.where(taxon >= 0, mass[place, np.arange(len(node))[:, None]], np.nan)

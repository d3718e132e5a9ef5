"""The tree over the candidates, reduced to the nodes that matter, and what is added up along it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from taxoeval.taxonomy import Taxonomy

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

_CACHED = 1 << 18  # numbers looked at a time: what fits the processor's cache is several times as fast


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
        for parent, children in self._sums_of_children:
            mass[parent] += children @ mass
        return mass

    @cached_property
    def _sums_of_children(self) -> tuple[tuple[Ids, "csr_matrix"], ...]:
        """The parents of each level, from the deepest, and the matrix that adds up the children of each."""
        from scipy.sparse import csr_matrix

        shape = len(self.taxon)
        return tuple(
            (
                self.parent[level[starts]],
                csr_matrix((np.ones(len(level)), level, np.append(starts, len(level))), shape=(len(starts), shape)),
            )
            for level, starts in self.levels
        )

    def along_paths(self, value: Floats) -> Floats:
        """Sum ``(m, n)`` of a value over the path from the root down to each node."""
        return np.asarray(self._paths @ value)

    def along_candidate_paths(self, value: Floats) -> Floats:
        """The same ``(c, n)`` for the candidates alone."""
        return np.asarray(self._candidate_paths @ value)

    @cached_property
    def _paths(self) -> "csr_matrix":
        """Which nodes lie on the path to each, from the root down."""
        from scipy.sparse import csr_matrix

        steps = np.zeros(len(self.taxon), dtype=np.int64)
        for level, _ in reversed(self.levels):
            steps[level] = steps[self.parent[level]] + 1
        ends = np.append(0, np.cumsum(steps + 1))
        nodes = np.zeros(ends[-1], dtype=np.int64)
        here, node = ends[1:] - 1, np.arange(len(self.taxon))
        while len(node):
            nodes[here] = node
            here, node = here - 1, self.parent[node]
            here, node = here[node >= 0], node[node >= 0]
        return csr_matrix((np.ones(len(nodes)), nodes, ends), shape=(len(self.taxon), len(self.taxon)))

    @cached_property
    def _candidate_paths(self) -> "csr_matrix":
        return self._paths[self.candidate]

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


def blocks(n: int, width: int) -> Iterator[slice]:
    """Runs of rows small enough that what is computed of them, so many numbers a row, stays in the processor's cache.

    Their length is no power of 2: numbers so far apart in memory would drive each other out of the cache.
    """
    rows = min(250, max(8, _CACHED // width))
    return (slice(first, min(first + rows, n)) for first in range(0, n, rows))

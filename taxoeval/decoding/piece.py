"""A few rows of probabilities, and what the rules need of them: what one has computed, the next need not.

Numbers of one candidate, taxon or node lie side by side here, ``(taxa, samples)``: sums over candidates are then
products with a sparse matrix, and maxima those of whole rows.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.decoding.base import Answers, best, checked_inputs
from taxoeval.decoding.nodes import CandidateTree, blocks, tree_over
from taxoeval.decoding.runs import Runs, runs_over
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]
Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Piece:
    """Probabilities of a few samples, few enough that what is computed of them stays in the processor's cache.

    Attributes
    ----------
    probability
        ``(n, c)`` of the candidates in ascending order.
    candidates
        ``(c,)`` ascending.
    taxonomy
        Their taxonomy.
    """

    probability: NDArray[np.floating]
    candidates: Ids
    taxonomy: Taxonomy
    _kept: dict[Any, Any] = field(default_factory=dict)

    def _once(self, what: Any, make: Callable[[], Value]) -> Value:
        """What has been made before; a `cached_property` would let threads wait for each other's pieces."""
        if what not in self._kept:
            self._kept[what] = make()
        value: Value = self._kept[what]
        return value

    @property
    def of_candidate(self) -> Floats:
        """The same ``(c, n)`` in double precision."""
        return self._once("of_candidate", lambda: np.ascontiguousarray(self.probability.T, dtype=np.float64))

    @property
    def runs(self) -> Runs:
        """The candidates of each taxon at each rank."""
        return self._once("runs", lambda: runs_over(self.candidates, self.taxonomy))

    @property
    def sums(self) -> tuple[Floats, ...]:
        """For each rank ``(taxa, n)`` sums over the candidates of each run."""
        return self._once("sums", lambda: self.runs.sums(self.of_candidate))

    def tree(self, *, chains: bool = False) -> CandidateTree:
        """The tree over the candidates."""
        return tree_over(self.candidates, self.taxonomy, chains=chains)

    def mass(self, *, chains: bool = False) -> Floats:
        """Probability ``(m, n)`` of the nodes of the tree."""
        return self._once(("mass", chains), lambda: self.tree(chains=chains).mass(self.of_candidate.T))

    def best(self, values: tuple[NDArray[np.floating], ...], k: int) -> tuple[Ids, Floats]:
        """The k taxa of greatest value at every rank ``(n, n_ranks, k)``, and the sums of their candidates.

        Parameters
        ----------
        values
            For each rank ``(taxa, n)`` of its runs; 0 is no answer, ties go to the first.
        k
            How many.
        """
        n = len(self.probability)
        taxon = np.full((n, self.taxonomy.n_ranks, k), -1, dtype=np.int64)
        confidence = np.full(taxon.shape, np.nan)
        sample = np.arange(n)[:, None]
        for r, (value, sums, run) in enumerate(zip(values, self.sums, self.runs.taxon, strict=True)):
            rows = self.probability if value is self.of_candidate else np.ascontiguousarray(value.T)
            column = best(rows, k)
            taxon[:, r] = np.where(column >= 0, run[column], -1)
            confidence[:, r] = np.where(taxon[:, r] >= 0, sums[column, sample], np.nan)
        return taxon, confidence

    def largest_sums(self, k: int) -> tuple[Ids, Floats]:
        """The k taxa of largest sum at every rank ``(n, n_ranks, k)``, and their sums."""

        def find() -> tuple[Ids, Floats]:
            known = tuple(
                sums if run.min() >= 0 else np.where(run[:, None] >= 0, sums, 0.0)
                for sums, run in zip(self.sums, self.runs.taxon, strict=True)
            )
            return self.best(known, k)

        return self._once(("largest", k), find)


Rule = Callable[[Piece, int], tuple[Ids, Floats]]
"""Piece and k: to taxa and probabilities ``(n, n_ranks, k)``."""

_shared: ContextVar[tuple[tuple[Any, ...], Piece] | None] = ContextVar("_shared", default=None)


@contextmanager
def shared(probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy) -> Iterator[None]:
    """Let the rules that are called inside, with these very objects, share what they compute of them.

    For a block of samples that `blocks` would not divide: all of it is held at once. Nothing of it may change inside.
    """
    given = (probability, candidates, taxonomy)
    before = _shared.set((given, Piece(*checked_inputs(*given), taxonomy)))
    try:
        yield
    finally:
        _shared.reset(before)


def answered(rule: Rule, probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, k: int) -> Answers:
    """Apply a rule piece by piece."""
    given = (probability, candidates, taxonomy)
    held = _shared.get()
    if held is not None and all(one is other for one, other in zip(given, held[0], strict=True)):
        taxon, confidence = rule(held[1], k)
        return Answers(taxon.copy(), confidence.copy())
    scores, taxa = checked_inputs(*given)
    taxon = np.full((len(scores), taxonomy.n_ranks, k), -1, dtype=np.int64)
    confidence = np.full(taxon.shape, np.nan)
    for rows in blocks(len(scores), len(taxa)):
        taxon[rows], confidence[rows] = rule(Piece(scores[rows], taxa, taxonomy), k)
    return Answers(taxon, confidence)


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
    """Answer each sample with the lineage of one node; the others of a rank stay empty, and all if it is the root."""

    def rule(piece: Piece, k: int) -> tuple[Ids, Floats]:
        tree, mass = piece.tree(chains=chains), piece.mass(chains=chains)
        taxon = np.full((len(piece.probability), taxonomy.n_ranks, k), -1, dtype=np.int64)
        confidence = np.full(taxon.shape, np.nan)
        node = choose(tree, mass, piece.probability)
        taxon[:, :, 0], confidence[:, :, 0] = lineages(node, mass, tree, taxonomy)
        return taxon, confidence

    return answered(rule, probability, candidates, taxonomy, k)


def lineages(node: Ids, mass: Floats, tree: CandidateTree, taxonomy: Taxonomy) -> tuple[Ids, Floats]:
    """Taxon of each row's node at every rank ``(n, n_ranks)``, and its probability."""
    own = tree.taxon[node]
    taxon = np.where(own[:, None] < 0, -1, taxonomy.ancestor[own])
    place = np.searchsorted(tree.taxon, taxon)  # the taxa of a chain come right before the node that stands for it
    return taxon, np.where(taxon >= 0, mass[place, np.arange(len(node))[:, None]], np.nan)

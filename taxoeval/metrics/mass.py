"""The probability that candidates give to the taxa above them."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._probability import blocks, candidate_probability
from taxoeval.metrics._shapes import taxon_ids
from taxoeval.taxonomy import Taxonomy

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def rank_probability(
    probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, rank: str
) -> tuple[Floats, Ids]:
    """Probability of every taxon at one rank: the sum over the candidates that belong to it.

    Parameters
    ----------
    probability
        ``(n, c)``, rows sum to 1.
    candidates
        ``(c,)`` different taxa, at any rank.
    taxonomy
        Their taxonomy.
    rank
        Name of the rank.

    Returns
    -------
    probability
        ``(n, m)``, rows sum to 1.
    taxa
        ``(m,)`` the taxon of each column, ascending. If the taxon of some candidates is unknown at this rank, the first
        column is what they got together and its taxon is ``-1``.

    Raises
    ------
    ValueError
        If the taxonomy lacks the rank, a candidate is not in it or occurs twice, or a row does not sum to 1.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> mass, genera = rank_probability([[0.2, 0.3, 0.5]], species, taxonomy, rank="genus")
    >>> mass, taxonomy.names[genera]
    (array([[0.5, 0.5]]), array(['Corvus', 'Pica'], dtype=object))
    """
    numbers, candidate = known_candidates(probability, candidates, taxonomy)
    taxa, column = np.unique(taxonomy.at(rank)[candidate], return_inverse=True)
    order = np.argsort(column, kind="stable")
    starts = np.searchsorted(column[order], np.arange(len(taxa)))
    mass = np.empty((len(numbers), len(taxa)))
    for block in blocks(numbers):
        mass[block] = np.add.reduceat(numbers[block][:, order].astype(np.float64, copy=False), starts, axis=1)
    return mass, taxa


def known_candidates(
    probability: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy
) -> tuple[NDArray[np.floating], Ids]:
    """Both, checked, the candidates also against the taxonomy."""
    numbers, taxa = candidate_probability(probability, candidates)
    if (taxon_ids(taxa, "candidates", len(taxonomy)) < 0).any():
        raise ValueError("candidates must be taxa; -1 is none")
    return numbers, taxa


@dataclass(frozen=True, eq=False)
class CandidateTree:
    """The candidates and all taxa above them, with what is needed to add up probabilities.

    Attributes
    ----------
    taxon
        ``(m,)`` id of each node in the whole taxonomy, ascending: preorder.
    parent
        ``(m,)`` parent of each node among the nodes, ``-1`` at a root.
    column
        ``(c,)`` the node of each candidate.
    n_candidates
        ``(m,)`` candidates at or below each node.
    branching
        ``(m,)`` whether a node says less than any node below it: it is a candidate or has two children or more.
    levels
        Nodes at each depth from the deepest to those below the roots, siblings together.
    """

    taxon: Ids
    parent: Ids
    column: Ids
    n_candidates: Ids
    branching: NDArray[np.bool_]
    levels: tuple[Ids, ...]

    @classmethod
    def over(cls, candidates: Ids, taxonomy: Taxonomy) -> "CandidateTree":
        """Restrict a taxonomy to candidates."""
        tree, id_map = taxonomy.restrict(candidates)
        column = id_map[candidates]
        own = np.zeros(len(tree), dtype=np.int64)
        own[column] = 1
        running = np.r_[0, np.cumsum(own)]
        children = np.bincount(tree.parent[tree.parent >= 0], minlength=len(tree))
        levels = tuple(np.flatnonzero(tree.depth == depth) for depth in range(int(tree.depth.max()), 0, -1))
        return cls(
            taxon=np.flatnonzero(id_map >= 0),
            parent=tree.parent,
            column=column,
            n_candidates=running[np.arange(len(tree)) + tree.size] - running[:-1],
            branching=(own > 0) | (children > 1),
            levels=levels,
        )

    def mass(self, probability: NDArray[np.floating]) -> Floats:
        """Probability ``(m, n)`` of every node from that of the candidates ``(n, c)``.

        Sums of numbers of at least 0, taken from the bottom up: a parent is never below a child, whatever the rounding.
        """
        mass = np.zeros((len(self.taxon), len(probability)))
        mass[self.column] = probability.T
        for parent, children in self._sums_of_children:
            mass[parent] += children @ mass
        return mass

    @cached_property
    def _sums_of_children(self) -> "tuple[tuple[Ids, csr_matrix], ...]":
        """The parents of each level, from the deepest, and the matrix that adds up the children of each."""
        from scipy.sparse import csr_matrix

        found = []
        for level in self.levels:
            above = self.parent[level]
            starts = np.flatnonzero(np.r_[True, above[1:] != above[:-1]])
            entries = (np.ones(len(level)), level, np.append(starts, len(level)))
            found.append((above[starts], csr_matrix(entries, shape=(len(starts), len(self.taxon)))))
        return tuple(found)

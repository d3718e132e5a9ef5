"""Squared lengths of the sums of vectors below every node of a tree, and the same with some labels left out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.lca_pairs import LcaPairs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LcaSquares:
    """Sums over sets of labels, from which those of fewer labels differ at few sets.

    Attributes
    ----------
    pairs
        The tree, of ``m`` nodes over ``g`` labels.
    total
        ``(g, d)`` a vector of each label.
    sets
        Sparse, by column ``(2 m + 2, g)``: the labels below each node; those below the children of each node that
        count, with the node above the roots as the last; and all labels.
    joined, square
        ``(2 m + 2, d)`` their sums, and ``(2 m + 2,)`` the squared lengths of these.
    """

    pairs: LcaPairs
    total: Floats
    sets: Any
    joined: Floats
    square: Floats

    @classmethod
    def of(cls, pairs: LcaPairs, total: Floats) -> "LcaSquares":
        """Of all labels."""
        from scipy.sparse import csc_array

        m, g = len(pairs.parent), len(total)
        label, node = pairs.members(np.arange(m))
        counted = pairs.counts[node]
        row = np.concatenate([node, m + pairs.parent[node[counted]], np.full(g, 2 * m + 1)])
        column = np.concatenate([label, label[counted], np.arange(g)])
        sets = csc_array((np.ones(len(row)), (row, column)), shape=(2 * m + 2, g))
        joined = sets.tocsr() @ total
        return cls(pairs, total, sets, joined, np.einsum("ij,ij->i", joined, joined))

    def keep(self, kept: NDArray[np.bool_]) -> Floats:
        """``(2 m + 2,)`` the squared lengths of sums over some of the labels, a mask ``(g,)``.

        Examples
        --------
        >>> from taxoeval import Taxonomy
        >>> taxonomy = Taxonomy.from_lineages(
        ...     [("Aves", "Pica"), ("Aves", "Larus"), ("Reptilia", "Natrix")], ranks=("class", "genus"))
        >>> pairs = LcaPairs.of(np.array([1, 2, 4]), taxonomy, strict=True)
        >>> squares = LcaSquares.of(pairs, np.array([[2.0], [1.0], [1.0]]))
        >>> squares.square[:5], squares.keep(np.array([True, False, True]))[:5]  # of Aves, Pica, Larus ...
        (array([9., 4., 1., 1., 1.]), array([4., 4., 0., 1., 1.]))
        """
        gone = np.flatnonzero(~kept)
        out = self.sets[:, gone].tocsr()
        row = np.flatnonzero(np.diff(out.indptr))
        rest = self.joined[row] - out[row] @ self.total[gone]
        square = self.square.copy()
        square[row] = np.einsum("ij,ij->i", rest, rest)
        return square

    def between(self, square: Floats) -> Floats:
        """``(m + 1,)`` as `LcaPairs.between`, from squared lengths ``(2 m + 2,)``."""
        m, child = len(self.pairs.parent), self.pairs.counts
        apart = np.bincount(self.pairs.parent[child], square[:m][child], minlength=m + 1)
        return np.asarray(square[m : 2 * m + 1] - apart)

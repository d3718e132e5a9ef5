"""Pairs of labels by the rank of their lowest common ancestor, in so few sums that labels can be permuted often."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.lca_pairs import LcaPairs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LcaLevels:
    """The sums of inner products of `LcaPairs`, added up by level.

    Those of a node are the squared length of the sum of its children less those of each child. A genus is a term of
    its family and of its own, and a family with one genus is the same sum again: each set of labels is added up once.

    Attributes
    ----------
    sets
        ``(k, g)`` sparse, which labels are in each set of two or more.
    of_sets
        ``(n_ranks + 1, k)`` how often the squared length of the sum of each set counts at each level.
    of_labels
        ``(n_ranks + 1, g)`` the same for sets of one label.
    """

    sets: Any
    of_sets: Floats
    of_labels: Floats

    @classmethod
    def of(cls, pairs: LcaPairs) -> "LcaLevels":
        """Of a tree over labels.

        Examples
        --------
        >>> from taxoeval import Taxonomy
        >>> taxonomy = Taxonomy.from_lineages(
        ...     [("Aves", "Pica"), ("Aves", "Larus"), ("Reptilia", "Natrix")], ranks=("class", "genus"))
        >>> levels = LcaLevels.of(LcaPairs.of(np.array([1, 2, 4]), taxonomy, strict=False))
        >>> levels.sums(np.ones((3, 1)), np.array([2.0, 1.0, 1.0]))  # of different classes, within Aves, within a genus
        array([6., 4., 0.])
        """
        from scipy.sparse import csr_array

        m, g = len(pairs.parent), len(pairs.place)
        siblings = np.bincount(pairs.parent[pairs.counts], minlength=m + 1)
        child = np.flatnonzero(pairs.counts & (siblings[pairs.parent] > 1))
        label, node = _members(pairs, child)
        # what the children of a node hold together, and what each holds: in the same numbering, nodes then children
        row = np.concatenate([pairs.parent[node], m + 1 + node])
        column = np.concatenate([label, label])
        kind, row = np.unique(row, return_inverse=True)
        at = np.where(kind > m, pairs.parent[np.clip(kind - m - 1, 0, m - 1)], kind)
        same = _same_sets(row, column, len(kind))
        times = np.zeros((pairs.n_ranks + 1, same.max(initial=-1) + 1))
        np.add.at(times, (pairs.level[at], same), np.where(kind > m, -1.0, 1.0))
        first = np.unique(same, return_index=True)[1]
        chosen = np.isin(row, first)
        table = csr_array((np.ones(chosen.sum()), (same[row[chosen]], column[chosen])), shape=(times.shape[1], g))
        single = np.diff(table.indptr) == 1
        of_labels = np.zeros((pairs.n_ranks + 1, g))
        of_labels[:, table[single].indices] = times[:, single]
        return cls(table[~single], times[:, ~single], of_labels)

    def sums(self, vector: Floats, weight: Floats, order: Ints | None = None) -> Floats:
        """``(n_ranks + 1,)`` weighted sum of inner products over ordered pairs of labels that meet at each level.

        Parameters
        ----------
        vector
            ``(g, d)`` one of each label.
        weight
            ``(g,)`` of each label; that of a pair is the product.
        order
            ``(g,)`` whose vector each label takes; by default its own. The weights stay.
        """
        from scipy.sparse import csr_array

        place, own = self.sets.indices, np.einsum("ij,ij->i", vector, vector)
        if order is not None:
            own = own[order]
        sets = csr_array(
            (weight[place], place if order is None else order[place], self.sets.indptr), shape=self.sets.shape
        )
        joined = sets @ vector
        return np.asarray(self.of_sets @ np.einsum("ij,ij->i", joined, joined) + self.of_labels @ (weight**2 * own))


def _members(pairs: LcaPairs, nodes: Ints) -> tuple[Ints, Ints]:
    """All (label, node) such that the label lies in the subtree of one of the nodes."""
    start = np.searchsorted(pairs.place, nodes)
    count = np.searchsorted(pairs.place, nodes + pairs.size[nodes]) - start
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(start, count) + within, np.repeat(nodes, count)


def _same_sets(row: Ints, column: Ints, n_rows: int) -> Ints:
    """``(n_rows,)`` a number for each row, shared by rows with the same columns: two random sums tell sets apart."""
    mark = np.random.default_rng(0).random((int(column.max(initial=0)) + 1, 2))
    count = np.bincount(row, minlength=n_rows).astype(np.float64)
    sums = [np.bincount(row, mark[column, i], minlength=n_rows).round(9) for i in range(2)]
    return np.asarray(np.unique(np.stack([count, *sums]), axis=1, return_inverse=True)[1]).reshape(-1)

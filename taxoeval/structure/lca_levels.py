"""Pairs of labels by the rank of their lowest common ancestor, in so few sums that labels can be permuted often."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.lca_pairs import LcaPairs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_HELD = 1 << 20
"""Numbers held at a time: 8 MB."""


@dataclass(frozen=True, eq=False)
class LcaLevels:
    """The sums of inner products of `LcaPairs`, added up by level.

    Those of a node are the squared length of the sum of its children less those of each child. A genus is a term of
    its family and of its own, and a family with one genus is the same sum again: each set of labels is added up once.

    And of any two sets either one is part of the other or they share nothing, so most are sums of smaller ones.

    Attributes
    ----------
    direct
        ``(k, g)`` sparse: of each set of two labels or more, those that are in no smaller set. Sets made of labels
        alone come first, then those of labels and these, and so on.
    layers
        Where each further layer of sets starts, and sparse, which of the sets before it are the next smaller ones.
    of_sets
        ``(n_ranks + 1, k)`` how often the squared length of the sum of each set counts at each level.
    of_labels
        ``(n_ranks + 1, g)`` the same for sets of one label.
    """

    direct: Any
    layers: tuple[tuple[int, Any], ...]
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
        label, node = pairs.members(child)
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
        order, direct, layers = _in_layers(table[~single])
        return cls(direct, layers, times[:, ~single][:, order], of_labels)

    def sums(self, vector: Floats, weight: Floats, order: Ints | None = None) -> Floats:
        """Weighted sum of inner products over ordered pairs of labels that meet at each level.

        Parameters
        ----------
        vector
            ``(g, d)`` one of each label.
        weight
            ``(g,)`` of each label, or ``(w, g)`` several; that of a pair is the product.
        order
            ``(g,)`` whose vector each label takes, or ``(b, g)`` several; by default its own. The weights stay.

        Returns
        -------
        sums
            ``(n_ranks + 1,)``, for several orders or weights ``(b, w, n_ranks + 1)``, without those not given.
        """
        g, d = vector.shape
        orders = np.atleast_2d(np.arange(g) if order is None else order)
        weights = np.atleast_2d(weight)
        if (weights == weights[0]).all():  # one image of each label: all weights are the same
            weights = weights[:1]
        own, (w, k) = np.einsum("ij,ij->i", vector, vector), (len(weights), len(self.of_sets.T))
        found = np.empty((len(orders), w, len(self.of_labels)))
        step = max(1, _HELD // max(1, k * w * d))
        for first in range(0, len(orders), step):
            some = orders[first : first + step]
            alone = (weights**2) * own[some][:, None]
            found[first : first + step] = (
                self._squares(vector, weights, some) @ self.of_sets.T + alone @ self.of_labels.T
            )
        found = np.repeat(found, len(np.atleast_2d(weight)) // w, axis=1)
        return found.reshape(*(() if order is None else order.shape[:-1]), *weight.shape[:-1], len(self.of_labels))

    def _squares(self, vector: Floats, weights: Floats, orders: Ints) -> Floats:
        """``(b, w, k)`` squared length of the weighted sum of each set."""
        from scipy.sparse import csr_array

        (b, w, d), k = (len(orders), len(weights), vector.shape[1]), len(self.of_sets.T)
        of_set, place = np.repeat(np.arange(k), np.diff(self.direct.indptr)), self.direct.indices
        # a row for each set, order and weight, in this order: then sets are rows of all orders and weights at once
        row = of_set[:, None] * (b * w) + np.arange(b * w)
        column, times = np.repeat(orders[:, place].T, w, axis=1), np.tile(weights[:, place].T, (1, b))
        gather = csr_array((times.ravel(), (row.ravel(), column.ravel())), shape=(k * b * w, len(vector)))
        joined = (gather @ vector).reshape(k, b * w * d)
        for start_of, smaller in self.layers:
            joined[start_of : start_of + smaller.shape[0]] += smaller @ joined[:start_of]
        rows = joined.reshape(k, b * w, d)
        return np.asarray(np.einsum("ijk,ijk->ij", rows, rows).T.reshape(b, w, k))


def _in_layers(table: Any) -> tuple[Ints, Any, tuple[tuple[int, Any], ...]]:
    """An order of the rows of ``table (k, g)``, sets that lie within each other or apart, and the same in layers."""
    from scipy.sparse import csr_array

    k, g = table.shape
    size = np.diff(table.indptr)
    row, label = np.repeat(np.arange(k), size), table.indices
    chain = np.lexsort((size[row], label))  # the sets of each label, from the smallest to the largest
    row, label = row[chain], label[chain]
    smallest = np.diff(label, prepend=-1) > 0
    within = np.full(k, -1)
    inner = np.flatnonzero(~smallest)
    within[row[inner - 1]] = row[inner]
    height = np.zeros(k, dtype=np.int64)
    for one in np.argsort(size, kind="stable").tolist():
        if within[one] >= 0:
            height[within[one]] = max(height[within[one]], height[one] + 1)
    order = np.argsort(height, kind="stable")
    new = np.empty(k, dtype=np.int64)
    new[order] = np.arange(k)
    direct = csr_array((np.ones(smallest.sum()), (new[row[smallest]], label[smallest])), shape=(k, g))
    smaller = np.flatnonzero(within >= 0)
    child, parent = new[smaller], new[within[smaller]]
    start = np.searchsorted(height[order], np.arange(height.max(initial=0) + 2))
    layers = []
    for first, last in pairwise(start[1:].tolist()):
        here = (parent >= first) & (parent < last)
        shape = (last - first, first)
        layers.append((first, csr_array((np.ones(here.sum()), (parent[here] - first, child[here])), shape=shape)))
    return order, direct, tuple(layers)


def _same_sets(row: Ints, column: Ints, n_rows: int) -> Ints:
    """``(n_rows,)`` a number for each row, shared by rows with the same columns: two random sums tell sets apart."""
    mark = np.random.default_rng(0).random((int(column.max(initial=0)) + 1, 2))
    count = np.bincount(row, minlength=n_rows).astype(np.float64)
    sums = [np.bincount(row, mark[column, i], minlength=n_rows).round(9) for i in range(2)]
    return np.asarray(np.unique(np.stack([count, *sums]), axis=1, return_inverse=True)[1]).reshape(-1)

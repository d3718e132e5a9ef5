"""Variance components of nested groups: which quadratic forms to take, and how to undo what they mix."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.lca_pairs import LcaPairs, Weighted

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Nested:
    """The groups of images that each rank makes, from the whole (level 0) by the ranks to the single images.

    Attributes
    ----------
    pairs
        The tree over the labels, strict.
    """

    pairs: LcaPairs

    @cached_property
    def path(self) -> Ints:
        """``(m, n_ranks + 1)`` each node's ancestor-or-self at each level, ``-1`` where unknown or below it."""
        m = len(self.pairs.parent)
        table = np.full((m + 1, self.pairs.n_ranks + 1), -1)
        table[:, 0] = m
        for place in range(self.pairs.n_ranks):
            at = np.flatnonzero(self.pairs.rank == place)
            table[at] = table[self.pairs.parent[at]]
            table[at, place + 1] = at
        return table[:m]

    @cached_property
    def taxa_of_labels(self) -> Ints:
        """``(g, n_ranks + 1)`` the group of each label: its taxon, or where that is unknown the coarsest below it."""
        table = self.path[self.pairs.place]
        for level in range(self.pairs.n_ranks - 1, -1, -1):
            hole = table[:, level] < 0
            table[hole, level] = table[hole, level + 1]
        return table

    @cached_property
    def resolved(self) -> tuple[Ints, Ints]:
        """Groups in which all parts are known to differ: of nodes ``(m, n_ranks + 1)``, of labels (-1: single images).

        What hangs under a taxon by a hole is in no pair with the rest of the taxon, so it keeps the groups it has at
        the next level: then it enters both levels alike and their difference not at all.
        """
        nodes, own = self.path.copy(), self.pairs.level[:-1]
        labels = nodes[self.pairs.place]
        for level in range(self.pairs.n_ranks - 1, -1, -1):
            for table, fixed in ((nodes, own <= level), (labels, np.zeros(len(labels), dtype=bool))):
                whole = self.path if table is nodes else self.path[self.pairs.place]
                joined = (whole[:, level] >= 0) & (whole[:, level + 1] >= 0)
                table[:, level] = np.where(joined | fixed, whole[:, level], table[:, level + 1])
        return nodes, labels

    def sizes(self, of: Weighted) -> Ints:
        """``(n_ranks,)`` how many known taxa of each rank have images."""
        held = self.pairs.below(of.weight) > 0
        return np.bincount(self.pairs.rank[held], minlength=self.pairs.n_ranks)

    def degrees(self, images: int) -> Ints:
        """``(n_ranks + 1,)`` by how many groups each rank, and the images, go beyond the level above."""
        groups = [len(np.unique(column[column >= 0])) for column in self.taxa_of_labels.T]
        return np.diff([*groups, images])

    def raw(self, of: Weighted) -> Floats:
        """``(n_ranks + 2,)`` sum over the groups of each level of weight times squared length of the mean."""
        m = len(self.pairs.parent)
        total = np.vstack([self.pairs.below(of.total), of.total.sum(axis=0)])
        weight = np.append(self.pairs.below(of.weight), of.weight.sum())
        square = np.einsum("ij,ij->i", total, total)
        form = np.append(np.divide(square, weight, out=np.zeros(m + 1), where=weight > 0), 0.0)
        found = [form[np.unique(column)].sum() + of.square[column < 0].sum() for column in self.taxa_of_labels.T]
        return np.array([*found, of.square.sum()])

    def half_distances(self, of: Weighted, product: Floats | None = None) -> Floats:
        """``(n_ranks + 2,)`` half the mean squared distance of two images that meet at each level, without bias.

        NaN for a level at which no two images are known to meet; the last, of an image and itself, is zero. See
        `taxoeval.structure.variance` for the method, and `LcaPairs.sums` for the product.
        """
        levels = self.pairs.n_ranks + 2
        weight, product, square = self.pairs.sums(of, product)
        weight = np.concatenate([weight, of.self_weight])
        distance = np.concatenate([square - product, np.zeros(len(self.pairs.place))])
        meet = np.concatenate([self.pairs.level, np.full(len(self.pairs.place), levels - 1)])
        mixing, form = np.eye(levels), np.zeros(levels)
        for level in range(levels - 1):
            scale = self._scales(level, of, weight, meet)
            mixing[level] = np.bincount(meet, weight * scale, minlength=levels)
            form[level] = distance @ scale
        known = np.diag(mixing) > 0
        answer = np.full(levels, np.nan)
        answer[known] = np.linalg.solve(mixing[np.ix_(known, known)], form[known])
        return answer

    def _scales(self, level: int, of: Weighted, weight: Floats, meet: Ints) -> Floats:
        """What each entry of the pairs counts in a level's form.

        A group counts its weight times the mean over the pairs in it that are known to meet somewhere, each image's
        with itself among them; groups of one image do not count, as their distance is zero.
        """
        nodes, labels = self.resolved
        m = len(nodes)
        group = np.concatenate([nodes[:, level], [m if level == 0 else -1], labels[:, level]])
        inside = (meet >= level) & (group >= 0)
        label = labels[:, level]
        size = np.bincount(label[label >= 0], of.weight[label >= 0], minlength=m + 1)
        pairs = np.bincount(group[inside], weight[inside], minlength=m + 1)
        of_group = np.divide(size, pairs, out=np.zeros(m + 1), where=pairs > 0)
        return np.where(inside, of_group[group], 0.0)

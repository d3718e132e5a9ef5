"""All pairs of images by their lowest common ancestor, as sums over the nodes of a tree: no pair is ever looked at."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.sums import TaxonSums
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Weighted:
    """Vectors of the labels under a weight per image: of each pair of images, the product of the two weights counts.

    Attributes
    ----------
    weight
        ``(g,)`` summed weight of the images of each label.
    total
        ``(g, d)`` weighted sum of their vectors.
    self_weight, self_product
        ``(g,)`` summed squared weight, and summed squared weight times squared length: what pairs of an image with
        itself put into ``weight**2`` and ``|total|**2``.
    square
        ``(g,)`` weighted sum of squared lengths.
    """

    weight: Floats
    total: Floats
    self_weight: Floats
    self_product: Floats
    square: Floats

    @classmethod
    def of(cls, sums: TaxonSums, weights: str) -> "Weighted":
        """``"images"``: every image counts one; ``"species"``: every label counts one, shared out among its images.

        Raises
        ------
        ValueError
            If the weights are neither.
        """
        n = sums.count.astype(np.float64)
        if weights == "images":
            return cls(n, sums.total, n, sums.square, sums.square)
        if weights == "species":
            return cls(np.ones_like(n), sums.total / n[:, None], 1 / n, sums.square / n**2, sums.square / n)
        raise ValueError(f'weights must be "images" or "species"; got {weights!r}')

    def keep(self, kept: NDArray[np.bool_]) -> "Weighted":
        """The same with no weight on the other labels; the arrays keep their length."""
        k = kept.astype(np.float64)
        return Weighted(
            self.weight * k, self.total * k[:, None], self.self_weight * k, self.self_product * k, self.square * k
        )


@dataclass(frozen=True, eq=False)
class LcaPairs:
    """The tree over the labels that occur, made to add up pairs of images by their lowest common ancestor.

    Nodes are numbered as in the taxonomy, without those that have no image; one more, the last, stands above the
    roots and holds the pairs that share nothing. A pair counts at a node if both sides reach it by edges that count.
    Images labelled with an inner taxon are in no pair at or below their label: what finer taxa they belong to, and so
    whether a pair shares one, is unknown.

    Attributes
    ----------
    parent
        ``(m,)`` parent of each node; ``m`` for a root.
    rank
        ``(m,)`` place of its rank.
    place
        ``(g,)`` node of each label, ascending.
    size
        ``(m,)`` nodes in the subtree.
    counts
        ``(m,)`` whether pairs between the node and its siblings count.
    n_ranks
        How many ranks the taxonomy has.
    """

    parent: Ints
    rank: Ints
    place: Ints
    size: Ints
    counts: NDArray[np.bool_]
    n_ranks: int

    @classmethod
    def of(cls, taxa: Ints, taxonomy: Taxonomy, *, strict: bool) -> "LcaPairs":
        """Over the labels ``taxa (g,)``, distinct and ascending.

        Where `strict`, only children of the very next rank are told apart: two that meet across a hole might share
        the taxon that is missing. Otherwise all children are told apart, and a pair is at the lowest *known* common
        ancestor; roots below the coarsest rank are told from nothing in either case.

        Examples
        --------
        >>> from taxoeval import Taxonomy
        >>> taxonomy = Taxonomy.from_lineages(
        ...     [("Aves", "Pica"), ("Aves", "Larus"), ("Reptilia", "Natrix")], ranks=("class", "genus"))
        >>> pairs = LcaPairs.of(np.array([1, 2, 4]), taxonomy, strict=True)
        >>> two_of_each = np.array([2.0, 2.0, 2.0])
        >>> pairs.between(two_of_each[:, None])  # ordered pairs that meet at each node; the last: of different classes
        array([ 8.,  0.,  0.,  0.,  0., 16.])
        """
        tree, new = taxonomy.restrict(taxa)
        m = len(tree)
        root = tree.parent < 0
        next_rank = tree.rank == np.where(root, 0, tree.rank[tree.parent] + 1)
        return cls(
            parent=np.where(root, m, tree.parent),
            rank=np.asarray(tree.rank, dtype=np.int64),
            place=new[taxa],
            size=np.asarray(tree.size, dtype=np.int64),
            counts=np.asarray(next_rank if strict else next_rank | ~root),
            n_ranks=taxonomy.n_ranks,
        )

    @cached_property
    def level(self) -> Ints:
        """``(m + 1,)`` 0 at the node above the roots, else 1 + the place of the rank."""
        return np.append(self.rank + 1, 0)

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        """``(g,)`` whether a label is of the finest rank."""
        return np.asarray(self.rank[self.place] == self.n_ranks - 1)

    def members(self, nodes: Ints) -> tuple[Ints, Ints]:
        """All (label, node) such that the label lies in the subtree of one of the nodes."""
        start = np.searchsorted(self.place, nodes)
        count = np.searchsorted(self.place, nodes + self.size[nodes]) - start
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(start, count) + within, np.repeat(nodes, count)

    def below(self, of_label: Floats) -> Floats:
        """Sum over the labels of each subtree, ``(g, ...)`` to ``(m, ...)``: labels in preorder make it a slice."""
        running = np.concatenate([np.zeros_like(of_label[:1]), np.cumsum(of_label, axis=0)])
        node = np.arange(len(self.parent))
        below: Floats = running[np.searchsorted(self.place, node + self.size)]
        below -= running[np.searchsorted(self.place, node)]
        return below

    def between(self, of_label: Floats, of_other: Floats | None = None) -> Floats:
        """Sum over ordered pairs of labels that meet at each node of the inner product of one's vector and the other's.

        Parameters
        ----------
        of_label
            ``(g, d)`` vectors.
        of_other
            ``(g, d)`` those of the second label of a pair; by default the same.

        Returns
        -------
        product
            ``(m + 1,)``.
        """
        from scipy.sparse import csr_array

        m = len(self.parent)
        child = np.flatnonzero(self.counts)
        edges = csr_array((np.ones(len(child)), (self.parent[child], child)), shape=(m + 1, m))
        one = self.below(of_label)
        other = one if of_other is None else self.below(of_other)
        return np.asarray(np.einsum("ij,ij->i", edges @ one, edges @ other) - edges @ np.einsum("ij,ij->i", one, other))

    def sums(self, of: Weighted, product: Floats | None = None) -> tuple[Floats, Floats, Floats]:
        """Weights, inner products and squared lengths over ordered pairs of different images, by where they meet.

        Parameters
        ----------
        of
            The images.
        product
            ``(m + 1,)`` what `between` gives for their totals, if it is known.

        Returns
        -------
        weight, product, square
            ``(m + 1,)`` each: the products of the two weights, summed as they are, times the inner product, and times
            the squared length of the first image. At a node of the finest rank, of the pairs of its own images.
        """
        one = of.weight[:, None]
        weight, square = self.between(one), self.between(of.square[:, None], one)
        product = self.between(of.total) if product is None else product.copy()
        at = self.place[self.whole]
        weight[at] = (of.weight**2 - of.self_weight)[self.whole]
        product[at] = (np.einsum("ij,ij->i", of.total, of.total) - of.self_product)[self.whole]
        square[at] = (of.weight * of.square - of.self_product)[self.whole]
        weight[np.abs(weight) < 1e-9] = 0.0  # what rounding leaves where there is no pair
        return weight, product, square

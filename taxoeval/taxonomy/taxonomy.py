"""A tree whose nodes are taxa: each has a taxonomic rank and is identified by its whole path."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.taxonomy.arrays import Ints, frozen
from taxoeval.taxonomy.tree import Tree

if TYPE_CHECKING:
    import ete3

    from taxoeval.taxonomy.lookup import Lookup
    from taxoeval.taxonomy.parents import ParentList

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
"""The seven main ranks, coarse to fine."""


class Taxonomy(Tree):
    """A tree, or forest, of taxa with ranks.

    A taxon is a node id. What makes it that taxon is its whole path: two genera of the
    same name in different families are two taxa. A rank that a lineage leaves open is
    unknown: it is no node and joins nothing, and the parent of a taxon is its nearest
    *known* ancestor. Build one with `from_lineages`, `from_columns`, `from_table`,
    `from_parents`, `from_newick` or `from_ete`: these number the taxa the same way
    whatever the order of their input (siblings by rank, then by name).

    Parameters
    ----------
    parent, names, length
        As for `Tree`; here every node has a name.
    rank
        ``(n,)`` integers, the place of each taxon's rank in ``ranks``; finer than its
        parent's.
    ranks
        Names of the ranks, coarse to fine.

    Attributes
    ----------
    rank, ranks
        As given; ``rank`` as a read-only int64 array.

    Raises
    ------
    ValueError
        If shapes disagree, a rank is out of range or not finer than the parent's, or a
        name is empty.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Corvus", "Corvus corone"), ("Corvidae", "Pica", "")],
    ...     ranks=("family", "genus", "species"))
    >>> taxonomy
    Taxonomy(5 taxa: 1 family, 2 genus, 2 species)
    >>> taxonomy.ids(["Corvus corone", "Pica"])
    array([3, 4])
    >>> taxonomy.ancestor[4]
    array([ 0,  4, -1], dtype=int32)
    """

    rank: Ints
    ranks: tuple[str, ...]

    def __init__(
        self,
        parent: ArrayLike,
        names: Iterable[str],
        rank: ArrayLike,
        ranks: Sequence[str] = RANKS,
        length: ArrayLike | None = None,
    ) -> None:
        super().__init__(parent, names, length)
        order = checked_ranks(ranks)
        place = frozen(np.array(rank, dtype=np.int64))
        if place.shape != self.parent.shape:
            raise ValueError(f"rank must be (n,) like parent {self.parent.shape}; got {place.shape}")
        if place.min() < 0 or place.max() >= len(order):
            raise ValueError(f"rank must lie in 0 .. {len(order) - 1}; got {place.min()} .. {place.max()}")
        wrong = np.flatnonzero((self.parent >= 0) & (place <= place[self.parent]))
        if len(wrong):
            i = int(wrong[0])
            raise ValueError(
                f"a taxon's rank must be finer than its parent's: {self.names[i]} is a {order[place[i]]}, "
                f"its parent {self.names[self.parent[i]]} a {order[place[self.parent[i]]]}"
            )
        if not all(self.names):
            raise ValueError(f"every taxon needs a name: taxon {list(self.names).index('')} has none")
        self.__dict__.update(rank=place, ranks=order)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.parent, self.names, self.rank, self.ranks, self.length)

    def _rebuild(self, kept: Ints, parent: Ints) -> Self:
        length = None if self.length is None else self.length[kept]
        return type(self)(parent, self.names[kept], self.rank[kept], self.ranks, length)

    def _identity(self) -> list[bytes]:
        return [*super()._identity(), self.rank.astype("<i8").tobytes(), "\n".join(self.ranks).encode()]

    def _counts(self) -> str:
        counts = np.bincount(self.rank, minlength=self.n_ranks)
        listed = ", ".join(f"{k} {name}" for k, name in zip(counts, self.ranks, strict=True))
        return f"{len(self)} {'taxon' if len(self) == 1 else 'taxa'}: {listed}"

    @property
    def n_ranks(self) -> int:
        """How many ranks the taxonomy has."""
        return len(self.ranks)

    @cached_property
    def ancestor(self) -> NDArray[np.int32]:
        """``(n, n_ranks)`` each taxon's ancestor-or-self at each rank; ``-1`` where unknown or below its own rank."""
        table = np.full((len(self), self.n_ranks), -1, dtype=np.int32)
        for place in range(self.n_ranks):
            taxa = np.flatnonzero(self.rank == place)
            below = taxa[self.parent[taxa] >= 0]
            table[below] = table[self.parent[below]]
            table[taxa, place] = taxa
        return frozen(table)

    def at(self, rank: str) -> Ints:
        """The ancestor-or-self of every taxon at one rank.

        Parameters
        ----------
        rank
            Name of the rank.

        Returns
        -------
        taxon
            ``(n,)`` int64, ``-1`` where that rank is unknown or finer than the taxon's own.

        Raises
        ------
        ValueError
            If the taxonomy has no such rank.

        Examples
        --------
        >>> taxonomy = Taxonomy.from_lineages([("Pica", "Pica pica"), ("", "Larus sp.")], ranks=("genus", "species"))
        >>> taxonomy.at("genus")
        array([ 0,  0, -1])
        """
        if rank not in self.ranks:
            raise ValueError(f"no rank {rank!r}; the taxonomy has {', '.join(self.ranks)}")
        return self.ancestor[:, self.ranks.index(rank)].astype(np.int64)

    def lineage(self, taxon: int) -> tuple[str, ...]:
        """The names of one taxon's ancestors and itself at every rank, ``""`` where there is none.

        Examples
        --------
        >>> Taxonomy.from_lineages([("Corvidae", "", "Pica pica")], ranks=("family", "genus", "species")).lineage(1)
        ('Corvidae', '', 'Pica pica')
        """
        return tuple(str(self.names[i]) if i >= 0 else "" for i in self.ancestor[taxon])

    def path(self, taxon: int) -> str:
        """One taxon's known names from coarse to fine, for people.

        Examples
        --------
        >>> Taxonomy.from_lineages([("Corvidae", "", "Pica pica")], ranks=("family", "genus", "species")).path(1)
        'Corvidae > Pica pica'
        """
        if taxon not in self._paths:
            self._paths[taxon] = " > ".join(name for name in self.lineage(taxon) if name)
        return self._paths[taxon]

    @cached_property
    def _paths(self) -> dict[int, str]:
        """Of the taxa asked for so far: tables of results ask for the same ones again and again."""
        return {}

    @cached_property
    def _lookup(self) -> "Lookup":
        from taxoeval.taxonomy.lookup import Lookup

        return Lookup(self)

    def ids(self, taxa: Sequence[str] | Sequence[Sequence[str | None]]) -> Ints:
        """Taxon ids of names or of lineages.

        Parameters
        ----------
        taxa
            ``m`` names, each borne by one taxon only; or ``m`` lineages with a name or a
            hole (``""`` or ``None``) for every rank. A lineage means its last known taxon.

        Returns
        -------
        taxon
            ``(m,)`` int64.

        Raises
        ------
        TaxoevalError
            If a name is unknown (the nearest spelling is given) or is borne by several
            taxa (their paths are given), or a lineage is not in the taxonomy.

        Examples
        --------
        >>> taxonomy = Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Pica", "Pica pica")],
        ...                                   ranks=("genus", "species"))
        >>> taxonomy.ids(["Pica", "Corvus corax"])
        array([2, 1])
        >>> taxonomy.ids([("Pica", "Pica pica"), ("Pica", None)])
        array([3, 2])
        """
        return self._lookup.ids(taxa)

    @classmethod
    def from_lineages(cls, lineages: Sequence[Sequence[str | None]], *, ranks: Sequence[str] = RANKS) -> "Taxonomy":
        """The taxonomy over lineages, one a row; holes are ``""`` or ``None``. See `taxoeval.taxonomy.lineages`.

        Examples
        --------
        >>> Taxonomy.from_lineages([("Corvus", "Corvus corax"), ("Corvus", "")], ranks=("genus", "species"))
        Taxonomy(2 taxa: 1 genus, 1 species)
        """
        from taxoeval.taxonomy.cells import columns_of
        from taxoeval.taxonomy.lineages import columns_to_taxonomy

        return columns_to_taxonomy(columns_of(lineages, ranks), ranks)[0]

    @classmethod
    def from_columns(
        cls, columns: Mapping[str, Any] | Sequence[Any], *, ranks: Sequence[str] = RANKS, where: str = "lineages"
    ) -> tuple["Taxonomy", Ints]:
        """The taxonomy over columns, one a rank, and the taxon of every row; errors call the source ``where``.

        Examples
        --------
        >>> taxonomy, taxon = Taxonomy.from_columns(
        ...     {"genus": ["Pica", "Pica", "Corvus"], "species": ["Pica pica", None, "Corvus corax"]},
        ...     ranks=("genus", "species"))
        >>> taxon
        array([3, 2, 1])
        """
        from taxoeval.taxonomy.lineages import columns_to_taxonomy

        return columns_to_taxonomy(columns, ranks, where)

    @classmethod
    def from_table(
        cls, path: str | Path, *, ranks: Sequence[str] = RANKS, columns: Mapping[str, str] | None = None
    ) -> "Taxonomy":
        """The taxonomy of a CSV, TSV or Parquet table; `taxoeval.taxonomy.read_table` also gives rows and notes."""
        from taxoeval.taxonomy.table import read_table

        return read_table(path, ranks=ranks, columns=columns).taxonomy

    def to_table(self, path: str | Path) -> None:
        """Write one row per leaf, one column per rank, as CSV, TSV or Parquet; see `taxoeval.taxonomy.table`."""
        from taxoeval.taxonomy.table import write_table

        write_table(self, path)

    @classmethod
    def from_parents(
        cls,
        ids: Sequence[Any],
        parents: Sequence[Any],
        names: Sequence[str],
        rank_names: Sequence[str],
        *,
        ranks: Sequence[str] = RANKS,
    ) -> "ParentList":
        """The taxonomy of a parent list, with what became of each row; see `taxoeval.taxonomy.parents`."""
        from taxoeval.taxonomy.parents import taxonomy_from_parents

        return taxonomy_from_parents(ids, parents, names, rank_names, ranks)

    @classmethod
    def from_newick(cls, source: str | Path, *, ranks: Sequence[str] = RANKS) -> "Taxonomy":
        """The taxonomy of a Newick tree with one level a rank; see `taxoeval.taxonomy.parents.taxonomy_from_tree`."""
        from taxoeval.taxonomy.parents import taxonomy_from_tree

        return taxonomy_from_tree(Tree.from_newick(source), ranks)

    @classmethod
    def from_ete(cls, tree: "ete3.TreeNode", *, ranks: Sequence[str] = RANKS) -> "Taxonomy":
        """The taxonomy of an ete3 tree, by its nodes' ``rank`` or one level a rank; see `taxoeval.taxonomy.ete`."""
        from taxoeval.taxonomy.ete import taxonomy_from_ete

        return taxonomy_from_ete(tree, ranks)


def checked_ranks(ranks: Sequence[str]) -> tuple[str, ...]:
    """The ranks as a tuple; ``ValueError`` unless they are one or more different names."""
    order = tuple(ranks)
    if isinstance(ranks, str) or not order or len(set(order)) < len(order):
        raise ValueError(f"ranks must be one or more different names, coarse to fine; got {ranks!r}")
    return order

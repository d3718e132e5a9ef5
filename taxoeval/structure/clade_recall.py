"""Which taxa are clades of the dendrogram, and how nearly are the others? By rank, whatever splits the polytomies."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.arrangements import ENOUGH, log_arrangements
from taxoeval.structure.centroids import Centroids, among
from taxoeval.structure.clade_sets import CladeSets, Fit, best_fit
from taxoeval.structure.dendrogram import Dendrogram, Method, dendrogram, join
from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.record import ByRank
from taxoeval.structure.robinson_foulds import RobinsonFoulds, robinson_foulds
from taxoeval.structure.shuffles import free, p_value
from taxoeval.structure.sums import Rows
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = (
    "clade recall",
    "best Jaccard of clades",
    "Robinson-Foulds, misses alone",
    "Robinson-Foulds, plain",
)


@dataclass(frozen=True, eq=False)
class CladeRecall:
    """The taxa of each rank in the dendrogram.

    Attributes
    ----------
    rows
        By rank: share of taxa recovered, and mean of their best Jaccard; for the whole tree: the Robinson-Foulds
        distance of misses alone, and the plain one, both as shares of the largest there can be.
    dendrogram, centroids
        The tree, and the species it is over.
    taxon, rank, size
        ``(s,)`` the taxa with two or more species and one or more outside, the place of their ranks, and their species.
    jaccard, node, recovered
        ``(s,)`` see `Fit`; the node is one of `dendrogram.tree`.
    robinson_foulds
        Clades in common with the taxonomy; there, holes make no node.
    null
        ``(permutations, 2, n_ranks)`` what the rows are with permuted species.
    left_out
        Images whose label stops above the finest rank.
    """

    rows: tuple[ByRank, ...]
    dendrogram: Dendrogram
    centroids: Centroids
    taxon: Ints
    rank: Ints
    size: Ints
    jaccard: Floats
    node: Ints
    recovered: NDArray[np.bool_]
    robinson_foulds: RobinsonFoulds
    null: Floats
    left_out: int


def clade_recall(
    vectors: Rows,
    taxon: NDArray[Any],
    taxonomy: Taxonomy,
    *,
    method: Method = "average",
    permutations: int = 199,
    seed: int = 0,
) -> CladeRecall:
    """Share of the taxa of each rank whose species, and no others, are below one node of the dendrogram.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`.
    taxon
        ``(n,)`` taxon id of each. Images labelled above the finest rank are left out, and counted.
    taxonomy
        Their taxonomy. A species that might belong to a taxon, as a hole leaves it open, is for this taxon as if it
        were not in the tree. Taxa with one species or with all of them are clades of any tree, and are not counted.
    method
        Of the dendrogram, see `join`.
    permutations
        Of the species among those known to the same ranks, for null and p.
    seed
        Of permutations and blocks.

    Returns
    -------
    record
        Recall and Jaccard in [0, 1]; a dendrogram that follows the taxonomy has 1 at every rank, however it splits the
        species of a genus.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity, no label is of the finest rank, or the method is unknown.

    Notes
    -----
    Recall is all or nothing: one stray species of a family of fifty and the family is missed. The best Jaccard index,
    the largest over nodes of members below it by members or below it, tells near misses from families torn to pieces.
    What it is by chance depends on the size of the taxa, 1 / size and more: read it against its null.

    Species that share a genus share its family and order: what genera alone do raises the Jaccard of coarser ranks too,
    and the p of a rank is for "the taxonomy has no bearing on where a species lies". Numbers of images that go with the
    clade pass for structure too (``experiments/validity/structure_trees.md``).

    The plain Robinson-Foulds distance also counts the clades that the dendrogram has and the taxonomy has not, most of
    which resolve a polytomy; its floor says how many that must be.

    The interval leaves out blocks of species and joins the others anew, 20 times.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("A", "a"), ("A", "b"), ("B", "c"), ("B", "d"), ("B", "e")], ranks=("genus", "species"))
    >>> vectors = np.array([[9.0, 0, 0], [9, 1, 0], [0, 9, 0], [0, 9, 1], [5, 0, 9]])
    >>> found = clade_recall(vectors, taxonomy.ids(["a", "b", "c", "d", "e"]), taxonomy)
    >>> found.recovered, found.jaccard.round(2)  # genus A is a clade; with c and d, B lacks e
    (array([ True, False]), array([1.  , 0.67]))
    """
    tree, found = dendrogram(vectors, taxon, taxonomy, method=method)
    compared = _Compared.of(found)
    value, fit, distance = compared.with_tree(tree)

    def without(kept: NDArray[np.bool_]) -> Floats:
        some = found.keep(kept)
        return _Compared.of(some).with_tree(join(among(found.distance, kept), some.species, method))[0]

    interval = jackknife(without, len(found), seed=seed)
    null = [compared.with_tree(tree, order)[0] for order in found.reorderings(permutations, seed)]
    table = _Table(value, interval.low, interval.high, np.array(null).reshape(-1, len(value)))
    sets = compared.sets
    return CladeRecall(
        rows=_rows(table, compared, tree, distance),
        dendrogram=tree,
        centroids=found,
        taxon=sets.taxon,
        rank=sets.rank,
        size=sets.size,
        jaccard=fit.jaccard,
        node=fit.node,
        recovered=fit.recovered,
        robinson_foulds=distance,
        null=table.null[:, : 2 * taxonomy.n_ranks].reshape(-1, 2, taxonomy.n_ranks),
        left_out=found.left_out,
    )


class _Compared(NamedTuple):
    """Species, with what there is to look for in a tree of them."""

    found: Centroids
    sets: CladeSets
    taxa: Taxonomy

    @classmethod
    def of(cls, found: Centroids) -> "_Compared":
        return cls(found, CladeSets.of_lineage(found.lineage), found.taxonomy.restrict(found.species)[0])

    def with_tree(self, tree: Dendrogram, order: Ints | None = None) -> tuple[Floats, Fit, RobinsonFoulds]:
        """``(2 n_ranks + 2,)`` the rows, and what they come from; species have changed places by `order`."""
        place = tree.place if order is None else tree.place[order]
        fit = best_fit(self.sets, tree.tree, place)
        distance = robinson_foulds(self.taxa, np.arange(len(place)), tree.tree, np.argsort(place))
        shares = by_rank(self.sets, fit, self.taxa.n_ranks)
        both = np.array([distance.misses, distance.plain]) / np.maximum([distance.clades, distance.largest], 1)
        return np.concatenate([*shares, both if distance.clades else both * np.nan]), fit, distance


class _Table(NamedTuple):
    """``(2 n_ranks + 2,)`` each: the rows; and ``(permutations, 2 n_ranks + 2)``."""

    value: Floats
    low: Floats
    high: Floats
    null: Floats

    def row(
        self, part: slice, name: str, ranks: tuple[str, ...], n: Ints, reason: list[str], untested: list[bool]
    ) -> ByRank:
        better = -1.0 if name.startswith("Robinson") else 1.0
        null = self.null[:, part]
        p = [
            np.nan if hidden else p_value(better * float(v), better * drawn)
            for v, drawn, hidden in zip(self.value[part], null.T, untested, strict=True)
        ]
        return ByRank.of(
            name,
            ranks,
            self.value[part],
            n=n,
            unit="taxa",
            low=np.maximum(self.low[part], 0),
            high=np.minimum(self.high[part], 1),
            null=null.mean(axis=0) if len(null) else None,
            p=p,
            higher_is_better=better > 0,
            reason=reason,
        )


def by_rank(sets: CladeSets, fit: Fit, n_ranks: int) -> Floats:
    """``(2, n_ranks)`` share recovered and mean Jaccard over the taxa of each rank, NaN where there are none."""
    count = np.bincount(sets.rank, minlength=n_ranks)
    total = np.stack([np.bincount(sets.rank, w, minlength=n_ranks) for w in (fit.recovered, fit.jaccard)])
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def no_taxon(rank: str, finest: bool) -> str:
    """Why no taxon of a rank can be looked for in a tree of species."""
    if finest:
        return f"a {rank} is one leaf of the dendrogram"
    return f"no {rank} has two species or more and others outside it"


STAR = "all species are equally far apart in space: there is no dendrogram"


def _rows(table: _Table, compared: _Compared, tree: Dendrogram, distance: RobinsonFoulds) -> tuple[ByRank, ...]:
    found = compared.found
    ranks = found.taxonomy.ranks
    r, n = len(ranks), np.bincount(compared.sets.rank, minlength=len(ranks))
    why = [free(found.lineage, place).untested for place in range(r)]
    untested = [bool(words) for words in why]
    reason = [why[i] if n[i] else no_taxon(rank, i == r - 1) for i, rank in enumerate(ranks)]
    few = bool(log_arrangements(found.taxonomy, found.species)[-1] < np.log(ENOUGH) - 1e-9)
    notes = ["untested: fewer than 20 different arrangements" if few else ""] * 2
    notes[1] = "; ".join(filter(None, (notes[1], f"floor {distance.floor / max(distance.largest, 1):.3f}")))
    if not distance.clades:
        notes = ["the taxonomy has no clade of two species or more and others outside it"] * 2
    if tree.tree.height.max() <= 1:  # the star is no tree to be right or wrong
        table = _Table(*(np.full_like(column, np.nan) for column in table))
        reason, notes = [STAR] * r, [STAR] * 2
    clades = np.array([distance.clades])
    return (
        table.row(slice(0, r), KINDS[0], ranks, n, reason, untested),
        table.row(slice(r, 2 * r), KINDS[1], ranks, n, reason, untested),
        table.row(slice(2 * r, 2 * r + 1), KINDS[2], ("",), clades, notes[:1], [few]),
        table.row(slice(2 * r + 1, 2 * r + 2), KINDS[3], ("",), clades, notes[1:], [few]),
    )

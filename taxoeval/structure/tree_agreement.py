"""Any tree of species, such as a molecular phylogeny, against the dendrogram: the same questions without ranks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.structure.centroids import upper
from taxoeval.structure.clade_sets import CladeSets, best_fit
from taxoeval.structure.dendrogram import Dendrogram
from taxoeval.structure.pair_correlation import correlation
from taxoeval.structure.record import ByRank
from taxoeval.structure.robinson_foulds import RobinsonFoulds, robinson_foulds
from taxoeval.structure.shuffles import p_value
from taxoeval.taxonomy import Tree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = (
    "clades of the given tree recovered",
    "best Jaccard of its clades",
    "Robinson-Foulds, plain",
    "correlation of distances along both trees",
)


@dataclass(frozen=True, eq=False)
class TreeAgreement:
    """How far the dendrogram has the clades of a given tree.

    Attributes
    ----------
    rows
        Share of its clades recovered, their mean best Jaccard, the plain Robinson-Foulds distance as a share of the
        largest, and the correlation of distances along both trees (in edges where the given one has no lengths).
    reference, other
        Both trees, over the species they share.
    node
        ``(s,)`` the clades: nodes of `reference`.
    jaccard, other_node, recovered
        ``(s,)`` see `Fit`.
    robinson_foulds
        Clades in common.
    only_reference, only_other
        Names of the species that are in one of the trees alone, and left out.
    """

    rows: tuple[ByRank, ...]
    reference: Tree
    other: Tree
    node: Ints
    jaccard: Floats
    other_node: Ints
    recovered: NDArray[np.bool_]
    robinson_foulds: RobinsonFoulds
    only_reference: tuple[str, ...]
    only_other: tuple[str, ...]


def tree_agreement(reference: Tree, other: Tree, *, permutations: int = 199, seed: int = 0) -> TreeAgreement:
    """Compare any two rooted trees over species by the names of their leaves.

    Parameters
    ----------
    reference
        The tree to be found again: a phylogeny from `Tree.from_newick`, an ete3 tree by `Tree.from_ete`, a taxonomy. It
        may have polytomies; none is resolved.
    other
        The tree that is judged: that of a dendrogram.
    permutations
        Of the species, for null and p.
    seed
        Of the permutations.

    Returns
    -------
    record
        Over the species in both; names agree whatever stands between their words, a blank or an underscore. The
        numbers have no interval: a tree is compared, not a sample of trees.

    Raises
    ------
    TaxoevalError
        If fewer than four species are in both, or a name is borne by two leaves.

    Examples
    --------
    >>> found = tree_agreement(
    ...     Tree.from_newick("(((Pica_pica,Pica_hudsonia),Corvus_corax),(Larus_canus,Larus_argentatus));"),
    ...     Tree.from_newick("(('Pica pica','Corvus corax'),(('Larus canus','Larus argentatus'),'Apus apus'));"))
    >>> found.recovered, found.only_reference, found.only_other
    (array([ True,  True]), ('Pica_hudsonia',), ('Apus apus',))
    """
    first, second = _by_name(reference), _by_name(other)
    shared = sorted(first.keys() & second.keys())
    if len(shared) < 4:
        raise TaxoevalError(
            f"the trees share {len(shared)} of {len(first)} and {len(second)} species; four are needed "
            f"(names such as {_example(first)} and {_example(second)})"
        )
    a, leaf_a = _over(reference, [first[name] for name in shared])
    b, leaf_b = _over(other, [second[name] for name in shared])
    sets = CladeSets.of_tree(a, np.argsort(np.searchsorted(a.leaves, leaf_a)))
    place = np.searchsorted(b.leaves, leaf_b)
    fit = best_fit(sets, b, place)
    along = [Dendrogram(tree, leaf).distance() for tree, leaf in ((a, leaf_a), (b, leaf_b))]
    flat = upper(along[0])
    distance, value = _numbers(a, leaf_a, b, place, sets, flat, along[1], np.arange(len(shared)))
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(shared)) for _ in range(permutations)]
    null = np.array([_numbers(a, leaf_a, b, place[o], sets, flat, along[1], o)[1] for o in orders]).reshape(-1, 4)
    return TreeAgreement(
        rows=tuple(_row(i, value, null, distance, len(shared)) for i in range(len(KINDS))),
        reference=a,
        other=b,
        node=sets.taxon,
        jaccard=fit.jaccard,
        other_node=fit.node,
        recovered=fit.recovered,
        robinson_foulds=distance,
        only_reference=tuple(str(reference.names[first[name]]) for name in sorted(first.keys() - second.keys())),
        only_other=tuple(str(other.names[second[name]]) for name in sorted(second.keys() - first.keys())),
    )


def _by_name(tree: Tree) -> dict[str, int]:
    found: dict[str, int] = {}
    for leaf in tree.leaves.tolist():
        name = " ".join(str(tree.names[leaf]).replace("_", " ").split())
        if name in found:
            raise TaxoevalError(f"two leaves of the tree are named {name!r}; give each species one leaf")
        found[name] = leaf
    return found


def _example(names: dict[str, int]) -> str:
    return repr(next(iter(names)))


def _over(tree: Tree, leaves: list[int]) -> tuple[Tree, Ints]:
    """The tree over some of its leaves, under one root, and where they went."""
    smaller, new = tree.restrict(np.array(leaves))
    leaf = new[leaves]
    if (smaller.parent < 0).sum() == 1:
        return smaller, leaf
    length = None if smaller.length is None else np.append(np.nan, smaller.length)
    return Tree(np.append(-1, smaller.parent + 1), ["", *smaller.names], length), leaf + 1


def _numbers(
    a: Tree, leaf_a: Ints, b: Tree, place: Ints, sets: CladeSets, flat: Floats, along: Floats, order: Ints
) -> tuple[RobinsonFoulds, Floats]:
    """``(4,)`` the rows with the species of the second tree in another order."""
    fit = best_fit(sets, b, place)
    distance = robinson_foulds(a, np.argsort(np.searchsorted(a.leaves, leaf_a)), b, np.argsort(place))
    moved = upper(along[order][:, order])
    varies = np.ptp(flat) > 1e-12 and np.ptp(moved) > 1e-12
    none = not distance.clades
    return distance, np.array(
        [
            np.nan if none else fit.recovered.mean(),
            np.nan if none else fit.jaccard.mean(),
            np.nan if none else distance.plain / distance.largest,
            correlation(flat, moved) if varies else np.nan,
        ]
    )


def _row(i: int, value: Floats, null: Floats, distance: RobinsonFoulds, n: int) -> ByRank:
    better = -1.0 if i == 2 else 1.0
    note = f"floor {distance.floor / max(distance.largest, 1):.3f}" if i == 2 else ""
    if np.isnan(value[i]):
        note = "one of the trees has no clade of two species or more and others outside it"
    return ByRank.of(
        KINDS[i],
        ("",),
        value[i],
        n=distance.clades if i < 3 else n * (n - 1) // 2,
        unit="clades" if i < 3 else "pairs",
        null=null[:, i].mean() if len(null) else None,
        p=p_value(better * float(value[i]), better * null[:, i]),
        higher_is_better=better > 0,
        reason=(note,),
    )

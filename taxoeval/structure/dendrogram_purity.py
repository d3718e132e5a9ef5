"""Where two species of one taxon meet in the dendrogram, how much of what lies below is of that taxon?"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.structure.centroids import Centroids, centroids
from taxoeval.structure.clade_recall import STAR
from taxoeval.structure.clade_sets import CladeSets, overlap
from taxoeval.structure.dendrogram import Dendrogram, Method, join
from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.joined import joined
from taxoeval.structure.record import ByRank
from taxoeval.structure.sampling import few_of_each, rows_at
from taxoeval.structure.shuffles import Shuffle, free, p_value
from taxoeval.structure.sums import Rows, checked
from taxoeval.taxonomy import Taxonomy, Tree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = ("dendrogram purity", "dendrogram purity, mean over taxa")


@dataclass(frozen=True, eq=False)
class DendrogramPurity:
    """Purity of the taxa of each rank.

    Attributes
    ----------
    rows
        By rank: over pairs, and the mean over taxa of that over their own pairs.
    dendrogram
        The tree.
    leaf_taxon
        ``(c,)`` the species of each of its points.
    taxon, rank, size, purity
        ``(s,)`` the taxa with two or more points and one or more outside, the place of their ranks, their points, and
        the purity of each.
    left_out
        Images that are in no pair: labelled above the finest rank or, with images, not drawn.
    """

    rows: tuple[ByRank, ...]
    dendrogram: Dendrogram
    leaf_taxon: Ints
    taxon: Ints
    rank: Ints
    size: Ints
    purity: Floats
    left_out: int


def dendrogram_purity(
    vectors: Rows,
    taxon: NDArray[Any],
    taxonomy: Taxonomy,
    *,
    of: Literal["species", "images"] = "species",
    method: Method = "average",
    most: int = 2000,
    permutations: int = 199,
    seed: int = 0,
) -> DendrogramPurity:
    """Share of a taxon among the leaves below the node where two of its members meet, mean over pairs of members.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`.
    taxon
        ``(n,)`` taxon id of each.
    taxonomy
        Their taxonomy. A species that might belong to a taxon, as a hole leaves it open, is for this taxon as if it
        were not in the tree. Images labelled above the finest rank are left out, and counted.
    of
        ``"species"``: a leaf is a species centroid. ``"images"``: a leaf is an image, which adds the finest rank.
    method
        Of the dendrogram, see `join`.
    most
        Images in the tree, as it takes the distances of all pairs: one of each species first, then a second, and so on.
    permutations
        Of species among those known to the same ranks, for null and p; for the finest rank, of images.
    seed
        Of all draws.

    Returns
    -------
    record
        Shares in (0, 1]; 1 where every taxon is a clade. Large taxa rule the mean over pairs: a taxon of fifty has more
        pairs than a hundred taxa of five. By chance a taxon has little more than its share of all points.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity, no label is of the finest rank, or a word is unknown.

    Notes
    -----
    Species that share a genus share its family and order: what genera alone do shows at the coarser ranks too, and the
    p of a rank is for "the taxonomy has no bearing on where a species lies". Numbers of images that go with the clade
    pass for structure too, most of all in the mean over pairs of images (``experiments/validity/structure_trees.md``).

    Exact: for each taxon the nodes where its members meet are found from the order of the leaves, so that no pair is
    looked at and no share is sampled. The interval leaves out blocks of species and joins the others anew, 20 times.

    References
    ----------
    .. [1] K. A. Heller and Z. Ghahramani, "Bayesian hierarchical clustering", ICML 2005.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("A", "a"), ("A", "b"), ("B", "c"), ("B", "d")], ranks=("genus", "species"))
    >>> vectors = np.array([[9.0, 0, 0], [9, 1, 0], [0, 9, 0], [3, 0, 9]])
    >>> found = dendrogram_purity(vectors, taxonomy.ids(["a", "b", "c", "d"]), taxonomy)
    >>> found.purity  # A is a clade; the two of B meet at the root, where they are half
    array([1. , 0.5])
    """
    if of not in ("species", "images"):
        raise TaxoevalError(f'of must be "species" or "images"; got {of!r}')
    points = _images(vectors, taxon, taxonomy, most, seed) if of == "images" else centroids(vectors, taxon, taxonomy)
    labels, label = np.unique(points.species, return_inverse=True)
    tree = joined(points, method) if of == "species" else join(points.distance, np.arange(len(points)), method)
    n_ranks = taxonomy.n_ranks
    sets = CladeSets.of_lineage(points.lineage)
    purity = purities(sets, tree.tree, tree.place)
    value = _by_rank(sets, purity, n_ranks)

    def without(kept: NDArray[np.bool_]) -> Floats:
        some = kept[label]
        return _of_lineage(points.lineage[some], joined(points, method, some))

    interval = jackknife(without, len(labels), seed=seed)
    null = _null(points, labels, label, tree, permutations, seed)
    return DendrogramPurity(
        rows=tuple(_row(i, sets, points, value, interval, null, tree) for i in range(len(KINDS))),
        dendrogram=tree,
        leaf_taxon=points.species,
        taxon=sets.taxon,
        rank=sets.rank,
        size=sets.size,
        purity=purity,
        left_out=points.left_out,
    )


def purities(sets: CladeSets, tree: Tree, place: Ints) -> Floats:
    """``(s,)`` the purity of each set in a tree; polytomies are nodes like any other.

    Parameters
    ----------
    sets
        The sets.
    tree
        A tree with one root.
    place
        ``(c,)`` place of each point among the leaves of the tree, from left to right.

    Examples
    --------
    >>> sets = CladeSets.of_lineage(np.array([[0], [0], [0], [1], [1]]))
    >>> purities(sets, Tree.from_newick("(((0,1),3),(2,4));"), np.array([0, 1, 3, 2, 4])).round(3)  # (1 + .6 + .6) / 3
    array([0.733, 0.4  ])
    """
    found = overlap(sets, tree, place)
    share = found.pairs * (found.inside / found.size)
    return np.asarray(np.bincount(found.of, share, minlength=len(sets.size)) / (sets.size * (sets.size - 1) / 2))


def _images(vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, most: int, seed: int) -> Centroids:
    """Some of the images, as if each were a species, in order of their labels."""
    labels = checked(vectors, taxon, taxonomy)
    finest = np.flatnonzero(taxonomy.rank[labels] == taxonomy.n_ranks - 1)
    if not len(finest):
        raise TaxoevalError(f"no image is labelled with a {taxonomy.ranks[-1]}")
    rng = np.random.default_rng(seed)
    # the last turn is not for all species: numbered at random, so that it does not go to whole clades
    chosen = finest[few_of_each(rng.permutation(len(taxonomy))[labels[finest]], most, rng)]
    order = np.argsort(labels[chosen], kind="stable")
    unit = rows_at(vectors, chosen)[order]
    one = np.ones(len(chosen), dtype=np.int64)
    return Centroids(labels[chosen][order], unit, one, len(labels) - len(chosen), taxonomy)


def _by_rank(sets: CladeSets, purity: Floats, n_ranks: int) -> Floats:
    """``(2 n_ranks,)`` over pairs, and over taxa, of each rank; NaN where there are none."""
    pairs = sets.size * (sets.size - 1) / 2.0
    found = []
    for weight in (pairs, np.ones(len(pairs))):
        total, count = (np.bincount(sets.rank, w, minlength=n_ranks) for w in (purity * weight, weight))
        found.append(np.divide(total, count, out=np.full(n_ranks, np.nan), where=count > 0))
    return np.concatenate(found)


def _of_lineage(lineage: Ints, tree: Dendrogram) -> Floats:
    sets = CladeSets.of_lineage(lineage)
    return _by_rank(sets, purities(sets, tree.tree, tree.place), lineage.shape[1])


def _null(points: Centroids, labels: Ints, label: Ints, tree: Dendrogram, permutations: int, seed: int) -> Floats:
    """``(permutations, 2 n_ranks)`` with species permuted, and at the finest rank images."""
    n_ranks = points.lineage.shape[1]
    if len(labels) == len(label):  # each point is a species: sets stay, and their members change places in the tree
        sets = CladeSets.of_lineage(points.lineage)
        places = (tree.place[np.argsort(order)] for order in points.reorderings(permutations, seed))
        found = [_by_rank(sets, purities(sets, tree.tree, place), n_ranks) for place in places]
        return np.array(found).reshape(-1, 2 * n_ranks)
    species = Centroids(labels, np.zeros((len(labels), 0)), np.ones_like(labels), 0, points.taxonomy)
    null = []
    orders = zip(species.reorderings(permutations, seed), points.reorderings(permutations, seed), strict=True)
    for order, image in orders:
        drawn = _of_lineage(species.lineage[order][label], tree)
        drawn[[n_ranks - 1, 2 * n_ranks - 1]] = _of_lineage(points.lineage[image][:, -1:], tree)
        null.append(drawn)
    return np.array(null).reshape(-1, 2 * n_ranks)


def _untested(points: Centroids, place: int) -> str:
    """Why the permutations of `_null` tell nothing at a rank; empty where they do."""
    if place == points.lineage.shape[1] - 1:
        return Shuffle(points.species, np.unique(points.lineage >= 0, axis=0, return_inverse=True)[1]).untested
    return free(np.unique(points.lineage, axis=0), place).untested


def _row(
    kind: int, sets: CladeSets, points: Centroids, value: Floats, interval: Any, null: Floats, tree: Dendrogram
) -> ByRank:
    ranks = points.taxonomy.ranks
    part = slice(kind * len(ranks), (kind + 1) * len(ranks))
    n, p, reasons = np.bincount(sets.rank, minlength=len(ranks)), np.full(len(ranks), np.nan), []
    for place, rank in enumerate(ranks):
        untested = _untested(points, place)
        if n[place] and not untested:
            p[place] = p_value(float(value[part][place]), null[:, part][:, place])
        none = f"no {rank} has two points in the tree or more, and others outside it"
        reasons.append(untested if n[place] else none)
    star = tree.tree.height.max() <= 1
    return ByRank.of(
        KINDS[kind],
        ranks,
        np.nan if star else value[part],
        n=n,
        unit="taxa",
        low=np.nan if star else np.maximum(interval.low[part], 0),
        high=np.nan if star else np.minimum(interval.high[part], 1),
        null=null[:, part].mean(axis=0) if len(null) and not star else None,
        p=None if star else p,
        reason=[STAR] * len(ranks) if star else reasons,
    )

"""Are species that are further apart in the taxonomy further apart in space? Over all pairs, and within each clade."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.arrangements import ENOUGH, log_arrangements
from taxoeval.structure.centroids import Centroids, centroids, tree_distance, upper
from taxoeval.structure.clade_mantel import CladeMantel, clade_mantel
from taxoeval.structure.jackknife import jackknife
from taxoeval.structure.pair_correlation import KINDS, SortedPairs, largest_tau_a, level_ranks, midranks
from taxoeval.structure.permuted_pairs import permutations_of, permuted_correlations
from taxoeval.structure.record import ByRank
from taxoeval.structure.shuffles import p_value
from taxoeval.structure.split_half import SplitHalf, split_half
from taxoeval.structure.sums import Rows
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST = 4000
"""Species of which all pairs are compared: above that two matrices take more than 1 GB, and a random choice is made."""


@dataclass(frozen=True, eq=False)
class Mantel:
    """Correlation of tree distances with distances between species centroids.

    Attributes
    ----------
    rows
        Pearson's, Spearman's and tau-a over all pairs; the ceilings of the first two; Spearman's within clades by rank.
    clades
        One entry for each clade with enough species.
    split_half
        How far the centroids agree with themselves.
    tree, space
        ``(m,)`` tree distances in ranks and distances in space (1 - cosine) of all pairs of `species`, row by row.
    species
        ``(c,)`` the species compared, ascending.
    left_out
        Images whose label stops above the finest rank.
    doubtful
        Share of pairs in which a hole follows the finest taxon they share: they may be nearer in the tree than it says.
    """

    rows: tuple[ByRank, ...]
    clades: CladeMantel
    split_half: SplitHalf
    tree: NDArray[np.int8]
    space: Floats
    species: Ints
    left_out: int
    doubtful: float


def mantel(
    vectors: Rows, taxon: NDArray[Any], taxonomy: Taxonomy, *, permutations: int = 999, least: int = 5, seed: int = 0
) -> Mantel:
    """Correlate the ranks between two species in the taxonomy with 1 - cosine of their centroids.

    Known as the Mantel test in ecology and as representational similarity analysis in neuroscience.

    Parameters
    ----------
    vectors
        ``(n, d)``, see `taxoeval.structure.sums.Rows`.
    taxon
        ``(n,)`` taxon id of each. Images labelled above the finest rank are left out, and counted.
    taxonomy
        Their taxonomy. A hole joins nobody: two species are as far apart as the finest taxon they are known to share
        (see `tree_distance`), which is the furthest they can be; `doubtful` counts the pairs.
    permutations
        Of species, for p.
    least
        Species a clade needs to be compared within.
    seed
        Of permutations, splits and blocks.

    Returns
    -------
    record
        Correlations in [-1, 1]. Expected with permuted species: exactly 0.

    Raises
    ------
    TaxoevalError
        If a vector holds NaN or infinity, or no label is of the finest rank.

    Notes
    -----
    Most pairs are as far apart as can be, so the correlation over all pairs speaks of the coarse ranks; whether genera
    show within families is what the correlations within families say. There it is Spearman's, as one step in the tree
    is not the same length at every rank; their mean is over clades, with Student's interval for other clades, and its p
    comes from permuting the species within every clade.

    Never correct one rank for another by a *partial* Mantel test: its p is wrong where both sides have a tree in them.
    The p over all pairs is for "the taxonomy has no bearing on where a species lies": any rank can cause it. Numbers of
    images that go with the clade can too, as centroids of few images lie further from all others.

    References
    ----------
    .. [1] N. Mantel, "The detection of disease clustering and a generalized regression approach", Cancer Research 27
       (1967).
    .. [2] L. J. Harmon and R. E. Glor, "Poor statistical performance of the Mantel test in phylogenetic comparative
       analyses", Evolution 64 (2010).
    .. [3] G. Guillot and F. Rousset, "Dismantling the Mantel tests", Methods in Ecology and Evolution 4 (2013).

    Examples
    --------
    >>> genera = [("A", "abc"), ("B", "def"), ("C", "ghi")]
    >>> taxonomy = Taxonomy.from_lineages([(g, s) for g, of in genera for s in of], ranks=("genus", "species"))
    >>> taxon = np.flatnonzero(taxonomy.rank == 1)
    >>> vectors = np.random.default_rng(0).normal(size=(9, 8)) + 3 * np.repeat(np.eye(8)[:3], 3, axis=0)
    >>> found = mantel(vectors, taxon, taxonomy)
    >>> found.rows[1].value.round(2), found.rows[1].p < 0.05
    (array([0.74]), array([ True]))
    """
    whole = centroids(vectors, taxon, taxonomy)
    found, note = whole.at_most(MOST, seed)
    tree, space = tree_distance(found.lineage), found.distance
    flat_tree, flat_space = upper(tree).astype(np.int8), upper(space)
    halves = split_half(vectors, np.asarray(taxon), whole, seed=seed)
    clades = clade_mantel(found, tree, space, permutations=permutations, least=least, seed=seed)
    over_all = _over_all(found, tree, space, permutations, note, seed)
    return Mantel(
        rows=(*over_all, *_ceilings(halves), clades.row(taxonomy.ranks, least)),
        clades=clades,
        split_half=halves,
        tree=flat_tree,
        space=flat_space,
        species=found.species,
        left_out=found.left_out,
        doubtful=_doubtful(found.lineage, tree),
    )


def _over_all(
    found: Centroids, tree: NDArray[np.int8], space: Floats, permutations: int, note: str, seed: int
) -> list[ByRank]:
    """One row for each kind of correlation."""
    flat_tree, flat_space = upper(tree), upper(space)
    pairs = SortedPairs.of(flat_tree, flat_space)
    value, p = pairs.correlations(), np.full(len(KINDS), np.nan)
    why = why_undefined(flat_tree, flat_space)
    few = log_arrangements(found.taxonomy, found.species)[-1] < np.log(ENOUGH) - 1e-9
    untested = "untested: fewer than 20 different arrangements" if few else ""
    if not why and not few:
        p[:2] = _p(tree, flat_tree, flat_space, value, permutations, seed)

    def without(kept: NDArray[np.bool_]) -> Floats:
        return value if kept.all() else pairs.correlations(upper(kept[:, None] & kept))

    interval = jackknife(without, len(tree), seed=seed)
    ties = f"at most {largest_tau_a(flat_tree):.2f} with this tree's ties" if not why else ""
    notes = ["; ".join(filter(None, (note, untested, *more))) for more in ((), (), (ties, "for p see Spearman's"))]
    return [
        ByRank.of(
            f"Mantel, {kind}",
            ("",),
            value[i],
            n=len(flat_tree),
            unit="pairs",
            low=interval.low[i],
            high=interval.high[i],
            null=np.nan if why else 0.0,
            p=p[i],
            reason=(why or notes[i],),
        )
        for i, kind in enumerate(KINDS)
    ]


def _p(
    tree: NDArray[np.int8], flat_tree: NDArray[np.int8], flat_space: Floats, value: Floats, permutations: int, seed: int
) -> tuple[float, float]:
    """Of Pearson's and Spearman's, with the same permutations."""
    orders = permutations_of(len(tree), permutations, seed)
    sides = (
        (np.arange(flat_tree.max() + 1.0), flat_space),
        (level_ranks(flat_tree), midranks(flat_space)),
    )
    drawn = [permuted_correlations(tree, of_level, of_pair, orders) for of_level, of_pair in sides]
    return p_value(float(value[0]), drawn[0]), p_value(float(value[1]), drawn[1])


def why_undefined(tree: NDArray[np.integer], space: Floats) -> str:
    """Why distances cannot be correlated; empty where they can."""
    if len(tree) < 3:
        return "fewer than 3 species"
    if tree.min() == tree.max():
        return "all species are equally far apart in the taxonomy"
    if np.ptp(space) <= 1e-12:
        return "all species are equally far apart in space"
    return ""


def _ceilings(halves: SplitHalf) -> list[ByRank]:
    return [
        ByRank.of(
            f"Mantel, ceiling of {kind} by split halves",
            ("",),
            halves.ceiling[i],
            n=halves.n_species,
            unit="taxa",
            higher_is_better=None,
            reason=(halves.reason or "for the species with two images or more",),
        )
        for i, kind in enumerate(KINDS[:2])
    ]


def _doubtful(lineage: Ints, tree: NDArray[np.int8]) -> float:
    """Share of pairs of which one is unknown at the rank after the finest that both share."""
    c, n_ranks = lineage.shape
    if c < 2:
        return 0.0
    doubtful = 0
    for place in range(n_ranks):
        unknown = lineage[:, place] < 0
        if unknown.any():
            doubtful += int(((tree == n_ranks - place) & (unknown[:, None] | unknown)).sum())
    return float(doubtful / (c * (c - 1)))

"""A random clade: a tree of seven ranks and traits that drift down it by Brownian motion.

Every trait is a real number that starts at 0 above the kingdoms and takes one normal step at each rank on the way to a
species. The variance of that step is the *rate* of the trait at the rank: body plans change between kingdoms and phyla,
markings between genera and species. The rates are therefore the truth about which variance lives at which rank.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval.datasets.names import RANKS, common_names, taxon_names
from taxoeval.errors import TaxoevalError

# Share of a trait's variance among species that arises at each rank, kingdom to species; every row sums to 1.
_TEMPO = {
    "plan": (0.40, 0.30, 0.18, 0.07, 0.03, 0.01, 0.01),
    "build": (0.10, 0.20, 0.25, 0.20, 0.13, 0.07, 0.05),
    "dress": (0.04, 0.07, 0.12, 0.17, 0.24, 0.20, 0.16),
    "marks": (0.00, 0.03, 0.07, 0.15, 0.25, 0.25, 0.25),
}
_GROUPS = {
    "plan": "radial elongation lateral wings",
    "build": (
        "taper squareness segments bend limb_number limb_length limb_width limb_sweep head snout horns tail fan petals "
        "petal_depth size"
    ),
    "dress": "light red blue light2 red2 blue2 belly limb_tone eye",
    "marks": "spots spot_density stripes stripe_number stripe_angle collar",
}
TRAITS: tuple[str, ...] = tuple(trait for group in _GROUPS.values() for trait in group.split())
"""Names of the traits, in the order of the columns of `Clade.traits`."""

RATE: NDArray[np.float64] = np.array(
    [_TEMPO[group] for group, traits in _GROUPS.items() for _ in traits.split()], dtype=np.float64
).T
"""``(7, n_traits)``: variance of the step a trait takes at each rank. Columns sum to 1."""
RATE.flags.writeable = False


@dataclass(frozen=True, eq=False)
class Clade:
    """A random tree with the traits of every taxon in it: the truth behind a simulated dataset.

    Attributes
    ----------
    parent
        ``(n_nodes,)`` parent of each node, ``-1`` for kingdoms; parents come before children, rank by rank.
    rank
        ``(n_nodes,)`` index into the seven ranks.
    names, common_names
        Name of each node; a species has a binomial, and it alone has a common name.
    traits
        ``(n_nodes, n_traits)`` where Brownian motion has brought each trait at each node.
    species
        ``(n_species,)`` nodes that are species.
    lineage
        ``(n_species, 7)`` the node of each species at each rank; nothing is missing here.
    hidden
        ``(n_species, 7)`` bool: ranks that the labels leave blank, for a whole order or genus at a time.
    abundance
        ``(n_species,)`` relative frequency, summing to 1.
    """

    parent: NDArray[np.int64]
    rank: NDArray[np.int64]
    names: tuple[str, ...]
    common_names: tuple[str, ...]
    traits: NDArray[np.float64]
    species: NDArray[np.int64]
    lineage: NDArray[np.int64]
    hidden: NDArray[np.bool_]
    abundance: NDArray[np.float64]


def _tree(n_species: int, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Parents and ranks: the number of taxa grows evenly (geometrically) from rank to rank.

    Every taxon gets a child; the other children go to a parent drawn in proportion to the children it has, which
    gives the few large and many small groups of real taxonomies.
    """
    counts = [max(1, round(n_species ** ((r + 1) / len(RANKS)))) for r in range(len(RANKS))]
    parent = [-1] * counts[0]
    rank = [0] * counts[0]
    first, above = 0, counts[0]
    for r in range(1, len(RANKS)):
        children = np.ones(above, dtype=np.int64)
        for _ in range(counts[r] - above):
            children[rng.choice(above, p=children / children.sum())] += 1
        start = len(parent)
        parent += [first + int(i) for i in np.repeat(np.arange(above), children)]
        rank += [r] * counts[r]
        first, above = start, counts[r]
    return parent, rank


def _lineages(parent: NDArray[np.int64], species: NDArray[np.int64]) -> NDArray[np.int64]:
    lineage = np.empty((len(species), len(RANKS)), dtype=np.int64)
    lineage[:, -1] = species
    for r in range(len(RANKS) - 2, -1, -1):
        lineage[:, r] = parent[lineage[:, r + 1]]
    return lineage


def _holes(lineage: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Blank the class of about one order in six and the family of about one genus in twelve."""
    hidden = np.zeros(lineage.shape, dtype=np.bool_)
    for hole, within, share in (("class", "order", 1 / 6), ("family", "genus", 1 / 12)):
        groups = np.unique(lineage[:, RANKS.index(within)])
        chosen = rng.permutation(groups)[: round(share * len(groups))]
        hidden[:, RANKS.index(hole)] = np.isin(lineage[:, RANKS.index(within)], chosen)
    return hidden


def grow(seed: int = 0, n_species: int = 60) -> Clade:
    """Grow a clade; the same arguments always give the same one.

    Parameters
    ----------
    seed
        Fixes tree, names, traits, holes and abundances.
    n_species
        How many species, at least 2.

    Returns
    -------
    Clade

    Raises
    ------
    TaxoevalError
        If ``n_species`` is below 2.

    Examples
    --------
    >>> clade = grow(seed=0, n_species=60)
    >>> [int((clade.rank == r).sum()) for r in range(7)]
    [2, 3, 6, 10, 19, 33, 60]
    >>> steps = clade.traits[2:] - clade.traits[clade.parent[2:]]
    >>> steps.shape == (133 - 2, len(TRAITS))
    True
    """
    if n_species < 2:
        raise TaxoevalError(f"a simulated clade needs n_species of at least 2, not {n_species}")
    parents, ranks = _tree(n_species, np.random.default_rng([seed, 0]))
    parent, rank = np.array(parents), np.array(ranks)
    steps = np.random.default_rng([seed, 1]).standard_normal((len(parent), len(TRAITS))) * np.sqrt(RATE[rank])
    traits = steps.copy()
    for node in np.flatnonzero(parent >= 0):
        traits[node] += traits[parent[node]]
    name_rng = np.random.default_rng([seed, 2])
    names = taxon_names(parents, ranks, name_rng)
    commons = common_names(parents, ranks, name_rng)
    species = np.flatnonzero(rank == len(RANKS) - 1)
    lineage = _lineages(parent, species)
    rng = np.random.default_rng([seed, 3])
    hidden = _holes(lineage, rng)
    abundance = np.round(np.exp(0.6 * rng.standard_normal(len(species))), 9)
    return Clade(
        parent, rank, tuple(names), tuple(commons), np.round(traits, 9), species, lineage, hidden,
        abundance / abundance.sum(),
    )  # fmt: skip

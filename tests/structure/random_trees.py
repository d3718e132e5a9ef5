"""Taxonomies of no particular shape, with holes and chains of single children, and points without any structure."""

import numpy as np

from taxoeval import Taxonomy

RANKS = ("class", "order", "family", "genus", "species")


def random_taxonomy(rng, n_species, holes=0.0):
    """Lineages with few taxa at coarse ranks and many at fine ones; some cells above species are empty."""
    lineages = []
    for s in range(n_species):
        names = [""] * 5
        path = ""
        for place, width in enumerate((2, 3, 2, 2)):
            path += str(rng.integers(width))
            names[place] = "" if rng.random() < holes else f"{RANKS[place]} {path}"
        names[4] = f"s{s}"
        lineages.append(tuple(names))
    return Taxonomy.from_lineages(lineages, ranks=RANKS)


def species_of(taxonomy):
    """Its taxa of the finest rank, ascending."""
    return np.flatnonzero(taxonomy.rank == taxonomy.n_ranks - 1)


def noise(rng, taxonomy, images=2, dimension=8):
    """Images of all species, whose vectors know nothing of the taxonomy: vectors and taxa."""
    taxon = np.repeat(species_of(taxonomy), images)
    return rng.normal(size=(len(taxon), dimension)), taxon

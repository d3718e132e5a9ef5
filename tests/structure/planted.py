"""Small trees whose vectors are known to follow them, or not to."""

import numpy as np

from taxoeval import Taxonomy

RANKS = ("order", "family", "genus", "species")


def planted(seed=0, effects=(1.0, 1.0, 1.0, 1.0), noise=0.5, species=24, dimension=12, zipf=False, holes=False):
    """Vectors that sum an effect of each taxon of the lineage and noise: images, taxa, taxonomy.

    Two species a genus, two genera a family (the last family has a single genus), two families an order.
    """
    rng = np.random.default_rng(seed)
    lineages = [(f"O{s // 8}", f"F{s // 4}", f"G{min(s // 2, species // 2 - 2)}", f"s{s}") for s in range(species)]
    centre = {}
    for lineage in lineages:
        for place in range(4):
            centre.setdefault(lineage[: place + 1], effects[place] * rng.normal(size=dimension))
    count = np.maximum(1, 40 // np.arange(1, species + 1)) if zipf else np.full(species, 5)
    species_of = rng.permutation(np.repeat(np.arange(species), count))
    mean = np.stack([sum(centre[lineage[: p + 1]] for p in range(4)) for lineage in lineages])
    vectors = mean[species_of] + noise * rng.normal(size=(len(species_of), dimension))
    labels = [list(lineages[s]) for s in species_of]
    if holes:
        for i, label in enumerate(labels):
            if species_of[i] % 7 == 1:
                label[1] = ""  # the family is unknown
            if i % 11 == 0:
                label[3] = ""  # known to genus only
            if species_of[i] == 5:
                label[0] = ""
    taxonomy, taxon = Taxonomy.from_columns([list(column) for column in zip(*labels, strict=True)], ranks=RANKS)
    return vectors, taxon, taxonomy


def row(result, quantity):
    """The one row of that name."""
    (found,) = [one for one in result.rows if one.quantity == quantity]
    return found

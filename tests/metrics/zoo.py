"""Random taxonomies with every difficulty: holes, single children, unequal depths, several roots, inner labels."""

import numpy as np
from hypothesis import strategies as st

from taxoeval.taxonomy import Taxonomy

RANKS = ("order", "family", "genus", "species")

seeds = st.integers(0, 10_000)


def random_taxonomy(seed: int, n: int = 12) -> Taxonomy:
    """A taxonomy of n lineages; about a fifth of the inner ranks are holes, a fifth of the labels stop early."""
    rng = np.random.default_rng(seed)
    lineages = []
    for _ in range(n):
        lineage = [f"o{rng.integers(3)}", f"f{rng.integers(3)}", f"g{rng.integers(3)}", f"s{rng.integers(4)}"]
        for r in (0, 1, 2):
            if rng.random() < 0.2:
                lineage[r] = ""
        if rng.random() < 0.2:
            stop = int(rng.integers(1, 4))
            lineage[stop:] = [""] * (4 - stop)
        lineages.append(tuple(lineage) if any(lineage) else ("o0", "", "", ""))
    return Taxonomy.from_lineages(lineages, ranks=RANKS)


def climb(taxon: int, taxonomy: Taxonomy) -> list[int]:
    """Ancestors or self from the taxon up, by the definition of a parent."""
    climbed = []
    while taxon >= 0:
        climbed.append(int(taxon))
        taxon = int(taxonomy.parent[taxon])
    return climbed


def at_rank(taxon: int, rank: int, taxonomy: Taxonomy) -> int | None:
    """The ancestor or self of that rank, or None."""
    return next((a for a in climb(taxon, taxonomy) if taxonomy.rank[a] == rank), None)

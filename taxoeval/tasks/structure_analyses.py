"""The analyses of the latent space by name, and what each can be asked of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from taxoeval.taxonomy import Taxonomy

Ask = Callable[[NDArray[Any], NDArray[Any], Taxonomy], Any]
"""Vectors ``(n, d)``, taxa ``(n,)`` and their taxonomy; gives a record with ``rows``."""


@dataclass(frozen=True, eq=False)
class Settings:
    """What analyses share.

    Attributes
    ----------
    k
        Neighbours looked at.
    permutations
        Of each test.
    seed
        Of everything drawn.
    group
        ``(n,)`` images of one group are never neighbours; None where the dataset names no groups.
    """

    k: int
    permutations: int
    seed: int
    group: NDArray[Any] | None


ONCE_PER_SPECIES = frozenset(
    {"variance", "similarity", "silhouette", "neighbours", "spread", "intrinsic_dimension", "clusters"}
)
"""Analyses that say something else of species centroids than of images; the others average images themselves."""


def analyses(settings: Settings) -> dict[str, Ask]:
    """All analyses, cheap ones first.

    Examples
    --------
    >>> list(analyses(Settings(20, 199, 0, None)))[:2]
    ['variance', 'similarity']
    """
    from taxoeval import structure

    seed, permutations = settings.seed, settings.permutations
    return {
        "variance": lambda x, t, of: structure.variance_by_rank(x, t, of, permutations=permutations, seed=seed),
        "similarity": lambda x, t, of: structure.similarity_by_lca(x, t, of, permutations=permutations, seed=seed),
        "alignment": lambda x, t, of: structure.alignment_by_rank(x, t, of, seed=seed),
        "spread": lambda x, t, of: structure.spread(x, t, of, seed=seed),
        "silhouette": lambda x, t, of: structure.silhouette(x, t, of, permutations=permutations, seed=seed),
        "neighbours": lambda x, t, of: structure.neighbours(
            x, t, of, k=settings.k, group=settings.group, permutations=permutations, seed=seed
        ),
        "intrinsic_dimension": lambda x, t, of: structure.intrinsic_dimension(x, t, of, seed=seed),
        "mantel": lambda x, t, of: structure.mantel(x, t, of, permutations=999, seed=seed),
        "triplets": lambda x, t, of: structure.triplets(x, t, of, permutations=permutations, seed=seed),
        "clusters": lambda x, t, of: structure.clusters(x, t, of, seed=seed),
    }

"""The analyses of the latent space by name, and what each can be asked of."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from numpy.typing import NDArray

from taxoeval.structure.sums import Rows
from taxoeval.taxonomy import Taxonomy

Ask = Callable[[Rows, NDArray[Any], Taxonomy], Any]
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


ASKED_FOR_ONLY = frozenset({"map_tsne", "map_umap", "map_pacmap"})
"""Analyses that are slow, or need further packages: they run when they are named."""

ONCE_PER_SPECIES = frozenset(
    {"variance", "similarity", "silhouette", "neighbours", "spread", "intrinsic_dimension", "clusters"}
)
"""Analyses that say something else of species centroids than of images; the others average images themselves."""


LATE = (
    "scipy.cluster.hierarchy",
    "scipy.linalg.blas",
    "scipy.linalg.lapack",
    "scipy.sparse",
    "scipy.spatial.distance",
    "scipy.special",
    "scipy.stats",
    "sklearn.cluster",
    "sklearn.exceptions",
    "sklearn.neighbors",
    "threadpoolctl",
)
"""What analyses import when they run, so that ``import taxoeval.structure`` stays quick.

Without scikit-bio, which neighbour joining alone needs: nothing here asks for that, and it takes a second to import.
"""


def import_late() -> None:
    """Import what analyses need, before several run at once: threads that import at once may block each other.

    Examples
    --------
    >>> import_late()
    """
    for name in LATE:
        import_module(name)


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
        "clade_recall": lambda x, t, of: structure.clade_recall(x, t, of, permutations=permutations, seed=seed),
        "clade_support": lambda x, t, of: structure.clade_support(x, t, of, seed=seed),
        "cophenetic": lambda x, t, of: structure.cophenetic(x, t, of, permutations=permutations, seed=seed),
        "dendrogram_purity": lambda x, t, of: structure.dendrogram_purity(
            x, t, of, permutations=permutations, seed=seed
        ),
        "within_between": lambda x, t, of: structure.within_between(x, t, of, seed=seed),
        "neural_collapse": lambda x, t, of: structure.neural_collapse(x, t, of, seed=seed),
        "hyperbolicity": lambda x, t, of: structure.hyperbolicity(x, t, of, seed=seed),
        "clusters": lambda x, t, of: structure.clusters(x, t, of, seed=seed),
        **{f"map_{method}": partial(_map, method, seed) for method in structure.METHODS},
    }


def _map(method: str, seed: int, x: Rows, t: NDArray[Any], of: Taxonomy) -> Any:
    from taxoeval.structure import space_map

    return space_map(x, t, of, method=method, seed=seed)  # type: ignore[arg-type]  # one of METHODS

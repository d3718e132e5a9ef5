"""The dendrogram of some of the species, made once however many analyses leave out the same ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.centroids import KEPT, Centroids, among
from taxoeval.structure.dendrogram import Dendrogram, Method, join


def joined(found: Centroids, method: Method, kept: NDArray[np.bool_] | None = None) -> Dendrogram:
    """The species joined by their distances, see `join`.

    Parameters
    ----------
    found
        The species.
    method
        See `join`.
    kept
        ``(c,)`` which of them; the leaves then bear the numbers of their taxa. None for all, with their names.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.structure.centroids import centroids
    >>> taxonomy = Taxonomy.from_lineages([("a",), ("b",), ("c",)], ranks=("species",))
    >>> joined(centroids(np.eye(3), np.arange(3), taxonomy), "average", np.array([True, False, True])).tree.to_newick()
    '(0:0.5,2:0.5);'
    """
    if kept is None:
        return _once(found, (method,), lambda: join(found.distance, found.names, method))
    name = (method, kept.tobytes())
    return _once(found, name, lambda: join(among(found.distance, kept), found.species[kept], method))


def _once(found: Centroids, name: tuple[Any, ...], make: Callable[[], Dendrogram]) -> Dendrogram:
    return found.memo.once(("joined", *name), make) if len(found) <= KEPT else make()

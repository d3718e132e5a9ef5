"""What several analyses of the same images need, worked out once: they may run in threads, and ask at the same time."""

from collections.abc import Callable
from threading import RLock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from taxoeval.taxonomy import Taxonomy

Found = TypeVar("Found")


class Memo:
    """What was worked out before, by name.

    Examples
    --------
    >>> memo = Memo()
    >>> memo.once("answer", lambda: 42), memo.once("answer", lambda: 0)
    (42, 42)
    """

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}
        self._lock = RLock()

    def once(self, name: Any, make: Callable[[], Found]) -> Found:
        """What is known by that name; made where nothing is, while others who ask wait."""
        with self._lock:
            if name not in self._known:
                self._known[name] = make()
            found: Found = self._known[name]
            return found

    def __reduce__(self) -> tuple[type["Memo"], tuple[()]]:
        """Copies begin empty."""
        return Memo, ()


class Shared:
    """Vectors (see `taxoeval.structure.sums.Rows`) with their taxa, to be handed to several analyses.

    Attributes
    ----------
    vectors
        ``(n, d)``.
    taxon
        ``(n,)`` taxon id of each.
    taxonomy
        Their taxonomy.
    n_labels
        How many different taxa there are: what is held for each of very many is not kept.
    memo
        What was worked out.

    Examples
    --------
    >>> from taxoeval.structure.centroids import centroids
    >>> taxonomy = Taxonomy.from_lineages([("a",), ("b",)], ranks=("species",))
    >>> shared = Shared(np.eye(2), np.array([0, 1]), taxonomy)
    >>> centroids(shared, shared.taxon, taxonomy) is centroids(shared, shared.taxon, taxonomy)
    True
    """

    def __init__(self, vectors: Any, taxon: NDArray[Any], taxonomy: Taxonomy) -> None:
        self.vectors, self.taxon, self.taxonomy = vectors, taxon, taxonomy
        self.n_labels = len(np.unique(taxon))
        self.memo = Memo()

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, d)``."""
        shape: tuple[int, ...] = self.vectors.shape
        return shape

    def __getitem__(self, rows: slice, /) -> Any:
        """The rows of a slice."""
        return self.vectors[rows]


def once(
    vectors: object, taxon: NDArray[Any], taxonomy: Taxonomy, name: str, most: int, make: Callable[[], Found]
) -> Found:
    """What is made of vectors, kept where they are `Shared` with these taxa, of which there are no more than `most`."""
    if (
        isinstance(vectors, Shared)
        and vectors.n_labels <= most
        and vectors.taxonomy is taxonomy
        and (vectors.taxon is taxon or np.array_equal(vectors.taxon, taxon))
    ):
        return vectors.memo.once(name, make)
    return make()

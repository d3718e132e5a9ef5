"""Which candidates belong to each taxon at every rank, and sums and maxima over them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.taxonomy import Taxonomy

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


class _Halving(NamedTuple):
    """One step towards the maxima of runs: ``kept`` begins each pair, of which ``paired`` have a second, ``second``."""

    kept: Ids
    paired: Ids
    second: Ids


@dataclass(frozen=True, eq=False)
class Runs:
    """Candidates in preorder, cut at every rank into runs that share a taxon.

    Attributes
    ----------
    taxon
        For each rank, coarse to fine, the taxon of each run; ``-1`` for a candidate unknown there, a run of its own.
    """

    taxon: tuple[Ids, ...]
    _whole: tuple[bool, ...]  # whether every candidate is a run of its own
    _matrix: "csr_matrix"  # of the other ranks, one below the other
    _steps: tuple[tuple[bool, tuple[_Halving, ...]], ...]  # whether from the runs of the next finer rank, and how

    def sums(self, values: Floats) -> tuple[Floats, ...]:
        """Sums over each run, ``(runs, n)`` for each rank, of values ``(c, n)`` added in their order."""
        divided = [len(taxon) for taxon, whole in zip(self.taxon, self._whole, strict=True) if not whole]
        parts = iter(np.split(self._matrix @ values, np.cumsum(divided)))
        return tuple(values if whole else next(parts) for whole in self._whole)

    def maxima(self, values: NDArray[np.floating]) -> tuple[NDArray[np.floating], ...]:
        """The largest of each run, ``(runs, n)`` for each rank, of values ``(c, n)``."""
        found: list[NDArray[np.floating]] = []
        for nested, steps in reversed(self._steps):
            largest = found[-1] if nested and found else values
            for step in steps:
                pairs = largest[step.kept]
                pairs[step.paired] = np.maximum(pairs[step.paired], largest[step.second])
                largest = pairs
            found.append(largest)
        return tuple(reversed(found))


def runs_over(candidates: Ids, taxonomy: Taxonomy) -> Runs:
    """The runs of candidates in ascending order; remembered for the last sets of candidates."""
    return _runs_over(candidates.tobytes(), taxonomy)


@lru_cache(maxsize=2)
def _runs_over(candidates: bytes, taxonomy: Taxonomy) -> Runs:
    from scipy.sparse import csr_matrix

    taxa = np.frombuffer(candidates, dtype=np.int64)
    c = len(taxa)
    cut = [_cut(taxonomy.ancestor[taxa, r]) for r in range(taxonomy.n_ranks)]
    whole = tuple(len(starts) == c for starts in cut)
    divided = [starts + c * i for i, starts in enumerate(s for s, one in zip(cut, whole, strict=True) if not one)]
    ends = np.concatenate([*divided, [c * len(divided)]])
    columns = np.tile(np.arange(c), len(divided))
    matrix = csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(ends) - 1, c))
    steps = []
    for starts, finer in zip(cut, [*cut[1:], np.arange(c)], strict=True):
        place = np.minimum(np.searchsorted(finer, starts), len(finer) - 1)
        # not where candidates that share a taxon are unknown at the next coarser rank: there each stands alone
        nested = bool((finer[place] == starts).all())
        steps.append((nested, _halvings(*(place, len(finer)) if nested else (starts, c))))
    return Runs(
        taxon=tuple(taxonomy.ancestor[taxa[starts], r].astype(np.int64) for r, starts in enumerate(cut)),
        _whole=whole,
        _matrix=matrix,
        _steps=tuple(steps),
    )


def _cut(taxon: NDArray[np.int32]) -> Ids:
    """Where the runs of equal taxa start; an unknown one is no other's equal."""
    return np.flatnonzero(np.r_[True, (taxon[1:] != taxon[:-1]) | (taxon[1:] < 0)])


def _halvings(starts: Ids, n: int) -> tuple[_Halving, ...]:
    """Steps that each halve the runs of n things, until there is one of each."""
    size = np.diff(starts, append=n)
    steps = []
    while size.max() > 1:
        half = (size + 1) // 2
        run = np.repeat(np.arange(len(size)), half)
        odd = 2 * (np.arange(len(run)) - (np.cumsum(half) - half)[run])
        kept = (np.cumsum(size) - size)[run] + odd
        paired = np.flatnonzero(odd + 1 < size[run])
        steps.append(_Halving(kept, paired, kept[paired] + 1))
        size = half
    return tuple(steps)

"""Bootstrap of a mean over taxa where something else is resampled: locations, sequences, observers."""

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics.statistics._resample import BLOCK
from taxoeval.metrics.statistics.interval import Draws
from taxoeval.metrics.statistics.means import nan_mean

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def over_taxa(total: Floats, count: Floats, taxon: Ids, group: Ids, resamples: int, rng: np.random.Generator) -> Draws:
    """Means over taxa of the weighted mean within each, over resamples of the groups ``0 .. n_groups - 1``.

    A location holds many species and a species lives at many locations, so what a resample weighs is kept per pair of
    both: a sparse matrix of taxa by groups times the frequencies of the groups.
    """
    from scipy.sparse import csr_array

    taxa, place = np.unique(taxon, return_inverse=True)
    n_taxa, n_groups, m = len(taxa), int(group.max()) + 1, total.shape[1]
    pairs, pair = np.unique(place * n_groups + group, return_inverse=True)
    row, column = pairs // n_groups, pairs % n_groups
    starts = np.searchsorted(row, np.arange(n_taxa + 1))

    def matrix(values: Floats) -> "csr_array":
        return csr_array((np.bincount(pair, weights=values), column, starts), shape=(n_taxa, n_groups))

    totals, counts = [matrix(c) for c in total.T], [matrix(c) for c in count.T]
    ones = np.ones((n_groups, 1))
    within = [_means(t @ ones, c @ ones)[:, 0] for t, c in zip(totals, counts, strict=True)]
    draws = np.empty((resamples, m))
    step = max(1, BLOCK // max(n_taxa, n_groups))
    for first in range(0, resamples, step):
        k = min(step, resamples - first)
        drawn = rng.integers(n_groups, size=(k, n_groups)) + n_groups * np.arange(k)[:, None]
        frequency = np.bincount(drawn.ravel(), minlength=k * n_groups).reshape(k, n_groups).T.astype(np.float64)
        for j in range(m):
            draws[first : first + k, j] = nan_mean(_means(totals[j] @ frequency, counts[j] @ frequency))
    without = [
        _without_each(w, t.data, c.data, row, column, n_groups) for w, t, c in zip(within, totals, counts, strict=True)
    ]
    return Draws(
        np.array([nan_mean(w) for w in within]),
        np.array([int((~np.isnan(w)).sum()) for w in within]),
        draws,
        np.stack(without, axis=1),
    )


def _means(total: Floats, count: Floats) -> Floats:
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _without_each(within: Floats, total: Floats, count: Floats, row: Ids, column: Ids, n_groups: int) -> Floats:
    """The mean over taxa when one group is left out, ``(n_groups,)``, from the pairs that this changes."""
    whole_total, whole_count = (np.bincount(row, weights=v, minlength=len(within)) for v in (total, count))
    left = whole_count[row] - count
    left[left < 1e-12 * whole_count[row]] = 0
    after, before = _means(whole_total[row] - total, left), within[row]
    change = np.bincount(column, weights=np.nan_to_num(after) - np.nan_to_num(before), minlength=n_groups)
    gone = np.bincount(column, weights=(np.isnan(after) & ~np.isnan(before)).astype(np.float64), minlength=n_groups)
    taxa = (~np.isnan(within)).sum() - gone
    return _means(np.nansum(within) + change, taxa)

"""Means of one value per sample: every image, every taxon or every clade weighing the same."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def mean(values: ArrayLike) -> Floats:
    """Mean over samples (micro), leaving out NaN.

    Parameters
    ----------
    values
        ``(n, ...)``, one value per sample.

    Returns
    -------
    mean
        Shape ``(...)``; NaN where no sample is defined.

    Examples
    --------
    >>> mean([[1, 0], [1, np.nan]])
    array([1., 0.])
    """
    return nan_mean(np.asarray(values, dtype=np.float64))


def nan_mean(values: Floats) -> Floats:
    """Sum over count along the first axis, skipping NaN, without the warning for empty columns."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0))


def ratio(total: NDArray[Any], count: NDArray[Any]) -> Floats:
    """One over the other, NaN where there is nothing."""
    return np.asarray(np.divide(total, count, out=np.full(np.shape(total), np.nan), where=np.asarray(count > 0)))


def taxon_mean(values: ArrayLike, taxon: ArrayLike) -> Floats:
    """Mean over taxa of the mean within each (macro): a rare taxon weighs as much as a common one.

    Parameters
    ----------
    values
        ``(n,)`` or ``(n, m)``, one value per sample (and column).
    taxon
        ``(n,)``, the taxon each sample belongs to, normally the **target**; or ``(n, m)``, one column of taxa for each
        column of values, such as ``taxonomy.ancestor[target]`` beside `rank_hits`, so that accuracy at the rank of
        family is averaged over families. ``-1`` leaves the sample out.

    Returns
    -------
    mean
        Shape ``()`` or ``(m,)``. NaN where no taxon has a defined value. Taxa that are only ever predicted do not
        count: they have no accuracy.

    Raises
    ------
    ValueError
        If the shapes disagree.

    Examples
    --------
    >>> float(taxon_mean([1, 1, 1, 0], [7, 7, 7, 8]))
    0.5
    """
    numbers, taxa = _beside(values, taxon, "taxon")
    columns = [_means_within(v, t)[1] for v, t in zip(numbers.T, taxa.T, strict=True)]
    return _shaped([c.mean() if len(c) else np.nan for c in columns], values)


def clade_mean(values: ArrayLike, taxon: ArrayLike, clade: ArrayLike) -> Floats:
    """Mean over clades of the means over their taxa of the means within each: a small order weighs like a large one.

    Parameters
    ----------
    values
        ``(n,)`` or ``(n, m)``, one value per sample (and column).
    taxon, clade
        ``(n,)``, or ``(n, m)`` with one column for each column of values: the taxon each sample belongs to, and the
        clade that taxon belongs to, such as ``target`` and ``taxonomy.at("order")[target]``. ``-1`` in either leaves
        the sample out.

    Returns
    -------
    mean
        Shape ``()`` or ``(m,)``. NaN where no taxon of a known clade has a defined value.

    Raises
    ------
    ValueError
        If the shapes disagree, or a taxon lies in two clades.

    Notes
    -----
    Its interval is that of the taxa's means: ``bootstrap(taxon_means, taxon=clades, average="macro")`` with one row
    per taxon resamples taxa and averages over clades.

    Examples
    --------
    Two crows (one always right, one always wrong) and one tit that is always right:

    >>> float(clade_mean([1, 1, 0, 1], taxon=[5, 5, 6, 8], clade=[4, 4, 4, 7]))
    0.75
    """
    numbers, taxa = _beside(values, taxon, "taxon")
    clades = _beside(values, clade, "clade")[1]
    found = []
    for v, t, c in zip(numbers.T, taxa.T, clades.T, strict=True):
        kept, within = _means_within(np.where(c >= 0, v, np.nan), t)
        above = _clade_of(kept, t, c)
        per_clade = _means_within(within, above)[1]
        found.append(per_clade.mean() if len(per_clade) else np.nan)
    return _shaped(found, values)


def _beside(values: ArrayLike, labels: ArrayLike, name: str) -> tuple[Floats, Ids]:
    """Both as ``(n, m)``."""
    numbers, ids = np.asarray(values, dtype=np.float64), np.asarray(labels)
    if numbers.ndim == 2 and ids.ndim == 1:
        ids = np.broadcast_to(ids[:, None], (len(ids), numbers.shape[1]))
    if numbers.shape != ids.shape or numbers.ndim not in (1, 2):
        raise ValueError(f"values {numbers.shape} and {name} {ids.shape} must be (n,) or (n, m) and agree")
    columns = numbers.shape[1] if numbers.ndim == 2 else 1
    return numbers.reshape(len(numbers), columns), ids.reshape(len(ids), columns)


def _shaped(columns: list[float], values: ArrayLike) -> Floats:
    """One number per column, of shape ``()`` if the values had no columns."""
    return np.array(columns, dtype=np.float64).reshape(np.shape(values)[1:])


def _means_within(values: Floats, taxon: Ids) -> tuple[Ids, Floats]:
    """The taxa that have a defined value, ascending, and the mean within each."""
    known = ~np.isnan(values) & (taxon >= 0)
    if not known.any():
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    taxa, group = np.unique(taxon[known], return_inverse=True)
    return taxa, np.bincount(group, weights=values[known]) / np.bincount(group)


def _clade_of(taxa: Ids, taxon: Ids, clade: Ids) -> Ids:
    """The clade of each of some taxa, which must be the same in all its rows."""
    known = (taxon >= 0) & (clade >= 0)
    pairs = np.unique(np.stack([taxon[known], clade[known]], axis=1), axis=0)
    double = np.flatnonzero(pairs[1:, 0] == pairs[:-1, 0])
    if len(double):
        t, one, two = pairs[double[0]][0], pairs[double[0]][1], pairs[double[0] + 1][1]
        raise ValueError(f"a taxon must lie in one clade: taxon {t} stands beside clade {one} and clade {two}")
    return np.asarray(pairs[np.searchsorted(pairs[:, 0], taxa), 1])

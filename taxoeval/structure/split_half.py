"""How well could any tree agree with centroids of so few images? Their agreement with themselves is the ceiling."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.structure.centroids import Centroids, upper
from taxoeval.structure.image_weights import halves, weighted_sums
from taxoeval.structure.pair_correlation import correlation, midranks
from taxoeval.structure.sums import Rows

Floats = NDArray[np.float64]

_TOGETHER = 1 << 23
"""Numbers held by the sums of splits that are made in one pass over the images: 64 MB."""


class SplitHalf(NamedTuple):
    """Agreement of the distances between centroids of two halves of the images.

    Attributes
    ----------
    between_halves
        ``(2,)`` Pearson's and Spearman's correlation of the distances from one half with those from the other, mean
        over splits.
    ceiling
        ``(2,)`` the largest correlation with anything free of noise that centroids of all images could be expected to
        have; NaN where the halves do not agree at all.
    n_species
        Species with two images or more: the others say nothing about noise.
    reason
        Why it is NaN; ``""`` where it is not.
    """

    between_halves: Floats
    ceiling: Floats
    n_species: int
    reason: str


def split_half(
    vectors: Rows, taxon: NDArray[np.integer], found: Centroids, *, splits: int = 5, most: int = 2000, seed: int = 0
) -> SplitHalf:
    """Split the images of each species at random in two and compare the distances between both sets of centroids.

    Parameters
    ----------
    vectors, taxon
        The images.
    found
        Their centroids.
    splits
        How often to split.
    most
        Species compared; a random choice of these where there are more.
    seed
        Of the splits.

    Notes
    -----
    With ``r`` between halves, distances from all images would correlate by ``2 r / (1 + r)`` with those from as many
    others (Spearman and Brown), and with their own noise-free values by the square root of that. It is a ceiling for
    the species with two images or more; with fewer images a species it is lower.

    References
    ----------
    .. [1] W. Brown, "Some experimental results in the correlation of mental abilities", British Journal of Psychology 3
       (1910).

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.structure.centroids import centroids
    >>> taxonomy = Taxonomy.from_lineages([("A", "a"), ("A", "b"), ("B", "c")], ranks=("genus", "species"))
    >>> vectors, taxon = np.array([[1.0, 0], [1, 0], [1, 1], [1, 1], [0, 1], [0, 1]]), np.array([1, 1, 2, 2, 4, 4])
    >>> split_half(vectors, taxon, centroids(vectors, taxon, taxonomy)).ceiling
    array([1., 1.])
    """
    rng = np.random.default_rng(seed)
    several = found.species[found.count >= 2]
    if len(several) < 3:
        return SplitHalf(np.full(2, np.nan), np.full(2, np.nan), len(several), "fewer than 3 species have two images")
    if len(several) > most:
        several = np.sort(rng.choice(several, most, replace=False))
    place = np.full(len(found.taxonomy), -1)
    place[several] = np.arange(len(several))
    code = place[np.asarray(taxon)]
    weights = halves(code, splits, rng)
    agreement = np.empty((splits, 2))
    together = max(1, _TOGETHER // (2 * len(several) * vectors.shape[1]))
    for start in range(0, splits, together):
        one = weights[start : start + together]
        other = np.where(code >= 0, 1 - one, 0)
        sums = weighted_sums(vectors, code, np.concatenate([one, other]), len(several))
        for i, half in enumerate(zip(sums[: len(one)], sums[len(one) :], strict=True), start):
            first, second = (upper(1 - unit @ unit.T) for unit in map(_unit, half))
            agreement[i] = _both(first, second)
    r = agreement.mean(axis=0)
    with np.errstate(invalid="ignore"):
        ceiling = np.where(r > 0, np.sqrt(2 * r / (1 + r)), np.nan)
    reason = "" if (r > 0).all() else "both halves of the images do not agree on which species are near: noise alone"
    return SplitHalf(r, np.minimum(ceiling, 1.0), len(several), reason)


def _unit(total: Floats) -> Floats:
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.asarray(np.divide(total, length, out=np.zeros_like(total), where=length > 0))


def _both(first: Floats, second: Floats) -> Floats:
    if np.ptp(first) <= 1e-12 or np.ptp(second) <= 1e-12:
        return np.full(2, np.nan)
    return np.array([correlation(first, second), correlation(midranks(first), midranks(second))])

"""Silhouettes of images from their inner products with the sums of taxa."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAME = 1e-12
"""Cosine distances below this are what rounding leaves of zero."""


def silhouettes(
    product: NDArray[np.floating],
    count: Ints | Floats,
    own: Ints,
    square: Floats,
    parent: Ints | None = None,
    base: Floats | float = 0.0,
) -> tuple[Floats, Floats]:
    """Silhouette of each image by cosine distance, among all taxa and among the siblings of its own.

    With ``a`` its mean distance from the other images of its taxon and ``b`` its mean distance from those of the
    nearest other taxon, ``(b - a) / max(a, b)``; the mean cosine with a taxon is the product with the sum of the
    taxon's unit vectors by their number, so no pair of images is looked at.

    Parameters
    ----------
    product
        ``(k, b)`` inner product of the sum of the unit vectors of each taxon with each image; see `base`.
        **Overwritten.**
    count
        ``(k,)`` images of each taxon.
    own
        ``(b,)`` row of the taxon of each image.
    square
        ``(b,)`` squared length of each image: 1, or 0 for a vector of zeros.
    parent
        ``(k,)`` the taxon above each; equal ones side by side; ``-1`` where unknown. None: nothing among siblings.
    base
        ``(b,)`` what was taken off the mean cosine of each image with every taxon: numbers that differ little need
        fewer digits.

    Returns
    -------
    all, siblings
        ``(b,)`` each, -1 to 1: 0 where the image is alone in its taxon or where both distances are 0, as in
        scikit-learn; NaN where there is no other taxon, or none known to be a sibling.

    References
    ----------
    P. J. Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis", Journal
    of Computational and Applied Mathematics 20 (1987).

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    >>> sums = np.array([x[0] + x[1], x[2]])
    >>> silhouettes(sums @ x.T, np.array([2, 1]), np.array([0, 0, 1]), np.ones(3))[0]
    array([ 0.6, -0.5,  0. ])
    """
    image, n_own = np.arange(product.shape[1]), count[own]
    inside = product[own, image] + n_own * base - square
    a = 1 - np.divide(inside, n_own - 1, out=np.ones_like(inside), where=n_own > 1)
    product /= count.astype(product.dtype)[:, None]
    product[own, image] = -np.inf
    everywhere = score(a, 1 - base - product.max(axis=0).astype(np.float64), n_own)
    if parent is None:
        return everywhere, np.full_like(a, np.nan)
    start = np.flatnonzero(np.diff(parent, prepend=-2))
    siblings = score(a, 1 - base - _highest(product, start, own), n_own)
    siblings[parent[own] < 0] = np.nan
    return everywhere, siblings


def _highest(product: NDArray[np.floating], start: Ints, own: Ints) -> Floats:
    """Largest entry of each column among the rows of one run: that of row ``own``, where runs begin at ``start``."""
    size = np.diff(np.append(start, len(product)))
    run = (np.searchsorted(start, own, side="right") - 1).astype(np.int64)
    n = size[run]
    first = np.cumsum(n) - n
    row = np.arange(n.sum()) + np.repeat(start[run] - first, n)
    image = np.repeat(np.arange(len(own)), n)
    return np.asarray(np.maximum.reduceat(product[row, image], first), dtype=np.float64)


def score(a: Floats, b: Floats, n_own: Ints | Floats) -> Floats:
    """``(b - a) / max(a, b)``: 0 where an image is alone or both are 0; NaN where ``b`` is infinite."""
    larger = np.maximum(a, b)
    undefined = np.isinf(b)
    b = np.where(undefined, 0.0, b)
    score = np.divide(b - a, larger, out=np.zeros_like(a), where=(larger > SAME) & (n_own > 1) & ~undefined)
    score = np.clip(score, -1.0, 1.0)
    score[undefined] = np.nan
    return score

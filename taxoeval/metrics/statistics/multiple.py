"""Many p-values at once: adjusted so that a threshold means what it says for all of them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def holm(p: ArrayLike) -> Floats:
    """Holm's adjusted p-values: calling those below alpha significant errs anywhere with chance alpha at most.

    Parameters
    ----------
    p
        P-values of any shape, one family; NaN was no test and does not count.

    Returns
    -------
    adjusted
        Same shape, NaN where ``p`` is. Valid whatever the tests' dependence.

    Raises
    ------
    ValueError
        If a p-value is outside [0, 1].

    References
    ----------
    .. [1] S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics, 1979.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    values, order, adjusted = _ascending(p)
    n = len(order)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values * (n - np.arange(n))))
    return adjusted.reshape(np.shape(p))


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Benjamini and Hochberg's adjusted p-values: of those below q, a share of q at most is expected to be false.

    Parameters
    ----------
    p
        P-values of any shape, one family; NaN was no test and does not count.

    Returns
    -------
    adjusted
        Same shape, NaN where ``p`` is. Valid for tests that are independent or positively dependent.

    Raises
    ------
    ValueError
        If a p-value is outside [0, 1].

    References
    ----------
    .. [1] Y. Benjamini, Y. Hochberg, "Controlling the False Discovery Rate: A Practical and Powerful Approach to
       Multiple Testing", Journal of the Royal Statistical Society B, 1995.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    array([0.03, 0.04, 0.04])
    """
    values, order, adjusted = _ascending(p)
    n = len(order)
    scaled = values * n / np.arange(1, n + 1)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return adjusted.reshape(np.shape(p))


def _ascending(p: ArrayLike) -> tuple[Floats, NDArray[np.int64], Floats]:
    """The p-values in ascending order, their places, and a flat array of NaN to be filled."""
    flat = np.asarray(p, dtype=np.float64).ravel()
    wrong = flat[(flat < 0) | (flat > 1)]
    if len(wrong):
        raise ValueError(f"p must hold p-values between 0 and 1; got {wrong[0]}")
    order = np.argsort(flat, kind="stable")[: int((~np.isnan(flat)).sum())]
    return flat[order], order, np.full(flat.shape, np.nan)

"""The two averages of a distance that the field publishes under names that are easily confused."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics.statistics import mean


def mistakes_only(distance: ArrayLike) -> NDArray[np.float64]:
    """Keep the distance of the mistakes; NaN for what is right or undefined.

    Parameters
    ----------
    distance
        Distance per sample, any shape; 0 means right.

    Returns
    -------
    distance
        Same shape. Its mean is the mistake severity, its bootstrap the severity's interval.

    Examples
    --------
    >>> mistakes_only([0, 2, 1])
    array([nan,  2.,  1.])
    """
    values = np.asarray(distance, dtype=np.float64)
    return np.where(values > 0, values, np.nan)


def mistake_severity(distance: ArrayLike) -> float:
    """Mean distance over the mistakes only.

    Parameters
    ----------
    distance
        ``(n,)``, the distance of each top-1 answer under one convention (`rank_height` or another); NaN is left out.

    Returns
    -------
    severity
        In the unit of ``distance``; NaN if nothing is wrong. Lower is better.

    Raises
    ------
    ValueError
        If ``distance`` is not one-dimensional.

    Notes
    -----
    It falls when a model trades near misses for hits less than when it trades hits for near misses: report accuracy
    beside it. ``(1 - accuracy) * mistake_severity`` is `average_hierarchical_distance` at 1.

    References
    ----------
    .. [1] L. Bertinetto et al., "Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks", CVPR 2020.

    Examples
    --------
    >>> mistake_severity([0, 0, 1, 3])
    2.0
    """
    values = np.asarray(distance, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"mistake severity is about the first answer: distance must be (n,), got {values.shape}")
    return float(mean(mistakes_only(values)))


def average_hierarchical_distance(distance: ArrayLike) -> float:
    """Mean distance over all samples, right ones counting 0, and over their k best answers.

    Parameters
    ----------
    distance
        ``(n,)`` or ``(n, k)``: the distance of each answer under one convention. Samples whose distance is undefined
        (NaN in any answer) are left out whole, so that every sample weighs the same.

    Returns
    -------
    distance
        In the unit of the input. Lower is better. At k > 1 even a perfect ranking is above 0.

    Raises
    ------
    ValueError
        If ``distance`` has more than two dimensions.

    References
    ----------
    .. [1] L. Bertinetto et al., "Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks", CVPR 2020.

    Examples
    --------
    >>> average_hierarchical_distance([0, 0, 1, 3])
    1.0
    >>> average_hierarchical_distance([[0, 1], [2, 1]])
    1.0
    """
    values = np.asarray(distance, dtype=np.float64)
    if values.ndim not in (1, 2):
        raise ValueError(f"distance must be (n,) or (n, k), got {values.shape}")
    return float(mean(values if values.ndim == 1 else values.mean(axis=1)))

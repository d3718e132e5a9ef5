"""A distance averaged so that every target taxon weighs the same."""

from numpy.typing import ArrayLike

from taxoeval.metrics.statistics import taxon_mean


def balanced_hierarchical_distance(distance: ArrayLike, target: ArrayLike) -> float:
    """Mean over target taxa of the mean distance within each (macro).

    Parameters
    ----------
    distance
        ``(n,)``, the distance of each answer, normally under the convention ``edge``; NaN is left out.
    target
        ``(n,)``, the true taxon of each sample; ``-1`` leaves the sample out.

    Returns
    -------
    distance
        In the unit of the input; NaN if no sample is defined. Lower is better.

    Raises
    ------
    ValueError
        If the shapes disagree.

    Notes
    -----
    It is `statistics.taxon_mean` of the distance under the name the literature gives it; that function and the
    bootstrap with ``average="macro"`` serve for intervals.

    References
    ----------
    .. [1] E. Wallin, F. Kahl, L. Hammarstrand, "ProHOC: Probabilistic Hierarchical Out-of-Distribution Classification
       via Multi-Depth Networks", CVPR 2025 ("balanced hierarchy distance").

    Examples
    --------
    >>> balanced_hierarchical_distance([0, 0, 0, 4], [7, 7, 7, 8])
    2.0
    """
    return float(taxon_mean(distance, target))

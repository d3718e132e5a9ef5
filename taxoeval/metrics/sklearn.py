"""Scorers for scikit-learn's model selection: any metric of taxa in ``cross_val_score`` and ``GridSearchCV``."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from taxoeval.metrics.statistics import mean
from taxoeval.taxonomy import Taxonomy, Tree

__all__ = ["make_scorer"]

TaxonMetric = Callable[[ArrayLike, ArrayLike, Any], Any]


def make_scorer(
    metric: TaxonMetric, taxonomy: Tree, *, greater_is_better: bool, rank: str | None = None
) -> Callable[..., float]:
    """Turn a metric into a scorer, ``scorer(estimator, X, y)``, for estimators whose classes are taxon ids.

    Parameters
    ----------
    metric
        ``metric(target, pred, taxonomy)`` with one value per sample, ``(n,)`` or ``(n, n_ranks)``, whose mean over the
        samples that have one is the score; or with one number, which is the score itself. Options are bound with
        `functools.partial`.
    taxonomy
        The taxonomy of both.
    greater_is_better
        Whether a high value is good. Of a distance, where it is not, the score is *minus* the mean, since scikit-learn
        always maximises: there is no default, because a search for the worst model looks like any other.
    rank
        Which rank's column to take of a metric that gives one per rank, such as `rank_hits`.

    Returns
    -------
    scorer
        A scikit-learn scorer that uses ``predict``; it can be pickled (``n_jobs``) if the metric can.

    Raises
    ------
    ValueError
        If the taxonomy has no such rank; when it scores, if a rank is needed and none was named.

    Notes
    -----
    Give ``y`` as taxon ids (``taxonomy.ids(names)``), not as names. A cross-validation splits at random unless told
    otherwise: images of one individual, sequence or place must not come on both sides; use ``GroupKFold``.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.metrics import rank_height
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> y = np.repeat(taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"]), 4)
    >>> x = np.array([0, 1, 2, 1, 1, 2, 0, 2, 8, 9, 8, 9.5])[:, None]  # ravens and crows look alike
    >>> scorer = make_scorer(rank_height, taxonomy, greater_is_better=False)
    >>> cross_val_score(KNeighborsClassifier(3), x, y, scoring=scorer, cv=2).round(2)
    array([-0.33, -0.33])
    """
    from sklearn.metrics import make_scorer as scikit_learn_scorer

    column = None
    if rank is not None:
        if not isinstance(taxonomy, Taxonomy) or rank not in taxonomy.ranks:
            known = ", ".join(taxonomy.ranks) if isinstance(taxonomy, Taxonomy) else "none"
            raise ValueError(f"no rank {rank!r}; the taxonomy has {known}")
        column = taxonomy.ranks.index(rank)
    score = partial(_mean_of, metric=metric, taxonomy=taxonomy, column=column)
    scorer: Callable[..., float] = scikit_learn_scorer(score, greater_is_better=greater_is_better)
    return scorer


def _mean_of(
    target: ArrayLike, pred: ArrayLike, *, metric: TaxonMetric, taxonomy: Tree, column: int | None = None
) -> float:
    """Score of targets and predictions, in the order in which scikit-learn gives them."""
    values = np.asarray(metric(target, pred, taxonomy), dtype=np.float64)
    if values.ndim == 2 and column is None:
        raise ValueError(f"the metric gives a value for each of {values.shape[1]} ranks: name one with rank=")
    if values.ndim == 2:
        values = values[:, column]
    return float(values if values.ndim == 0 else mean(values))

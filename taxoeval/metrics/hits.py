"""Is the prediction right, rank by rank?"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._shapes import target_and_pred
from taxoeval.taxonomy import Taxonomy


def rank_hits(target: ArrayLike, pred: ArrayLike, taxonomy: Taxonomy) -> NDArray[np.float64]:
    """Whether the prediction and the target are the same taxon at each rank.

    1 where a prediction belongs to the target's taxon at that rank, 0 where none does, NaN where the target's taxon at
    that rank is unknown: a label known only to family is scored down to family.

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``; ``-1`` makes a whole row NaN.
    pred
        Predicted taxa. ``(n,)``: one per sample. ``(n, k)``: the k best, a hit if any is right (top-k).
        ``(n, n_ranks, k)``: k answers made independently at each rank; each is judged at its own rank.
        ``-1`` is no answer and never right.
    taxonomy
        The taxonomy all are ids of.

    Returns
    -------
    hits
        ``(n, n_ranks)``, ranks from coarse to fine. Range: {0, 1, NaN}. Higher is better.

    Raises
    ------
    ValueError
        If the shapes disagree or an id is not in the taxonomy.

    Notes
    -----
    Identity is the whole path: two taxa that share only their name share nothing. A prediction that stops above a rank,
    or whose taxon at that rank is unknown, gives no answer there, which counts as wrong.

    The mean over samples is the accuracy per rank (micro); `statistics.taxon_mean` gives the macro one. With a single
    leaf prediction, a miss at a rank implies misses below it; independent answers per rank need not be so coherent.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Corvus", "Corvus corone"),
    ...      ("Corvidae", "Pica", "Pica pica"), ("Corvidae", "", "")], ranks=("family", "genus", "species"))
    >>> raven, crow, magpie, family = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica", "Corvidae"])
    >>> rank_hits([raven, raven, family], [crow, magpie, crow], taxonomy)
    array([[ 1.,  1.,  0.],
           [ 1.,  0.,  0.],
           [ 1., nan, nan]])
    >>> rank_hits([raven], [[crow, raven]], taxonomy)
    array([[1., 1., 1.]])
    """
    targets, preds = target_and_pred(target, pred, len(taxonomy))
    truth = _at_every_rank(targets, taxonomy)
    if preds.ndim == 3:
        if preds.shape[1] != taxonomy.n_ranks:
            raise ValueError(
                f"pred of three dimensions must be (n, n_ranks, k) with n_ranks = {taxonomy.n_ranks}; got {preds.shape}"
            )
        hits = np.zeros(truth.shape, dtype=bool)
        for r in range(taxonomy.n_ranks):
            at_rank = np.append(taxonomy.ancestor[:, r], np.int32(-1))  # of the id -1: the last
            for answer in np.ascontiguousarray(preds[:, r, :].T):
                hits[:, r] |= at_rank[answer] == truth[:, r]
    elif preds.ndim <= 2:
        answers = preds if preds.ndim == 2 else preds[:, None]
        hits = np.zeros(truth.shape, dtype=bool)
        for position in range(answers.shape[1]):
            hits |= _at_every_rank(answers[:, position], taxonomy) == truth
    else:
        raise ValueError(f"pred must be (n,), (n, k) or (n, n_ranks, k); got {preds.shape}")
    return np.where(truth >= 0, hits, np.nan)


def _at_every_rank(ids: NDArray[np.int64], taxonomy: Taxonomy) -> NDArray[np.int64]:
    """Ancestors of ids at every rank, -1 throughout for the id -1."""
    return np.where(ids[:, None] >= 0, taxonomy.ancestor[ids], -1).astype(np.int64, copy=False)

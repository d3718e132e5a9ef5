"""What always naming the commonest taxon scores."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._shapes import taxon_ids
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]


def majority_hits(target: ArrayLike, taxonomy: Taxonomy) -> Floats:
    """Whether each sample belongs to the commonest target taxon of its rank: the hits of always answering that one.

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``.
    taxonomy
        Their taxonomy.

    Returns
    -------
    hits
        ``(n, n_ranks)`` of {0, 1, NaN}; the mean per rank is the majority level. Among equally common taxa the one
        with the lowest id is taken.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> raven, magpie = taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> majority_hits([raven, raven, magpie], taxonomy).mean(axis=0).round(2)
    array([0.67, 0.67])
    """
    targets = taxon_ids(target, "target", len(taxonomy))
    hits = np.full((len(targets), taxonomy.n_ranks), np.nan)
    for r in range(taxonomy.n_ranks):
        truth = np.where(targets >= 0, taxonomy.ancestor[:, r][targets], -1)
        known = truth >= 0
        if known.any():
            hits[known, r] = truth[known] == np.bincount(truth[known]).argmax()
    return hits


def majority_pred(target: ArrayLike, taxonomy: Taxonomy, *, rank: str | None = None) -> NDArray[np.int64]:
    """The answers of always naming the commonest taxon: put into any metric they give its majority level, exactly.

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``.
    taxonomy
        Their taxonomy.
    rank
        The rank whose commonest taxon is named; ``None``: the finest.

    Returns
    -------
    pred
        ``(n,)``, the same taxon throughout; ``-1`` if no target is known at that rank. Among equally common taxa the
        one with the lowest id is taken.

    Raises
    ------
    ValueError
        If the taxonomy has no such rank, or an id is not in it.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.metrics import rank_height
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> raven, magpie = taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> target = [raven, raven, magpie]
    >>> rank_height(target, majority_pred(target, taxonomy), taxonomy)
    array([0., 0., 2.])
    """
    targets = taxon_ids(target, "target", len(taxonomy))
    if rank is not None and rank not in taxonomy.ranks:
        raise ValueError(f"rank must be one of {', '.join(taxonomy.ranks)}; got {rank!r}")
    truth = np.append(taxonomy.ancestor[:, -1 if rank is None else taxonomy.ranks.index(rank)], -1)[targets]
    known = truth[truth >= 0]
    commonest = int(np.bincount(known).argmax()) if len(known) else -1
    return np.full(targets.shape, commonest, dtype=np.int64)

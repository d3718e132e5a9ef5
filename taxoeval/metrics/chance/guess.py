"""What a uniform guess among the candidates scores at each rank, and how far off it is, exactly."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._shapes import taxon_ids
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]


def chance_hits(target: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy, *, k: int = 1) -> Floats:
    """Probability that k different candidates, drawn uniformly, include one of the target's taxon at each rank.

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``.
    candidates
        The closed set a guess is drawn from, shape ``(c,)``, each once.
    taxonomy
        The taxonomy of both.
    k
        How many guesses are allowed.

    Returns
    -------
    chance
        ``(n, n_ranks)``: ``1 - C(c - m, k) / C(c, k)`` with m the candidates that share the target's taxon at that
        rank. Range [0, 1]; NaN where the target's taxon is unknown, as in `rank_hits`.

    Raises
    ------
    ValueError
        If there are no candidates, or ``k`` is not in 1 to c.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Corvus", "Corvus corone"),
    ...      ("Corvidae", "Pica", "Pica pica"), ("Paridae", "Parus", "Parus major")],
    ...     ranks=("family", "genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica", "Parus major"])
    >>> chance_hits(species[:1], species, taxonomy)
    array([[0.75, 0.5 , 0.25]])
    """
    sharing, c = _sharing(target, candidates, taxonomy)
    if not 1 <= k <= c:
        raise ValueError(f"k must be between 1 and the number of candidates, {c}; got {k}")
    miss = np.ones_like(sharing)
    for j in range(k):
        miss *= np.maximum(c - sharing - j, 0) / (c - j)
    return np.asarray(1 - miss)


def chance_rank_height(target: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy) -> Floats:
    """Mean `rank_height` of a uniform guess over the candidates, for each target.

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``.
    candidates
        The closed set, shape ``(c,)``, each once.
    taxonomy
        The taxonomy of both.

    Returns
    -------
    height
        ``(n,)``. Unit: ranks. NaN where `rank_height` is undefined.

    Notes
    -----
    The height exceeds ``j`` exactly if nothing is shared at the ``j`` + 1 finest ranks, so its mean is a sum over ranks
    of the share of candidates that do not share a taxon there or below; no target x candidate table is needed. The mean
    over mistakes only is this divided by the chance of a mistake, both averaged over the samples.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Corvus", "Corvus corone"),
    ...      ("Corvidae", "Pica", "Pica pica"), ("Paridae", "Parus", "Parus major")],
    ...     ranks=("family", "genus", "species"))
    >>> species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica", "Parus major"])
    >>> chance_rank_height(species[:1], species, taxonomy)  # heights 0, 1, 2, 3
    array([1.5])
    """
    sharing, c = _sharing(target, candidates, taxonomy)
    undefined = np.isnan(sharing[:, -1])
    for r in range(sharing.shape[1] - 2, -1, -1):  # over a hole, what is shared is what is shared below it
        sharing[:, r] = np.where(np.isnan(sharing[:, r]), sharing[:, r + 1], sharing[:, r])
    return np.where(undefined, np.nan, (1 - sharing / c).sum(axis=1))


def _sharing(target: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy) -> tuple[Floats, int]:
    """How many candidates share each target's taxon at each rank, NaN where unknown; and how many there are."""
    targets = taxon_ids(target, "target", len(taxonomy))
    closed_set = np.unique(taxon_ids(candidates, "candidates", len(taxonomy)))
    if len(closed_set) == 0 or closed_set[0] < 0:
        raise ValueError("candidates must be a set of taxa: at least one, and no -1")
    sharing = np.full((len(targets), taxonomy.n_ranks), np.nan)
    for r in range(taxonomy.n_ranks):
        of_candidate = taxonomy.ancestor[closed_set, r]
        members = np.bincount(of_candidate[of_candidate >= 0], minlength=len(taxonomy))
        truth = np.where(targets >= 0, taxonomy.ancestor[:, r][targets], -1)
        sharing[:, r] = np.where(truth >= 0, members[truth], np.nan)
    return sharing, len(closed_set)

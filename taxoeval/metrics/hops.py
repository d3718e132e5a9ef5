"""Hierarchically Ordered Preference Score: does a ranking name the candidates in the order of the tree?"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics._gains import first_places
from taxoeval.metrics._rings import Ids, candidate_ids, refuse_outsiders, rings_of
from taxoeval.metrics._shapes import target_and_pred
from taxoeval.metrics.distances import lca_distance
from taxoeval.taxonomy import Tree

Floats = NDArray[np.float64]

Worst = Literal["reversal", "largest", "published"]

_BLOCK = 1 << 18  # places at a time


def hops(
    target: ArrayLike,
    pred: ArrayLike,
    tree: Tree,
    candidates: ArrayLike,
    *,
    k: int | None = None,
    worst: Worst = "reversal",
) -> Floats:
    """How nearly the ranked candidates follow their order in the tree: the target, then its sisters, and so on (HOPS).

    1 if every place holds a candidate of the tier that belongs there; 0 if the order is as wrong as it can be.

    Parameters
    ----------
    target
        True taxa, shape ``(n,)``.
    pred
        Candidates in ranked order, best first: ``(n, c)`` for the full score, ``(n, k)`` or more for HOPS@k, for which
        no full sort is needed. ``-1`` is no answer and counts as the farthest tier.
    tree
        The tree all are ids of.
    candidates
        ``(c,)``, all that could be ranked, each once.
    k
        Judge the first k places only; ``None``: all of them.
    worst
        What an error is divided by: the error, in the first k places, of the ``"reversal"`` of the best order; the
        ``"largest"`` error any ranking can have there, at a cost of k² per target; or what the authors' code divides
        by, ``"published"``, to compare with their numbers.

    Returns
    -------
    score
        ``(n,)`` in [0, 1]. Higher is better. NaN where the target is no candidate or the only one.

    Raises
    ------
    ValueError
        If ``worst`` is unknown, ``k`` is not in 1 to c, if ``pred`` has too few places or holds a taxon that is no
        candidate, or if a candidate is repeated.

    Notes
    -----
    The tier of a candidate is 0 for the target, then 1, 2, ... by how far up it meets the target's path, numbered over
    those steps that have candidates. With e the tiers in the best order and o those in the predicted one, the error is
    the sum over places of w times the distance of e and o. The weight w is 1 for the target's place and falls, within
    the places of tier t, in equal steps from 2^-t towards the weight of the next tier, or to 0 in the last.

    For all places ``reversal`` and ``published`` are the same. For HOPS@k the published score divides by the error of
    reversing the k *best* candidates among themselves; a ranking that names distant ones exceeds it at once and is
    clipped to 0, and @1 is a plain hit. ``reversal`` cuts the reversal of *all* candidates at k instead: no ranking
    errs more as long as the farthest tier has k candidates and the k best lie in the nearer half of the tiers. Beyond
    that a few do, and are clipped to 0; for all places this is common among the worst: of random orders of 10,000
    species of all kingdoms about a fifth. ``largest`` never clips.

    References
    ----------
    .. [1] D. Sani, S. Anand, "Learning and Evaluating Hierarchical Feature Representations", 2025, arXiv:2503.07853.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus", "Corvus corax"), ("Corvidae", "Corvus", "Corvus corone"),
    ...      ("Corvidae", "Pica", "Pica pica")], ranks=("family", "genus", "species"))
    >>> raven, crow, magpie = species = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> hops([raven] * 3, [[raven, crow, magpie], [crow, raven, magpie], [magpie, crow, raven]], taxonomy, species)
    array([1. , 0.4, 0. ])
    """
    if worst not in ("reversal", "largest", "published"):
        raise ValueError(f"unknown worst {worst!r}; it must be reversal, largest or published")
    targets, preds = target_and_pred(target, pred, len(tree))
    closed_set = np.sort(candidate_ids(candidates, tree))
    places = _checked_places(preds, closed_set, k)
    preds = preds[:, :places]
    refuse_outsiders(preds, closed_set, tree, "pred", "candidates")
    score = np.empty(len(targets))
    rows = max(1, _BLOCK // max(places, int(tree.depth.max()) + 3))
    for first in range(0, len(targets), rows):
        part = slice(first, first + rows)
        unique, which = np.unique(targets[part], return_inverse=True)
        size = _tier_sizes(unique, closed_set, tree)
        expected, weight = _best_order(size, places)
        found = _tiers(targets[part], preds[part], tree, size, which)
        error = (weight[which] * np.abs(expected[which] - found)).sum(axis=1)
        scale = _worst_error(size, expected, weight, len(closed_set), worst)[which]
        if worst == "published" and places == 1:
            score[part] = found[:, 0] == 0
        else:
            score[part] = 1 - np.divide(error, scale, out=np.full(len(error), np.nan), where=scale > 0)
        score[part][(size[:, 0] == 0)[which] | (len(closed_set) == 1)] = np.nan
    return np.maximum(score, 0.0)


def _checked_places(preds: Ids, candidates: Ids, k: int | None) -> int:
    if (np.diff(candidates) == 0).any():
        repeated = candidates[1:][np.diff(candidates) == 0][0]
        raise ValueError(f"candidates must hold each taxon once; taxon {repeated} is repeated")
    places = len(candidates) if k is None else k
    if not 1 <= places <= len(candidates):
        raise ValueError(f"k must be between 1 and the number of candidates, {len(candidates)}; got {k}")
    if preds.ndim != 2 or preds.shape[1] < places:
        raise ValueError(f"pred must rank at least {places} candidates, shape (n, {places}); got {preds.shape}")
    return places


def _tier_sizes(unique: Ids, candidates: Ids, tree: Tree) -> Ids:
    """Candidates per step, ``(u, 1 + n_steps)``: the target itself, those below it, then ring by ring outwards."""
    ring = rings_of(unique, [candidates], tree).count[..., 0]
    itself = np.isin(unique, candidates).astype(np.int64)
    ring[:, 0] -= itself
    return np.concatenate([itself[:, None], ring], axis=1)


def _numbered(size: Ids) -> Floats:
    """Number of each step's tier, counting only steps that have candidates."""
    return np.cumsum(size > 0, axis=1, dtype=np.float64) - 1


def _best_order(size: Ids, places: int) -> tuple[Floats, Floats]:
    """Tier and weight of each place of the best order, ``(u, places)`` each."""
    tier = _numbered(size)
    last = tier[:, -1:]
    top = 0.5**tier
    step = np.where(tier == 0, 0.0, np.where(tier == last, top, top / 2) / np.maximum(size, 1))
    start = np.cumsum(size, axis=1) - size
    at_start = first_places(top + step * start, size, places)
    return first_places(tier, size, places), at_start - first_places(step, size, places) * np.arange(places)


def _tiers(targets: Ids, preds: Ids, tree: Tree, size: Ids, which: Ids) -> Floats:
    """Tier of every predicted candidate."""
    steps = lca_distance(targets, preds, tree, convention="target_leg")
    place = np.where(preds == targets[:, None], 0, 1 + np.nan_to_num(steps).astype(np.int64))
    tier = _numbered(size)
    return np.where(preds < 0, tier[which, -1:], tier[which[:, None], place])


def _worst_error(size: Ids, expected: Floats, weight: Floats, n_candidates: int, worst: Worst) -> Floats:
    places = expected.shape[1]
    farthest = first_places(_numbered(size)[:, ::-1], size[:, ::-1], places)
    if worst == "largest":
        return _largest_error(expected, weight, farthest)
    reverse = farthest if worst == "reversal" or places == n_candidates else expected[:, ::-1]
    return np.asarray((weight * np.abs(expected - reverse)).sum(axis=1))


def _largest_error(expected: Floats, weight: Floats, farthest: Floats) -> Floats:
    """The largest error of any ranking, by dynamic programming over places and over how many hold a distant candidate.

    Each place holds either one that is farther than it should be or one that is nearer. Weights fall from place to
    place, so the former hold the farthest candidates in that order, the latter the nearest ones in that order.
    """
    u, places = expected.shape
    most = np.full((u, places + 1), -np.inf)  # by the number of places that hold a distant candidate
    most[:, 0] = 0.0
    for j in range(places):
        w, e = weight[:, j, None], expected[:, j, None]
        nearer = most[:, : j + 1] + w * (e - expected[:, j::-1])
        farther = most[:, : j + 1] + w * (farthest[:, : j + 1] - e)
        most[:, : j + 1] = nearer
        most[:, 1 : j + 2] = np.maximum(most[:, 1 : j + 2], farther)
    return np.asarray(most.max(axis=1))

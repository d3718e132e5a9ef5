"""The hardest images: those whose taxon was thought least likely, and the most confident mistakes."""

import numpy as np
from numpy.typing import NDArray

from taxoeval.records import Predictions
from taxoeval.reports.mistake_pairs import finest_shared, names_and_paths
from taxoeval.reports.mistake_ranks import Columns
from taxoeval.tasks.scoring import deepest
from taxoeval.taxonomy import Taxonomy

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]

UNLIKELY, CONFIDENT = "truth unlikely", "confident mistake"


def hardest(predictions: Predictions, taxonomy: Taxonomy, *, most: int = 100) -> Columns:
    """The images worth looking at first.

    Parameters
    ----------
    predictions
        Answers of one decoder.
    taxonomy
        Their taxonomy.
    most
        How many of either kind.

    Returns
    -------
    columns
        One row per image and ``kind``, the hardest first (``place`` from 1). ``truth unlikely``: the least probability
        for the true taxon. ``confident mistake``: the most for a wrong one. Either is judged at the finest rank the
        image is known at (``rank``). ``sample``; ``target``, ``predicted`` and their paths; ``shared``: the finest rank
        that is right, and ``height``, the ranks from ``rank`` up to it; ``probability`` of the answer;
        ``truth_probability``, NaN if the truth is not among the answers kept; ``truth_at_most``, an upper bound of it
        in that case, if the rule puts probable answers first; ``truth_place`` among the answers, 0 for none.

    Notes
    -----
    Without stated probabilities there is nothing to order by, and no row. Images without a first answer at their rank
    are not listed.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> raven, magpie = taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> both = taxonomy.ancestor[[[magpie, raven], [magpie, raven]]].swapaxes(1, 2).astype(np.int64)
    >>> sure = np.array([[[0.9, 0.1]] * 2, [[0.6, 0.4]] * 2])
    >>> answers = Predictions(
    ...     np.array(["1", "2"]), np.array([raven, raven]), both, sure, "leaf_argmax", np.array([raven]))
    >>> columns = hardest(answers, taxonomy, most=1)
    >>> for key in ("kind", "sample", "predicted", "probability", "truth_probability", "truth_place", "height"):
    ...     print(key, *columns[key].tolist(), sep=", ")
    kind, truth unlikely, confident mistake
    sample, 1, 1
    predicted, Pica pica, Pica pica
    probability, 0.9, 0.9
    truth_probability, 0.1, 0.1
    truth_place, 2, 2
    height, 2, 2
    """
    image = np.arange(len(predictions.target))
    rank = taxonomy.rank[predictions.target]
    answers, sure = predictions.taxon[image, rank], predictions.probability[image, rank]
    is_truth = answers == predictions.target[:, None]
    place = np.where(is_truth.any(axis=1), is_truth.argmax(axis=1) + 1, 0)
    truth = np.where(place > 0, sure[image, place - 1], np.nan)
    at_most = np.where(place > 0, truth, _bound(sure))
    by_truth = np.flatnonzero((answers[:, 0] >= 0) & ~np.isnan(at_most))
    by_truth = by_truth[np.lexsort((-sure[by_truth, 0], at_most[by_truth]))][:most]
    wrong = np.flatnonzero((answers[:, 0] >= 0) & (place != 1) & ~np.isnan(sure[:, 0]))
    wrong = wrong[np.lexsort((at_most[wrong], -sure[wrong, 0]))][:most]
    rows = np.concatenate([by_truth, wrong])
    shared = finest_shared(predictions.target[rows], deepest(predictions.taxon[rows, :, 0]), taxonomy)
    return {
        "kind": np.repeat([UNLIKELY, CONFIDENT], [len(by_truth), len(wrong)]),
        "place": np.concatenate([np.arange(len(by_truth)), np.arange(len(wrong))]) + 1,
        "sample": predictions.sample[rows],
        "rank": np.array(taxonomy.ranks)[rank[rows]],
        **names_and_paths("target", predictions.target[rows], taxonomy),
        **names_and_paths("predicted", answers[rows, 0], taxonomy),
        "shared": np.append(taxonomy.ranks, "")[np.minimum(shared, rank[rows])],
        "height": rank[rows] - np.minimum(shared, rank[rows]),
        "probability": sure[rows, 0],
        "truth_probability": truth[rows],
        "truth_at_most": at_most[rows],
        "truth_place": place[rows],
    }


def _bound(sure: Floats) -> Floats:
    """What an answer that was not kept can have at most: what is left of 1, and no more than the kept ones in order.

    NaN where no answer has a probability.
    """
    stated = ~np.isnan(sure)
    lowest = np.where(stated, sure, np.inf).min(axis=1)
    ordered = (np.diff(np.where(stated, sure, 0.0), axis=1) <= 0).all(axis=1)
    left = np.clip(1 - np.where(stated, sure, 0.0).sum(axis=1), 0, None)
    bound = np.where(ordered, np.minimum(lowest, left), left)
    return np.asarray(np.where(stated.any(axis=1), bound, np.nan))

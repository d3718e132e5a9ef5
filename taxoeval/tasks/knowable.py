"""What can still be right of a taxon that is not among the candidates, and how well it is said."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from taxoeval.metrics import statistics
from taxoeval.records import Predictions, Score
from taxoeval.tasks.intervals import Column, intervals
from taxoeval.tasks.scoring import deepest, score_each
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def knowable(target: ArrayLike, candidates: ArrayLike, taxonomy: Taxonomy) -> Ints:
    """The finest taxon of each target's lineage that still has a candidate in it.

    Parameters
    ----------
    target
        ``(n,)`` true taxa.
    candidates
        ``(c,)`` the taxa an answer could be.
    taxonomy
        Their taxonomy.

    Returns
    -------
    taxon
        ``(n,)`` the target itself where it, or a taxon in it, is a candidate; else its finest ancestor of which that is
        so; ``-1`` where not even the coarsest is left.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus"), ("Corvidae", "Pica"), ("Alaudidae", "Alauda")], ranks=("family", "genus"))
    >>> corvus, pica, alauda = taxonomy.ids(["Corvus", "Pica", "Alauda"])
    >>> left = knowable([corvus, pica, alauda], [corvus], taxonomy)
    >>> [str(taxonomy.names[i]) if i >= 0 else "nothing" for i in left]
    ['Corvus', 'Corvidae', 'nothing']
    """
    path = taxonomy.ancestor[np.asarray(target)].astype(np.int64)
    left = (path >= 0) & (_candidates_below(np.maximum(path, 0), candidates, taxonomy) > 0)
    return np.asarray(np.where(left, path, -1).max(axis=1, initial=-1))  # in preorder the finest has the largest id


def _candidates_below(taxon: Ints, candidates: ArrayLike, taxonomy: Taxonomy) -> Ints:
    """How many candidates are at or below each taxon."""
    ordered = np.sort(np.asarray(candidates))
    return np.asarray(np.searchsorted(ordered, taxon + taxonomy.size[taxon]) - np.searchsorted(ordered, taxon))


def scores_within(
    predictions: Sequence[Predictions], target: Ints, taxonomy: Taxonomy, *, task: str, part: str
) -> list[Score]:
    """Scores against other targets, normally ancestors of the true ones, without the distances that have no meaning.

    Of several decoders, all about the same images. Distances in ranks are from the finest rank up: of targets that all
    stop above it there are none, which is not the same as no mistakes.
    """
    decoders = [(replace(one, target=target),) for one in predictions]
    rows = score_each(decoders, taxonomy, task=task, part=part)
    return [row for row in rows if row.n or row.metric not in _DISTANCES] if _stop_early(target, taxonomy) else rows


_DISTANCES = ("mistake_severity", "average_hierarchical_distance")


def _stop_early(target: Ints, taxonomy: Taxonomy) -> bool:
    return not bool((taxonomy.rank[target[target >= 0]] == taxonomy.n_ranks - 1).any())


def hidden_scores(
    predictions: Sequence[Predictions], taxonomy: Taxonomy, *, task: str, part: str, groups: Ints
) -> list[Score]:
    """Scores of answers about images of taxa that are not among the candidates.

    Parameters
    ----------
    predictions
        Answers of one or more decoders about the same images, with the true taxa as targets.
    taxonomy
        Their taxonomy.
    task, part
        Names written into the scores.
    groups
        ``(n,)`` what is resampled for intervals: the hidden taxon of each image.

    Returns
    -------
    scores
        Of each decoder in turn those of `taxoeval.tasks.scoring.score` for the knowable part of each lineage, finer
        ranks being undefined; ``knowable_hits``, whether the answer at the finest knowable rank is right, with the
        chance of a blind guess among the candidates; ``over_specialisation``, whether an answer is given at a finer
        rank still, which cannot be right. Only rules that may stop early can avoid that.
    """
    if not predictions:
        return []
    candidates = predictions[0].candidates
    known = knowable(predictions[0].target, candidates, taxonomy)
    share = _candidates_below(np.maximum(known, 0), candidates, taxonomy) / len(candidates)
    chance = float(statistics.mean(np.where(known >= 0, share, np.nan)))
    columns = [column for one in predictions for column in _hits_and_deeper(one, known, taxonomy)]
    found = intervals(columns, groups)
    rows = scores_within(predictions, known, taxonomy, task=task, part=part)
    told = (("knowable_hits", chance, True), ("over_specialisation", float("nan"), False))
    scores = []
    for one, means in zip(predictions, zip(found[::2], found[1::2], strict=True), strict=True):
        scores += [row for row in rows if row.decoder == one.decoder]
        scores += [
            Score(
                metric=metric,
                **mean._asdict(),
                rank="",
                k=1,
                chance=level,
                majority=float("nan"),
                higher_is_better=higher,
                task=task,
                decoder=one.decoder,
                slice=part,
            )
            for (metric, level, higher), mean in zip(told, means, strict=True)
        ]
    return scores


def _hits_and_deeper(predictions: Predictions, known: Ints, taxonomy: Taxonomy) -> tuple[Column, Column]:
    """Whether the answer at the finest knowable rank is right, and whether there is one below it."""
    place = np.where(known >= 0, taxonomy.rank[known], 0)
    answers = predictions.taxon[:, :, 0]
    hits = np.where(known >= 0, answers[np.arange(len(known)), place] == known, np.nan)
    last = deepest(answers)
    deeper = np.where(known >= 0, (last >= 0) & (taxonomy.rank[last] > place), np.nan)
    each = np.ones(len(known))
    return Column(hits, each), Column(deeper, each)

"""How far up mistakes go: wrong at the finest rank only, from the rank above it, from the next ..."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval import metrics
from taxoeval.metrics import statistics
from taxoeval.records import Predictions
from taxoeval.tasks.scoring import deepest
from taxoeval.taxonomy import Taxonomy

Columns = dict[str, NDArray[Any]]
"""Columns of one length by name."""

NO_ANSWER = "no answer"


def mistakes_by_rank(predictions: Predictions, taxonomy: Taxonomy) -> Columns:
    """Of the mistakes, which share is wrong from which rank down.

    Mistakes are the images known to the finest rank whose deepest first answer is not their taxon. One that stops at
    the right genus is wrong from the species down, as a wrong species of that genus is.

    Parameters
    ----------
    predictions
        Answers of one decoder.
    taxonomy
        Their taxonomy.

    Returns
    -------
    columns
        One row per rank, fine to coarse, and a last one for images without any answer. ``wrong_from``: the coarsest
        rank that is wrong (``"no answer"`` in the last row); ``shared``: the finest rank that is right, ``""`` for
        none; ``height``: ranks to climb; ``n``: how many; ``share`` of all mistakes; ``chance``: that share for a
        uniform guess among the candidates. Shares are NaN without mistakes.

    Notes
    -----
    The sum of ``height`` times ``n``, over the ``n`` of the mistakes with an answer, is the mistake severity.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Corvus", "Corvus corone"), ("Pica", "Pica pica")],
    ...     ranks=("genus", "species"))
    >>> raven, crow, magpie = taxonomy.ids(["Corvus corax", "Corvus corone", "Pica pica"])
    >>> first = taxonomy.ancestor[[crow, crow, magpie]][:, :, None].astype(np.int64)
    >>> answers = Predictions(np.array(["1", "2", "3"]), np.array([raven, raven, raven]), first, first * 0.0 + 1,
    ...                       "leaf_argmax", np.array([raven, crow, magpie]))
    >>> columns = mistakes_by_rank(answers, taxonomy)
    >>> [str(rank) for rank in columns["wrong_from"]], columns["n"], columns["share"].round(2), columns["chance"]
    (['species', 'genus', 'no answer'], array([2, 1, 0]), array([0.67, 0.33, 0.  ]), array([0.5, 0.5, 0. ]))
    """
    finest = taxonomy.rank[predictions.target] == taxonomy.n_ranks - 1
    target, pred = predictions.target[finest], deepest(predictions.taxon[finest, :, 0])
    height = metrics.rank_height(target, pred, taxonomy)
    count = np.bincount(height[height > 0].astype(np.int64), minlength=taxonomy.n_ranks + 1)[1:]
    n = np.append(count, np.isnan(height).sum())
    total = n.sum()
    fine_to_coarse = taxonomy.ranks[::-1]
    return {
        "wrong_from": np.array([*fine_to_coarse, NO_ANSWER]),
        "shared": np.array([*fine_to_coarse[1:], "", ""]),
        "height": np.append(np.arange(1.0, taxonomy.n_ranks + 1), np.nan),
        "n": n,
        "share": n / total if total else np.full(n.shape, np.nan),
        "chance": _chance(target, predictions.candidates, taxonomy),
    }


def _chance(target: NDArray[np.int64], candidates: NDArray[np.int64], taxonomy: Taxonomy) -> NDArray[np.float64]:
    """Shares of the heights among the wrong ones of all guesses; a guess always answers."""
    if len(target) == 0:
        return np.full(taxonomy.n_ranks + 1, np.nan)
    hits = np.nan_to_num(statistics.chance_hits(target, candidates, taxonomy))
    # sharing a taxon at some rank or a finer one; a rank that the target skips is not shared itself
    reached = np.maximum.accumulate(hits[:, ::-1], axis=1).mean(axis=0)
    exactly = np.append(np.diff(reached), 1 - reached[-1])
    wrong = 1 - reached[0]
    return np.append(exactly / wrong if wrong > 0 else np.full(exactly.shape, np.nan), 0.0)

"""Which taxa are taken for which, at every rank."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from taxoeval.records import Predictions
from taxoeval.reports.mistake_ranks import Columns
from taxoeval.taxonomy import Taxonomy

Ids = NDArray[np.int64]

EXAMPLES = 3
"""Sample ids kept for each pair."""


def confusions(predictions: Predictions, taxonomy: Taxonomy) -> Columns:
    """Pairs of a true and a wrongly answered taxon, by how often either is taken for the other.

    Parameters
    ----------
    predictions
        Answers of one decoder; the first of each rank counts.
    taxonomy
        Their taxonomy.

    Returns
    -------
    columns
        One row per rank, true taxon and answer, coarse ranks first, in each the most frequent pairs first. ``rank``,
        ``target``, ``predicted``, ``target_path``, ``predicted_path``; ``shared``: the finest rank at which both are
        one taxon, ``""`` for none; ``n`` images; ``n_target`` images of the true taxon and ``share`` of these;
        ``n_reverse`` images of the answered taxon taken for the true one, ``n_either`` the sum; ``probability`` that
        the answers had on average, NaN if none was stated; ``samples``: up to three sample ids with ``|`` between them,
        the surest answers first.

    Notes
    -----
    Images without an answer at a rank are confused with nothing there: see ``coverage``.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> raven, magpie = taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> first = taxonomy.ancestor[[magpie, magpie, raven]][:, :, None].astype(np.int64)
    >>> answers = Predictions(np.array(["1", "2", "3"]), np.array([raven, raven, magpie]), first, first * 0.0 + 1,
    ...                       "leaf_argmax", np.array([raven, magpie]))
    >>> columns = confusions(answers, taxonomy)
    >>> keys = ("rank", "target", "predicted", "n", "n_reverse", "samples")
    >>> for row in zip(*(columns[key].tolist() for key in keys)):
    ...     print(*row)
    genus Corvus Pica 2 1 1 | 2
    genus Pica Corvus 1 2 3
    species Corvus corax Pica pica 2 1 1 | 2
    species Pica pica Corvus corax 1 2 3
    """
    parts = [_at_rank(predictions, taxonomy, r) for r in range(taxonomy.n_ranks)]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _at_rank(predictions: Predictions, taxonomy: Taxonomy, rank: int) -> Columns:
    target = taxonomy.ancestor[predictions.target, rank].astype(np.int64)
    first = predictions.taxon[:, rank, 0]
    answer = np.where(first >= 0, taxonomy.ancestor[first, rank], -1).astype(np.int64)
    rows = np.flatnonzero((target >= 0) & (answer >= 0) & (target != answer))
    key = target[rows] * len(taxonomy) + answer[rows]
    pairs, group, n = np.unique(key, return_inverse=True, return_counts=True)
    true, given = pairs // len(taxonomy), pairs % len(taxonomy)
    place = np.searchsorted(pairs, given * len(taxonomy) + true).clip(max=max(len(pairs) - 1, 0))
    reverse = np.where(pairs[place] == given * len(taxonomy) + true, n[place], 0) if len(pairs) else n
    n_target = np.bincount(target[target >= 0], minlength=len(taxonomy))[true]
    sure = predictions.probability[rows, rank, 0]
    columns: Columns = {
        "rank": np.full(len(pairs), taxonomy.ranks[rank]),
        **names_and_paths("target", true, taxonomy),
        **names_and_paths("predicted", given, taxonomy),
        "shared": np.append(taxonomy.ranks, "")[finest_shared(true, given, taxonomy)],
        "n": n,
        "n_target": n_target,
        "share": n / np.maximum(n_target, 1),
        "n_reverse": reverse,
        "n_either": n + reverse,
        "probability": np.bincount(group, weights=sure, minlength=len(pairs)) / n,
        "samples": _examples(predictions.sample[rows], group, sure, len(pairs)),
    }
    order = np.lexsort((given, true, -n, -(n + reverse)))
    return {key: column[order] for key, column in columns.items()}


def names_and_paths(name: str, taxon: Ids, taxonomy: Taxonomy) -> Columns:
    """Two columns of text about taxa, ``""`` for ``-1``."""
    unique, code = np.unique(taxon, return_inverse=True)
    names = np.array([str(taxonomy.names[i]) if i >= 0 else "" for i in unique], dtype=np.str_)
    paths = np.array([taxonomy.path(int(i)) if i >= 0 else "" for i in unique], dtype=np.str_)
    return {name: names[code], f"{name}_path": paths[code]}


def finest_shared(a: Ids, b: Ids, taxonomy: Taxonomy) -> Ids:
    """Place of the finest rank at which two taxa are one, ``-1`` for none, also where one of them is ``-1``."""
    same = (taxonomy.ancestor[a] == taxonomy.ancestor[b]) & (taxonomy.ancestor[a] >= 0)
    same &= ((a >= 0) & (b >= 0))[:, None]
    last = taxonomy.n_ranks - 1 - same[:, ::-1].argmax(axis=1)
    return np.asarray(np.where(same.any(axis=1), last, -1))


def _examples(sample: NDArray[np.str_], group: Ids, sure: NDArray[np.float64], groups: int) -> NDArray[np.str_]:
    order = np.lexsort((np.arange(len(group)), -np.nan_to_num(sure), group))
    start = np.searchsorted(group[order], np.arange(groups + 1))
    listed = [" | ".join(sample[order[a : min(b, a + EXAMPLES)]].tolist()) for a, b in pairwise(start)]
    return np.array(listed, dtype=np.str_)

"""How well every clade is known: one row for every taxon, of any rank, that images belong to."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval import metrics
from taxoeval.metrics.statistics import wilson_of_groups
from taxoeval.records import Predictions
from taxoeval.reports.mistake_pairs import names_and_paths
from taxoeval.reports.mistake_ranks import Columns
from taxoeval.tasks.scoring import deepest
from taxoeval.taxonomy import Taxonomy

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]


def clades(predictions: Predictions, taxonomy: Taxonomy) -> Columns:
    """Accuracy, severity and confusion of the images of every clade.

    Parameters
    ----------
    predictions
        Answers of one decoder; the first of each rank counts.
    taxonomy
        Their taxonomy.

    Returns
    -------
    columns
        One row per taxon with images, coarse ranks first, in each in the order of the taxonomy. ``rank``, ``taxon``,
        ``path``; ``n``: images in it. About the clade itself: ``recall``, the share of its images that are answered
        with it at its rank, and ``precision``, the share of images answered with it that belong to it (among images
        known at that rank; NaN if it is never answered). About the taxa of the finest rank in it: ``n_finest`` images
        known to that rank, ``n_taxa`` of them, ``accuracy`` over images with its 95 % interval ``low`` to ``high``,
        ``macro`` over taxa; ``severity``, the mean number of ranks to climb from a mistake, and ``distance``, over all
        images with an answer. NaN is undefined.

    Notes
    -----
    The interval is Wilson's. With two taxa or more it is about other taxa of the clade, too: images of one taxon are
    not independent. With one taxon it is about other images of it.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> raven, magpie = taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> first = taxonomy.ancestor[[magpie, raven, magpie]][:, :, None].astype(np.int64)
    >>> answers = Predictions(np.array(["1", "2", "3"]), np.array([raven, raven, magpie]), first, first * 0.0 + 1,
    ...                       "leaf_argmax", np.array([raven, magpie]))
    >>> columns = clades(answers, taxonomy)
    >>> for row in zip(*(columns[key].tolist() for key in ("rank", "taxon", "n", "recall", "precision", "severity"))):
    ...     print(*row)
    genus Corvus 2 0.5 1.0 2.0
    genus Pica 1 1.0 0.5 nan
    species Corvus corax 2 0.5 1.0 2.0
    species Pica pica 1 1.0 0.5 nan
    """
    ancestor = taxonomy.ancestor[predictions.target].astype(np.int64)
    hits = metrics.rank_hits(predictions.target, predictions.taxon[:, :, :1], taxonomy)
    height = metrics.rank_height(predictions.target, deepest(predictions.taxon[:, :, 0]), taxonomy)
    parts = [_at_rank(r, ancestor, hits, height, predictions, taxonomy) for r in range(taxonomy.n_ranks)]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def extremes(table: Columns, *, rank: str, most: int = 10, least: int = 10) -> tuple[Columns, Columns]:
    """The worst and the best clades of a rank, by the end of their interval, so that small numbers do not win.

    Parameters
    ----------
    table
        What `clades` returned.
    rank
        The rank.
    most
        How many of either.
    least
        Images known to the finest rank that a clade must have.

    Returns
    -------
    worst, best
        Rows of the table: the lowest upper ends of ``accuracy`` first, and the highest lower ends first.

    Examples
    --------
    >>> columns = {"rank": np.array(["genus"] * 3), "taxon": np.array(["Corvus", "Pica", "Parus"]),
    ...            "n_finest": np.array([50, 50, 2]), "low": np.array([0.7, 0.2, 0.3]),
    ...            "high": np.array([0.9, 0.4, 1.0])}
    >>> worst, best = extremes(columns, rank="genus", most=1)
    >>> str(worst["taxon"][0]), str(best["taxon"][0])
    ('Pica', 'Corvus')
    """
    rows = np.flatnonzero((table["rank"] == rank) & (table["n_finest"] >= least) & ~np.isnan(table["high"]))
    worst = rows[np.argsort(table["high"][rows], kind="stable")][:most]
    best = rows[np.argsort(-table["low"][rows], kind="stable")][:most]
    return {key: column[worst] for key, column in table.items()}, {key: column[best] for key, column in table.items()}


def _at_rank(
    rank: int, ancestor: Ids, hits: Floats, height: Floats, predictions: Predictions, taxonomy: Taxonomy
) -> Columns:
    """The clades of one rank; ``group`` numbers them, one for each image known at that rank."""
    every = len(taxonomy)
    known = np.flatnonzero(ancestor[:, rank] >= 0)
    here, fine, species = hits[known, rank], hits[known, -1], ancestor[known, -1]
    per_taxon = np.bincount(ancestor[known, rank], minlength=every)
    taxon = np.flatnonzero(per_taxon)
    size, number = len(taxon), np.cumsum(per_taxon > 0) - 1
    group = number[ancestor[known, rank]]
    scored = species >= 0
    tested = np.bincount(species[scored], minlength=every)
    finest = np.flatnonzero(tested)
    clade = number[taxonomy.ancestor[finest, rank]]  # a species is in one clade of a rank
    right = np.bincount(species[scored], weights=fine[scored], minlength=every)[finest]
    tested = tested[finest]
    first = predictions.taxon[known, rank, 0]
    answer = np.where(first >= 0, taxonomy.ancestor[first, rank], -1)
    given = np.bincount(answer[answer >= 0], minlength=every)[taxon]
    interval = wilson_of_groups(right, tested, clade, parts=size)
    climb = height[known]
    named = names_and_paths("taxon", taxon, taxonomy)
    return {
        "rank": np.full(size, taxonomy.ranks[rank]),
        "taxon": named["taxon"],
        "path": named["taxon_path"],
        "n": per_taxon[taxon],
        "recall": _mean(here, group, size),
        "precision": _over(np.bincount(group, weights=here, minlength=size), given),
        "n_finest": interval.n,
        "n_taxa": np.bincount(clade, minlength=size),
        "accuracy": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "macro": _mean(right / tested, clade, size),
        "severity": _mean(metrics.mistakes_only(climb), group, size),
        "distance": _mean(climb, group, size),
    }


def _mean(values: Floats, group: Ids, size: int) -> Floats:
    """Mean of the defined values of each group."""
    defined = ~np.isnan(values)
    total = np.bincount(group[defined], weights=values[defined], minlength=size)
    return _over(total, np.bincount(group[defined], minlength=size))


def _over(total: NDArray[Any], count: NDArray[Any]) -> Floats:
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))

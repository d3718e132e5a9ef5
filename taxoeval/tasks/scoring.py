"""The second half of the one road of every task: answers at every rank → scores with interval and chance."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval import metrics
from taxoeval.parallel import in_threads
from taxoeval.records import Predictions, Score
from taxoeval.tasks.intervals import Column, Mean, intervals
from taxoeval.tasks.pool import Levels, Pool
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]

_NAN = float("nan")
_HELD = 1 << 23  # values, one per image, held at a time: 64 MiB


def score(parts: tuple[Predictions, ...], taxonomy: Taxonomy, *, task: str, part: str = "all") -> list[Score]:
    """Scores of one decoder's predictions, which may come in repeats (folds) over overlapping samples.

    Accuracy per rank, top-1 and top-k, over images (``rank_hits``) and over taxa (``rank_hits_macro``); severity of
    mistakes and average hierarchical distance in ranks. Of the first answers: how many are given (``coverage``), how
    far their probabilities are from their accuracy (``calibration_error``, 15 bins; ``log_loss``, minus the logarithm
    of the probability stated for what turned out, that the answer is right or that it is wrong), and how many images
    get answers that contradict each other (``tice``) or do not do so down to a rank (``coherent_down_to``). With a
    fitted temperature, ``calibration_error_fitted`` and ``log_loss_fitted`` are of the same answers under it.
    Intervals resample taxa, then images; an image tested in several repeats is one image, with the mean of its values
    weighted by how often it was tested. ``calibration_error`` has none: it is no mean, and resamples lie above it.

    Parameters
    ----------
    parts
        Predictions of one decoder, one per repeat, all over the same candidates.
    taxonomy
        Their taxonomy.
    task, part
        Names written into the scores.

    Returns
    -------
    scores
        `Score` rows; those of a rank that no sample is known at have the value NaN and n = 0.
    """
    return score_each([parts], taxonomy, task=task, part=part)


def score_each(
    decoders: Iterable[tuple[Predictions, ...]], taxonomy: Taxonomy, *, task: str, part: str = "all"
) -> list[Score]:
    """:func:`score` of several decoders, one after the other; those over the same images share their resamples."""
    side_by_side = _side_by_side(decoders, taxonomy)
    return [row for pool, together in side_by_side for row in _scores(pool, together, taxonomy, task, part)]


def _side_by_side(
    decoders: Iterable[tuple[Predictions, ...]], taxonomy: Taxonomy
) -> Iterator[tuple[Pool, list[tuple[Predictions, ...]]]]:
    """Decoders that follow each other and answer about the same images, as many as can be held at a time."""
    pool: Pool | None = None
    together: list[tuple[Predictions, ...]] = []
    for parts in decoders:
        if pool is None or not pool.holds(parts):
            if pool is not None:
                yield pool, together
            pool, together = Pool.of(parts, taxonomy), []
        elif (len(together) + 1) * 5 * taxonomy.n_ranks * len(pool.first) > _HELD:
            yield pool, together
            together = []
        together.append(parts)
    if pool is not None:
        yield pool, together


class _Row(NamedTuple):
    """A score to be: with the values that its mean is over, or with its mean."""

    metric: str
    rank: str = ""
    k: int = 1
    higher: bool = True
    column: Column | None = None
    chance: float = _NAN
    majority: float = _NAN
    mean: Mean | None = None
    reason: str = ""


def _scores(
    pool: Pool, decoders: Sequence[tuple[Predictions, ...]], taxonomy: Taxonomy, task: str, part: str
) -> list[Score]:
    """Scores of decoders that all answer about the same images."""
    levels = Levels.of(pool, taxonomy, {parts[0].taxon.shape[2] for parts in decoders})
    rows = list(in_threads(partial(_rows, pool, levels, taxonomy), decoders))
    columns = [row.column for of_decoder in rows for row in of_decoder if row.column is not None]
    found = iter(intervals(columns, pool.target[pool.first], pool.lineage))
    return [
        Score(
            metric=row.metric,
            **(row.mean or next(found))._asdict(),
            rank=row.rank,
            k=row.k,
            chance=row.chance,
            majority=row.majority,
            higher_is_better=row.higher,
            task=task,
            decoder=parts[0].decoder,
            slice=part,
            reason=row.reason,
        )
        for parts, of_decoder in zip(decoders, rows, strict=True)
        for row in of_decoder
    ]


def _rows(pool: Pool, levels: Levels, taxonomy: Taxonomy, parts: tuple[Predictions, ...]) -> list[_Row]:
    """The scores of one decoder, in their order."""
    taxon = _stacked([part.taxon for part in parts])
    first, k = taxon[:, :, 0], taxon.shape[2]
    hits = metrics.rank_hits(pool.target, taxon[:, :, :1], taxonomy)
    columns = [Column(*one) for one in pool.per_image(hits)]
    over_images = zip(levels.chance[1], levels.majority, strict=True)
    rows = [
        _Row("rank_hits", rank, 1, True, column, *level)
        for rank, column, level in zip(taxonomy.ranks, columns, over_images, strict=True)
    ]
    over_taxa = zip(levels.macro_chance, levels.macro_majority, strict=True)
    for r, (rank, column, level) in enumerate(zip(taxonomy.ranks, columns, over_taxa, strict=True)):
        rows.append(_Row("rank_hits_macro", rank, 1, True, column._replace(rank=r), *level))
    if k > 1:
        best = pool.per_image(metrics.rank_hits(pool.target, taxon, taxonomy))
        for rank, one, chance in zip(taxonomy.ranks, best, levels.chance[k], strict=True):
            rows.append(_Row("rank_hits", rank, k, True, Column(*one), chance))
    rows += _distances(pool, levels, first, taxonomy)
    answered = pool.per_image(np.where(np.isnan(hits), np.nan, first >= 0))
    rows += [_Row("coverage", rank, column=Column(*one)) for rank, one in zip(taxonomy.ranks, answered, strict=True)]
    rows += _confidence(pool, hits, _stacked([part.probability[:, :, 0] for part in parts]), "", taxonomy)
    fitted = [part.fitted for part in parts if part.fitted is not None]
    if len(fitted) == len(parts):
        rows += _confidence(pool, hits, np.where(first >= 0, _stacked(fitted), np.nan), "_fitted", taxonomy)
    return rows + _contradictions(pool, first, taxonomy)


def _distances(pool: Pool, levels: Levels, first: NDArray[np.int64], taxonomy: Taxonomy) -> list[_Row]:
    """Mistake severity and average hierarchical distance of the deepest first answer, in ranks."""
    answer = deepest(first)
    height = metrics.rank_height(pool.target, answer, taxonomy)
    height[(answer < 0) & pool.finest] = taxonomy.n_ranks  # to say nothing is to share nothing; not to be rewarded
    average, severity = pool.per_image(np.stack([height, metrics.mistakes_only(height)], axis=1))
    of_average, of_severity = (levels.height, levels.majority_height), (levels.severity, levels.majority_severity)
    return [
        _Row("average_hierarchical_distance", "", 1, False, Column(*average), *of_average),
        _Row("mistake_severity", "", 1, False, Column(*severity), *of_severity),
    ]


def _contradictions(pool: Pool, first: NDArray[np.int64], taxonomy: Taxonomy) -> list[_Row]:
    """Down to which rank the first answers are of one path, and whether they all are."""
    broken = metrics.first_incoherent_rank(first, taxonomy)[:, None]
    parted = np.hstack([broken <= np.arange(1, taxonomy.n_ranks), ~np.isnan(broken)])
    said = np.asarray((first >= 0).any(axis=1))[:, None]
    *coherent, tice = pool.per_image(np.where(said, np.hstack([1.0 - parted[:, :-1], parted[:, -1:]]), np.nan))
    rows = [
        _Row("coherent_down_to", rank, column=Column(*one))
        for rank, one in zip(taxonomy.ranks[1:], coherent, strict=True)
    ]
    return [*rows, _Row("tice", higher=False, column=Column(*tice))]


def _confidence(pool: Pool, hits: Floats, sure: Floats, suffix: str, taxonomy: Taxonomy) -> list[_Row]:
    """Whether the stated probabilities ``(rows, n_ranks)`` are borne out, at each rank."""
    rows: list[_Row] = []
    stated = ~np.isnan(hits) & ~np.isnan(sure)
    said = np.minimum(sure, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        losses = np.where(stated, 0.0 - np.log(np.where(hits > 0, said, 1.0 - said)), np.nan)
    for r, rank in enumerate(taxonomy.ranks):
        here = stated[:, r]
        error, n = metrics.calibration_error(hits[here, r], said[here, r]), len(np.unique(pool.image[here]))
        # of 300 answers that are as sure as they are right it says 5 points on average, of resamples of them 7
        rows.append(_Row(f"calibration_error{suffix}", rank, higher=False, mean=Mean(error, n, _NAN, _NAN)))
        denied = int(np.isinf(losses[:, r]).sum())
        if n and not denied:
            (loss,) = pool.per_image(losses[:, r : r + 1])
            rows.append(_Row(f"log_loss{suffix}", rank, higher=False, column=Column(*loss)))
        else:
            why = f"infinite: {denied} of {here.sum()} answers turned out what was given no chance" if denied else ""
            rows.append(_Row(f"log_loss{suffix}", rank, higher=False, mean=Mean(_NAN, n, _NAN, _NAN), reason=why))
    return rows


def deepest(taxon: NDArray[np.int64]) -> NDArray[np.int64]:
    """The finest answer of each row of ``(n, n_ranks)``, ``-1`` where there is none."""
    answered = taxon >= 0
    last = taxon.shape[1] - 1 - answered[:, ::-1].argmax(axis=1)
    return np.asarray(taxon[np.arange(len(taxon)), last])


def _stacked(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)

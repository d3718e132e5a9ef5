"""The second half of the one road of every task: answers at every rank → scores with interval and chance."""

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval import metrics
from taxoeval.metrics import statistics
from taxoeval.parallel import in_threads
from taxoeval.records import Predictions, Score
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]


def score(parts: tuple[Predictions, ...], taxonomy: Taxonomy, *, task: str, part: str = "all") -> list[Score]:
    """Scores of one decoder's predictions, which may come in repeats (folds) over overlapping samples.

    Accuracy per rank, top-1 and top-k, over images (``rank_hits``) and over taxa (``rank_hits_macro``); severity of
    mistakes and average hierarchical distance in ranks. Of the first answers: how many are given (``coverage``), how
    far their probabilities are from their accuracy (``calibration_error``, 15 bins; ``log_loss``, minus the logarithm
    of the probability stated for what turned out, that the answer is right or that it is wrong), and how many images
    get answers that contradict each other (``tice``) or do not do so down to a rank (``coherent_down_to``). With a
    fitted temperature, ``calibration_error_fitted`` and ``log_loss_fitted`` are of the same answers under it.
    Intervals resample taxa, then images; an image tested in several repeats is one image, with the mean of its values
    weighted by how often it was tested.

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
    pool = _Pool(parts)
    candidates, k = parts[0].candidates, pool.taxon.shape[2]
    rows: list[_Named] = []
    hits = metrics.rank_hits(pool.target, pool.taxon[:, :, :1], taxonomy)
    chance = statistics.chance_hits(pool.target, candidates, taxonomy)
    majority = statistics.majority_hits(pool.target, taxonomy)
    for rank, numbers in zip(taxonomy.ranks, pool.micro(hits, chance, majority), strict=True):
        rows.append(("rank_hits", rank, 1, True, numbers))
    for r, rank in enumerate(taxonomy.ranks):
        taxa = taxonomy.ancestor[pool.target, r]
        rows.append(("rank_hits_macro", rank, 1, True, pool.macro(hits[:, r], chance[:, r], majority[:, r], taxa)))
    if k > 1:
        hits = metrics.rank_hits(pool.target, pool.taxon, taxonomy)
        chance = statistics.chance_hits(pool.target, candidates, taxonomy, k=k)
        for rank, numbers in zip(taxonomy.ranks, pool.micro(hits, chance, None), strict=True):
            rows.append(("rank_hits", rank, k, True, numbers))
    rows += [(name, "", 1, False, numbers) for name, numbers in _distances(pool, candidates, taxonomy).items()]
    rows += _answers(pool, taxonomy)
    return [
        Score(
            metric=metric,
            rank=rank,
            k=answers,
            higher_is_better=higher,
            task=task,
            decoder=parts[0].decoder,
            slice=part,
            **numbers._asdict(),
        )
        for metric, rank, answers, higher, numbers in rows
    ]


def score_each(
    decoders: Iterable[tuple[Predictions, ...]], taxonomy: Taxonomy, *, task: str, part: str = "all"
) -> list[Score]:
    """:func:`score` of several decoders, one after the other, computed side by side."""
    of = partial(score, taxonomy=taxonomy, task=task, part=part)
    return [row for rows in in_threads(of, decoders) for row in rows]


class _Numbers(NamedTuple):
    value: float
    n: int
    low: float
    high: float
    chance: float
    majority: float
    reason: str = ""


_Named = tuple[str, str, int, bool, _Numbers]
"""Metric, rank, k, whether higher is better, and the numbers."""


class _Pool:
    """The predictions of all repeats stacked, beside the distinct images they are about."""

    def __init__(self, parts: tuple[Predictions, ...]) -> None:
        self.target = np.concatenate([part.target for part in parts])
        self.taxon = np.concatenate([part.taxon for part in parts])
        self.probability = np.concatenate([part.probability for part in parts])
        fitted = [part.fitted for part in parts if part.fitted is not None]
        self.fitted = np.concatenate(fitted) if len(fitted) == len(parts) else None
        sample = np.concatenate([part.sample for part in parts])
        _, self.first, self.image = np.unique(sample, return_index=True, return_inverse=True)

    def micro(self, values: Floats, chance: Floats, majority: Floats | None) -> list[_Numbers]:
        """Numbers of each column of ``(rows, columns)``: means over images."""
        per_image, tested = self._per_image(values)
        interval = statistics.bootstrap(per_image, groups=self.target[self.first], weights=tested)
        level = statistics.mean(chance)
        most = statistics.mean(majority) if majority is not None else np.full(level.shape, np.nan)
        ends = zip(interval.estimate, interval.n, interval.low, interval.high, level, most, strict=True)
        return [_Numbers(float(v), int(n), float(a), float(b), float(c), float(m)) for v, n, a, b, c, m in ends]

    def macro(self, values: Floats, chance: Floats, majority: Floats, taxa: NDArray[np.int64]) -> _Numbers:
        """Numbers of one column ``(rows,)``: means over taxa of the mean within each."""
        per_image, tested = self._per_image(values[:, None])
        interval = statistics.bootstrap(per_image[:, 0], groups=taxa[self.first], weights=tested[:, 0], average="macro")
        return _Numbers(
            float(interval.estimate),
            int(interval.n),
            float(interval.low),
            float(interval.high),
            float(statistics.taxon_mean(chance, taxa)),
            float(statistics.taxon_mean(majority, taxa)),
        )

    def _per_image(self, values: Floats) -> tuple[Floats, Floats]:
        """Mean over the repeats of each image, and how many repeats it rests on, ``(n_images, columns)``."""
        known = ~np.isnan(values)
        total, tested = (
            np.stack([np.bincount(self.image, column, len(self.first)) for column in table.T], axis=1).astype(
                np.float64
            )
            for table in (np.where(known, values, 0.0), known.astype(np.float64))
        )
        return np.divide(total, tested, out=np.full_like(total, np.nan), where=tested > 0), tested


def _distances(pool: _Pool, candidates: NDArray[np.int64], taxonomy: Taxonomy) -> dict[str, _Numbers]:
    """Mistake severity and average hierarchical distance of the deepest first answer, in ranks."""
    answer = deepest(pool.taxon[:, :, 0])
    height = metrics.rank_height(pool.target, answer, taxonomy)
    silent = (answer < 0) & (taxonomy.rank[pool.target] == taxonomy.n_ranks - 1)
    height[silent] = taxonomy.n_ranks  # to say nothing is to share nothing; leaving it out would reward silence
    chance = statistics.chance_rank_height(pool.target, candidates, taxonomy)
    finest = np.where(taxonomy.rank[pool.target] == taxonomy.n_ranks - 1, pool.target, -1)
    commonest = np.bincount(finest[finest >= 0]).argmax() if (finest >= 0).any() else -1
    majority = metrics.rank_height(pool.target, np.full(len(pool.target), commonest), taxonomy)
    average = pool.micro(height[:, None], chance[:, None], majority[:, None])[0]
    mistakes = metrics.mistakes_only(height)[:, None]
    severity = pool.micro(mistakes, chance[:, None], metrics.mistakes_only(majority)[:, None])[0]
    wrong = 1 - float(statistics.mean(statistics.chance_hits(pool.target, candidates, taxonomy)[:, -1]))
    by_chance = float(statistics.mean(chance)) / wrong if wrong > 0 else float("nan")
    return {
        "average_hierarchical_distance": average,
        "mistake_severity": severity._replace(chance=by_chance),
    }


def _answers(pool: _Pool, taxonomy: Taxonomy) -> list[_Named]:
    """What the first answers are like, whatever the truth: given at all, of one path, as sure as they are right."""
    first, sure = pool.taxon[:, :, 0], pool.probability[:, :, 0]
    hits = metrics.rank_hits(pool.target, pool.taxon[:, :, :1], taxonomy)
    answered = np.where(np.isnan(hits), np.nan, first >= 0)
    nowhere = np.full(answered.shape, np.nan)
    rows: list[_Named] = [
        ("coverage", rank, 1, True, numbers)
        for rank, numbers in zip(taxonomy.ranks, pool.micro(answered, nowhere, None), strict=True)
    ]
    rows += _confidence(hits, sure, "", taxonomy)
    if pool.fitted is not None:
        rows += _confidence(hits, np.where(first >= 0, pool.fitted, np.nan), "_fitted", taxonomy)
    broken = metrics.first_incoherent_rank(first, taxonomy)
    silent = np.asarray((first < 0).all(axis=1))
    parted = np.where(broken[:, None] <= np.arange(1, taxonomy.n_ranks), 1.0, 0.0)
    whole = np.where(silent[:, None], np.nan, 1.0 - parted)
    numbers = pool.micro(whole, np.full(whole.shape, np.nan), None) if taxonomy.n_ranks > 1 else []
    rows += [("coherent_down_to", rank, 1, True, n) for rank, n in zip(taxonomy.ranks[1:], numbers, strict=True)]
    contradiction = pool.micro(metrics.tice(first, taxonomy)[:, None], np.full((len(first), 1), np.nan), None)[0]
    return [*rows, ("tice", "", 1, False, contradiction)]


def _confidence(hits: Floats, sure: Floats, suffix: str, taxonomy: Taxonomy) -> list[_Named]:
    """Whether the stated probabilities ``(rows, n_ranks)`` are borne out, at each rank."""
    nan = float("nan")
    rows: list[_Named] = []
    for r, rank in enumerate(taxonomy.ranks):
        stated = ~np.isnan(hits[:, r]) & ~np.isnan(sure[:, r])
        right, said = hits[stated, r], np.minimum(sure[stated, r], 1.0)
        error, n = metrics.calibration_error(right, said), int(stated.sum())
        rows.append((f"calibration_error{suffix}", rank, 1, False, _Numbers(error, n, nan, nan, nan, nan)))
        outcome = np.where(right > 0, said, 1.0 - said)
        denied = int((outcome <= 0).sum())
        loss = float(0.0 - np.log(outcome).mean()) if n and not denied else nan
        why = f"infinite: {denied} of {n} answers turned out what was given no chance" if denied else ""
        rows.append((f"log_loss{suffix}", rank, 1, False, _Numbers(loss, n, nan, nan, nan, nan, why)))
    return rows


def deepest(taxon: NDArray[np.int64]) -> NDArray[np.int64]:
    """The finest answer of each row of ``(n, n_ranks)``, ``-1`` where there is none."""
    answered = taxon >= 0
    last = taxon.shape[1] - 1 - answered[:, ::-1].argmax(axis=1)
    return np.asarray(taxon[np.arange(len(taxon)), last])

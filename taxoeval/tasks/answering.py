"""The first half of the one road of every task: probabilities of candidates → answers at every rank, by every rule."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from taxoeval.decoding import Decoder, decoder_name, sums_of, tempered
from taxoeval.decoding.nodes import blocks as pieces
from taxoeval.decoding.piece import shared
from taxoeval.parallel import in_threads
from taxoeval.records import Predictions
from taxoeval.tasks.fitting import Block, Rules
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
_Answer = tuple[NDArray[np.int64], Floats, Floats | None]
"""Taxa and probabilities ``(n, n_ranks, k)``, and what a fitted temperature makes of those of the first answers."""

TOP_K = 5
"""Answers kept per rank: scores are given for the first, and for these many."""


def predict(
    blocks: Iterable[Block],
    candidates: NDArray[np.int64],
    target: NDArray[np.int64],
    sample: NDArray[np.str_],
    taxonomy: Taxonomy,
    *,
    part: str = "all",
    rules: Rules | None = None,
) -> tuple[Predictions, ...]:
    """Apply every decoder to the same probabilities, block by block, so that no samples x candidates table is needed.

    Parameters
    ----------
    blocks
        Positions and probabilities, see `Block`; each position once.
    candidates
        ``(c,)`` the closed set.
    target, sample
        ``(n,)`` of the whole dataset; the result holds the positions that occurred, in ascending order.
    taxonomy
        The taxonomy of all.
    part
        Name of the part of the data this is about.
    rules
        The decoders, and a temperature if one was fitted; by default those of `taxoeval.decoding.DECODERS`.

    Returns
    -------
    predictions
        One `Predictions` per decoder. Answers and probabilities are those of the scores as given; what a fitted
        temperature makes of the probabilities stands beside them.
    """
    rules = rules or Rules()
    positions: list[NDArray[np.int64]] = []
    answers: list[list[_Answer]] = [[] for _ in rules.decoders]
    k = min(TOP_K, len(candidates))
    for rows, probability in blocks:
        positions.append(rows)
        flat = None if rules.temperature is None else tempered(probability, rules.temperature.value)
        answer = partial(_answered, probability, flat, candidates, taxonomy, k, rules.decoders)
        for found in in_threads(answer, pieces(len(rows), len(candidates))):
            for kept, one in zip(answers, found, strict=True):
                kept.append(one)
    rows = np.concatenate(positions)
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    return tuple(
        Predictions(
            sample=sample[rows],
            target=target[rows],
            taxon=np.concatenate([taxon for taxon, _, _ in kept])[order],
            probability=np.concatenate([sure for _, sure, _ in kept])[order],
            decoder=decoder_name(decode),
            candidates=candidates,
            slice=part,
            fitted=_joined([fitted for _, _, fitted in kept], order),
        )
        for decode, kept in zip(rules.decoders, answers, strict=True)
    )


def _answered(
    probability: NDArray[np.floating],
    flat: Floats | None,
    candidates: NDArray[np.int64],
    taxonomy: Taxonomy,
    k: int,
    decoders: Sequence[Decoder],
    piece: slice,
) -> list[_Answer]:
    """What every decoder makes of some rows."""
    some, found = probability[piece], []
    with shared(some, candidates, taxonomy):
        for decode in decoders:
            taxon, sure = decode(some, candidates, taxonomy, k=k)
            fitted = None if flat is None else sums_of(taxon[:, :, 0], flat[piece], candidates, taxonomy)
            found.append((taxon, sure, fitted))
    return found


def _joined(parts: list[Floats | None], order: NDArray[np.int64]) -> Floats | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known)[order] if known else None


def of_samples(predictions: Predictions, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Predictions:
    """Predictions about some of their samples, by a mask or by position among them."""
    return replace(
        predictions,
        sample=predictions.sample[chosen],
        target=predictions.target[chosen],
        taxon=predictions.taxon[chosen],
        probability=predictions.probability[chosen],
        fitted=None if predictions.fitted is None else predictions.fitted[chosen],
    )

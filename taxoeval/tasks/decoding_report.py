"""What the decoders of one run are like beside each other: agreement, first contradictions, promises kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval import metrics
from taxoeval.decoding import Temperature
from taxoeval.records import Predictions
from taxoeval.tasks.base import Subject
from taxoeval.tasks.fitting import Rules, share_right
from taxoeval.taxonomy import Taxonomy

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Part:
    """The answers about one part of the data, in its repeats.

    Attributes
    ----------
    name
        Name of the part, as in the scores.
    rules
        The rules of each repeat.
    predictions
        Of each repeat, those of all decoders, over the same samples.
    """

    name: str
    rules: Sequence[Rules]
    predictions: Sequence[Sequence[Predictions]]


class Report(NamedTuple):
    """What goes into a `TaskResult`."""

    notes: tuple[str, ...]
    details: dict[str, Any]
    tables: dict[str, Columns]


def report_decoding(parts: Sequence[Part], taxonomy: Taxonomy, subject: Subject) -> Report:
    """Compare the decoders of a task, and say what was set aside, fitted, or could not be applied.

    Parameters
    ----------
    parts
        The parts of the data, at least one.
    taxonomy
        The taxonomy of the predictions.
    subject
        Whose decoding and logit scale are put on record.

    Returns
    -------
    report
        Notes; details under ``decoding``; and the tables ``decoder_agreement`` (`agreement`), ``first_contradiction``
        (`contradictions`) and, where rules were fitted, ``fitted_rules`` (`promises`).
    """
    tables = {
        "decoder_agreement": _stacked([agreement(part, taxonomy) for part in parts]),
        "first_contradiction": _stacked([contradictions(part, taxonomy) for part in parts]),
    }
    if any(rules.promises for part in parts for rules in part.rules):
        tables["fitted_rules"] = _stacked([promises(part, taxonomy) for part in parts])
    details: dict[str, Any] = {}
    if subject.decoding.calibration_share:
        details = {
            "calibration_share": subject.decoding.calibration_share,
            "seed": subject.decoding.seed,
            "logit_scale": subject.logit_scale,
            "fitted": {
                part.name: {
                    "n_set_aside": [len(rules.set_aside) for rules in part.rules],
                    "temperature": [one.value for one in _temperatures(part)],
                    "log_loss_set_aside": [one.given for one in _temperatures(part)],
                    "log_loss_set_aside_fitted": [one.fitted for one in _temperatures(part)],
                }
                for part in parts
            },
        }
    return Report(tuple(_notes(parts, taxonomy)), {"decoding": details} if details else {}, tables)


def agreement(part: Part, taxonomy: Taxonomy) -> Columns:
    """How often two decoders give the same first answer.

    Returns
    -------
    columns
        ``part``, ``rank``, ``one``, ``other`` (the decoders), ``agreement`` (share of the images of which at least one
        of them says something; NaN if there is none) and ``n`` (those images).
    """
    answers = _first_answers(part)
    pairs = list(combinations(answers, 2))
    rows: list[tuple[Any, ...]] = []
    for one, other in pairs:
        a, b = answers[one], answers[other]
        said = (a >= 0) | (b >= 0)
        same, n = ((a == b) & said).sum(axis=0), said.sum(axis=0)
        share = np.divide(same, n, out=np.full(len(n), np.nan), where=n > 0)
        rows += [(part.name, rank, one, other, share[r], n[r]) for r, rank in enumerate(taxonomy.ranks)]
    return _columns(rows, ("part", "rank", "one", "other", "agreement", "n"))


def contradictions(part: Part, taxonomy: Taxonomy) -> Columns:
    """The coarsest rank whose answer contradicts one above it.

    Returns
    -------
    columns
        ``part``, ``decoder``, ``rank`` (``""``: the answers agree), ``share`` of the images with any answer, and ``n``
        (those images).
    """
    rows: list[tuple[Any, ...]] = []
    for decoder, taxon in _first_answers(part).items():
        said = taxon[(taxon >= 0).any(axis=1)]
        broken = metrics.first_incoherent_rank(said, taxonomy)
        counts = {"": np.isnan(broken).sum()} | {
            rank: (broken == r).sum() for r, rank in enumerate(taxonomy.ranks) if r > 0
        }
        n = len(said)
        rows += [(part.name, decoder, rank, m / n if n else np.nan, n) for rank, m in counts.items()]
    return _columns(rows, ("part", "decoder", "rank", "share", "n"))


def promises(part: Part, taxonomy: Taxonomy) -> Columns:
    """Whether fitted rules keep on other images what they were fitted to on the images set aside.

    Returns
    -------
    columns
        ``part``, ``repeat``, ``decoder``, ``asked`` (accuracy: the answer is the taxon or lies above it), ``set_aside``
        and ``scored`` (accuracy on these images), ``n_set_aside``, ``n_scored`` and ``told`` (information of the
        answers on the scored images, as a share of that of a finest candidate).
    """
    rows: list[tuple[Any, ...]] = []
    for repeat, (rules, predictions) in enumerate(zip(part.rules, part.predictions, strict=True)):
        for one in predictions:
            if one.decoder in rules.promises:
                promise, taxon = rules.promises[one.decoder], one.taxon[:, :, 0]
                numbers = (share_right(one.target, taxon, taxonomy), len(rules.set_aside), len(taxon))
                told = _told(taxon, one.candidates, taxonomy)
                rows.append((part.name, repeat, one.decoder, promise.accuracy, promise.reached, *numbers, told))
    names = ("part", "repeat", "decoder", "asked", "set_aside", "scored", "n_set_aside", "n_scored", "told")
    return _columns(rows, names)


def _told(taxon: NDArray[np.int64], candidates: NDArray[np.int64], taxonomy: Taxonomy) -> float:
    """Mean information of the finest answers over that of a single candidate."""
    finest, ordered = taxon.max(axis=1, initial=-1), np.sort(candidates)
    below = np.searchsorted(ordered, finest + taxonomy.size[finest]) - np.searchsorted(ordered, finest)
    below = np.where(finest < 0, len(ordered), np.maximum(below, 1))
    return float(1 - np.mean(np.log2(below)) / np.log2(len(ordered))) if len(finest) else float("nan")


def _first_answers(part: Part) -> dict[str, NDArray[np.int64]]:
    """The first answers of each decoder, all repeats below each other."""
    found: dict[str, list[NDArray[np.int64]]] = {}
    for repeat in part.predictions:
        for one in repeat:
            found.setdefault(one.decoder, []).append(one.taxon[:, :, 0])
    return {decoder: np.concatenate(taxa) for decoder, taxa in found.items()}


def _notes(parts: Sequence[Part], taxonomy: Taxonomy) -> Iterator[str]:
    """What was fitted and what could not be applied, a sentence for all parts where one will do."""
    rules = parts[0].rules[0]
    given = {one.decoder for part in parts for one in part.predictions[0]}
    if rules.unfitted:
        yield (
            f"not applied: {', '.join(rules.unfitted)}, to be fitted on images of known taxon; set some aside with "
            "decoding.calibration_share=0.3"
        )
    lacking = [f"{one.name} (needs {one.needs})" for one in rules.special if one.name not in given]
    if lacking:
        yield f"not applied: {'; '.join(lacking)}"
    if not len(rules.set_aside):
        return
    about = {part.name: f"{part.name} " if len(parts) > 1 else "" for part in parts}
    counts = [
        f"{about[part.name]}{_span([len(r.set_aside) for r in part.rules])} set aside, "
        f"{_span([len(one[0].sample) for one in part.predictions])} scored"
        for part in parts
    ]
    yield f"images set aside to fit on, while every rule is scored on others: {'; '.join(counts)}"
    if any(one.fitted is not None for part in parts for one in part.predictions[0]):
        yield (
            "temperature fitted to them (1: as given), and minus the log-likelihood of their taxa: "
            f"{'; '.join(f'{about[part.name]}{_gain(part)}' for part in parts)}. Answers keep the probabilities as "
            "given; fitted calibration is of the same answers under the temperature"
        )
    for part in parts:
        kept = promises(part, taxonomy)
        columns = ("asked", "set_aside", "scored", "told")
        means = {
            name: [100 * kept[column][kept["decoder"] == name].mean() for column in columns] for name in rules.promises
        }
        told = [
            f"{name} {there:.1f} there, {here:.1f} on those scored (asked {asked:.0f}; tells {tells:.0f} %)"
            for name, (asked, there, here, tells) in means.items()
        ]
        if told:
            yield f"{about[part.name]}% of answers fitted to be right, the taxon or one above it: {'; '.join(told)}"
        silent = [name for name, (*_, tells) in means.items() if tells == 0]
        if silent:
            yield (
                f"{about[part.name]}{', '.join(silent)}: no setting is right often enough on the images set aside, so "
                "nothing is answered"
            )


def _temperatures(part: Part) -> list[Temperature]:
    return [rules.temperature for rules in part.rules if rules.temperature is not None]


def _gain(part: Part) -> str:
    found = _temperatures(part)
    before, after = (np.mean([getattr(one, when) for one in found]) for when in ("given", "fitted"))
    lost = [one.impossible for one in found]
    without = f" (without {_span(lost)} images whose taxon has no probability)" if any(lost) else ""
    return f"{_span([one.value for one in found])}, {before:.3f} to {after:.3f}{without}"


def _span(values: Sequence[float]) -> str:
    """The values of all repeats: one number, or from the least to the greatest."""
    ends = [f"{value:,}" if isinstance(value, int) else f"{value:.3g}" for value in (min(values), max(values))]
    return " to ".join(dict.fromkeys(ends))


def _columns(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> Columns:
    values = zip(*rows, strict=True) if rows else ([] for _ in names)
    return {
        name: np.array(column, dtype=object if name in ("part", "rank", "one", "other", "decoder") else None)
        for name, column in zip(names, values, strict=True)
    }


def _stacked(tables: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}

"""A table of names from elsewhere: one or several for each sample, best first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.tasks.answers.cells import binomials_in, sample_ids, texts
from taxoeval.tasks.answers.columns import AnswerColumns
from taxoeval.tasks.answers.resolve import Answer
from taxoeval.taxonomy import arrow

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RankedNames:
    """Names per sample, best first; ``row``, ``answer`` and ``weight`` have one entry per name given."""

    sample: list[str]
    names: list[Answer]
    row: Ids
    answer: Ids
    weight: NDArray[np.float64]
    stated: bool
    notes: tuple[str, ...] = ()

    def probability(self, rows: Ids) -> NDArray[np.float32]:
        """The weights of some samples; an answer given twice to one sample has the sum."""
        place = np.full(len(self.sample), -1)
        place[rows] = np.arange(len(rows))
        wanted = place[self.row] >= 0
        dense = np.zeros((len(rows), len(self.names)))
        np.add.at(dense, (place[self.row[wanted]], self.answer[wanted]), self.weight[wanted])
        return dense.astype(np.float32)


def read_names(path: Path, columns: AnswerColumns, ranks: Sequence[str]) -> RankedNames:
    """A table of names: wide (a column for each place), long (a row for each place), or one lineage a row.

    Where no probabilities are given the first name weighs 1/2, the next 1/4 and so on, more than all later ones
    together, so that any rule that adds them up keeps their order.

    Raises
    ------
    TaxoevalError
        If a row has no sample id, or a probability is no number of at least 0.
    """
    cells = {name: texts(column) for name, column in arrow.read_columns(path, columns.all).items()}
    sample, row = _numbered(sample_ids(cells[columns.sample], str(path)))
    given, notes = _answers(cells, columns, ranks, len(row))
    answers: list[Answer] = [answer for column in given for answer in column]
    names = [answer for answer in dict.fromkeys(answers) if any(answer)]
    code = {answer: k for k, answer in enumerate(names)} | {answer: -1 for answer in answers if not any(answer)}
    answer = np.array([code[answer] for answer in answers], dtype=np.int64)
    kept = answer >= 0
    rows, answer = np.tile(row, len(given))[kept], answer[kept]
    if not columns.probability:
        return RankedNames(sample, names, rows, answer, _by_place(rows, len(sample)), False, notes)
    weight = np.concatenate([_weights(cells[name], str(path)) for name in columns.probability])[kept]
    if np.isnan(weight).any():
        raise TaxoevalError(
            f"{path}: {int(np.isnan(weight).sum())} names have no probability; give one for each, or probability=null"
        )
    return RankedNames(sample, names, rows, answer, weight, True, notes)


def _answers(
    cells: dict[str, list[str]], columns: AnswerColumns, ranks: Sequence[str], n: int
) -> tuple[list[list[Answer]], tuple[str, ...]]:
    """One list of ``n`` answers for each place, and what was found."""
    if columns.ranks is None:
        return [[*cells[name]] for name in columns.names], ()
    by_rank = {rank: cells[column] for rank, column in columns.ranks.items()}
    notes = tuple(binomials_in(by_rank))
    return [list(zip(*(by_rank.get(rank, [""] * n) for rank in ranks), strict=True))], notes


def _numbered(ids: Sequence[str]) -> tuple[list[str], Ids]:
    place = {name: k for k, name in enumerate(dict.fromkeys(ids))}
    return list(place), np.array([place[name] for name in ids], dtype=np.int64)


def _weights(written: list[str], where: str) -> NDArray[np.float64]:
    try:
        weight = np.array([float(text) if text else np.nan for text in written])
    except ValueError as error:
        raise TaxoevalError(f"{where}: a probability is no number: {error}") from None
    wrong = np.flatnonzero((weight < 0) | np.isinf(weight))
    if len(wrong):
        row = int(wrong[0])
        raise TaxoevalError(
            f"{where}: row {row + 1} below the header has the probability {weight[row]}; it must be at least 0"
        )
    return weight


def _by_place(rows: Ids, n: int) -> NDArray[np.float64]:
    """1/2 for the first name of a sample, 1/4 for the next ...; scaled to a sum of 1."""
    order = np.argsort(rows, kind="stable")
    start = np.searchsorted(rows[order], np.arange(n))
    place = np.empty(len(rows), dtype=np.int64)
    place[order] = np.arange(len(rows)) - start[rows[order]]
    weight = 0.5 ** np.minimum(place + 1.0, 60.0)
    return np.asarray(weight / np.bincount(rows, weights=weight, minlength=n)[rows])

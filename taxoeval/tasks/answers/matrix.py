"""A matrix of scores from elsewhere, and what its columns stand for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.tasks.answers.cells import binomials_in, columns_of, lines, sample_ids, texts
from taxoeval.tasks.answers.columns import ANSWER_NAMES, sample_column, usual_columns
from taxoeval.tasks.answers.resolve import Answer
from taxoeval.tasks.base import softmax
from taxoeval.taxonomy import arrow

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ScoreMatrix:
    """Scores ``(n, c)`` of candidates; ``softmax`` is what they are multiplied by before one, None for none."""

    sample: list[str]
    names: list[Answer]
    scores: NDArray[Any]
    softmax: float | None
    where: str
    stated: bool = True
    notes: tuple[str, ...] = ()

    def probability(self, rows: Ids) -> NDArray[np.float32]:
        """The probabilities of some samples."""
        scores = np.asarray(self.scores[rows], dtype=np.float32)
        wrong = ~np.isfinite(scores) if self.softmax is not None else ~(np.isfinite(scores) & (scores >= 0))
        if wrong.any():
            row, column = (int(i[0]) for i in np.nonzero(wrong))
            remedy = (
                "softmax=1 for logits, or the scale trained with for cosines" if self.softmax is None else "mend it"
            )
            raise TaxoevalError(
                f"{self.where}: the score of {self.sample[int(rows[row])]!r} for {_shown(self.names[column])} is "
                f"{scores[row, column]}, which is no probability; {remedy}"
            )
        return scores if self.softmax is None else softmax(np.float32(self.softmax) * scores)


def read_scores(
    path: Path, samples: Path | None, sample: str, names: list[Answer], softmax: float | None
) -> ScoreMatrix:
    """A matrix of scores: ``.npy`` with a file of sample ids beside it, or a table with a column of ids.

    Raises
    ------
    TaxoevalError
        If the file cannot be read, or its shape does not fit the samples or the candidates.
    """
    if path.suffix == ".npy":
        if samples is None:
            raise TaxoevalError(
                f"{path}: an .npy file names no samples; give their ids, one per row, with samples=FILE"
            )
        scores = _npy(path)
        ids = (
            lines(samples) if samples.suffix == ".txt" else texts(columns_of(samples, [_id_column(samples, sample)])[0])
        )
        ids = sample_ids(ids, str(samples))
    else:
        column = _id_column(path, sample)
        ids = sample_ids(texts(columns_of(path, [column])[0]), str(path))
        scores = _table_of_scores(path, [name for name in arrow.header(path) if name != column])
    if scores.ndim != 2 or scores.shape != (len(ids), len(names)):
        raise TaxoevalError(
            f"{path}: scores {scores.shape} do not fit {len(ids)} samples and {len(names)} candidates; rows must be "
            "samples and columns candidates, in the order of both files"
        )
    twice = len(ids) - len(set(ids))
    if twice:
        raise TaxoevalError(f"{path}: {twice} samples have several rows of scores; keep one row for each")
    return ScoreMatrix(ids, names, scores, softmax, str(path))


def read_candidates(path: Path, ranks: Sequence[str]) -> list[Answer]:
    """The candidates of a score matrix in the order of its columns: a name a line, or a table of lineages or names.

    Raises
    ------
    TaxoevalError
        If the file is missing or holds neither ranks nor one column of names.
    """
    if path.suffix == ".txt":
        return [*lines(path)]
    header = arrow.header(path)
    lower = {name.strip().casefold(): name for name in reversed(header)}
    chosen = {rank: lower[name] for rank in ranks for name in (rank, {"class": "cls"}.get(rank, rank)) if name in lower}
    if not chosen:
        column = header if len(header) == 1 else usual_columns(header, ANSWER_NAMES)
        if len(column) != 1:
            raise TaxoevalError(
                f"{path}: neither a column of a rank nor one of names; the columns are {', '.join(header)}; call them "
                f"{', '.join(ranks)}, or name"
            )
        return [*texts(columns_of(path, column)[0])]
    cells = {rank: texts(column) for rank, column in zip(chosen, columns_of(path, chosen.values()), strict=True)}
    binomials_in(cells)
    blank = [""] * len(next(iter(cells.values())))
    return list(zip(*(cells.get(rank, blank) for rank in ranks), strict=True))


def _table_of_scores(path: Path, columns: list[str]) -> NDArray[Any]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        if arrow.separator(path) is not None:
            read = arrow.read_columns(path, columns)
            return np.stack([pc.cast(read[name], pa.float32()).to_numpy() for name in columns], axis=1)
        table = pq.read_table(path, columns=columns)
        if len(columns) == 1 and pa.types.is_nested(table.column(0).type):
            flat = np.asarray(pc.list_flatten(table.column(0)).to_numpy())
            return flat.reshape(table.num_rows, -1)
        return np.stack([np.asarray(pc.cast(table[name], pa.float32()).to_numpy()) for name in columns], axis=1)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise TaxoevalError(
            f"{path}: all columns but the sample ids must be numbers, one a candidate, or a single one of lists "
            f"({' '.join(str(error).split())})"
        ) from None


def _npy(path: Path) -> NDArray[Any]:
    try:
        scores = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise TaxoevalError(f"{path}: cannot be read as .npy ({' '.join(str(error).split())})") from None
    if not np.issubdtype(scores.dtype, np.number):
        raise TaxoevalError(f"{path}: the scores are {scores.dtype}, not numbers")
    return np.asarray(scores)


def _id_column(path: Path, sample: str) -> str:
    return sample_column(arrow.header(path), str(path), sample)


def _shown(answer: Answer) -> str:
    return repr(answer) if isinstance(answer, str) else repr(next((name for name in reversed(answer) if name), ""))

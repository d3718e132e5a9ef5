"""Runs as columns: tidy scores for every reader, and one row per image, rank and answer for predictions."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.parallel import in_threads
from taxoeval.records import Predictions
from taxoeval.reports.run import Cell, Run

if TYPE_CHECKING:
    import pyarrow as pa

SCORE_COLUMNS = (
    "run",
    "dataset",
    "encoder",
    "role",
    "task",
    "decoder",
    "slice",
    "metric",
    "rank",
    "k",
    "value",
    "low",
    "high",
    "n",
    "chance",
    "majority",
    "p",
    "higher_is_better",
    "status",
    "reason",
)
"""Columns of ``scores.parquet``."""


def score_rows(run: Run) -> list[tuple[Any, ...]]:
    """One tuple per score in the order of `SCORE_COLUMNS`; NaN becomes None, which every reader takes for missing.

    A cell without scores, one that failed or is unsupported, gives one row that carries its status and reason, so that
    a gap in a table of many runs explains itself.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> cells = (Cell("pixels", "encoder", "zero_shot", "unsupported", "pixels has no text tower"),)
    >>> run = Run(name="demo", started="2026-11-21T10:00:00+00:00", dataset="magpies", taxonomy=taxonomy, cells=cells)
    >>> dict(zip(SCORE_COLUMNS, score_rows(run)[0]))["reason"]
    'pixels has no text tower'
    """
    rows: list[tuple[Any, ...]] = []
    for cell in run.cells:
        start = (run.name, run.dataset, cell.encoder, cell.role, cell.task)
        for s in cell.scores:
            interval = (_number(s.value), _number(s.low), _number(s.high), s.n)
            against = (_number(s.chance), _number(s.majority), _number(s.p), s.higher_is_better)
            why = (cell.status, s.reason or cell.reason)
            rows.append((*start, s.decoder, s.slice, s.metric, s.rank, s.k, *interval, *against, *why))
        if not cell.scores:
            nothing = ("", "", "", "", 0, None, None, None, 0, None, None, None, None)
            rows.append((*start, *nothing, cell.status, cell.reason))
    return rows


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def score_table(run: Run) -> "pa.Table":
    """The rows of `score_rows` as an Arrow table."""
    import pyarrow as pa

    kinds = {name: pa.float64() for name in ("value", "low", "high", "chance", "majority", "p")}
    kinds |= {"k": pa.int64(), "n": pa.int64(), "higher_is_better": pa.bool_()}
    columns = zip(*score_rows(run), strict=True) if run.cells else ([] for _ in SCORE_COLUMNS)
    arrays = {
        name: pa.array(values, type=kinds.get(name, pa.string()))
        for name, values in zip(SCORE_COLUMNS, columns, strict=True)
    }
    return pa.table(arrays)


FOUND_BY = ["run", "dataset", "encoder", "role", "task", "decoder", "slice", "rank", "k"]
"""Columns of predictions that readers look for rows by: only of these is it written what is in each part of a file.

Every part holds all images and nearly all taxa, and to sort their names takes a third of the time of writing.
"""


def prediction_schema() -> "pa.Schema":
    """Columns of ``predictions.parquet``; every text is dictionary-encoded: stored once, however often it occurs."""
    import pyarrow as pa

    text = pa.dictionary(pa.int32(), pa.string())
    names = ("run", "dataset", "encoder", "role", "task", "decoder", "slice", "sample", "rank")
    answer = ("target", "target_path", "predicted", "predicted_path")
    return pa.schema(
        [(name, text) for name in names]
        + [("k", pa.int32())]
        + [(name, text) for name in answer]
        + [("probability", pa.float64()), ("correct", pa.bool_())]
    )


def prediction_tables(run: Run) -> Iterator["pa.Table"]:
    """One Arrow table for each `Predictions` of a run, all of one schema; see `prediction_table`."""
    answers = ((cell, predictions) for cell in run.cells for predictions in cell.predictions)
    return in_threads(lambda answer: prediction_table(run, *answer), answers)


def prediction_table(run: Run, cell: Cell, predictions: Predictions) -> "pa.Table":
    """One row per image, rank and answer, best answer first (``k`` = 1).

    ``target`` and ``correct`` are null where the image's taxon is unknown at that rank, ``predicted`` where the decoder
    gave no answer. An image has at least one row per rank; there are no rows for the second, third ... answers that do
    not exist.
    """
    import pyarrow as pa

    taxonomy = run.taxonomy_of(cell)
    target = np.where(predictions.target[:, None] >= 0, taxonomy.ancestor[predictions.target], -1)
    exists = predictions.taxon >= 0
    exists[:, :, 0] = True
    image, rank, place = (index.astype(np.int32) for index in np.nonzero(exists))
    taxon, truth = predictions.taxon[image, rank, place], target[image, rank]
    reached = np.where(taxon >= 0, taxonomy.ancestor[taxon, rank], -1)
    n = len(image)

    def constant(text: str) -> "pa.DictionaryArray":
        return pa.DictionaryArray.from_arrays(np.zeros(n, dtype=np.int32), pa.array([text]))

    def coded(codes: NDArray[np.int32], texts: list[str]) -> "pa.DictionaryArray":
        return pa.DictionaryArray.from_arrays(codes, pa.array(texts, type=pa.string()))

    named = {"target": truth, "predicted": taxon}
    arrays: dict[str, Any] = {
        "run": constant(run.name),
        "dataset": constant(run.dataset),
        "encoder": constant(cell.encoder),
        "role": constant(cell.role),
        "task": constant(cell.task),
        "decoder": constant(predictions.decoder),
        "slice": constant(predictions.slice),
        "sample": coded(image, [str(sample) for sample in predictions.sample]),
        "rank": coded(rank, list(taxonomy.ranks)),
        "k": pa.array(place + 1, type=pa.int32()),
    }
    for column, ids in named.items():
        unknown = ids < 0
        used = np.flatnonzero(np.bincount(ids[~unknown], minlength=len(taxonomy)))
        code = np.zeros(len(taxonomy), dtype=np.int32)
        code[used] = np.arange(len(used))
        hidden = pa.array(code[ids], mask=unknown)
        for suffix, text in (("", lambda i: str(taxonomy.names[i])), ("_path", taxonomy.path)):
            texts = pa.array([text(int(i)) for i in used], type=pa.string())
            arrays[column + suffix] = pa.DictionaryArray.from_arrays(hidden, texts)
    probability = predictions.probability[image, rank, place].astype(np.float64)
    arrays["probability"] = pa.array(probability, mask=np.isnan(probability))
    arrays["correct"] = pa.array(reached == truth, mask=truth < 0)
    return pa.table(arrays, schema=prediction_schema())

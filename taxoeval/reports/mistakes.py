"""Where a run errs, in four tables: how far up, which taxa for which, in which clades, on which images."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from taxoeval.parallel import in_threads
from taxoeval.records import Predictions
from taxoeval.reports.atomic import together
from taxoeval.reports.mistake_clades import clades, extremes
from taxoeval.reports.mistake_images import hardest
from taxoeval.reports.mistake_pairs import confusions
from taxoeval.reports.mistake_ranks import Columns, mistakes_by_rank
from taxoeval.reports.run import Cell, Run
from taxoeval.taxonomy import Taxonomy

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["clades", "confusions", "extremes", "hardest", "mistake_tables", "mistakes_by_rank", "write_mistakes"]

TABLES: Mapping[str, Callable[[Predictions, Taxonomy], Columns]] = {
    "mistake_ranks": mistakes_by_rank,
    "confusions": confusions,
    "clades": clades,
    "hardest": hardest,
}


def mistake_tables(run: Run) -> "dict[str, pa.Table]":
    """The four tables of a run, by name.

    Parameters
    ----------
    run
        The finished run.

    Returns
    -------
    tables
        ``mistake_ranks``, ``confusions``, ``clades``, ``hardest``: the columns of the function of that name, behind
        ``run``, ``dataset``, ``encoder``, ``role``, ``task``, ``decoder`` and ``slice``, for every decoder of every
        cell. What is undefined is null, and texts are stored once. No table if nothing was predicted.

    Examples
    --------
    >>> from taxoeval.reports import Cell
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> raven, magpie = taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> first = taxonomy.ancestor[[magpie]][:, :, None].astype(np.int64)
    >>> answers = Predictions(
    ...     np.array(["1"]), np.array([raven]), first, first * 0.0 + 1, "leaf_argmax", np.array([raven]))
    >>> cells = (Cell("pixels", "encoder", "knn", "ok", predictions=(answers,)),)
    >>> run = Run(name="demo", started="2026-11-21T10:00:00+00:00", dataset="birds", taxonomy=taxonomy, cells=cells)
    >>> {name: table.num_rows for name, table in mistake_tables(run).items()}
    {'mistake_ranks': 3, 'confusions': 2, 'clades': 2, 'hardest': 2}
    """
    import pyarrow as pa

    parts: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
    answers = ((run, cell, predictions) for cell in run.cells for predictions in cell.predictions)
    for tables in in_threads(_tables_of, answers):
        for name, table in tables.items():
            parts[name].append(table)
    return {name: pa.concat_tables(tables).unify_dictionaries() for name, tables in parts.items() if tables}


def write_mistakes(run: Run, folder: Path) -> None:
    """Write ``mistake_ranks.parquet``, ``confusions.parquet``, ``clades.parquet`` and ``hardest.parquet``.

    Parameters
    ----------
    run
        The finished run; without any predictions nothing is written.
    folder
        Where to; made if need be. Files of these names are replaced, all or none.

    Raises
    ------
    TaxoevalError
        If the folder cannot be written or the disk is full.
    """
    import pyarrow.parquet as pq

    tables = mistake_tables(run)
    if not tables:
        return
    with together(folder, "mistake_ranks.parquet") as staged:
        for name, table in tables.items():
            pq.write_table(table, staged(f"{name}.parquet"), compression="zstd")


def _tables_of(answer: tuple[Run, Cell, Predictions]) -> "dict[str, pa.Table]":
    run, cell, predictions = answer
    about = {
        "run": run.name,
        "dataset": run.dataset,
        "encoder": cell.encoder,
        "role": cell.role,
        "task": cell.task,
        "decoder": predictions.decoder,
        "slice": predictions.slice,
    }
    return {name: _arrow(about, make(predictions, run.taxonomy_of(cell))) for name, make in TABLES.items()}


def _arrow(about: Mapping[str, str], columns: Columns) -> "pa.Table":
    import pyarrow as pa

    n = len(next(iter(columns.values())))
    arrays = {
        key: pa.DictionaryArray.from_arrays(np.zeros(n, dtype=np.int32), pa.array([text]))
        for key, text in about.items()
    }
    for key, column in columns.items():
        if column.dtype.kind == "U":
            texts, codes = np.unique(column, return_inverse=True)
            hidden = pa.array(codes.astype(np.int32), mask=column == "")
            arrays[key] = pa.DictionaryArray.from_arrays(hidden, pa.array(texts.tolist(), type=pa.string()))
        else:
            mask = np.isnan(column) if column.dtype.kind == "f" else None
            arrays[key] = pa.array(column, mask=mask)
    return pa.table(arrays)

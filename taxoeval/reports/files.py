"""The files of a run: ``scores.parquet``, ``predictions.parquet``, ``images.parquet``, ``run.json``, further tables.

``run.json`` is put in place last and says which other files belong to the run: a folder without it holds no finished
run. Every file is written under a temporary name first, so none is ever half there.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from taxoeval.errors import TaxoevalError
from taxoeval.reports.atomic import together
from taxoeval.reports.columns import FOUND_BY, prediction_schema, prediction_tables, score_table
from taxoeval.reports.image_values import image_schema, image_tables
from taxoeval.reports.provenance import code_sha256, git, host, versions
from taxoeval.reports.run import Cell, LogOutcome, Run

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 2
"""Version of the layout of all files of a run; a reader refuses any other."""


@dataclass(frozen=True)
class SavedRun:
    """A finished run on disk.

    Attributes
    ----------
    folder
        Where it is.
    meta
        The content of ``run.json``.
    """

    folder: Path
    meta: Mapping[str, Any]

    def scores(self) -> "pa.Table":
        """The tidy scores, one row per number; ``.to_pandas()`` makes a data frame of them."""
        return _read(self.folder / "scores.parquet")

    def predictions(self) -> "pa.Table":
        """One row per image, encoder, task, decoder, rank and answer."""
        return _read(self.folder / "predictions.parquet")

    def images(self) -> "pa.Table":
        """One row per image, encoder, task and decoder: right or wrong at every rank, and how far off."""
        return _read(self.folder / "images.parquet")


def write_run(run: Run, folder: Path) -> None:
    """Write everything a run found into a folder, which is made if need be; an earlier run there is replaced.

    Parameters
    ----------
    run
        The finished run.
    folder
        Where to.

    Raises
    ------
    TaxoevalError
        If the folder cannot be written or the disk is full. Nothing half-written stays: either all files of the
        run are there with ``run.json``, or there is no ``run.json``.
    ValueError
        If the configuration or the details hold something that is no plain value.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> cells = (Cell("pixels", "encoder", "zero_shot", "unsupported", "pixels has no text tower"),)
    >>> run = Run(name="demo", started="2026-11-21T10:00:00+00:00", dataset="magpies", taxonomy=taxonomy, cells=cells)
    >>> with TemporaryDirectory() as folder:
    ...     write_run(run, Path(folder))
    ...     saved = read_run(Path(folder))
    ...     saved.meta["status"], saved.scores().num_rows
    ('unsupported', 1)
    """
    tables = dict(_tables(run))
    with together(folder, "run.json") as staged:
        _write_parquet([score_table(run)], staged("scores.parquet"))
        _write_parquet(prediction_tables(run), staged("predictions.parquet"), prediction_schema(), FOUND_BY)
        _write_parquet(image_tables(run), staged("images.parquet"), image_schema(run.taxonomy.ranks))
        for name, table in tables.items():
            _write_parquet([table], staged(name))
        for name, content in _figures(run):
            staged(name).write_bytes(content)
        files = {name: _described(path) for name, path in staged.paths.items()}
        staged("run.json").write_text(_json(_meta(run) | {"files": files, "logging": None}), encoding="utf-8")


def read_run(folder: Path) -> SavedRun:
    """Open a finished run.

    Parameters
    ----------
    folder
        What `write_run` was given.

    Returns
    -------
    saved
        The run; its tables are read when asked for.

    Raises
    ------
    TaxoevalError
        If there is no finished run, or it was written by another version.
    """
    path = Path(folder) / "run.json"
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TaxoevalError(f"{folder}: no run.json, so no finished run is here; run it again") from None
    except (OSError, ValueError) as error:
        raise TaxoevalError(f"{path}: cannot be read ({error}); run it again") from None
    found = meta.get("schema_version") if isinstance(meta, dict) else None
    if found != SCHEMA_VERSION:
        raise TaxoevalError(f"{path}: schema_version {found!r}, but this version of taxoeval reads {SCHEMA_VERSION}")
    return SavedRun(Path(folder), meta)


def record_logging(outcome: LogOutcome, folder: Path) -> None:
    """Add to ``run.json`` what became of the run at a logging service.

    Raises
    ------
    TaxoevalError
        If there is no finished run in the folder or it cannot be written.
    """
    saved = read_run(folder)
    # the sync command depends on where the program was started; the path beside it does not
    told = {key: value for key, value in asdict(outcome).items() if value and key != "sync_command"}
    with together(folder, "run.json") as staged:
        staged("run.json").write_text(_json({**saved.meta, "logging": told}), encoding="utf-8")


def plain(value: Any, where: str = "value") -> Any:
    """A value as plain JSON types; NaN and infinities become None, numpy numbers their Python twins.

    Raises
    ------
    ValueError
        If something in it is no mapping, sequence, string, number, path or None.

    Examples
    --------
    >>> plain({"k": np.int64(5), "spread": float("nan"), "shots": (1, 5)})
    {'k': 5, 'spread': None, 'shots': [1, 5]}
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise ValueError(f"{where} is a {type(value).__name__}, not a plain value that can be written as JSON")


def _meta(run: Run) -> dict[str, Any]:
    taxonomy = run.taxonomy
    config = plain(run.config, "config")
    counts = np.bincount(taxonomy.rank, minlength=taxonomy.n_ranks)
    return {
        "schema_version": SCHEMA_VERSION,
        "status": run.status,
        "name": run.name,
        "group": run.group,
        "started": run.started,
        "dataset": {"name": run.dataset, "n_images": run.n_images, "notes": list(run.dataset_notes)},
        "taxonomy": {
            "digest": taxonomy.digest,
            "n_taxa": dict(zip(taxonomy.ranks, counts.tolist(), strict=True)),
        },
        "hashes": {
            **plain(run.hashes, "hashes"),
            "config": hashlib.sha256(_json(config).encode()).hexdigest(),
            "code": code_sha256(),
        },
        "config": config,
        "fingerprints": plain(run.fingerprints, "fingerprints"),
        "cells": [_cell(cell, run.taxonomy_of(cell).digest) for cell in run.cells],
        "warnings": list(run.warnings),
        "timings": plain(run.timings, "timings"),
        "versions": versions(),
        "git": git(),
        "host": host(),
    }


def _cell(cell: Cell, digest: str) -> dict[str, Any]:
    where = f"{cell.encoder}.{cell.task}"
    return {
        "encoder": cell.encoder,
        "role": cell.role,
        "task": cell.task,
        "status": cell.status,
        "reason": cell.reason,
        "seconds": cell.seconds,
        "cached": cell.cached,
        "notes": list(cell.notes),
        "details": plain(cell.details, where),
        "taxonomy": digest,
        "answers": [
            {
                "decoder": p.decoder,
                "slice": p.slice,
                "n_images": len(p.sample),
                "n_candidates": p.n_candidates,
                # equal digests: the same closed set, so that two runs may be compared
                "candidates": hashlib.sha256(
                    digest.encode() + np.sort(p.candidates).astype("<i8").tobytes()
                ).hexdigest(),
            }
            for p in cell.predictions
        ],
        "tables": {name: _table_file(cell, name) for name in cell.tables},
    }


def _table_file(cell: Cell, name: str) -> str:
    return _file_name(f"{name}_{cell.role}_{cell.encoder}_{cell.task}") + ".parquet"


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text)


def _tables(run: Run) -> Iterator[tuple[str, "pa.Table"]]:
    import pyarrow as pa

    for cell in run.cells:
        for name, columns in cell.tables.items():
            yield _table_file(cell, name), pa.table({column: pa.array(values) for column, values in columns.items()})


def _figures(run: Run) -> Iterator[tuple[str, bytes]]:
    for cell in run.cells:
        for name, content in cell.figures.items():
            yield "figures/" + _file_name(f"{cell.role}_{cell.encoder}_{cell.task}_{name}"), content


def _write_parquet(
    tables: Iterable["pa.Table"], path: Path, schema: "pa.Schema | None" = None, statistics: list[str] | bool = True
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = iter(tables)
    if schema is None:
        first = next(tables)
        schema, tables = first.schema, iter([first])
    schema = schema.with_metadata({"taxoeval_schema_version": str(SCHEMA_VERSION)})
    measured = {field.name: "BYTE_STREAM_SPLIT" for field in schema if pa.types.is_floating(field.type)}
    named = [field.name for field in schema if field.name not in measured]
    # numbers hardly repeat, and a dictionary of them takes twice the time and a fifth more space
    how: dict[str, Any] = {"use_dictionary": named, "column_encoding": measured, "write_statistics": statistics}
    with pq.ParquetWriter(path, schema, compression="zstd", **how) as writer:
        for table in tables:
            writer.write_table(table.replace_schema_metadata(schema.metadata))


def _read(path: Path) -> "pa.Table":
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are kinds of ValueError
        raise TaxoevalError(f"{path}: cannot be read ({' '.join(str(error).split())}); run it again") from None


def _described(path: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    rows = {"rows": pq.read_metadata(path).num_rows} if ".parquet" in path.name else {}
    return {**rows, "sha256": digest}


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

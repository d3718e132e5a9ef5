"""A finished cell on disk, whole: what one encoder answered to one task, so that it is never asked twice."""

import errno
import json
import os
import shutil
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.records import Predictions, Score
from taxoeval.reports.files import plain
from taxoeval.reports.run import Cell
from taxoeval.taxonomy import Taxonomy

LAYOUT = 1
"""Layout of a saved cell; one of another layout counts as absent."""


def save_cell(cell: Cell, folder: Path) -> None:
    """Write a cell into a folder of its own, which appears when it is complete or not at all.

    Parameters
    ----------
    cell
        A finished one.
    folder
        Where to; what is there already is replaced.

    Raises
    ------
    TaxoevalError
        If the folder cannot be written or the disk is full.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> cell = Cell("pixels", "control", "zero_shot", "unsupported", "pixels has no text tower")
    >>> with TemporaryDirectory() as folder:
    ...     save_cell(cell, Path(folder) / "one")
    ...     load_cell(Path(folder) / "one").reason
    'pixels has no text tower'
    """
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _write(cell, part)
        _put(part, folder)
    except OSError as error:
        why = error.strerror or " ".join(str(error).split())
        raise TaxoevalError(
            f"{folder}: the result cannot be kept ({why}); free space or choose another folder with runtime.cells=..."
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _put(part: Path, folder: Path) -> None:
    """Move a complete folder into place. Where another process is as quick, either twin will do."""
    for _ in range(3):
        try:
            part.rename(folder)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            aside = folder.with_name(f".{folder.name}.{os.getpid()}.old")
            with suppress(OSError):
                folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)


def load_cell(folder: Path) -> Cell | None:
    """Read a cell that `save_cell` wrote; None where there is none, or it cannot be read by this version."""
    try:
        about = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
        if about["layout"] != LAYOUT:
            return None
        return Cell(
            **{name: about[name] for name in ("encoder", "role", "task", "status", "reason", "seconds", "details")},
            scores=tuple(_score(row) for row in about["scores"]),
            predictions=tuple(_predictions(folder, i, row) for i, row in enumerate(about["predictions"])),
            notes=tuple(about["notes"]),
            tables={name: _columns(folder / f"table_{i}.parquet") for i, name in enumerate(about["tables"])},
            taxonomy=_taxonomy(folder) if about["taxonomy"] else None,
            figures={name: (folder / f"figure_{i}").read_bytes() for i, name in enumerate(about["figures"])},
        )
    except (OSError, ValueError, KeyError, TypeError):  # absent, half there, or changed by hand: it is made again
        return None


def _write(cell: Cell, folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    about: dict[str, Any] = {"layout": LAYOUT}
    about |= {name: getattr(cell, name) for name in ("encoder", "role", "task", "status", "reason", "seconds")}
    about |= {"notes": list(cell.notes), "details": plain(cell.details, f"{cell.encoder}.{cell.task}")}
    about |= {"tables": list(cell.tables), "figures": list(cell.figures), "taxonomy": cell.taxonomy is not None}
    about["scores"] = [plain({f.name: getattr(score, f.name) for f in fields(Score)}) for score in cell.scores]
    about["predictions"] = []
    for i, answers in enumerate(cell.predictions):
        n, shape = len(answers.sample), answers.taxon.shape[1:]
        np.save(folder / f"candidates_{i}.npy", answers.candidates)
        flat = {
            "taxon": pa.FixedSizeListArray.from_arrays(answers.taxon.ravel(), int(np.prod(shape))),
            "probability": pa.FixedSizeListArray.from_arrays(answers.probability.ravel(), int(np.prod(shape))),
        }
        table = pa.table({"sample": pa.array(answers.sample.tolist(), pa.string()), "target": answers.target, **flat})
        with pa.OSFile(str(folder / f"predictions_{i}.arrow"), "wb") as file:
            options = pa.ipc.IpcWriteOptions(compression="zstd")
            with pa.ipc.new_file(file, table.schema, options=options) as writer:
                writer.write_table(table)
        about["predictions"].append({"n": n, "shape": list(shape), "decoder": answers.decoder, "slice": answers.slice})
    for i, columns in enumerate(cell.tables.values()):
        pq.write_table(pa.table({k: pa.array(v) for k, v in columns.items()}), folder / f"table_{i}.parquet")
    for i, figure in enumerate(cell.figures.values()):
        (folder / f"figure_{i}").write_bytes(figure)
    if cell.taxonomy is not None:
        tree = cell.taxonomy
        length = np.empty(0) if tree.length is None else tree.length
        names = np.array(list(tree.names), dtype=np.str_)
        np.savez_compressed(folder / "taxonomy.npz", parent=tree.parent, rank=tree.rank, names=names, length=length)
        about["ranks"] = list(tree.ranks)
    (folder / "cell.json").write_text(json.dumps(about, ensure_ascii=False, allow_nan=False), encoding="utf-8")


def _score(row: dict[str, Any]) -> Score:
    numbers = ("value", "low", "high", "chance", "majority", "p")
    return Score(**{**row, **{name: float("nan") for name in numbers if row[name] is None}})


def _predictions(folder: Path, i: int, about: dict[str, Any]) -> Predictions:
    import pyarrow as pa

    with pa.OSFile(str(folder / f"predictions_{i}.arrow"), "rb") as file:
        table = pa.ipc.open_file(file).read_all().combine_chunks()
    shape = (about["n"], *about["shape"])

    def flat(name: str) -> NDArray[Any]:
        return np.array(table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)).reshape(shape)

    return Predictions(
        sample=np.array(table["sample"].to_pylist(), dtype=np.str_),
        target=np.array(table["target"].to_numpy()),
        taxon=flat("taxon"),
        probability=flat("probability"),
        decoder=about["decoder"],
        candidates=np.load(folder / f"candidates_{i}.npy", allow_pickle=False),
        slice=about["slice"],
    )


def _columns(path: Path) -> dict[str, NDArray[Any]]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    columns = {name: table[name].to_numpy() for name in table.column_names}
    return {
        name: v.astype(np.str_) if v.dtype == object and all(isinstance(x, str) for x in v) else v
        for name, v in columns.items()
    }


def _taxonomy(folder: Path) -> Taxonomy:
    ranks = json.loads((folder / "cell.json").read_text(encoding="utf-8"))["ranks"]
    with np.load(folder / "taxonomy.npz", allow_pickle=False) as kept:
        length = kept["length"] if len(kept["length"]) else None
        return Taxonomy(kept["parent"], kept["names"].astype(object), kept["rank"], ranks, length)

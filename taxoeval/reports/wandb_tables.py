"""What a run sends to W&B besides its numbers: tables short enough to be drawn, pictures, whole files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taxoeval.reports.columns import SCORE_COLUMNS, score_rows
from taxoeval.reports.files import _file_name as file_name
from taxoeval.reports.mistake_images import CONFIDENT
from taxoeval.reports.mistakes import TABLES
from taxoeval.reports.run import Run
from taxoeval.reports.thumbnails import MOST
from taxoeval.reports.wandb_summary import prefix_of, word

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 10_000
"""W&B cuts a longer table without a word; ours is cut here, and says so."""

DRAWN_ROWS = 500
"""Rows of the tables that are there to be looked at: the most frequent. The files of the artifact hold all."""

PICTURED = 100
"""Mistakes drawn with their image."""

Drawn = dict[str, Any]
"""A table as the child takes it: ``columns``, ``data``, ``of`` rows before it was cut, ``image``: a column, or None."""


def score_drawn(run: Run) -> Drawn:
    """The tidy scores, without the columns that are the same for all of a run."""
    left_out = {"run", "dataset", "reason"}
    keep = [i for i, name in enumerate(SCORE_COLUMNS) if name not in left_out]
    rows = score_rows(run)
    data = [[row[i] for i in keep] for row in rows[:MAX_ROWS]]
    return {"columns": [SCORE_COLUMNS[i] for i in keep], "data": data, "of": len(rows), "image": None}


def drawn_tables(run: Run, folder: Path, pictures: Path) -> dict[str, Drawn]:
    """The tables to draw, by name: ``scores``, and those of the mistakes that lie in the folder of the run.

    Parameters
    ----------
    run, folder
        The run and where its files are.
    pictures
        An empty folder, for the small pictures that ``mistakes`` names.

    Returns
    -------
    tables
        ``scores``; ``mistake_ranks``, ``clades`` and ``confusions``, the clades and pairs with most images first;
        ``mistakes``, the surest of them with their images.
    """
    tables = {"scores": score_drawn(run)}
    for name in ("mistake_ranks", "clades", "confusions"):
        if (table := _read(folder / f"{name}.parquet")) is not None:
            whole = name == "mistake_ranks"  # has no rows that matter more than others
            tables[name] = _drawn(table, MAX_ROWS) if whole else _drawn(table.sort_by([("n", "descending")]))
    if mistakes := _mistakes(folder, pictures):
        tables["mistakes"] = mistakes
    return tables


def note(tables: Mapping[str, Drawn]) -> str:
    """Which tables were cut; ``""`` if none.

    Examples
    --------
    >>> note({"scores": {"data": [[1]], "of": 1}, "clades": {"data": [[1], [2]], "of": 3000}})
    'of its tables W&B shows 2 of 3,000 clades; its artifact has all rows'
    """
    cut = [f"{len(t['data']):,} of {t['of']:,} {name}" for name, t in tables.items() if len(t["data"]) < t["of"]]
    return f"of its tables W&B shows {', '.join(cut)}; its artifact has all rows" if cut else ""


def figures(run: Run, folder: Path) -> dict[str, str]:
    """Path of each figure of a run by its name in W&B; only the PNG of each, for W&B draws no SVG.

    Names of the encoder under evaluation are without its own, so that the same figure of many runs is one panel.
    """
    found = {file.name: file for file in sorted((folder / "figures").glob("*.png"))}
    named: dict[str, str] = {}
    for cell in run.cells:
        for name in cell.figures:
            file = found.pop(file_name(f"{cell.role}_{cell.encoder}_{cell.task}_{name}"), None)
            if file is not None:
                named[f"{prefix_of(run, cell)}figures/{word(cell.task)}/{Path(name).stem}"] = str(file)
    return named | {f"figures/{file.stem}": str(file) for file in found.values()}


def artifact_files(files: Mapping[str, Any], folder: Path) -> Drawn:
    """The whole of a run, for its artifact: every file that ``run.json`` names, the mistakes, figures and page.

    Returns
    -------
    artifact
        ``kept``: files by name that stay as they are; ``copied``: those that may yet change. An offline run refers to
        the former, and holds a copy of the latter.
    """
    named = [*files, *(f"{name}.parquet" for name in TABLES), "thumbnails.parquet"]
    named += [f"figures/{file.name}" for file in sorted((folder / "figures").glob("*"))]
    copied = ["run.json", "report.html"]  # the outcome is yet to be noted in the one; the other can be made again
    kept = {name: str(folder / name) for name in named if (folder / name).is_file()}
    return {"kept": kept, "copied": {name: str(folder / name) for name in copied if (folder / name).is_file()}}


def _mistakes(folder: Path, pictures: Path) -> Drawn | None:
    """The surest mistakes of the first decoder of each task, one row each, with the names of picture files."""
    import pyarrow.compute as pc

    hardest, small = _read(folder / "hardest.parquet"), _read(folder / "thumbnails.parquet")
    if hardest is None or small is None:
        return None
    place = pc.less_equal(hardest["place"], MOST)
    kind = pc.equal(hardest["kind"].cast("string"), CONFIDENT)
    role = pc.equal(hardest["role"].cast("string"), "encoder")
    known = pc.is_in(hardest["sample"].cast("string"), value_set=small["sample"].combine_chunks())
    rows = hardest.filter(pc.and_(pc.and_(place, kind), pc.and_(role, known))).to_pylist()
    first: dict[tuple[str, str, str], str] = {}
    rows = [
        row
        for row in rows
        if first.setdefault((row["encoder"], row["task"], row["slice"]), row["decoder"]) == row["decoder"]
    ]
    shown = rows[:PICTURED]
    if not shown:
        return None
    jpeg = dict(zip(small["sample"].to_pylist(), small["jpeg"].to_pylist(), strict=True))
    path = {sample: pictures / f"{i}.jpg" for i, sample in enumerate({row["sample"]: None for row in shown})}
    for sample, file in path.items():
        file.write_bytes(jpeg[sample])
    left_out = ("run", "dataset", "role", "kind", "truth_at_most")
    columns = [name for name in hardest.column_names if name not in left_out]
    data = [[str(path[row["sample"]]), *(row[name] for name in columns)] for row in shown]
    return {"columns": ["image", *columns], "data": data, "of": len(rows), "image": "image"}


def _drawn(table: "pa.Table", most: int = DRAWN_ROWS) -> Drawn:
    short = table.drop_columns(["run", "dataset"]).slice(0, most)
    data = [list(row.values()) for row in short.to_pylist()]
    return {"columns": short.column_names, "data": data, "of": table.num_rows, "image": None}


def _read(path: Path) -> "pa.Table | None":
    import pyarrow.parquet as pq

    return pq.read_table(path) if path.is_file() else None

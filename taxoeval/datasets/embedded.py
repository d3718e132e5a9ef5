"""Images inside Parquet files, as the Hugging Face hub keeps most of its image datasets.

One column holds structs of ``bytes`` and ``path``, the others say what is on the image. Only those others are read at
the start; the bytes of an image are read when it is asked for, a few rows at a time.
"""

import json
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from taxoeval.datasets.assembled import assemble, group_notes, rows_of
from taxoeval.datasets.base import ImageDataset
from taxoeval.datasets.columns import assign
from taxoeval.datasets.images import decode
from taxoeval.datasets.problems import check_limit, check_on_bad, in_order, settle, undecodable
from taxoeval.datasets.rows import problems
from taxoeval.errors import TaxoevalError

if TYPE_CHECKING:
    from PIL import Image

BLOCK = 32
"""Rows that are read at once."""
KEPT = 8
"""Blocks that are kept, since several threads ask for neighbouring images."""


def image_columns(path: Path) -> list[str]:
    """The columns of a Parquet file that hold images.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    list of str
        Empty where images are named by a path, or there are none.

    Raises
    ------
    TaxoevalError
        If it is no Parquet file.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow as pa, pyarrow.parquet as pq
    >>> path = Path(tempfile.mkdtemp()) / "train.parquet"
    >>> pq.write_table(pa.table({"image": [{"bytes": b"...", "path": "a.png"}], "label": [0]}), path)
    >>> image_columns(path)
    ['image']
    """
    import pyarrow as pa

    found = []
    for field in _schema(path):
        if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            kind = field.type.field("bytes").type
            if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
                found.append(field.name)
    return found


def load(
    files: Sequence[Path],
    name: str,
    where: str = "",
    image: str = "auto",
    ranks: str | Sequence[str] | Mapping[str, str] = "auto",
    label: str = "auto",
    common_name: str = "auto",
    group: str | None = None,
    on_bad: str = "error",
    limit: int | None = None,
) -> ImageDataset:
    """Images inside Parquet files with the same columns, one image a row.

    Parameters
    ----------
    files
        The files, in their order.
    name
        Name in tables.
    where
        What to call the whole in messages; by default the first file.
    image
        Column with the images; by default the first that holds any.
    ranks, label, common_name, group, on_bad, limit
        As for :func:`taxoeval.datasets.table.load`.

    Returns
    -------
    ImageDataset
        An image is called by its ``path`` where all have one of their own, else by its file and row. Numbers that
        stand for class names (the hub's ``ClassLabel``) become those names.

    Raises
    ------
    TaxoevalError
        If a file cannot be read or has other columns than the first, or rows are bad.

    Examples
    --------
    >>> import io, tempfile
    >>> import pyarrow as pa, pyarrow.parquet as pq
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (8, 8), (9, 9, 9)).save(file, "png")
    >>> path = Path(tempfile.mkdtemp()) / "train.parquet"
    >>> images = [{"bytes": file.getvalue(), "path": None}]
    >>> pq.write_table(pa.table({"image": images, "genus": ["Corvus"], "species": ["corax"]}), path)
    >>> dataset = load([path], "birds")
    >>> dataset.sample.tolist(), dataset.label.tolist(), dataset.source.image(0).getpixel((0, 0))
    (['train.parquet/1'], ['Corvus corax'], (9, 9, 9))
    """
    check_on_bad(on_bad)
    check_limit(limit)
    where = where or str(files[0])
    inside = image_columns(files[0])
    if (image := next(iter(inside), "") if image == "auto" else image) not in inside:
        told = f"only {', '.join(inside)}" if inside else "no column"
        raise TaxoevalError(f"{files[0]}: {told} holds images (structs of bytes and path)")
    others = [column for column in inside if column != image]
    header = [column for column in _schema(files[0]).names if column not in others]
    columns = assign(header, where, image, ranks, label, common_name, group)
    for file in files[1:]:
        if lacking := sorted({*columns.names} - {*_schema(file).names}):
            raise TaxoevalError(f"{file}: has no column {lacking[0]!r}, which {files[0].name} has; name the files")
    source = EmbeddedImages(files, image)
    wanted = [column for column in columns.names if column != image]
    cells: dict[str, list[str]] = {column: [] for column in wanted}
    for file in files:
        for column, values in _cells(file, wanted).items():
            cells[column] += values
    names = _names(files, image)
    n = len(names[:limit])
    rows = rows_of({image: names[:n], **{c: values[:n] for c, values in cells.items()}}, columns, where, 1, header)
    found = list(problems(rows, None, where))
    if on_bad == "skip":
        found += undecodable(source, rows.path, where, rows.number, {problem.row for problem in found})
    bad = in_order(found)
    notes = [*columns.notes, *rows.notes, *settle(bad, n, where, on_bad)]
    notes += [f"images are read from {image!r}; also there: {', '.join(others)}"] if others else []
    kept = rows.without({problem.row for problem in bad})
    notes += group_notes(kept, group)
    return assemble(name, kept, kept.path, source.only([number - 1 for number in kept.number]), bad, notes)


def _schema(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise TaxoevalError(f"{path}: cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def _cells(path: Path, columns: Sequence[str]) -> dict[str, list[str]]:
    """Cells as text; numbers that the hub's metadata give names to become those names."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=list(columns))
    told = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}"))
    features = told.get("info", {}).get("features", {})
    found = {}
    for column in columns:
        classes = features.get(column, {}).get("names") if isinstance(features.get(column), dict) else None
        values = table[column].to_pylist()
        if classes:
            values = [classes[v] if isinstance(v, int) and 0 <= v < len(classes) else None for v in values]
        found[column] = ["" if value is None else str(value) for value in values]
    return found


def _names(files: Sequence[Path], image: str) -> list[str]:
    """What images are called: their path if it tells them apart, else the file and the row."""
    import pyarrow.parquet as pq

    paths: list[str | None] = []
    rows: list[str] = []
    base = os.path.commonpath([file.parent for file in files])
    for file in files:
        with pq.ParquetFile(file) as opened:
            cells, n = opened.read(columns=[f"{image}.path"]), opened.metadata.num_rows
        known = image in cells.column_names and cells[image].type.get_field_index("path") >= 0
        paths += [cell and cell["path"] for cell in cells[image].to_pylist()] if known else [None] * n
        rows += [f"{file.relative_to(base).as_posix()}/{row + 1}" for row in range(n)]
    whole = [path for path in paths if path]
    return whole if len(set(whole)) == len(rows) else rows


class EmbeddedImages:
    """An image source over Parquet files; picklable, every process opens the files for itself.

    Parameters
    ----------
    files
        The files, in their order.
    column
        The column of structs.
    rows
        Which images, counted through all files; by default all.
    """

    def __init__(self, files: Sequence[Path], column: str, rows: Sequence[int] | None = None) -> None:
        import pyarrow.parquet as pq

        self.files, self.column = tuple(files), column
        # Where every row group begins: the first row of it in its file and counted through all files.
        groups = [
            (number, group, pq_group)
            for number, file in enumerate(self.files)
            for group, pq_group in enumerate(_group_sizes(pq.read_metadata(file)))
        ]
        self.groups = [(number, group) for number, group, _ in groups]
        self.starts = np.array([0, *accumulate(size for *_, size in groups)])
        self.rows = np.arange(self.starts[-1]) if rows is None else np.array(rows, dtype=np.int64)
        self._open()

    def _open(self) -> None:
        self._lock = Lock()
        self._blocks: OrderedDict[tuple[int, int], list[bytes | None]] = OrderedDict()
        self._ahead: tuple[int, int, Iterator[Any]] | None = None  # a group, its next block, and what reads it

    def __getstate__(self) -> dict[str, Any]:
        """All but what is open."""
        return {key: value for key, value in self.__dict__.items() if not key.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def only(self, rows: Sequence[int]) -> "EmbeddedImages":
        """The same with some of the images."""
        return EmbeddedImages(self.files, self.column, self.rows[list(rows)].tolist())

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.rows)

    def where(self, i: int) -> str:
        """File and row of image ``i``."""
        row = int(self.rows[i])
        number = self.groups[self._group(row)][0]
        first = self.starts[next(g for g, (file, _) in enumerate(self.groups) if file == number)]
        return f"{self.files[number]}, row {row - first + 1}"

    def content(self, i: int) -> bytes:
        """The bytes of the image's file."""
        row = int(self.rows[i])
        group = self._group(row)
        block, place = divmod(row - int(self.starts[group]), BLOCK)
        with self._lock:
            found = self._block(group, block)[place]
        if found is None:
            raise TaxoevalError(f"{self.where(i)}: holds no bytes of an image; remove the row, or pass on_bad=skip")
        return found

    def image(self, i: int) -> "Image.Image":
        """The image, by `taxoeval.datasets.images.decode`."""
        return decode(self.content(i), self.where(i))

    def _group(self, row: int) -> int:
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    def _block(self, group: int, block: int) -> list[bytes | None]:
        """The bytes of some neighbouring rows; a group can only be read from its start."""
        if (group, block) not in self._blocks:
            if self._ahead is None or self._ahead[0] != group or self._ahead[1] > block:
                self._ahead = (group, 0, self._reader(group))
            _, begun, reader = self._ahead
            for number in range(begun, block + 1):
                cells = next(reader).column(0)
                if number > block - KEPT:
                    self._blocks[group, number] = cells.field("bytes").to_pylist()
            self._ahead = (group, block + 1, reader)
            while len(self._blocks) > KEPT:
                self._blocks.popitem(last=False)
        return self._blocks[group, block]

    def _reader(self, group: int) -> Iterator[Any]:
        import pyarrow.parquet as pq

        number, within = self.groups[group]
        file = pq.ParquetFile(self.files[number], buffer_size=1 << 20, pre_buffer=False)
        return iter(file.iter_batches(BLOCK, row_groups=[within], columns=[f"{self.column}.bytes"], use_threads=False))


def _group_sizes(metadata: Any) -> list[int]:
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]

"""A table of labels (CSV, TSV or Parquet) beside a folder of images, or with the images in it (Parquet)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from taxoeval.datasets import embedded
from taxoeval.datasets.assembled import assemble, group_notes, rows_of
from taxoeval.datasets.base import ImageDataset
from taxoeval.datasets.columns import IMAGE_NAMES, ROW_NAMES, Columns, assign
from taxoeval.datasets.images import ImageFiles, NoImages, is_animated
from taxoeval.datasets.problems import check_limit, check_on_bad, in_order, settle, undecodable
from taxoeval.datasets.rows import Rows, hint, problems, sample_id
from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import arrow

_PLAIN_STEMS = frozenset({"labels", "metadata", "annotations", "index", "data"})


def load(
    labels: str | Path,
    root: str | Path | None = None,
    name: str | None = None,
    image: str = "auto",
    ranks: str | Sequence[str] | Mapping[str, str] = "auto",
    label: str = "auto",
    common_name: str = "auto",
    group: str | None = None,
    annotations_only: bool = False,
    on_bad: str = "error",
    limit: int | None = None,
) -> ImageDataset:
    r"""Images listed in a table, one row each, with a column per taxonomic rank.

    Parameters
    ----------
    labels
        The table: ``.csv``, ``.tsv`` (gzipped or not) or ``.parquet``. A Parquet file may hold the images, in a column
        of structs of ``bytes`` and ``path``; a pattern, ``data/test-*.parquet``, names the parts of such a table.
    root
        Folder that the image paths start from; by default the folder of the table. Not for images in the table.
    name
        Name in tables; by default the table's, or its folder's where it is called ``labels.csv`` or the like.
    image
        Column with the image paths; ``auto`` looks for ``filename``, ``filepath``, ``path``, ``image``, ...
    ranks
        ``auto`` takes those of the seven main ranks that the table has. Else a list of ranks, coarse to fine, or
        a mapping from rank to column. ``cls`` is understood as ``class``, and case does not matter.
    label
        Column with the label as the source wrote it; ``auto`` looks for ``label``, ``original_label``, ..., and
        for ``class`` where the rank is called ``cls``. Without one, the name of the taxon is the label.
    common_name
        Column with English names; ``auto`` looks for ``common_name`` and the like, and does without.
    group
        Column that says what images belong together: an observation, a specimen, a burst of a camera. Tasks never
        compare images of one group, nor put them on two sides of a split. A blank is a group of its own.
    annotations_only
        There are no images, and none is looked for: to score answers of another system with ``encoder=none``. The
        image column names the rows; ``auto`` also looks for ``sample``, ``uuid`` and ``id``.
    on_bad
        ``error`` stops at bad rows and lists them; ``skip`` leaves them out, keeps them in ``skipped`` and says how
        many. Only ``skip`` decodes every image here (about 1 ms each for a small photograph, on top of the
        extraction); with ``error`` an image that cannot be decoded stops the extraction instead.
    limit
        Take the first so many rows only.

    Returns
    -------
    ImageDataset
        One image per row. A table without rank columns but with labels gives a taxonomy with the one rank ``label``.

    Raises
    ------
    TaxoevalError
        If the table or a column is missing, the table is empty, or rows are bad: no path, a path that leaves the
        root, a missing file, no name at any rank, a name that comes back in its own lineage, the same image twice.

    Notes
    -----
    A bare epithet becomes a binomial, *corax* under *Corvus* *Corvus corax*; ``notes`` says what was found. An
    image that stands there twice with one label loses the later row under ``on_bad="skip"``; with two labels it
    loses both, since nobody knows which is right.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (8, 8)).save(folder / "1.png")
    >>> _ = (folder / "labels.csv").write_text("path,genus,species,common_name\n1.png,Corvus,corax,raven\n")
    >>> dataset = load(folder / "labels.csv")
    >>> dataset.taxonomy.lineage(dataset.taxon[0]), dataset.common_name
    (('Corvus', 'Corvus corax'), ('', 'raven'))
    """
    check_on_bad(on_bad)
    check_limit(limit)
    table = Path(labels).expanduser()
    if not annotations_only and (parts := _parts_with_images(table, image)):
        return embedded.load(
            parts, name or _name(parts[0]), str(table), image, ranks, label, common_name, group, on_bad, limit
        )
    folder = None if annotations_only else Path(root).expanduser() if root is not None else table.parent
    if folder is not None and not folder.is_dir():
        raise TaxoevalError(f"{folder}: no such folder; give the folder that the image paths start from (root=...)")
    usual = (*IMAGE_NAMES, *ROW_NAMES) if annotations_only else IMAGE_NAMES
    columns = assign(arrow.header(table), str(table), image, ranks, label, common_name, group, usual)
    rows = _read(table, columns, limit)
    found = list(problems(rows, folder, str(table)))
    if on_bad == "skip" and folder is not None:
        known = {problem.row for problem in found}
        found += undecodable(ImageFiles(folder, rows.path), rows.path, str(table), rows.number, known)
    bad = in_order(found)
    notes = [*columns.notes, *rows.notes, *settle(bad, len(rows.path), str(table), on_bad, hint(bad, rows, folder))]
    kept = rows.without({problem.row for problem in bad})
    notes += group_notes(kept, columns.group)
    paths = [sample_id(path, folder) for path in kept.path]
    if folder is None:
        return assemble(name or _name(table), kept, paths, NoImages(paths, kept.number, str(table)), bad, notes)
    animated = sum(is_animated(folder / path) for path in paths)
    dataset = assemble(
        name or _name(table), kept, paths, ImageFiles(folder, paths, kept.number, str(table)), bad, notes
    )
    moving = [f"{animated} images are animated: their first frame is used"] if animated else []
    return replace(dataset, notes=(*dataset.notes, *moving))


def _parts_with_images(table: Path, image: str) -> list[Path]:
    """The Parquet files of a table that holds its images; none where the images are files."""
    parts = sorted(table.parent.glob(table.name)) if "*" in table.name else [table]
    if "*" in table.name and not parts:
        raise TaxoevalError(f"{table}: no file fits this pattern")
    if parts[0].suffix != ".parquet" or not parts[0].is_file():
        return []
    inside = embedded.image_columns(parts[0])
    if "*" in table.name and not inside:
        raise TaxoevalError(f"{table}: a pattern is for tables with images inside, and {parts[0].name} has none")
    return parts if inside and image in ("auto", *inside) else []


def _read(table: Path, columns: Columns, limit: int | None) -> Rows:
    try:
        raw = arrow.read_columns(table, columns.names)
    except (NotImplementedError, ValueError) as error:  # pyarrow's, for example for images inside the table
        raise TaxoevalError(f"{table}: {', '.join(columns.names)} must be columns of text ({error})") from error
    cells = {key: column.slice(0, limit).to_pylist() for key, column in raw.items()}
    first = 1 if arrow.separator(table) is None else 2  # the header is line 1 of a text table
    return rows_of(cells, columns, str(table), first, arrow.header(table))


def _name(table: Path) -> str:
    stem = table.name.split(".")[0]
    return table.resolve().parent.name if stem.casefold() in _PLAIN_STEMS else stem

"""A table of labels (CSV, TSV or Parquet) beside a folder of images."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taxoeval.datasets.base import ImageDataset, ImageSource, Problem
from taxoeval.datasets.columns import IMAGE_NAMES, ROW_NAMES, Columns, assign
from taxoeval.datasets.images import ImageFiles, NoImages, is_animated
from taxoeval.datasets.problems import check_limit, check_on_bad, in_order, settle, undecodable
from taxoeval.datasets.rows import Rows, hint, problems, sample_id
from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy, arrow, binomials, near_duplicates
from taxoeval.taxonomy.cells import cleaned

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
        The table: ``.csv``, ``.tsv`` (gzipped or not) or ``.parquet``.
    root
        Folder that the image paths start from; by default the folder of the table.
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


def _read(table: Path, columns: Columns, limit: int | None) -> Rows:
    try:
        raw = arrow.read_columns(table, columns.names)
    except (NotImplementedError, ValueError) as error:  # pyarrow's, for example for images inside the table
        raise TaxoevalError(f"{table}: {', '.join(columns.names)} must be columns of text ({error})") from error
    cells = {key: column.slice(0, limit).to_pylist() for key, column in raw.items()}
    first = 1 if arrow.separator(table) is None else 2  # the header is line 1 of a text table
    return rows_of(cells, columns, str(table), first, arrow.header(table))


def rows_of(
    raw: Mapping[str, Sequence[str | None]], columns: Columns, table: str, first: int, header: Sequence[str]
) -> Rows:
    """The cells of a table by what they mean.

    Parameters
    ----------
    raw
        Its needed columns.
    columns
        What they mean.
    table
        What to call it in messages.
    first
        Number of the first row.
    header
        All its columns, for messages.

    Raises
    ------
    TaxoevalError
        If there are no rows, or neither a rank nor a label.
    """
    cells = {key: _text(column) for key, column in raw.items()}
    n = len(cells[columns.image])
    if n == 0:
        raise TaxoevalError(f"{table}: the table has no rows; it needs one row per image below the header")
    ranks = {rank: cells[column] for rank, column in columns.ranks.items()}
    notes = []
    if "genus" in ranks and "species" in ranks:
        ranks["species"], note = binomials(ranks["genus"], ranks["species"])
        notes = [note] if note else []
    labels = cells[columns.label] if columns.label is not None else None
    if not ranks:
        if labels is None:
            raise TaxoevalError(
                f"{table}: no column of a taxonomic rank and no label; name them, ranks={{species: COLUMN}} or "
                f"label=COLUMN; the columns are {', '.join(header)}"
            )
        ranks, notes = {"label": labels}, [f"no rank columns: {columns.label!r} is read as flat labels"]
    commons, groups = (None if name is None else cells[name] for name in (columns.common_name, columns.group))
    return Rows(list(range(first, first + n)), cells[columns.image], ranks, labels, commons, groups, tuple(notes))


def _text(values: Sequence[str | None]) -> list[str]:
    known = {value: cleaned(value) for value in dict.fromkeys(values)}
    return [known[value] for value in values]


def _name(table: Path) -> str:
    stem = table.name.split(".")[0]
    return table.resolve().parent.name if stem.casefold() in _PLAIN_STEMS else stem


def assemble(
    name: str,
    rows: Rows,
    samples: Sequence[str],
    source: ImageSource,
    skipped: tuple[Problem, ...],
    notes: Sequence[str],
) -> ImageDataset:
    """The dataset of the rows that are kept.

    Parameters
    ----------
    name
        Name in tables.
    rows
        The rows.
    samples
        Id of each image.
    source
        The images.
    skipped, notes
        What was left out, and what was decided.
    """
    taxonomy, taxon = Taxonomy.from_columns(rows.ranks, ranks=tuple(rows.ranks))
    names = taxonomy.names[taxon]
    common, conflicts = _common_names(rows.common, taxon, len(taxonomy))
    more = [_coverage(rows), *_alike(taxonomy)]
    more += [f"{conflicts} taxa have several common names: the commonest is used"] if conflicts else []
    return ImageDataset(
        name=name,
        taxonomy=taxonomy,
        taxon=taxon,
        sample=np.array(samples, dtype=np.str_),
        source=source,
        common_name=common,
        label=np.array([a or b for a, b in zip(rows.label or names, names, strict=True)], dtype=np.str_),
        skipped=skipped,
        notes=(*notes, *more),
        group=None if rows.group is None else np.array(rows.group, dtype=np.str_),
    )


def group_notes(rows: Rows, column: str | None) -> list[str]:
    """How many images are in groups, where a column says so."""
    if column is None:
        return []
    names = [name for name in rows.group or [] if name]
    blank = len(rows.path) - len(names)
    lacking = f"; {blank} images have none, and are each a group of their own" if blank else ""
    return [f"{len(names)} images are in {len(set(names))} groups of {column!r}{lacking}"]


def _coverage(rows: Rows) -> str:
    known = {rank: sum(map(bool, column)) for rank, column in rows.ranks.items()}
    n = len(rows.path)
    gaps = ", ".join(f"{rank} {k}" for rank, k in known.items() if k < n)
    return f"{n} images; " + (f"known for fewer: {gaps}" if gaps else "every rank is known for every image")


def _alike(taxonomy: Taxonomy) -> list[str]:
    causes = [record for record in near_duplicates(taxonomy) if not record.inherited]
    if not causes:
        return []
    listed = ", ".join(f"{record.rank} {record.name}" for record in causes[:3])
    more = f" and {len(causes) - 3} more" if len(causes) > 3 else ""
    return [f"several taxa share a name and stay apart ({listed}{more}); taxonomy.near_duplicates lists their lineages"]


def _common_names(column: list[str] | None, taxon: NDArray[np.int64], n_taxa: int) -> tuple[tuple[str, ...], int]:
    """The commonest common name of each taxon, the first of several equally common, and how many had a choice."""
    seen: dict[int, Counter[str]] = {}
    for i, name in zip(taxon.tolist(), column or [], strict=False):
        if name:
            seen.setdefault(i, Counter())[name] += 1
    best = {i: names.most_common(1)[0][0] for i, names in seen.items()}
    return tuple(best.get(i, "") for i in range(n_taxa)), sum(len(names) > 1 for names in seen.values())

"""From the cells of a table to a dataset: what its columns mean, its taxonomy, and what is worth knowing of them."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from taxoeval.datasets.base import ImageDataset, ImageSource, Problem
from taxoeval.datasets.columns import Columns
from taxoeval.datasets.rows import Rows
from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import Taxonomy, binomials, near_duplicates
from taxoeval.taxonomy.cells import cleaned


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

"""Tables of lineages: CSV, TSV (gzipped or not) and Parquet, read and written."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import arrow
from taxoeval.taxonomy.arrays import Ints, object_array
from taxoeval.taxonomy.files import open_text, replacing
from taxoeval.taxonomy.lineages import columns_to_taxonomy, encode_all
from taxoeval.taxonomy.lookup import nearest
from taxoeval.taxonomy.species import binomial_codes
from taxoeval.taxonomy.taxonomy import RANKS, Taxonomy, checked_ranks

ALIASES = {"class": ("cls", "class_")}
"""Other names of a rank's column, tried before its own: who writes ``cls`` needed ``class`` for something else."""


@dataclass(frozen=True, eq=False)
class LineageTable:
    """What a table of lineages holds.

    Attributes
    ----------
    taxonomy
        All its taxa.
    taxon
        ``(n,)`` the last known taxon of each row.
    columns
        The column that each rank was read from.
    notes
        What was detected and decided, one sentence each.
    """

    taxonomy: Taxonomy
    taxon: Ints
    columns: dict[str, str]
    notes: tuple[str, ...]


def read_table(
    path: str | Path, *, ranks: Sequence[str] = RANKS, columns: Mapping[str, str] | None = None
) -> LineageTable:
    r"""Read a table with one lineage a row and one column a rank.

    Parameters
    ----------
    path
        ``.csv``, ``.tsv`` or ``.tab`` in UTF-8, gzipped or not, or ``.parquet``.
    ranks
        The ranks to read, coarse to fine.
    columns
        The column of a rank where it is not named after it: ``{"species":
        "scientific_name"}``. Case does not matter, and ``cls`` is ``class``.

    Returns
    -------
    table
        Taxonomy, the taxon of every row, and notes. With both a genus and a species
        column the species become binomials (see `taxoeval.taxonomy.binomials`).

    Raises
    ------
    TaxoevalError
        If the file is missing, empty or malformed, a column is missing, a row knows
        nothing, or a lineage goes in a circle. Rows count from 1 below the header.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "taxa.csv"
    >>> _ = path.write_text("Family,genus,species\nCorvidae,Corvus,corax\nCorvidae,Pica,\n")
    >>> table = read_table(path, ranks=("family", "genus", "species"))
    >>> [table.taxonomy.path(i) for i in table.taxon]
    ['Corvidae > Corvus > Corvus corax', 'Corvidae > Pica']
    >>> table.notes
    ('the species column holds epithets: read as genus + epithet',)
    """
    path, order = Path(path), checked_ranks(ranks)
    chosen = find_columns(arrow.header(path), order, columns or {}, str(path))
    notes = [f"{rank} is read from the column {name}" for rank, name in chosen.items() if name.casefold() != rank]
    raw = arrow.read_columns(path, list(chosen.values()))
    coded = dict(zip(order, encode_all(raw.pop(name) for name in chosen.values()), strict=True))
    if "genus" in order and "species" in order:
        coded["species"], note = binomial_codes(coded["genus"], coded["species"])
        notes += [note] if note else []
    taxonomy, taxon = columns_to_taxonomy(coded, order, where=str(path))
    return LineageTable(taxonomy, taxon, chosen, tuple(notes))


def find_columns(header: Sequence[str], ranks: Sequence[str], columns: Mapping[str, str], where: str) -> dict[str, str]:
    """Which column of a table holds each rank.

    Parameters
    ----------
    header
        The columns that exist.
    ranks
        The ranks wanted.
    columns
        The names to look for, where they are not the ranks' own.
    where
        What error messages call the table.

    Raises
    ------
    TaxoevalError
        If a column is missing (with the nearest name, and the ranks that were found), or
        two columns fit equally well.

    Examples
    --------
    >>> find_columns(["Genus", "cls", "file"], ("class", "genus"), {}, "taxa.csv")
    {'class': 'cls', 'genus': 'Genus'}
    """
    unknown = [rank for rank in columns if rank not in ranks]
    if unknown:
        raise TaxoevalError(f"{where}: columns are given for {unknown}, but the ranks are {', '.join(ranks)}")
    found = {rank: _find(header, rank, columns.get(rank), where) for rank in ranks}
    missing = [rank for rank, name in found.items() if name is None]
    if not missing:
        return {rank: name for rank, name in found.items() if name is not None}
    sought = columns.get(missing[0], missing[0])
    close = nearest(sought, header)
    have = tuple(rank for rank in ranks if found[rank] is not None)
    raise TaxoevalError(
        f"{where}: no column {sought!r} for the rank {missing[0]}{f' (nearest: {close!r})' if close else ''}; "
        f"the columns are {', '.join(header)}; name the right one, columns={{{missing[0]!r}: ...}}"
        + (f", or read only the ranks it has, ranks={have!r}" if have else "")
    )


def _find(header: Sequence[str], rank: str, asked: str | None, where: str) -> str | None:
    for sought in (asked,) if asked else (*ALIASES.get(rank, ()), rank):
        exact = [name for name in header if name == sought]
        fits = exact or [name for name in header if name.strip().casefold() == sought.casefold()]
        if len(fits) > 1:
            raise TaxoevalError(
                f"{where}: {len(fits)} columns fit the rank {rank}: {', '.join(fits)}; rename all but one"
            )
        if fits:
            return fits[0]
    return None


def write_table(taxonomy: Taxonomy, path: str | Path) -> None:
    """Write a taxonomy as a table: one row per leaf, one column per rank, holes empty.

    Reading it back gives the same taxonomy, except that branch lengths are not kept.

    Parameters
    ----------
    taxonomy
        What to write.
    path
        ``.csv``, ``.tsv`` or ``.tab`` (gzipped if it ends in ``.gz``), or ``.parquet``.
        The file appears only when it is complete.

    Raises
    ------
    TaxoevalError
        If the format is unknown or the file cannot be written.
    """
    path = Path(path)
    delimiter = arrow.separator(path)
    rows = np.append(taxonomy.names, object_array([""]))[taxonomy.ancestor[taxonomy.leaves]]
    with replacing(path) as part:
        if delimiter is None:
            arrow.write_parquet(part, dict(zip(taxonomy.ranks, rows.T, strict=True)))
        else:
            with open_text(part, "wt") as stream:
                csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows([taxonomy.ranks, *rows.tolist()])

"""Two lists of lineages in one taxonomy: that of the dataset, and a table whose classification may differ above."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.datasets.columns import COMMON_NAMES
from taxoeval.errors import TaxoevalError
from taxoeval.tasks.answers.placed import Placed
from taxoeval.taxonomy import Taxonomy, arrow
from taxoeval.taxonomy.cells import cleaned
from taxoeval.taxonomy.lineages import columns_to_taxonomy, encode, encode_all
from taxoeval.taxonomy.species import binomial_codes
from taxoeval.taxonomy.table import find_columns

Ints = NDArray[np.int64]


class JoinedTable(NamedTuple):
    """The rows of a table as taxa of one taxonomy with the dataset's, a common name for each taxon, and notes."""

    placed: Placed
    common_name: list[str]
    notes: list[str]


def join_table(path: Path, taxonomy: Taxonomy, common_name: Sequence[str]) -> JoinedTable:
    """Read a table of lineages and put its taxa into one taxonomy with those of a dataset.

    Parameters
    ----------
    path
        A table with a column for at least one rank of the taxonomy, the finest known included.
    taxonomy, common_name
        Those of the dataset.

    Returns
    -------
    joined
        `JoinedTable`. Its ``placed.candidate`` has one taxon for each different lineage of the table.

    Raises
    ------
    TaxoevalError
        If the table cannot be read, a row has no name, or a lineage goes in a circle.
    """
    columns, common, notes = _read(path, taxonomy.ranks)
    theirs, taxon = columns_to_taxonomy(columns, taxonomy.ranks, where=str(path))
    matched, ambiguous = match(theirs, taxonomy)
    rows, first = np.unique(taxon, return_index=True)
    lineages = _grafted(theirs, rows, matched, taxonomy)
    elsewhere = rows[_differs(theirs, rows, lineages)]
    own = np.append(taxonomy.names, np.array([""], dtype=object))[taxonomy.ancestor]
    union, of_both = Taxonomy.from_columns(
        [np.concatenate([own[:, r], lineages[:, r]]) for r in range(taxonomy.n_ranks)],
        ranks=taxonomy.ranks,
        where=str(path),
    )
    home, added = of_both[: len(taxonomy)], of_both[len(taxonomy) :]
    names = [""] * len(union)
    for i, row in zip(added.tolist(), first.tolist(), strict=True):
        names[i] = names[i] or common[row]
    for i, name in zip(home.tolist(), common_name, strict=True):
        names[i] = name or names[i]
    if len(elsewhere):
        notes.append(
            f"{len(elsewhere)} lineages of {path.name} stand elsewhere in the dataset's taxonomy and were moved there "
            f"(the first: {theirs.path(int(elsewhere[0]))})"
        )
    if ambiguous:
        notes.append(
            f"{len(ambiguous)} names of {path.name} could be the dataset's, but several taxa bear them: they count as "
            f"others ({', '.join(ambiguous[:3])})"
        )
    return JoinedTable(Placed(union, added, home, np.zeros(len(added), dtype=bool)), names, notes)


def _read(path: Path, ranks: Sequence[str]) -> tuple[dict[str, Any], list[str], list[str]]:
    """The columns of the ranks, absent ones as holes; the common names; and notes."""
    header = arrow.header(path)
    lower = {name.strip().casefold(): name for name in reversed(header)}
    present = [rank for rank in ranks if rank in lower or (rank == "class" and "cls" in lower)]
    if not present:
        raise TaxoevalError(f"{path}: no column of a rank ({', '.join(ranks)}); the columns are {', '.join(header)}")
    chosen = find_columns(header, present, {}, str(path))
    vernacular = next((lower[name] for name in COMMON_NAMES if name in lower), None)
    raw = arrow.read_columns(path, [*chosen.values(), *([vernacular] if vernacular else [])])
    coded = dict(zip(present, encode_all(raw[name] for name in chosen.values()), strict=True))
    n = len(coded[present[0]].code)
    notes = []
    if "genus" in coded and "species" in coded:
        coded["species"], note = binomial_codes(coded["genus"], coded["species"])
        notes = [f"{path.name}: {note}"] if note else []
    absent = [rank for rank in ranks if rank not in coded]
    if absent:
        notes.append(f"{path.name} has no column for {', '.join(absent)}: unknown for taxa that the dataset lacks")
    common = [cleaned(name) for name in raw[vernacular].to_pylist()] if vernacular else [""] * n
    return {rank: coded.get(rank, encode([None] * n)) for rank in ranks}, common, notes


def match(theirs: Taxonomy, ours: Taxonomy) -> tuple[Ints, list[str]]:
    """Which taxon of one taxonomy each of another is, by rank, name and ancestors.

    Parameters
    ----------
    theirs, ours
        Two taxonomies of the same ranks.

    Returns
    -------
    taxon
        ``(len(theirs),)`` the taxon of ours, or ``-1``. Of the same path; else of the same name and rank if the two
        share an ancestor's name and rank, or one has no known ancestor, and no other taxon of either could be meant.
    ambiguous
        Names for which several could be meant.

    Examples
    --------
    >>> ours = Taxonomy.from_lineages([("Animalia", "Corvidae", "Pica")], ranks=("kingdom", "family", "genus"))
    >>> theirs = Taxonomy.from_lineages([("Metazoa", "Corvidae", "Pica"), ("Plantae", "Picaceae", "Pica")],
    ...                                 ranks=("kingdom", "family", "genus"))
    >>> [theirs.path(i) for i in np.flatnonzero(match(theirs, ours)[0] >= 0)]
    ['Metazoa > Corvidae > Pica']
    """
    bearers: dict[tuple[int, str], list[int]] = defaultdict(list)
    for i, (rank, name) in enumerate(zip(ours.rank.tolist(), ours.names, strict=True)):
        bearers[rank, name].append(i)
    pairs: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    taxon = np.full(len(theirs), -1)
    for j, key in enumerate(zip(theirs.rank.tolist(), theirs.names, strict=True)):
        for i in bearers.get(key, ()):
            if theirs.lineage(j) == ours.lineage(i):
                taxon[j] = i
            elif _agree(theirs.lineage(j)[: key[0]], ours.lineage(i)[: key[0]]):
                pairs[key].append((j, i))
    taken = set(taxon.tolist())
    ambiguous = []
    for (_, name), found in pairs.items():
        left = [(j, i) for j, i in found if taxon[j] < 0 and i not in taken]
        if len(left) == 1:
            taxon[left[0][0]] = left[0][1]
        elif left:
            ambiguous.append(str(name))
    return taxon, ambiguous


def _agree(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two lists of ancestors share one, or one of them is empty."""
    return any(a == b != "" for a, b in zip(one, other, strict=True)) or not any(one) or not any(other)


def _grafted(theirs: Taxonomy, rows: Ints, matched: Ints, ours: Taxonomy) -> NDArray[np.object_]:
    """Names ``(m, n_ranks)`` of some taxa: ours down to the finest that is known to be ours, theirs below it."""
    lineages = np.append(theirs.names, np.array([""], dtype=object))[theirs.ancestor[rows]]
    anchor = np.full(len(rows), -1)
    for r in range(theirs.n_ranks):
        above = theirs.ancestor[rows, r]
        found = np.where(above >= 0, matched[above], -1)
        anchor = np.where(found >= 0, found, anchor)
    own = np.append(ours.names, np.array([""], dtype=object))
    for r in range(ours.n_ranks):
        upper = (anchor >= 0) & (r <= ours.rank[anchor])
        lineages[upper, r] = own[ours.ancestor[anchor[upper], r]]
    return lineages


def _differs(theirs: Taxonomy, rows: Ints, lineages: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Whether a lineage names another taxon than the table does at a rank that the table knows."""
    written = np.append(theirs.names, np.array([""], dtype=object))[theirs.ancestor[rows]]
    return np.asarray(((written != lineages) & (written != "")).any(axis=1))

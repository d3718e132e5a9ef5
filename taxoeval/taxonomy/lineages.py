"""Lineages to a taxonomy: the columns of a table become integers, and integers become a tree."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy.arrays import Ints, object_array
from taxoeval.taxonomy.assemble import assemble
from taxoeval.taxonomy.cells import HOLES, cleaned
from taxoeval.taxonomy.taxonomy import RANKS, Taxonomy, checked_ranks


@dataclass(frozen=True, eq=False)
class Codes:
    """One column as integers: ``values`` are its different names, sorted; ``code`` is ``-1`` at a hole."""

    values: NDArray[np.object_]
    code: Ints


def columns_to_taxonomy(
    columns: Mapping[str, Any] | Sequence[Any],
    ranks: Sequence[str] = RANKS,
    where: str = "lineages",
) -> tuple[Taxonomy, Ints]:
    """The taxonomy over columns of names, and the taxon of every row.

    Parameters
    ----------
    columns
        One column a rank, coarse to fine, or a mapping from rank to column; each with
        ``m`` values: a list, an array, a pandas series, a pyarrow array or `Codes`.
        Names are stripped; ``None``, NaN, blank and the texts in `HOLES` are holes.
    ranks
        The ranks, coarse to fine.
    where
        What error messages call the source.

    Returns
    -------
    taxonomy
        All taxa of all rows, siblings sorted by rank and name, so that the order of the
        rows does not matter.
    taxon
        ``(m,)`` int64, the last known taxon of each row.

    Raises
    ------
    TaxoevalError
        If there is no row, if a row knows nothing at any rank, or if a name comes back
        further down its own lineage after another name. Rows count from 1.
    ValueError
        If a rank has no column or the columns differ in length.

    Notes
    -----
    A taxon is identified by the known names on its path, so *(Chordata, "", Cyprinidae)*
    and *(Chordata, Cypriniformes, Cyprinidae)* hold two different families:
    `near_duplicates` lists such pairs.

    Examples
    --------
    >>> taxonomy, taxon = columns_to_taxonomy(
    ...     [["Chordata", "Chordata"], ["", "Cypriniformes"], ["Cyprinidae", "Cyprinidae"]],
    ...     ("phylum", "order", "family"))
    >>> [taxonomy.path(i) for i in taxon]
    ['Chordata > Cyprinidae', 'Chordata > Cypriniformes > Cyprinidae']
    """
    order = checked_ranks(ranks)
    coded = encode_all(_in_order(columns, order))
    rows = {len(column.code) for column in coded}
    if len(rows) > 1:
        raise ValueError(f"columns must have the same length; got {[len(column.code) for column in coded]}")
    if rows == {0}:
        raise TaxoevalError(f"{where}: there is no row; give at least one lineage")
    current, parent, rank, code = _levels(coded)
    if current.min() < 0:
        raise TaxoevalError(
            f"{where}: row {int(np.argmin(current)) + 1} has no name at any rank ({', '.join(order)}); "
            "remove the row or fill in at least one rank"
        )
    names = np.concatenate([column.values[code[rank == r]] for r, column in enumerate(coded)])
    taxonomy, id_map = assemble(parent, rank, names, code, order)
    taxon = id_map[current]
    _refuse_cycles(taxonomy, [column.values for column in coded], taxon, where)
    return taxonomy, taxon


def encode(column: Any) -> Codes:
    """One column of names as sorted unique names and integer codes.

    Examples
    --------
    >>> encode([" Pica", "Corvus", None, "Pica", "  "]).code
    array([ 1,  0, -1,  1, -1])
    """
    if isinstance(column, Codes):
        return column
    if type(column).__module__.startswith("pyarrow"):
        from taxoeval.taxonomy.arrow import factorise

        return Codes(*factorise(column, HOLES))
    items = column.tolist() if isinstance(column, np.ndarray) else list(column)
    clean = {value: cleaned(value) for value in dict.fromkeys(items)}
    unique = sorted(set(clean.values()) - {""})
    place = {name: k for k, name in enumerate(unique)} | {"": -1}
    new = {value: place[name] for value, name in clean.items()}
    return Codes(object_array(unique), np.fromiter(map(new.__getitem__, items), dtype=np.int64, count=len(items)))


def encode_all(columns: Iterable[Any]) -> list[Codes]:
    """`encode` for several columns at once: pyarrow works outside the interpreter's lock, so threads help."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(encode, columns))


def _in_order(columns: Mapping[str, Any] | Sequence[Any], ranks: tuple[str, ...]) -> list[Any]:
    if isinstance(columns, Mapping):
        missing = [rank for rank in ranks if rank not in columns]
        if missing:
            raise ValueError(f"no column for {', '.join(missing)}; got {', '.join(columns)}")
        return [columns[rank] for rank in ranks]
    if len(columns) != len(ranks):
        raise ValueError(f"{len(ranks)} ranks need as many columns; got {len(columns)}")
    return list(columns)


def _levels(columns: list[Codes]) -> tuple[Ints, Ints, Ints, Ints]:
    """Walk down the ranks, one node per different pair of (nearest known ancestor, name).

    Returns the last known node of each row, and parent, rank and name code of the nodes,
    numbered rank by rank.
    """
    current = np.full(len(columns[0].code), -1)
    parents, codes, counts = [], [], []
    total = 0
    for column in columns:
        known = np.flatnonzero(column.code >= 0)
        base = max(len(column.values), 1)
        key = (current[known] + 1) * base + column.code[known]
        unique, inverse = _unique(key, (total + 1) * base)
        current[known] = total + inverse
        parents.append(unique // base - 1)
        codes.append(unique % base)
        counts.append(len(unique))
        total += len(unique)
    rank = np.repeat(np.arange(len(columns)), counts)
    return current, np.concatenate(parents), rank, np.concatenate(codes)


def _unique(key: Ints, bound: int) -> tuple[Ints, Ints]:
    """Sorted unique keys below ``bound`` and the place of each key among them, without a sort if they are dense."""
    if bound > 8 * len(key) + 1024:
        unique, inverse = np.unique(key, return_inverse=True)
        return unique, inverse
    seen = np.zeros(bound, dtype=bool)
    seen[key] = True
    place = np.cumsum(seen) - 1
    return np.flatnonzero(seen), place[key]


def _refuse_cycles(taxonomy: Taxonomy, values: list[NDArray[np.object_]], taxon: Ints, where: str) -> None:
    """Raise if a lineage names A, then B, then A again: whatever it means, it is not a lineage."""
    repeated: set[str] = set()
    coarser: set[str] = set()
    for finer, names in zip(values[1:], values[:-1], strict=True):
        coarser.update(names)
        repeated |= coarser.intersection(finer)
    if not repeated:
        return
    suspects = np.flatnonzero(np.fromiter((name in repeated for name in taxonomy.names), dtype=bool, count=taxonomy.n))
    for i in suspects:
        above = list(taxonomy.names[taxonomy.ancestors(int(i))])
        if taxonomy.names[i] in above[1:] and above[0] != taxonomy.names[i]:
            row = int(np.flatnonzero((taxon >= i) & (taxon < i + taxonomy.size[i]))[0]) + 1
            raise TaxoevalError(
                f"{where}: row {row} goes in a circle: {taxonomy.path(int(i))} names {taxonomy.names[i]} twice; "
                "correct the lineage, or leave a rank that is not known empty"
            )

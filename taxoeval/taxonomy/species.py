"""Species columns come as epithets (*corax*) or as binomials (*Corvus corax*); here they all become binomials."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.taxonomy.arrays import Ints, object_array
from taxoeval.taxonomy.lineages import Codes, encode


def binomials(genus: Sequence[Any], species: Sequence[Any]) -> tuple[list[str], str]:
    """Species names as binomials, and one sentence that says what the column held.

    Parameters
    ----------
    genus, species
        ``(n,)`` names or holes, row by row.

    Returns
    -------
    names
        ``n`` names, ``""`` where the species is a hole.
    note
        What was found, for people; ``""`` if there was no species at all.

    Raises
    ------
    ValueError
        If the two differ in length.

    Notes
    -----
    A value that begins with its genus is a binomial already (``_`` counts as a blank).
    A single word is an epithet and gets its genus in front: *Gorilla* + *gorilla* is
    *Gorilla gorilla*. Several words that begin with a capital are the binomial of another
    genus, as after a revision, and stay; so does an epithet whose genus is unknown.
    Several words in lower case (*alba yarrellii*, *sp. 2*) follow the rest of the column.

    Examples
    --------
    >>> binomials(["Corvus", "Pica", "Pica"], ["corax", "pica", None])
    (['Corvus corax', 'Pica pica', ''], 'the species column holds epithets: read as genus + epithet')
    >>> binomials(["Corvus"], ["Corvus corax"])
    (['Corvus corax'], 'the species column holds binomials')
    """
    if len(genus) != len(species):
        raise ValueError(f"genus and species must have the same length; got {len(genus)} and {len(species)}")
    joined, note = binomial_codes(encode(genus), encode(species))
    names = np.append(joined.values, "")
    return names[joined.code].tolist(), note


def binomial_codes(genus: Codes, species: Codes) -> tuple[Codes, str]:
    """`binomials` over encoded columns."""
    both = np.flatnonzero((genus.code >= 0) & (species.code >= 0))
    orphans = int(np.sum((genus.code < 0) & (species.code >= 0)))
    if not len(both):
        return species, "the species column stands alone" + _orphans(orphans) if orphans else ""
    if _all_begin(genus, species, both):
        return species, "the species column holds binomials" + _orphans(orphans)
    pairs, pair_of_row = np.unique(genus.code[both] * len(species.values) + species.code[both], return_inverse=True)
    genera = genus.values[pairs // len(species.values)]
    written = species.values[pairs % len(species.values)]
    is_binomial = np.fromiter(map(_begins, genera, written), dtype=bool, count=len(pairs))
    column_of_binomials = bool(is_binomial.mean() >= 0.5)
    joins = ~is_binomial & np.fromiter(
        (_is_epithet(text, column_of_binomials) for text in written), dtype=bool, count=len(pairs)
    )
    names = object_array(text.replace("_", " ") for text in written)
    names[joins] = genera[joins] + " " + names[joins]
    per_row = np.append(species.values, np.array([None], dtype=object))[species.code]
    per_row[both] = names[pair_of_row]
    return encode(per_row), _note(column_of_binomials, is_binomial, joins) + _orphans(orphans)


def _all_begin(genus: Codes, species: Codes, rows: Ints) -> bool:
    """Whether every row begins with its genus and a blank: the quick way through a clean column of binomials."""
    genus_of = np.full(len(species.values), -1)
    genus_of[species.code[rows]] = genus.code[rows]
    if not np.array_equal(genus_of[species.code[rows]], genus.code[rows]):
        return False  # a text under two genera cannot begin with both
    seen = genus_of >= 0
    prefix = genus.values + " "
    return all(map(str.startswith, species.values[seen], prefix[genus_of[seen]]))


def _begins(genus: str, text: str) -> bool:
    return text.replace("_", " ").casefold().startswith(genus.casefold() + " ")


def _is_epithet(text: str, column_of_binomials: bool) -> bool:
    several = len(text.replace("_", " ").split()) > 1
    return not several or not (column_of_binomials or text[:1].isupper())


def _note(column_of_binomials: bool, is_binomial: NDArray[np.bool_], joins: NDArray[np.bool_]) -> str:
    odd = int(np.sum(joins if column_of_binomials else is_binomial))
    left = int(np.sum(~is_binomial & ~joins))
    if column_of_binomials:
        note = "the species column holds binomials"
        note += f"; {_counted(odd, 'single word')} read as genus + epithet" if odd else ""
    else:
        note = "the species column holds epithets: read as genus + epithet"
        note += f"; {_counted(odd, 'value')} already with the genus in front" if odd else ""
    return note + (
        f"; {_counted(left, 'name')} of several words without the genus in front left as found" if left else ""
    )


def _orphans(count: int) -> str:
    return f"; {_counted(count, 'row')} without a genus: species left as found" if count else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

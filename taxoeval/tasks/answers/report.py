"""What became of every name: counts for people, a table for the record, and suggestions for a list of synonyms."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.tasks.answers.cells import read_pairs
from taxoeval.tasks.answers.resolve import Answer, Resolution, Resolver, moved
from taxoeval.taxonomy.lookup import nearest

_SUGGESTED = 1000  # names to look for suggestions for: the comparison of spellings is slow
_CLOSE = 0.88  # two species of one genus are often spelt alike: only what is closer than this is worth a suggestion
_SHOWN = 3

Columns = dict[str, NDArray[Any]]


def read_synonyms(path: str | None) -> dict[str, str]:
    """Names as written and as accepted, from a table with the columns ``name`` and ``accepted``.

    Rows without an accepted name are ignored, so that the table of suggestions can be edited and given back.

    Raises
    ------
    TaxoevalError
        If the table or a column is missing, or a name has two accepted names.
    """
    if path is None:
        return {}
    pairs = [(name, accepted) for name, accepted in read_pairs(Path(path).expanduser(), "name", "accepted") if accepted]
    synonyms = dict(pairs)
    twice = [name for name, accepted in pairs if synonyms[name] != accepted]
    if twice:
        raise TaxoevalError(f"{path}: {twice[0]!r} has two accepted names; keep one")
    return synonyms


def name_columns(
    names: Sequence[Answer], found: Sequence[Resolution], times: NDArray[np.int64], resolver: Resolver
) -> Columns:
    """One row per different answer, the most frequent first.

    Parameters
    ----------
    names, found
        ``m`` answers and what became of them.
    times
        ``(m,)`` for how many images each is the first answer.
    resolver
        What resolved them.

    Returns
    -------
    columns
        ``name`` (the finest of a lineage), ``n_first``, ``how``, ``taxon`` (its path in the taxonomy; the finest known
        taxon of a placed answer), ``reason``, ``suggestion``.
    """
    order = np.argsort(-times, kind="stable")
    taxonomy = resolver.taxonomy
    seeking = {int(k) for k in order if not found[k].resolved}
    if len(seeking) > _SUGGESTED:
        seeking = {int(k) for k in [k for k in order if not found[k].resolved][:_SUGGESTED]}
    rows = [
        (
            last_name(names[k]),
            int(times[k]),
            found[k].how,
            taxonomy.path(found[k].taxon) if found[k].taxon >= 0 else "",
            found[k].reason,
            suggestion(names[k], found[k], resolver) if k in seeking else "",
        )
        for k in order.tolist()
    ]
    columns = zip(*rows, strict=True) if rows else ([] for _ in range(6))
    keys = ("name", "n_first", "how", "taxon", "reason", "suggestion")
    kinds = (np.str_, np.int64, np.str_, np.str_, np.str_, np.str_)
    return {key: np.array(column, dtype=kind) for key, column, kind in zip(keys, columns, kinds, strict=True)}


def suggestion(name: Answer, found: Resolution, resolver: Resolver) -> str:
    """Taxa that an unresolved answer may have meant: moved to another genus, or spelt almost so; ``""`` if none.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> resolver = Resolver(Taxonomy.from_lineages([("Corvus", "Corvus corax")], ranks=("genus", "species")))
    >>> suggestion("Corvvs corax", resolver.resolve("Corvvs corax"), resolver)
    'Corvus corax'
    """
    if found.lineage:
        elsewhere = moved(found.lineage, resolver)
        if elsewhere:
            return " or ".join(elsewhere[:_SHOWN])
    text = last_name(name)
    close = nearest(text, resolver.taxonomy.names)
    least = _CLOSE if found.how == "placed" else 0.0
    return close if close and SequenceMatcher(None, text.casefold(), close.casefold()).ratio() >= least else ""


def resolution_notes(table: Columns) -> list[str]:
    """Sentences about the names that were not found as written.

    Examples
    --------
    >>> print(*resolution_notes({"name": np.array(["raven"]), "n_first": np.array([3]), "how": np.array(["unresolved"]),
    ...                          "reason": np.array([""]), "suggestion": np.array([""])}))
    1 of 1 names (first answer of 3 images) is unresolved and counts as no answer (raven)
    """
    notes = []
    total = len(table["name"])
    said = {
        "unresolved": ("is unresolved and counts as no answer", "are unresolved and count as no answer"),
        "placed": (
            "is a taxon that the taxonomy lacks: wrong from its own rank down, where labels go as far",
            "are taxa that the taxonomy lacks: wrong from their own rank down, where labels go as far",
        ),
    }
    for how, (one, many) in said.items():
        rows = np.flatnonzero(table["how"] == how)
        if len(rows):
            images = int(table["n_first"][rows].sum())
            notes.append(
                f"{len(rows)} of {total} names (first answer of {images} images) {one if len(rows) == 1 else many} "
                f"({_listed(table['name'][rows])})"
            )
    elsewhere = np.flatnonzero((table["reason"] != "") & ~np.isin(table["how"], ["unresolved", "placed", "synonym"]))
    if len(elsewhere):
        notes.append(
            f"{len(elsewhere)} names stand elsewhere in the taxonomy than in the answers, and are taken as the same "
            f"taxon ({_listed(table['name'][elsewhere])})"
        )
    hints = int((table["suggestion"] != "").sum())
    if hints:
        notes.append(
            f"{hints} names may be another of the taxonomy: see suggestion in the table of names; synonyms=FILE"
        )
    return notes


def last_name(answer: Answer) -> str:
    """An answer's name, the finest of a lineage.

    Examples
    --------
    >>> last_name(("Corvidae", "Corvus", ""))
    'Corvus'
    """
    return answer if isinstance(answer, str) else next((name for name in reversed(answer) if name), "")


def _listed(names: NDArray[Any]) -> str:
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(str(name) or "a blank" for name in names[:_SHOWN]) + more

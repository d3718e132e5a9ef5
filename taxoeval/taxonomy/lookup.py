"""From names and lineages to taxon ids."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy.arrays import Ints
from taxoeval.taxonomy.cells import cleaned, columns_of

if TYPE_CHECKING:
    from taxoeval.taxonomy.taxonomy import Taxonomy

SHOWN = 5
"""How many offenders an error message lists before it only counts them."""


class Lookup:
    """Answers `Taxonomy.ids`; made once per taxonomy.

    Parameters
    ----------
    taxonomy
        The taxonomy whose names are looked up.
    """

    def __init__(self, taxonomy: "Taxonomy") -> None:
        self.taxonomy = taxonomy
        self.code = {name: k for k, name in enumerate(dict.fromkeys(taxonomy.names))}
        codes = np.fromiter(map(self.code.__getitem__, taxonomy.names), dtype=np.int64, count=taxonomy.n)
        self.order = np.argsort(codes, kind="stable")
        self.start = np.searchsorted(codes, np.arange(len(self.code) + 1), sorter=self.order)
        key = self._key(taxonomy.parent, taxonomy.rank, codes)
        self.by_key = np.argsort(key, kind="stable")
        self.keys = key[self.by_key]

    def _key(self, parent: Ints, rank: Ints | int, code: Ints) -> Ints:
        return ((parent + 1) * self.taxonomy.n_ranks + rank) * (len(self.code) + 1) + code

    def ids(self, taxa: Sequence[str] | Sequence[Sequence[str | None]]) -> Ints:
        """Taxon ids of names or of lineages."""
        items = list(taxa)
        if all(isinstance(item, str) for item in items):
            return self._of_names([str(item).strip() for item in items])
        return self._of_lineages([tuple(item) for item in items])

    def _of_names(self, names: list[str]) -> Ints:
        code = np.array([self.code.get(name, -1) for name in names], dtype=np.int64)
        bearers = np.where(code >= 0, self.start[code + 1] - self.start[code], 0)
        if len(names) and (bearers != 1).any():
            wrong = list(dict.fromkeys(name for name, k in zip(names, bearers, strict=True) if k != 1))
            raise TaxoevalError(_listed("name", "names", wrong, [self._explain(name) for name in wrong[:SHOWN]]))
        return self.order[self.start[code]]

    def _explain(self, name: str) -> str:
        if name not in self.code:
            close = nearest(name, self.code)
            return f"{name!r} is not in the taxonomy" + (f" (nearest: {close!r})" if close else "")
        k = self.code[name]
        bearers = self.order[self.start[k] : self.start[k + 1]]
        paths = "; ".join(self.taxonomy.path(int(i)) for i in bearers[:SHOWN])
        more = f"; and {len(bearers) - SHOWN} more" if len(bearers) > SHOWN else ""
        return f"{name!r} is borne by {len(bearers)} taxa, give its lineage instead ({paths}{more})"

    def _of_lineages(self, lineages: list[tuple[str | None, ...]]) -> Ints:
        current = np.full(len(lineages), -1)
        for rank, column in enumerate(columns_of(lineages, self.taxonomy.ranks)):
            names = [cleaned(name) for name in column]
            known = np.array([name != "" for name in names], dtype=bool)
            # An unknown name gets a code that no taxon has; a lineage once lost stays lost.
            code = np.array([self.code.get(name, len(self.code)) for name in names], dtype=np.int64)[known]
            key = self._key(current[known], rank, code)
            place = np.searchsorted(self.keys, key).clip(max=len(self.keys) - 1)
            found = (self.keys[place] == key) & (current[known] > -2)
            current[known] = np.where(found, self.by_key[place], -2)
        if len(lineages) and current.min() < 0:
            wrong = [row for row, taxon in enumerate(current) if taxon < 0]
            texts = [f"row {row + 1}: {self._lost(lineages[row])}" for row in wrong[:SHOWN]]
            raise TaxoevalError(_listed("lineage", "lineages", wrong, texts))
        return current

    def _lost(self, lineage: tuple[str | None, ...]) -> str:
        names = [name for name in map(cleaned, lineage) if name]
        if not names:
            return "no name at any rank"
        unknown = [self._explain(name) for name in names if name not in self.code]
        reason = unknown[0] if unknown else "no taxon has this path"
        return f"{' > '.join(names)}: {reason}"


def nearest(word: str, choices: Iterable[str]) -> str:
    """The choice spelt most like a word, or ``""`` if none is close.

    Case is ignored. Among very many choices only those with the same first letter and
    about the same length are compared, so that an error message does not take minutes.

    Examples
    --------
    >>> nearest("Corvus coraks", ["Corvus corax", "Pica pica"])
    'Corvus corax'
    >>> nearest("Quercus", ["Pica pica"])
    ''
    """
    folded = {choice.casefold(): choice for choice in choices}
    target = word.casefold()
    pool = list(folded)
    if len(pool) > 2000:
        pool = [choice for choice in pool if choice[:1] == target[:1] and abs(len(choice) - len(target)) <= 2]
    close = get_close_matches(target, pool, n=1, cutoff=0.7)
    return folded[close[0]] if close else ""


def _listed(one: str, many: str, wrong: Sequence[object], texts: list[str]) -> str:
    more = f"; and {len(wrong) - len(texts)} more" if len(wrong) > len(texts) else ""
    return f"{len(wrong)} {one if len(wrong) == 1 else many} cannot be used: {'; '.join(texts)}{more}"

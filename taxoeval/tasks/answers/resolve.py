"""Names and lineages from elsewhere, in whatever spelling, to taxa of the dataset; what is not certain stays open."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from re import split

import numpy as np

from taxoeval.tasks.answers import spelling
from taxoeval.taxonomy import Taxonomy

Answer = str | tuple[str, ...]
"""A name or path as written, or a lineage with a name or ``""`` for every rank of the taxonomy."""

_PATHS = 3  # bearers of an ambiguous name that a reason lists


@dataclass(frozen=True)
class Resolution:
    """What became of one answer.

    Attributes
    ----------
    taxon
        The finest taxon of the taxonomy that the answer is, or belongs to; ``-1`` for none.
    how
        How it was found: ``exact``; ``spelling`` (case, ``_``, blanks, accents, hyphens); ``author`` (left out);
        ``label`` and ``common name`` of the dataset; ``subspecies`` (its species answers); ``open name`` (``Corvus
        sp.``: the genus answers); ``abbreviated genus``; ``epithet`` alone; ``synonym`` (by the user's table);
        ``placed``: a taxon that the taxonomy lacks, below or beside the ones it has; ``unresolved``.
    reason
        What a person should know: why it is unresolved, or what differs.
    lineage
        Of a placed answer, a name or ``""`` for every rank; ``()`` for any other.

    Examples
    --------
    >>> Resolution(-1, "unresolved", "a hybrid").resolved
    False
    """

    taxon: int
    how: str
    reason: str = ""
    lineage: tuple[str, ...] = ()

    @property
    def resolved(self) -> bool:
        """Whether the answer is a taxon of the taxonomy."""
        return self.taxon >= 0 and not self.lineage


class Resolver:
    """Finds the taxa of answers, certain ways of reading before uncertain ones; never by likeness of spelling.

    Parameters
    ----------
    taxonomy
        Where taxa are looked up.
    common_name
        ``(n_taxa,)`` vernacular names, ``""`` where unknown.
    label, label_taxon
        ``(n,)`` labels as the dataset wrote them, and their taxa. A label borne by several taxa resolves nothing.
    synonyms
        Names as written, and the accepted names of the taxonomy that they stand for.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> resolver = Resolver(taxonomy)
    >>> for name in ("corvus_corax", "Pica pica (Linnaeus, 1758)", "corax", "P. pica", "Corvus albus", "Corax corvus"):
    ...     found = resolver.resolve(name)
    ...     print(f"{name}: {found.how}", taxonomy.names[found.taxon] if found.taxon >= 0 else found.reason)
    corvus_corax: spelling Corvus corax
    Pica pica (Linnaeus, 1758): author Pica pica
    corax: epithet Corvus corax
    P. pica: abbreviated genus Pica pica
    Corvus albus: placed Corvus
    Corax corvus: unresolved not in the taxonomy
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        common_name: Sequence[str] = (),
        label: Sequence[str] = (),
        label_taxon: Sequence[int] = (),
        synonyms: Mapping[str, str] | None = None,
    ) -> None:
        self.taxonomy = taxonomy
        self.keys = [spelling.scientific_key(name) for name in taxonomy.names]
        self.exact = _bearers(enumerate(taxonomy.names))
        self.by_key = _bearers(enumerate(self.keys))
        self.common = _bearers((i, spelling.common_key(name)) for i, name in enumerate(common_name) if name)
        self.label = _bearers((int(i), spelling.common_key(name)) for i, name in zip(label_taxon, label, strict=True))
        self.species = taxonomy.ranks.index("species") if "species" in taxonomy.ranks else -1
        self.epithet = _bearers(
            (i, key.split()[1]) for i, key in enumerate(self.keys) if self._is_species(i) and len(key.split()) == 2
        )
        self.synonyms = {spelling.scientific_key(name): accepted for name, accepted in (synonyms or {}).items()}

    def resolve(self, answer: Answer) -> Resolution:
        """The taxon of an answer, or where it would stand, or why it is unresolved."""
        name = answer if isinstance(answer, str) else next((part for part in reversed(answer) if part), "")
        accepted = self.synonyms.get(spelling.scientific_key(name))
        if accepted is not None:
            found = self._of_text(accepted)
            if found.resolved:
                return replace(found, how="synonym", reason=f"for {self.taxonomy.names[found.taxon]}")
            return Resolution(-1, "unresolved", f"its synonym {accepted!r} is not in the taxonomy")
        return self._of_text(answer) if isinstance(answer, str) else self._of_lineage(answer)

    def _is_species(self, taxon: int) -> bool:
        return int(self.taxonomy.rank[taxon]) == self.species

    def _of_text(self, text: str) -> Resolution:
        *above, name = [part for part in split(r"\s*[>;|]\s*", text.strip()) if part] or [""]
        words = spelling.words(name)
        if not words:
            return Resolution(-1, "unresolved", "empty")
        if spelling.is_hybrid(name):
            return Resolution(-1, "unresolved", "a hybrid")
        bare = spelling.without_author(words)
        readings: tuple[tuple[str, Callable[[], list[int]]], ...] = (
            ("exact", lambda: self.exact.get(name.strip(), [])),
            ("spelling", lambda: self.by_key.get(spelling.scientific_key(words), [])),
            ("label", lambda: self.label.get(spelling.common_key(name), [])),
            ("common name", lambda: self.common.get(spelling.common_key(name), [])),
            ("author", lambda: self.by_key.get(spelling.scientific_key(bare), [])),
            ("open name", lambda: self.by_key.get(spelling.scientific_key(spelling.open_name(bare)), [])),
            ("subspecies", lambda: self.by_key.get(spelling.scientific_key(spelling.infraspecific(bare)), [])),
            ("abbreviated genus", lambda: self._abbreviated(bare)),
            ("epithet", lambda: self.epithet.get(spelling.scientific_key(bare), [])),
        )
        for how, read in readings:
            bearers = read()
            if bearers:
                return self._only(bearers, how, above)
        return self._placed(bare)

    def _only(self, bearers: list[int], how: str, above: Sequence[str]) -> Resolution:
        """The one bearer, or the one that has a taxon named beside it among its ancestors."""
        if above:
            named = {spelling.scientific_key(name) for name in above}
            agreeing = [i for i in bearers if named & {self.keys[j] for j in self.taxonomy.ancestors(i)}]
            roots = [i for i in bearers if self.taxonomy.parent[i] < 0]
            bearers = agreeing or roots
            if not bearers:
                return Resolution(-1, "unresolved", "no taxon of this name lies below any of the names before it")
        if len(bearers) == 1:
            return Resolution(bearers[0], how)
        paths = "; ".join(self.taxonomy.path(i) for i in bearers[:_PATHS])
        return Resolution(-1, "unresolved", f"borne by {len(bearers)} taxa ({paths})")

    def _abbreviated(self, name: list[str]) -> list[int]:
        if len(name) != 2 or not (name[0].endswith(".") and len(name[0]) < 5):
            return []
        start, epithet = (spelling.scientific_key([word]).rstrip(".") for word in name)
        return [i for i in self.epithet.get(epithet, []) if self.keys[i].startswith(start)]

    def _placed(self, name: list[str]) -> Resolution:
        """A binomial that the taxonomy lacks stands in its genus, if that is known."""
        genera = self.by_key.get(spelling.scientific_key(name[:1]), []) if len(name) in (2, 3) else []
        if self.species < 1 or len(genera) != 1 or self.taxonomy.rank[genera[0]] != self.species - 1:
            return Resolution(-1, "unresolved", "not in the taxonomy")
        lineage = list(self.taxonomy.lineage(genera[0]))
        lineage[self.species] = f"{self.taxonomy.names[genera[0]]} {' '.join(name[1:2]).lower()}"
        return Resolution(genera[0], "placed", "the taxonomy has its genus only", tuple(lineage))

    def _of_lineage(self, lineage: tuple[str, ...]) -> Resolution:
        """The finest name of the lineage that some taxon bears without contradicting all that is known above it."""
        written, lineage = lineage, tuple(_plain(name) for name in lineage)
        known = [r for r, name in enumerate(lineage) if name]
        for r in reversed(known):
            bearers = self._consistent(lineage, r)
            if len(bearers) > 1:
                paths = "; ".join(self.taxonomy.path(i) for i in bearers[:_PATHS])
                return Resolution(-1, "unresolved", f"borne by {len(bearers)} taxa ({paths})")
            if bearers:
                found = self._at(bearers[0], lineage, r, finest=r == known[-1])
                same = not found.resolved or written[r].strip() == self.taxonomy.names[found.taxon]
                return found if same else replace(found, how=_difference(written[r]))
        if not known:
            return Resolution(-1, "unresolved", "empty")
        return Resolution(-1, "placed", "shares no taxon with the taxonomy", lineage)

    def _consistent(self, lineage: tuple[str, ...], rank: int) -> list[int]:
        """Bearers of the name at a rank with the most ancestors in common; none that shares no known ancestor."""
        above = [(q, spelling.scientific_key(name)) for q, name in enumerate(lineage[:rank]) if name]
        agreement: dict[int, int] = {}
        for i in self.by_key.get(spelling.scientific_key(lineage[rank]), []):
            if self.taxonomy.rank[i] != rank:
                continue
            here = self.taxonomy.ancestor[i]
            both = [self.keys[here[q]] == key for q, key in above if here[q] >= 0]
            if any(both) or not both:
                agreement[i] = sum(both)
        most = max(agreement.values(), default=0)
        return [i for i, same in agreement.items() if same == most]

    def _at(self, taxon: int, lineage: tuple[str, ...], rank: int, *, finest: bool) -> Resolution:
        here = self.taxonomy.lineage(taxon)
        differing = [
            f"{self.taxonomy.ranks[q]} {given} there, {mine} here"
            for q, (given, mine) in enumerate(zip(lineage[:rank], here[:rank], strict=True))
            if given and mine and spelling.scientific_key(given) != spelling.scientific_key(mine)
        ]
        if finest:
            return Resolution(taxon, "exact", "; ".join(differing))
        reason = "; ".join([f"the taxonomy has its {self.taxonomy.ranks[rank]} only", *differing])
        return Resolution(taxon, "placed", reason, (*here[: rank + 1], *lineage[rank + 1 :]))


def _plain(name: str) -> str:
    """A name of a lineage without author and without what stands below the species."""
    bare = spelling.without_author(spelling.words(name))
    return " ".join(spelling.infraspecific(bare) or bare)


def _difference(name: str) -> str:
    """In what a name of a lineage differs from the taxon that it was resolved to."""
    words = spelling.words(name)
    bare = spelling.without_author(words)
    return "subspecies" if spelling.infraspecific(bare) else "author" if bare != words else "spelling"


def _bearers(named: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    """Taxa by name, each once, in ascending order."""
    bearers: dict[str, set[int]] = defaultdict(set)
    for taxon, name in named:
        bearers[name].add(taxon)
    bearers.pop("", None)
    return {name: sorted(taxa) for name, taxa in bearers.items()}


def moved(lineage: Sequence[str], resolver: Resolver) -> list[str]:
    """Species that bear the same epithet in another genus of the same family, or of the finest taxon known above genus.

    A revision that moves a species to another genus keeps its epithet but for the ending, so such a species is likely
    the same; likely, not certainly, so this is for suggestions.

    Parameters
    ----------
    lineage
        A lineage that ends in a binomial, a name or ``""`` for every rank of the taxonomy.
    resolver
        Of the taxonomy.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages([("Anatidae", "Spatula", "Spatula clypeata")],
    ...                                   ranks=("family", "genus", "species"))
    >>> moved(("Anatidae", "Anas", "Anas clypeata"), Resolver(taxonomy))
    ['Spatula clypeata']
    """
    taxonomy, last = resolver.taxonomy, resolver.species
    parts = spelling.words(lineage[last]) if last >= 0 else []
    if len(parts) != 2:
        return []
    above = [r for r in range(max(last - 1, 0)) if lineage[r]]
    clades = [i for r in above[-1:] for i in resolver.by_key.get(spelling.scientific_key(lineage[r]), [])]
    if not above:
        clades = np.flatnonzero(taxonomy.parent < 0).tolist()
    root = spelling.stem(parts[1])
    inside = (j for i in clades for j in range(i, i + int(taxonomy.size[i])) if int(taxonomy.rank[j]) == last)
    names = [str(taxonomy.names[i]) for i in inside]
    return [n for n in names if len(n.split()) == 2 and spelling.stem(n.split()[1]) == root and n != lineage[last]]

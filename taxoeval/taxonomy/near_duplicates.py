"""Names that several taxa bear: the places where a taxonomy may have split what is one, or mixed up what is two."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from taxoeval.taxonomy.arrays import Ints
from taxoeval.taxonomy.taxonomy import Taxonomy

SHOWN = 20
"""How many records the printed report lists before it only counts them."""


@dataclass(frozen=True)
class NearDuplicate:
    """One name borne by several taxa.

    Attributes
    ----------
    name
        The name.
    kind
        ``hole``: same rank, and the paths agree wherever both are known: probably one
        taxon, entered once with and once without an ancestor. ``conflict``: same rank,
        and the paths disagree: homonyms, or an error in one of them. ``ranks``:
        different ranks, neither above the other. ``cycle``: the name stands above
        itself, or above another name in one lineage and below it in another.
    rank
        The rank of the taxa; for ``ranks`` and ``cycle`` the ranks, joined by ``/``.
    taxa
        Their ids, ascending.
    paths
        Their lineages, for people.
    inherited
        Whether it only repeats what is the matter with an ancestor: the parents bear one
        name at one rank too, and are listed themselves.
    """

    name: str
    kind: str
    rank: str
    taxa: tuple[int, ...]
    paths: tuple[str, ...]
    inherited: bool


@dataclass(frozen=True)
class NearDuplicates:
    """All near-duplicates of a taxonomy, in the order of their first taxon; ``str()`` makes a table of the causes.

    Attributes
    ----------
    records
        The near-duplicates, those that are inherited from an ancestor included.
    """

    records: tuple[NearDuplicate, ...]

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[NearDuplicate]:
        return iter(self.records)

    def __str__(self) -> str:
        causes = [record for record in self.records if not record.inherited]
        if not causes:
            return "no name is borne by several taxa"
        below = len(self) - len(causes)
        lines = [f"borne by several taxa: {_names(len(causes))}, and on their account {_names(below)} below them"]
        for record in causes[:SHOWN]:
            lines.append(f"{record.kind:<9}{record.rank:<9}{record.name}")
            lines += [f"{'':<18}{path}" for path in record.paths]
        if len(causes) > SHOWN:
            lines.append(f"and {len(causes) - SHOWN} more")
        return "\n".join(lines)


def near_duplicates(taxonomy: Taxonomy) -> NearDuplicates:
    """Every name that several taxa of a taxonomy bear.

    Taxa are never merged because they share a name: true homonyms exist, and a lineage
    with a hole may belong anywhere. This lists them, so that a person can decide.

    Parameters
    ----------
    taxonomy
        The taxonomy.

    Returns
    -------
    report
        The records; print it for a table.

    Examples
    --------
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Chordata", "", "Cyprinidae"), ("Chordata", "Cypriniformes", "Cyprinidae")],
    ...     ranks=("phylum", "order", "family"))
    >>> print(near_duplicates(taxonomy))
    borne by several taxa: 1 name, and on their account 0 names below them
    hole     family   Cyprinidae
                      Chordata > Cypriniformes > Cyprinidae
                      Chordata > Cyprinidae
    """
    bearers: dict[str, list[int]] = defaultdict(list)
    for taxon, name in enumerate(taxonomy.names):
        bearers[name].append(taxon)
    shared = {name: np.array(taxa) for name, taxa in bearers.items() if len(taxa) > 1}
    records: list[NearDuplicate] = []
    for name, taxa in shared.items():
        records += _same_rank(taxonomy, name, taxa)
        records += _ranks(taxonomy, name, taxa)
    records += _cycles(taxonomy, shared)
    return NearDuplicates(tuple(sorted(records, key=lambda record: (record.taxa[0], record.taxa, record.kind))))


def _names(count: int) -> str:
    return f"{count} name" if count == 1 else f"{count} names"


def _record(taxonomy: Taxonomy, name: str, kind: str, taxa: Ints, inherited: bool = False) -> NearDuplicate:
    ids = tuple(sorted(int(i) for i in taxa))
    ranks = "/".join(taxonomy.ranks[r] for r in sorted({int(r) for r in taxonomy.rank[list(ids)]}))
    return NearDuplicate(name, kind, ranks, ids, tuple(taxonomy.path(i) for i in ids), inherited)


def _same_rank(taxonomy: Taxonomy, name: str, taxa: Ints) -> Iterator[NearDuplicate]:
    for rank in np.unique(taxonomy.rank[taxa]):
        group = taxa[taxonomy.rank[taxa] == rank]
        if len(group) < 2:
            continue
        paths = taxonomy.ancestor[group][:, : int(rank)]
        kind = "conflict" if any(_disagree(taxonomy, column) for column in paths.T) else "hole"
        parents = taxonomy.parent[group]
        inherited = bool(
            parents.min() >= 0
            and len(set(taxonomy.names[parents])) == len(set(taxonomy.rank[parents].tolist())) == 1
            and len(set(parents.tolist())) > 1
        )
        yield _record(taxonomy, name, kind, group, inherited)


def _disagree(taxonomy: Taxonomy, column: Ints) -> bool:
    return len(set(taxonomy.names[column[column >= 0]])) > 1


def _ranks(taxonomy: Taxonomy, name: str, taxa: Ints) -> Iterator[NearDuplicate]:
    """One name at several ranks, unless some of its bearers stand above others: that is a cycle."""
    if len(set(taxonomy.rank[taxa].tolist())) > 1 and not _above_itself(taxonomy, taxa):
        yield _record(taxonomy, name, "ranks", taxa)


def _above_itself(taxonomy: Taxonomy, taxa: Ints) -> list[int]:
    """Those of some taxa that stand in a lineage with another of them."""
    ordered = np.sort(taxa)
    within = ordered[1:] < (ordered + taxonomy.size[ordered])[:-1]
    return sorted({*ordered[:-1][within].tolist(), *ordered[1:][within].tolist()})


def _cycles(taxonomy: Taxonomy, shared: dict[str, Ints]) -> Iterator[NearDuplicate]:
    several = {name: taxa for name, taxa in shared.items() if len(set(taxonomy.rank[taxa].tolist())) > 1}
    below: dict[tuple[str, str], set[int]] = defaultdict(set)
    for name, taxa in several.items():
        chain = _above_itself(taxonomy, taxa)
        if chain and not _autonym(taxonomy, np.array(chain)):
            yield _record(taxonomy, name, "cycle", np.array(chain))
        for taxon in taxa.tolist():
            for i in taxonomy.ancestors(taxon).tolist():
                below[taxonomy.names[i], name].add(taxon)
    # Of two names that change places at least one has several ranks, so only those need their descendants looked at.
    for name, taxa in several.items():
        for taxon in taxa.tolist():
            for i in range(taxon + 1, taxon + int(taxonomy.size[taxon])):
                other = taxonomy.names[i]
                under = below.get((other, name))
                if under and other != name and (other not in several or name < other):
                    yield _record(taxonomy, name, "cycle", np.array(sorted({i, *under})))
                    break


def _autonym(taxonomy: Taxonomy, taxa: Ints) -> bool:
    """Whether the repetition is only of genus and species, as in the gorilla's *gorilla*."""
    return {taxonomy.ranks[r] for r in taxonomy.rank[taxa].tolist()} <= {"genus", "species"}

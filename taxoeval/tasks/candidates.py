"""The taxa that an answer may be: the labels of the dataset, or those of a table or list, all or those of one clade."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.tasks.answers.matrix import read_candidates
from taxoeval.tasks.answers.placed import Placed, place
from taxoeval.tasks.answers.report import last_name
from taxoeval.tasks.answers.resolve import Resolver
from taxoeval.tasks.base import Subject
from taxoeval.tasks.joined_taxa import join_table
from taxoeval.taxonomy import Taxonomy, arrow

Ints = NDArray[np.int64]

_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Candidates:
    """A closed set of taxa, and how much of the dataset it covers.

    Attributes
    ----------
    placed
        The taxonomy of the dataset with the candidates that it lacks, and the dataset's taxa in it.
    ids
        ``(c,)`` the candidates in that taxonomy, ascending.
    common_name
        One name for each id of that taxonomy, ``""`` where there is none; the dataset's own come first.
    target
        ``(n,)`` the taxon in that taxonomy of each image.
    covered
        ``(n,)`` whether that taxon, or one in it, is a candidate: only then can the finest answer be right.
    notes, details
        What a reader must know, and counts.
    tables
        ``uncovered``: the paths of the taxa not covered, with their images; empty if there are none.
    """

    placed: Placed
    ids: Ints
    common_name: Sequence[str]
    target: Ints
    covered: NDArray[np.bool_]
    notes: tuple[str, ...]
    details: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, NDArray[Any]]]


def choose(
    subject: Subject, file: str | None = None, clade: str | None = None, region: str | None = None
) -> Candidates:
    r"""The candidates for a dataset.

    Parameters
    ----------
    subject
        The dataset's taxa, images and names.
    file
        None: the labels that occur in the dataset. A table with a column per rank (``.csv``, ``.tsv``, ``.parquet``),
        one lineage a row, with common names if it has a column of them; or a list of names (``.txt``, one a line).
    clade
        Keep only the candidates in this taxon, given by its name or path (``Animalia > Chordata``).
    region
        A list of names, or a table of lineages, such as the checklist of a country: keep only the candidates that it
        names, and those in a taxon that it names.

    Returns
    -------
    candidates
        `Candidates`. Images that they do not cover stay, and count as wrong at the ranks where nothing can be right.

    Raises
    ------
    TaxoevalError
        If a file cannot be read, holds no usable name, the clade is unknown or borne by several taxa, or no candidate
        is in it or in the region.

    Notes
    -----
    A lineage of the table is a taxon of the dataset where the paths agree. Where only the path above differs (another
    classification) a taxon of the same name and rank with any ancestor in common is taken as the same, and a note says
    so; what stands below it follows it. Names of a list are looked up as those of `ScorePredictions` are: a species
    that the dataset lacks is placed into its genus; a name without any place is left out, and told.

    Examples
    --------
    >>> import tempfile
    >>> from taxoeval.records import Embeddings
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> taxon = taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> images = Embeddings(np.eye(2, dtype=np.float32), taxon, np.array(["a", "b"]), "example")
    >>> subject = Subject(images, taxonomy, [""] * len(taxonomy), np.array(["", ""]))
    >>> path = Path(tempfile.mkdtemp()) / "taxa.csv"
    >>> _ = path.write_text("genus,species\nCorvus,corax\nCorvus,corone\nRana,arvalis\n")
    >>> found = choose(subject, str(path))
    >>> [found.placed.taxonomy.path(int(i)) for i in found.ids], found.covered
    (['Corvus > Corvus corax', 'Corvus > Corvus corone', 'Rana > Rana arvalis'], array([ True, False]))
    """
    notes: list[str] = []
    common_name: Sequence[str] = subject.common_name
    if file is None:
        labels = np.unique(subject.embeddings.taxon)
        everything = np.arange(len(subject.taxonomy))
        placed = Placed(subject.taxonomy, labels, everything, np.zeros(len(labels), dtype=bool))
    elif _is_table(Path(file).expanduser(), subject.taxonomy):
        joined = join_table(Path(file).expanduser(), subject.taxonomy, subject.common_name)
        placed, common_name = joined.placed, joined.common_name
        notes += joined.notes
    else:
        placed, found = _listed(file, subject)
        notes += found
        common_name = _carried(subject.common_name, placed)
    ids = np.unique(placed.candidate)
    if clade is not None:
        ids = _inside(ids, clade, placed.taxonomy)
    if region is not None:
        ids, told = _of_region(ids, Path(region).expanduser(), placed.taxonomy, common_name)
        notes += told
    return _with_coverage(subject, placed, ids, common_name, notes, {"clade": clade, "region": region})


def _is_table(path: Path, taxonomy: Taxonomy) -> bool:
    """Whether a file has columns of ranks, and is no list of names."""
    if path.suffix == ".txt":
        return False
    return bool({name.strip().casefold() for name in arrow.header(path)} & {*taxonomy.ranks, "cls"})


def _listed(file: str, subject: Subject) -> tuple[Placed, list[str]]:
    """Names of a list in the dataset's taxonomy; those without any place are left out."""
    names = [name for name in dict.fromkeys(read_candidates(Path(file).expanduser(), subject.taxonomy.ranks)) if name]
    resolver = Resolver(
        subject.taxonomy, subject.common_name, subject.label.tolist(), subject.embeddings.taxon.tolist()
    )
    found = [resolver.resolve(name) for name in names]
    lost = [str(name) for name, one in zip(names, found, strict=True) if one.taxon < 0 and not one.lineage]
    kept = [one for one in found if one.taxon >= 0 or one.lineage]
    if not kept:
        raise TaxoevalError(
            f"{file}: none of its {len(names)} names has a place in the dataset's taxonomy ({_few(lost)}); give a "
            f"table with the columns {', '.join(subject.taxonomy.ranks)}"
        )
    notes = []
    if lost:
        notes.append(
            f"{len(lost)} of {len(names)} names in {Path(file).name} have no place in the taxonomy and are no "
            f"candidates ({_few(lost)}); a table with their lineages would give them one"
        )
    return place(kept, subject.taxonomy), notes


def _carried(common_name: Sequence[str], placed: Placed) -> list[str]:
    names = [""] * len(placed.taxonomy)
    for taxon, name in zip(placed.taxon.tolist(), common_name, strict=True):
        names[taxon] = name
    return names


def _inside(ids: Ints, clade: str, taxonomy: Taxonomy) -> Ints:
    """The candidates at or below a taxon given by name or path."""
    *above, name = [part.strip() for part in clade.split(">")]
    if above:
        bearers = [
            int(i)
            for i in np.flatnonzero(taxonomy.names == name)
            if set(above) <= {str(taxonomy.names[j]) for j in taxonomy.ancestors(int(i))}
        ]
        if len(bearers) != 1:
            raise TaxoevalError(f"clade={clade!r} is {len(bearers)} taxa; give a path that one taxon has")
        taxon = bearers[0]
    else:
        taxon = int(taxonomy.ids([name])[0])
    kept = ids[(ids >= taxon) & (ids < taxon + taxonomy.size[taxon])]
    if not len(kept):
        raise TaxoevalError(f"clade={clade!r}: none of the {len(ids)} candidates is in it; choose a wider one")
    return np.asarray(kept)


def _of_region(ids: Ints, path: Path, taxonomy: Taxonomy, common_name: Sequence[str]) -> tuple[Ints, list[str]]:
    """The candidates that a list names, or that lie in a taxon that it names; and what of the list was not used."""
    names = [name for name in dict.fromkeys(read_candidates(path, taxonomy.ranks)) if any(name)]
    resolver = Resolver(taxonomy, common_name)
    found = [resolver.resolve(name) for name in names]
    named = np.array([one.taxon for one in found if one.resolved], dtype=np.int64)
    listed = np.zeros(len(taxonomy) + 1, dtype=bool)
    listed[named] = True
    kept = ids[listed[taxonomy.ancestor[ids]].any(axis=1)]  # an unknown ancestor is -1: the last, never listed
    if not len(kept):
        raise TaxoevalError(f"{path}: none of the {len(ids)} candidates is among its {len(names)} names, or in one")
    told = [f"{len(kept)} of {len(ids)} candidates are in {path.name}"]
    unused = [last_name(name) for name, one in zip(names, found, strict=True) if not one.resolved]
    if unused:
        told.append(f"{len(unused)} of {len(names)} names in {path.name} are no candidate ({_few(unused)})")
    return np.asarray(kept), told


def _with_coverage(
    subject: Subject, placed: Placed, ids: Ints, common_name: Sequence[str], notes: list[str], within: dict[str, Any]
) -> Candidates:
    taxonomy, target = placed.taxonomy, placed.taxon[subject.embeddings.taxon]
    reached = np.zeros(len(taxonomy) + 1, dtype=bool)
    reached[taxonomy.ancestor[ids]] = True
    reached[-1] = False
    covered = reached[target]
    paths = taxonomy.ancestor[target]
    by_rank = {
        rank: float(reached[paths[known, r]].mean())
        for r, rank in enumerate(taxonomy.ranks)
        if (known := paths[:, r] >= 0).any()
    }
    lost, count = np.unique(target[~covered], return_counts=True)
    n_taxa = len(np.unique(target))
    if len(lost):
        order = np.argsort(-count, kind="stable")
        lost, count = lost[order], count[order]
        told = ", ".join(f"{100 * share:.1f} % at {rank}" for rank, share in by_rank.items() if share < 1)
        notes.append(
            f"the candidates hold the taxon of {int(covered.sum())} of {len(covered)} images ({n_taxa - len(lost)} of "
            f"{n_taxa} taxa; by rank {told}): the others count as wrong where no candidate shares theirs "
            f"({_few([taxonomy.path(int(i)).split(' > ')[-1] for i in lost])}); 'covered' is about the former alone"
        )
    outside = int((placed.home[ids] < 0).sum())
    tables = {
        "uncovered": {
            "taxon": np.array([taxonomy.path(int(i)) for i in lost], dtype=np.str_),
            "n_images": count,
        }
    }
    details = {
        "n_candidates": len(ids),
        "n_candidates_not_in_dataset": outside,
        **within,
        "n_images_covered": int(covered.sum()),
        "n_taxa_covered": n_taxa - len(lost),
        "coverage": by_rank,
    }
    return Candidates(placed, ids, common_name, target, covered, tuple(notes), details, tables if len(lost) else {})


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more

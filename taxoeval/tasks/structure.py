"""How is the tree of life laid out in the latent space? The analyses of `taxoeval.structure` on one encoder."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.embedding.progress import progress_bar
from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.parallel import in_threads
from taxoeval.prompts import Prompts
from taxoeval.records import Score
from taxoeval.structure.centroids import centroids
from taxoeval.structure.cka import spaces_agree
from taxoeval.structure.modality_gap import modality_gap
from taxoeval.structure.record import ByRank
from taxoeval.structure.shared import Shared
from taxoeval.structure.sums import blocks
from taxoeval.tasks.base import Subject, TaskResult
from taxoeval.tasks.class_texts import class_vectors, prompt_record
from taxoeval.tasks.structure_analyses import ASKED_FOR_ONLY, ONCE_PER_SPECIES, Settings, analyses, import_late

PARTS = ("images", "species", "texts")


@dataclass(frozen=True)
class Structure:
    """Run the analyses of the latent space on images, on species centroids and on the texts of the species.

    Attributes
    ----------
    prompts
        The texts of the species.
    analyses
        Which, by name; None for all but the maps of t-SNE, UMAP and PaCMAP. Where both images and texts are looked at,
        their agreement and the gap between them are told, too.
    parts
        Of ``images``, ``species`` (unit means of the images of each; only analyses that say something else of these)
        and ``texts`` (one vector per species; left out, with a note, for an encoder without a text tower).
    k
        Neighbours looked at.
    permutations
        Of each test.
    seed
        Of everything drawn.
    name
        Of the task in the results.
    """

    prompts: Prompts
    analyses: Sequence[str] | None = None
    parts: Sequence[str] = PARTS
    k: int = 20
    permutations: int = 199
    seed: int = 0
    name: str = "structure"

    def __call__(self, subject: Subject) -> TaskResult:
        """Evaluate one encoder on one dataset."""
        asked = self._asked()
        if not len(subject.embeddings.taxon):
            raise UnsupportedError("structure needs vectors of images, and there are none")
        for _ in blocks(subject.embeddings.vectors):
            pass  # NaN is an error of the vectors, not of one analysis
        scores: list[Score] = []
        records: dict[str, Any] = {}
        notes: list[str] = []
        tables: dict[str, Mapping[str, NDArray[Any]]] = {}
        details: dict[str, Any] = {"seconds": {}}
        images = Shared(subject.embeddings.vectors, subject.embeddings.taxon, subject.taxonomy)
        parts = self._parts(subject, images, notes, details)
        details |= {f"n_{part}": len(taxon) for part, (_, taxon) in parts.items()}
        asks = self._asks(subject, images, parts)
        jobs = [(part, name) for part in parts for name in asked if part != "species" or name in ONCE_PER_SPECIES]
        # maps come from packages that bring threads of their own, and do not bear others beside them
        jobs.sort(key=lambda job: job[1] in ASKED_FOR_ONLY)
        if len(jobs) > 1:
            import_late()
        usual = [asks[part][name] for part, name in jobs if name not in ASKED_FOR_ONLY]
        maps = [asks[part][name] for part, name in jobs if name in ASKED_FOR_ONLY]
        with progress_bar("structure", len(jobs), "analyses") as advance:
            every = chain(in_threads(_timed, usual), map(_timed, maps))
            for (part, analysis), (record, refusal, seconds) in zip(jobs, every, strict=True):
                advance(1)
                if refusal:
                    notes.append(f"{part}, {analysis}: {refusal}")
                    continue
                details["seconds"][f"{part}_{analysis}"] = round(seconds, 3)
                records[f"{part}_{analysis}"] = record
                scores += [row for table in record.rows for row in self._scores(table, part, analysis)]
        for part, (_, taxon) in parts.items():
            if taxa := _per_taxon(records, part, taxon, subject):
                tables[f"taxa_{part}"] = taxa
        if self.analyses is None:
            scores += self._between(parts, subject, records)
        return TaskResult(tuple(scores), (), tuple(notes), details, tables, records=records)

    def _asks(
        self, subject: Subject, images: Shared, parts: Mapping[str, tuple[NDArray[np.float32], NDArray[np.int64]]]
    ) -> dict[str, dict[str, Callable[[], Any]]]:
        """For each part, each analysis by name, ready to run."""
        asks: dict[str, dict[str, Callable[[], Any]]] = {}
        for part, (vectors, taxon) in parts.items():
            shared = images if part == "images" else Shared(vectors, taxon, subject.taxonomy)
            group = subject.group if part == "images" else None
            of = analyses(Settings(self.k, self.permutations, self.seed, group))
            asks[part] = {name: partial(ask, shared, shared.taxon, subject.taxonomy) for name, ask in of.items()}
        return asks

    def _between(
        self,
        parts: Mapping[str, tuple[NDArray[np.float32], NDArray[np.int64]]],
        subject: Subject,
        records: dict[str, Any],
    ) -> list[Score]:
        """How image tower, text tower and taxonomy agree over the same species."""
        of_species = {name: parts[name] for name in ("species", "texts") if name in parts}
        if not of_species:
            return []
        towers = {"species": "images", "texts": "texts"}
        species = next(iter(of_species.values()))[1]
        spaces = {towers[name]: vectors for name, (vectors, _) in of_species.items()}
        agree = spaces_agree(spaces, species, subject.taxonomy, permutations=self.permutations, seed=self.seed)
        rows = list(agree.rows)
        records["spaces"] = agree
        if len(spaces) == 2 and len({vectors.shape for vectors in spaces.values()}) == 1:
            rows += modality_gap(spaces["images"], spaces["texts"], seed=self.seed).rows
        return [row for table in rows for row in self._scores(table, "spaces", "spaces")]

    def _asked(self) -> list[str]:
        there = list(analyses(Settings(self.k, self.permutations, self.seed, None)))
        usual = [name for name in there if name not in ASKED_FOR_ONLY]
        wanted = usual if self.analyses is None else list(self.analyses)
        for known, given, what in ((there, wanted, "analyses"), (PARTS, self.parts, "parts")):
            unknown = [name for name in given if name not in known]
            if unknown or not given:
                told = f"{unknown[0]!r} is none of them" if unknown else "none is given"
                raise TaxoevalError(f"task.{self.name}.{what}: {told}; there are {', '.join(known)}")
        return wanted

    def _parts(
        self, subject: Subject, shared: Shared, notes: list[str], details: dict[str, Any]
    ) -> dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]]:
        images = subject.embeddings
        parts = {"images": (images.vectors, images.taxon)} if "images" in self.parts else {}
        finest = images.taxon[subject.taxonomy.rank[images.taxon] == subject.taxonomy.n_ranks - 1]
        if "species" in self.parts and len(finest):
            means = centroids(shared, shared.taxon, subject.taxonomy)
            parts["species"] = (means.vector.astype(np.float32), means.species)
        if "texts" in self.parts and subject.embed_texts is None:
            notes.append("texts are left out: this encoder has no text tower")
        elif "texts" in self.parts and subject.embed_texts is not None and len(finest):
            species, first = np.unique(images.taxon, return_index=True)
            of_finest = subject.taxonomy.rank[species] == subject.taxonomy.n_ranks - 1
            species, label = species[of_finest], subject.label[first[of_finest]].tolist()
            texts = self.prompts.texts(subject.taxonomy, species.tolist(), subject.common_name, label)
            parts["texts"] = (class_vectors(texts, self.prompts, subject.embed_texts), species)
            details |= prompt_record(texts, self.prompts)
        return parts

    def _scores(self, table: ByRank, part: str, analysis: str) -> list[Score]:
        return [
            Score(
                metric=_metric(table.quantity),
                value=float(table.value[r]),
                n=int(table.n[r]),
                rank=rank,
                k=self.k if analysis == "neighbours" else 1,
                low=float(table.low[r]),
                high=float(table.high[r]),
                chance=float(table.null[r]),
                majority=float("nan"),
                higher_is_better=table.higher_is_better,
                task=self.name,
                decoder="",
                slice=part,
                p=float(table.p[r]),
                reason=table.reason[r],
            )
            for r, rank in enumerate(table.ranks)
        ]


def _timed(ask: Callable[[], Any]) -> tuple[Any, str, float]:
    """The record of one analysis, why there is none, and the seconds it took."""
    start = time.perf_counter()
    try:
        return ask(), "", time.perf_counter() - start
    except TaxoevalError as error:
        return None, str(error), time.perf_counter() - start


def _metric(quantity: str) -> str:
    """The name of a quantity as a name of a metric.

    Examples
    --------
    >>> _metric("silhouette among siblings, by taxon")
    'silhouette_among_siblings_by_taxon'
    """
    return "_".join(quantity.replace(",", " ").split())


def _per_taxon(
    records: Mapping[str, Any], part: str, taxon: NDArray[np.int64], subject: Subject
) -> dict[str, NDArray[Any]]:
    """What analyses say of every single taxon, beside its path and number of vectors."""
    taxonomy = subject.taxonomy
    columns: dict[str, NDArray[Any]] = {}
    for analysis, attribute, name in (
        ("silhouette", "taxon", "silhouette"),
        ("silhouette", "taxon_among_siblings", "silhouette_among_siblings"),
        ("neighbours", "taxon", "purity"),
    ):
        if f"{part}_{analysis}" in records:
            columns[name] = getattr(records[f"{part}_{analysis}"], attribute)
    if not columns:
        return {}
    count = np.zeros(len(taxonomy), dtype=np.int64)
    lineage = taxonomy.ancestor[taxon]
    np.add.at(count, lineage[lineage >= 0], 1)
    shown = np.flatnonzero(count)
    return {
        "taxon": np.array([taxonomy.path(int(t)) for t in shown]),
        "rank": np.array(taxonomy.ranks)[taxonomy.rank[shown]],
        "n": count[shown],
        **{name: values[shown] for name, values in columns.items()},
    }

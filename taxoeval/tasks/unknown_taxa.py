"""Unknown taxa: what is said of images whose species, genus or family is not among the candidates?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from taxoeval.embedding.progress import progress_bar
from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.metrics import rank_probability
from taxoeval.records import Predictions, Score
from taxoeval.tasks.answering import predict
from taxoeval.tasks.base import Subject, TaskResult, normalised, softmax
from taxoeval.tasks.decoding_report import Part, report_decoding
from taxoeval.tasks.fitting import Block, fit_rules
from taxoeval.tasks.gallery import Gallery, GalleryScores
from taxoeval.tasks.groups import group_note, groups_of, n_groups
from taxoeval.tasks.knowable import hidden_scores
from taxoeval.tasks.novelty import auroc
from taxoeval.tasks.scoring import score_each
from taxoeval.tasks.splits import Split, leave_taxa_out
from taxoeval.taxonomy import Taxonomy

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_BLOCK = 1 << 22  # similarities held at a time: 16 MiB


@dataclass(frozen=True)
class UnknownTaxa:
    """Hide a share of the taxa of a rank from the gallery, then ask about images of hidden and of other taxa.

    Of each rank on its own. A taxon is hidden only where the next taxon above it keeps others, so that an answer can
    still be right at the rank above. The images of the others are divided into gallery and queries, in whole groups
    where the dataset names any.

    Hidden images are scored as ``<rank> unseen``: at the ranks where their lineage is still among the candidates, by
    ``knowable_hits``, whether the answer at the finest of those is right, and by ``over_specialisation``, whether a
    finer answer is given all the same. The queries of the others are ``<rank> seen``.

    ``unknown_auroc_<score>`` says, at each rank where the hidden taxa are unknown, how well a score tells their images
    from the others. ``max_probability``: one minus the largest probability of a taxon of that rank. ``energy``: minus
    the log of the sum over all candidates of the exponential of their scores, the same at all ranks [1]_. ``distance``:
    one minus the largest cosine to a centroid, or to an image of the gallery.

    Attributes
    ----------
    ranks
        Ranks whose taxa are hidden. Those that the taxonomy lacks, or of which none can be hidden, are told in a note.
    share
        Share of the taxa of the rank that is hidden.
    scorer
        ``centroid``: a candidate's score is the cosine to the mean of its gallery images, over ``temperature``.
        ``knn``: the log of the sum over its images among the k nearest of the exponential of their cosine over
        ``temperature``; their votes become the probabilities.
    k
        How many neighbours vote; ``knn`` only.
    temperature
        How sharply scores become probabilities.
    gallery
        Share of the other taxa's images that form the gallery.
    seed
        Seed of both draws.

    Raises
    ------
    TaxoevalError
        When called, if a setting is out of range.
    UnsupportedError
        When called, if no taxon of any of the ranks can be hidden.

    References
    ----------
    .. [1] W. Liu et al., "Energy-based Out-of-distribution Detection", NeurIPS 2020.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.records import Embeddings
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvidae", "Corvus"), ("Corvidae", "Pica"), ("Alaudidae", "Alauda")], ranks=("family", "genus"))
    >>> taxon = taxonomy.ids(["Corvus"] * 2 + ["Pica"] * 2 + ["Alauda"] * 2)
    >>> vectors = np.array([[1, 0], [1, 0.1], [1, 0.4], [1, 0.5], [0, 1], [0.1, 1]], dtype=np.float32)
    >>> images = Embeddings(vectors, taxon, np.array(list("abcdef")), "example")
    >>> subject = Subject(images, taxonomy, [""] * len(taxonomy), np.array([""] * 6))
    >>> result = UnknownTaxa(ranks=("genus",))(subject)
    >>> [(s.slice, s.value) for s in result.scores if (s.metric, s.decoder) == ("knowable_hits", "leaf_argmax")]
    [('genus unseen', 1.0)]
    """

    ranks: tuple[str, ...] = ("species", "genus", "family")
    share: float = 0.2
    scorer: Literal["centroid", "knn"] = "centroid"
    k: int = 5
    temperature: float = 0.07
    gallery: float = 0.5
    seed: int = 0
    name: str = "unknown_taxa"

    def __call__(self, subject: Subject) -> TaskResult:
        """Evaluate one encoder on one dataset."""
        self._check()
        images, taxonomy = subject.embeddings, subject.taxonomy
        units = normalised(images.vectors, self.name)
        results: list[TaskResult] = []
        notes: list[str] = []
        parts: list[Part] = []
        with progress_bar("hiding taxa", len(self.ranks), "ranks") as advance:
            for rank in self.ranks:
                split = self._split(rank, subject)
                if split is None:
                    notes.append(
                        f"no {rank} is hidden: there is none, or none that shares the taxon above it with another"
                    )
                else:
                    results.append(self._one(rank, split, units, subject, parts))
                advance(1)
        if not results:
            raise UnsupportedError(
                f"{self.name} finds nothing to hide at the ranks {', '.join(self.ranks)}: it needs taxa that share the "
                f"one above them, and the ranks of this dataset are {', '.join(taxonomy.ranks)}"
            )
        tables = {
            name: {column: np.concatenate([r.tables[name][column] for r in results]) for column in columns}
            for name, columns in results[0].tables.items()
        }
        report = report_decoding(parts, taxonomy, subject)
        return TaskResult(
            scores=tuple(row for result in results for row in result.scores),
            predictions=tuple(part for result in results for part in result.predictions),
            notes=(*group_note(subject), *report.notes, *notes, *(note for one in results for note in one.notes)),
            details={
                "share": self.share,
                "scorer": self.scorer,
                "temperature": self.temperature,
                "gallery": self.gallery,
                "seed": self.seed,
                "n_groups": n_groups(subject),
                **report.details,
            }
            | ({"k": self.k} if self.scorer == "knn" else {})
            | {key: value for result in results for key, value in result.details.items()},
            tables=tables | report.tables,
        )

    def _check(self) -> None:
        shares = (self.share, self.gallery)
        if not (all(0 < share < 1 for share in shares) and self.k >= 1 and self.temperature > 0 and self.ranks):
            raise TaxoevalError(
                f"task.{self.name}: share and gallery must lie between 0 and 1, k be at least 1, temperature above 0 "
                f"and ranks name one; got share={self.share}, gallery={self.gallery}, k={self.k}, temperature="
                f"{self.temperature}, ranks={list(self.ranks)}"
            )
        if self.scorer not in ("centroid", "knn"):
            raise TaxoevalError(f"task.{self.name}.scorer={self.scorer!r} is not one of centroid, knn")

    def _split(self, rank: str, subject: Subject) -> Split | None:
        if rank not in subject.taxonomy.ranks:
            return None
        split = leave_taxa_out(
            subject.embeddings.taxon,
            subject.taxonomy,
            rank=rank,
            share=self.share,
            validation=0.0,
            test=1 - self.gallery,
            seed=self.seed,
            group=groups_of(subject),
        )
        return split if len(split.hidden) else None

    def _one(
        self, rank: str, split: Split, units: NDArray[np.float32], subject: Subject, parts: list[Part]
    ) -> TaskResult:
        """Everything about the hidden taxa of one rank; its answers are added to the parts."""
        images, taxonomy = subject.embeddings, subject.taxonomy
        rows = split.positions("train")
        candidates = np.unique(images.taxon[rows])
        gallery = Gallery(
            units[rows], np.searchsorted(candidates, images.taxon[rows]), self.scorer, self.k, self.temperature
        )
        below = taxonomy.ranks[taxonomy.ranks.index(rank) :]
        novelty = _Novelty(candidates, taxonomy, below, len(images.taxon))

        def ask(queries: Ints) -> Iterator[Block]:
            return novelty.watch(_blocks(gallery, units, queries, len(candidates)))

        scores: list[Score] = []
        predictions: list[Predictions] = []
        seen = fit_rules(subject, ask, split.positions("test"), candidates, images.taxon, taxonomy)
        for part, name in (("hidden", f"{rank} unseen"), ("test", f"{rank} seen")):
            rules = seen if part == "test" else replace(seen, rest=split.positions(part))
            if not len(rules.rest):
                continue
            answers = predict(
                ask(rules.rest), candidates, images.taxon, images.sample, taxonomy, part=name, rules=rules
            )
            parts.append(Part(name, [rules], [answers]))
            predictions += answers
            if part == "test":
                scores += score_each([(answer,) for answer in answers], taxonomy, task=self.name, part=name)
                continue
            groups = taxonomy.at(rank)[answers[0].target]
            scores += hidden_scores(answers, taxonomy, task=self.name, part=name, groups=groups)
        areas = list(self._areas(rank, split, novelty, images.taxon, taxonomy))
        table = split.table(images.sample)
        return TaskResult(
            scores=(*scores, *areas),
            predictions=tuple(predictions),
            notes=tuple(_notes(rank, split, areas, scores)),
            details={
                f"{rank}_hidden": {
                    "n_candidates": len(candidates),
                    "images": split.counts(),
                    "n_hidden_taxa": len(split.hidden),
                }
            },
            tables={
                "splits": {"hidden_rank": np.full(len(images.taxon), rank, dtype=object)} | dict(table),
                "hidden": {"rank": np.full(len(split.hidden), rank, dtype=object)} | dict(split.names(taxonomy)),
            },
        )

    def _areas(self, rank: str, split: Split, novelty: "_Novelty", taxon: Ints, taxonomy: Taxonomy) -> Iterator[Score]:
        """How well each score tells hidden from other images, at each rank where the hidden ones are unknown."""
        queries = np.concatenate([split.positions("hidden"), split.positions("test")])
        for below in taxonomy.ranks[taxonomy.ranks.index(rank) :]:
            known = queries[taxonomy.at(below)[taxon[queries]] >= 0]
            for kind, value in novelty.at(below).items():
                area = auroc(value[known], split.part[known] == "hidden", taxonomy.at(rank)[taxon[known]])
                yield Score(
                    metric=f"unknown_auroc_{kind}",
                    value=area.value,
                    n=area.n,
                    rank=below,
                    k=1,
                    low=area.low,
                    high=area.high,
                    chance=0.5,
                    majority=float("nan"),
                    higher_is_better=True,
                    task=self.name,
                    decoder="",
                    slice=f"{rank} unseen",
                )


class _Novelty:
    """Takes down, of every block that passes, how unknown its images look."""

    def __init__(self, candidates: Ints, taxonomy: Taxonomy, ranks: Sequence[str], n: int) -> None:
        self._candidates, self._taxonomy = candidates, taxonomy
        self._energy, self._distance = np.full(n, np.nan), np.full(n, np.nan)
        self._doubt = {rank: np.full(n, np.nan) for rank in ranks}

    def watch(self, blocks: Iterable[tuple[Ints, GalleryScores]]) -> Iterator[Block]:
        """Pass probabilities on."""
        for rows, (logits, distance) in blocks:
            energy = -logsumexp(logits.astype(np.float64), axis=1)
            self._energy[rows], self._distance[rows] = energy, distance
            exact = np.exp(logits + energy[:, None])
            for rank, doubt in self._doubt.items():
                mass, taxa = rank_probability(exact, self._candidates, self._taxonomy, rank=rank)
                largest = np.where(taxa >= 0, mass, -1).argmax(axis=1)
                np.put_along_axis(mass, largest[:, None], 0.0, axis=1)
                # one minus a probability near 1 would be rounding: it would order images whose votes are unanimous
                doubt[rows] = mass.sum(axis=1)
            yield rows, softmax(logits)

    def at(self, rank: str) -> dict[str, Floats]:
        """The scores at one rank, higher for what looks more unknown."""
        return {"max_probability": self._doubt[rank], "energy": self._energy, "distance": self._distance}


def _blocks(
    gallery: Gallery, units: NDArray[np.float32], queries: Ints, n_candidates: int
) -> Iterator[tuple[Ints, GalleryScores]]:
    step = max(1, _BLOCK // max(len(gallery.units), n_candidates))
    for first in range(0, len(queries), step):
        rows = queries[first : first + step]
        yield rows, gallery.scores(units[rows])


def _notes(rank: str, split: Split, areas: Sequence[Score], scores: Sequence[Score]) -> Iterator[str]:
    count = split.counts()
    hits = next(s for s in scores if s.metric == "knowable_hits")
    yield (
        f"{len(split.hidden)} taxa of rank {rank} are hidden, with their {count['hidden']} images: "
        f"{100 * hits.value:.1f} % get the right taxon at the finest rank still knowable ({hits.decoder}; chance "
        f"{100 * hits.chance:.1f} %)"
    )
    told = [f"{s.metric.removeprefix('unknown_auroc_')} {s.value:.3f}" for s in areas if s.rank == rank and s.n]
    if told:
        yield f"{rank} unseen told from {rank} seen, area under the ROC curve (chance 0.5): {', '.join(told)}"
    if "test" not in count:
        yield f"{rank}: no image of other taxa is left to compare with; lower gallery"
    yield from split.left_out(rank)

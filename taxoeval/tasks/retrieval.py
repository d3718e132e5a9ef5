"""Retrieval: are the images nearest to an image, or to the text of a taxon, of the same taxa? Rank by rank."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval import metrics
from taxoeval.embedding.progress import progress_bar
from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.metrics import chance
from taxoeval.prompts import Prompts
from taxoeval.records import Score
from taxoeval.tasks.base import Subject, TaskResult, normalised
from taxoeval.tasks.class_texts import class_vectors, prompt_record, same_texts
from taxoeval.tasks.groups import group_note, groups_of, n_groups
from taxoeval.tasks.neighbours import Ranking, ranked
from taxoeval.tasks.value_scores import Values, value_scores
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ALL = slice(None)

IMAGE, KIN, TEXT = "image_to_image", "image_to_kin", "text_to_image"


@dataclass(frozen=True)
class Retrieval:
    """Rank all images by cosine to a query and ask, at each rank, how early its kin come.

    ``image_to_image``: every image is a query among all others. ``image_to_kin``, across ranks: at the rank of genus,
    the query's own species is taken out, so that only other species of the genus can be found; at family its own genus,
    and so on. ``text_to_image, <rank>``: the texts of all taxa of a rank are the queries; relevant at that rank are the
    images of the taxon itself, at coarser ranks those of its relatives too.

    Scores are means over queries of precision among the first k (``precision_at_k``), among the first R, R being how
    many relevant images there are (``r_precision``), the mean of the precisions at the relevant ones among those
    (``map_at_r``), and, over all ranks at once, the discounted share of ranks in common (``ndcg_at_k``, for the largest
    k).

    Attributes
    ----------
    prompts
        How a taxon becomes text; None leaves texts out. Without a text tower they are left out too, and a note says so.
    k
        For precision among the first k; those that exceed the images there are left out.

    Raises
    ------
    TaxoevalError
        When called, if k is below 1.
    UnsupportedError
        When called, if there are fewer than two images.

    Notes
    -----
    Where the dataset names groups, images of one group never find each other.

    An image whose taxon is unknown at a rank is no query there, and is not relevant to any. A query without any
    relevant image has precision 0 among the first k, and no R-precision; ``image_to_kin`` leaves it out of both. All
    images are ranked for every query: time grows with the square of their number, memory does not.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.records import Embeddings
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> taxon = taxonomy.ids(["Corvus corax", "Corvus corax", "Pica pica", "Pica pica"])
    >>> vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], dtype=np.float32)
    >>> images = Embeddings(vectors, taxon, np.array(list("abcd")), "example")
    >>> result = Retrieval(k=(1,))(Subject(images, taxonomy, [""] * len(taxonomy), np.array([""] * 4)))
    >>> [(s.rank, s.value) for s in result.scores if (s.metric, s.slice) == ("r_precision", "image_to_image")]
    [('genus', 1.0), ('species', 1.0)]
    """

    prompts: Prompts | None = None
    k: tuple[int, ...] = (1, 5, 10)
    name: str = "retrieval"

    def __call__(self, subject: Subject) -> TaskResult:
        """Evaluate one encoder on one dataset."""
        images, taxonomy = subject.embeddings, subject.taxonomy
        if not self.k or min(self.k) < 1:
            raise TaxoevalError(f"task.{self.name}: k must be at least 1; got {list(self.k)}")
        if len(images.taxon) < 2:
            raise UnsupportedError(f"{self.name} ranks images for images, and there is only one; give more")
        groups = None if subject.group is None else groups_of(subject)
        units = normalised(images.vectors, self.name)
        scores = self._images(units, images.taxon, groups, taxonomy)
        notes: list[str] = []
        details: dict[str, Any] = {"k": list(self.k), "n_images": len(units), "n_groups": n_groups(subject)}
        tables: dict[str, Any] = {}
        if groups is not None:
            notes += group_note(subject)
            notes.append("nDCG is left out: its best ranking would have to keep groups apart, too")
        if self.prompts is not None and subject.embed_texts is None:
            notes.append("no text tower: images are found by images only")
        elif self.prompts is not None:
            found, shared, record, tables = self._texts(units, subject)
            scores += found
            notes += shared
            details |= record
        return TaskResult(tuple(scores), (), tuple(notes), details, tables)

    def _images(self, units: NDArray[np.float32], taxon: Ints, groups: Ints | None, taxonomy: Taxonomy) -> list[Score]:
        kin = [
            r
            for r in range(taxonomy.n_ranks - 1)
            if ((taxonomy.ancestor[taxon, r] >= 0) & (taxonomy.ancestor[taxon, r + 1] >= 0)).any()
        ]
        of: dict[str, Any] = {"k": self.k, "leave_out": groups, "itself": True, "kin": kin}
        with progress_bar("ranking", len(units), "images") as advance:
            blocks = []
            for block in ranked(units, units, taxon, taxon, taxonomy, **of):
                blocks.append(block)
                advance(len(block.every.size))
        every = Ranking.joined([block.every for block in blocks])
        found = self._values(every, taxonomy, IMAGE)
        if groups is None:
            found.append(self._ndcg(every.first, taxon, taxon, taxonomy, IMAGE, True))
        for r in kin:
            of_kin = Ranking.joined([block.kin[r] for block in blocks])
            found += self._values(of_kin, taxonomy, KIN, slice(r, r + 1))
        return value_scores(found, groups=taxon, task=self.name)

    def _texts(
        self, units: NDArray[np.float32], subject: Subject
    ) -> tuple[list[Score], tuple[str, ...], dict[str, Any], dict[str, Any]]:
        """Scores of the taxa of every rank as queries, and a table of how well each taxon is found."""
        taxonomy, taxon = subject.taxonomy, subject.embeddings.taxon
        assert self.prompts is not None and subject.embed_texts is not None  # noqa: S101, PT018 - checked by the caller
        scores: list[Score] = []
        rows: list[tuple[str, str, int, float]] = []
        every: list[str] = []
        notes: tuple[str, ...] = ()
        for r, rank in enumerate(taxonomy.ranks):
            taxa = np.unique(taxonomy.ancestor[taxon, r]).astype(np.int64)
            taxa = taxa[taxa >= 0]
            if not len(taxa):
                continue
            texts = self._write(taxa, subject)
            every += texts
            notes += tuple(f"{rank}: {note}" for note in same_texts(texts, taxa, taxonomy)[0])
            queries = class_vectors(texts, self.prompts, subject.embed_texts)
            ranking = Ranking.joined([one.every for one in ranked(queries, units, taxa, taxon, taxonomy, k=self.k)])
            values = self._values(ranking, taxonomy, f"{TEXT}, {rank}", slice(r + 1))
            values.append(self._ndcg(ranking.first, taxa, taxon, taxonomy, f"{TEXT}, {rank}", False))
            of_rank = value_scores(values, groups=taxa, task=self.name)
            scores += [row for row in of_rank if row.n or row.metric != "ndcg_at_k"]
            found = zip(taxa.tolist(), ranking.relevant[:, r].tolist(), ranking.r_precision[:, r].tolist(), strict=True)
            rows += [(rank, taxonomy.path(i), int(n), share) for i, n, share in found]
        columns = zip(*rows, strict=True)
        table = dict(zip(("rank", "taxon", "n_images", "r_precision"), map(np.array, columns), strict=True))
        return scores, notes, prompt_record(every, self.prompts), {"text_queries": table}

    def _write(self, taxa: Ints, subject: Subject) -> list[str]:
        assert self.prompts is not None  # noqa: S101 - checked by the caller
        occurring, first = np.unique(subject.embeddings.taxon, return_index=True)
        place = dict(zip(occurring.tolist(), first.tolist(), strict=True))
        label = [str(subject.label[place[taxon]]) if taxon in place else "" for taxon in taxa.tolist()]
        return self.prompts.texts(subject.taxonomy, taxa.tolist(), subject.common_name, label)

    def _values(self, ranking: Ranking, taxonomy: Taxonomy, part: str, columns: slice = _ALL) -> list[Values]:
        """What is scored of one ranking at every rank, or at some."""
        level = ranking.relevant / np.maximum(ranking.size, 1)[:, None]
        found: list[tuple[str, int, Floats, Floats]] = [
            ("precision_at_k", k, values, level) for k, values in ranking.precision.items()
        ]
        found += [("r_precision", 1, ranking.r_precision, level)]
        found += [("map_at_r", 1, ranking.map_at_r, _chance_map(ranking))]
        ranks = taxonomy.ranks[columns]
        return [
            Values(metric, values[:, columns], ranks, expected[:, columns], k, part)
            for metric, k, values, expected in found
        ]

    def _ndcg(
        self, first: Ints, query: Ints, gallery: Ints, taxonomy: Taxonomy, part: str, leave_one_out: bool
    ) -> Values:
        k = first.shape[1]
        settings: dict[str, Any] = {"convention": "rank_height", "leave_one_out": leave_one_out}
        values = metrics.ndcg_at_k(query, first, taxonomy, gallery, **settings)
        level = chance.chance_ndcg_at_k(query, gallery, taxonomy, k=k, **settings)
        return Values("ndcg_at_k", values, chance=level, k=k, part=part)


def _chance_map(ranking: Ranking) -> Floats:
    """Level of MAP@R for each query, whose galleries may differ in size."""
    level = np.full(ranking.relevant.shape, np.nan)
    for size in np.unique(ranking.size[ranking.size > 0]):
        rows = ranking.size == size
        level[rows] = chance.chance_map_at_r(ranking.relevant[rows], int(size))
    return level

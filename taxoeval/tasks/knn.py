"""k nearest neighbours: are the closest images of the same taxa? Works for every encoder, with nothing trained."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.tasks.answering import predict
from taxoeval.tasks.base import Subject, TaskResult, normalised
from taxoeval.tasks.decoding_report import Part, report_decoding
from taxoeval.tasks.fitting import Block, fit_rules
from taxoeval.tasks.gallery import nearest
from taxoeval.tasks.groups import group_note, groups_of, n_groups, one_of_each
from taxoeval.tasks.scoring import score_each

Ints = NDArray[np.int64]

_BLOCK = 1 << 24  # similarities held at a time: 64 MiB


@dataclass(frozen=True)
class Knn:
    """Vote of the k nearest images by cosine, each image against all others or queries against a gallery.

    Each neighbour votes for its own label, at whatever rank that is, with the weight ``exp(cosine / temperature)``;
    the candidates are the taxa of the gallery and their probabilities the shares of the votes.

    Where the dataset names groups, images of one group are never each other's neighbours: under leave-one-out all of an
    image's group is left out, and a gallery is drawn in whole groups.

    Attributes
    ----------
    k
        How many neighbours vote. 1: the answer is the label of the nearest image.
    temperature
        How fast a vote fades with distance; 0.07 is the customary value.
    gallery
        None: leave-one-out, every image is a query against all others. A share between 0 and 1: that share of the
        images of each taxon, rounded, at least 1, is drawn into the gallery and the rest are queries.
    seed
        Seed of that draw.

    Raises
    ------
    TaxoevalError
        When called, if a setting is out of range.
    UnsupportedError
        When called, if fewer than two images, or no query, are left, or all images are of one group.

    References
    ----------
    .. [1] Z. Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.records import Embeddings
    >>> from taxoeval.tasks import Subject
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> taxon = taxonomy.ids(["Corvus corax", "Corvus corax", "Pica pica", "Pica pica"])
    >>> vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], dtype=np.float32)
    >>> images = Embeddings(vectors, taxon, np.array(list("abcd")), "example")
    >>> result = Knn()(Subject(images, taxonomy, [""] * len(taxonomy), np.array([""] * 4)))
    >>> [(s.rank, s.value) for s in result.scores if (s.metric, s.decoder, s.k) == ("rank_hits", "leaf_argmax", 1)]
    [('genus', 1.0), ('species', 1.0)]
    """

    k: int = 1
    temperature: float = 0.07
    gallery: float | None = None
    seed: int = 0
    name: str = "knn"

    def __call__(self, subject: Subject) -> TaskResult:
        """Evaluate one encoder on one dataset."""
        if self.k < 1 or self.temperature <= 0 or not (self.gallery is None or 0 < self.gallery < 1):
            raise TaxoevalError(
                f"task.{self.name}: k must be at least 1, temperature above 0 and gallery between 0 and 1 or null; got "
                f"k={self.k}, temperature={self.temperature}, gallery={self.gallery}"
            )
        images, group = subject.embeddings, groups_of(subject)
        gallery, query = self._split(images.taxon, group)
        if len(gallery) < 2 or len(query) == 0:
            raise UnsupportedError(
                f"{self.name} compares images with other images, and {len(gallery)} in the gallery and {len(query)} "
                "queries are too few; give more images, or gallery=null for leave-one-out"
            )
        candidates = np.unique(images.taxon[gallery])
        votes = partial(self._votes, images.vectors, images.taxon, group, gallery, candidates)
        rules = fit_rules(subject, votes, query, candidates, images.taxon, subject.taxonomy)
        predictions = predict(votes(rules.rest), candidates, images.taxon, images.sample, subject.taxonomy, rules=rules)
        report = report_decoding([Part("all", [rules], [predictions])], subject.taxonomy, subject)
        alone = self._alone(images.taxon, group, gallery, query)
        return TaskResult(
            scores=tuple(score_each([(one,) for one in predictions], subject.taxonomy, task=self.name)),
            predictions=predictions,
            notes=(*group_note(subject), *report.notes, *_note_alone(alone, len(query), subject)),
            details={
                "k": self.k,
                "temperature": self.temperature,
                "protocol": "leave_one_out" if self.gallery is None else "gallery",
                "n_gallery": len(gallery),
                "n_query": len(query),
                "n_candidates": len(candidates),
                "n_groups": n_groups(subject),
                "n_query_without_other_image": alone,
                **report.details,
            },
            tables=report.tables,
        )

    def _split(self, taxon: Ints, group: Ints) -> tuple[Ints, Ints]:
        """Positions of the gallery and of the queries; of a gallery, whole groups are drawn, each as one image."""
        everything = np.arange(len(taxon))
        if self.gallery is None:
            return everything, everything
        rng = np.random.default_rng(self.seed)
        units = taxon[one_of_each(group, taxon)]
        shuffled = rng.permutation(len(units))
        order = shuffled[np.argsort(units[shuffled], kind="stable")]
        _, start, size = np.unique(units[order], return_index=True, return_counts=True)
        place = np.arange(len(units)) - np.repeat(start, size)
        drawn = order[place < np.repeat(np.maximum(1, np.rint(self.gallery * size)), size)]
        return np.flatnonzero(np.isin(group, drawn)), np.flatnonzero(~np.isin(group, drawn))

    def _alone(self, taxon: Ints, group: Ints, gallery: Ints, query: Ints) -> int:
        """How many queries have no image of their own taxon to find."""
        if self.gallery is not None:
            return int((~np.isin(taxon[query], taxon[gallery])).sum())
        _, own, of_taxon = np.unique(taxon, return_inverse=True, return_counts=True)
        _, both, of_both = np.unique(taxon * (group.max() + 1) + group, return_inverse=True, return_counts=True)
        return int((of_taxon[own] == of_both[both]).sum())

    def _votes(
        self,
        vectors: NDArray[np.float32],
        taxon: Ints,
        group: Ints,
        gallery: Ints,
        candidates: Ints,
        query: Ints,
    ) -> Iterator[Block]:
        units = normalised(vectors, "knn")
        among, column = units[gallery], np.searchsorted(candidates, taxon[gallery])
        k = min(self.k, len(gallery) - (1 if self.gallery is None else 0))
        step = max(1, _BLOCK // max(len(gallery), len(candidates)))
        for first in range(0, len(query), step):
            rows = query[first : first + step]
            cosine = units[rows] @ among.T
            if self.gallery is None:  # an image is no neighbour of itself, nor of its group
                cosine[group[rows, None] == group[gallery]] = -np.inf
            found, similarity = nearest(cosine, k)
            weight = np.exp((similarity - similarity.max(axis=1, keepdims=True)) / self.temperature)
            probability = np.zeros((len(rows), len(candidates)), dtype=np.float32)
            np.add.at(probability, (np.arange(len(rows))[:, None], column[found]), weight)
            yield rows, probability / probability.sum(axis=1, keepdims=True)


def _note_alone(alone: int, n: int, subject: Subject) -> tuple[str, ...]:
    if alone == 0:
        return ()
    other = "other image of their own taxon" if subject.group is None else "image of their own taxon in another group"
    return (
        f"{alone} of {n} queries have no {other} to find: they cannot be right at its rank "
        f"(usually {subject.taxonomy.ranks[-1]}), and count as wrong",
    )

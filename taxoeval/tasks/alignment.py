"""Alignment: is the similarity matrix of images and their texts high where they belong together, and only there?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from taxoeval.errors import UnsupportedError
from taxoeval.prompts import Prompts
from taxoeval.records import Score
from taxoeval.tasks.base import Subject, TaskResult, normalised
from taxoeval.tasks.class_texts import class_vectors, prompt_record, same_texts
from taxoeval.tasks.value_scores import Values, value_scores
from taxoeval.taxonomy import Taxonomy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BLOCK = 1 << 20  # similarities held at a time, in double precision: 8 MiB
_DRAWN = 60  # taxa of a heatmap that is still read


@dataclass(frozen=True)
class Alignment:
    """The matrix of cosines between N images and the N texts of their taxa, never held as a whole.

    Texts of other images of the same taxon are the same text, and as correct as an image's own. The text of a taxon
    above or below an image's own (its genus, where other images are labelled so) is neither correct nor incorrect.

    ``similarity_correct`` is the mean of the diagonal (the trace over N), ``similarity_off_diagonal`` that of all other
    cells as they stand, ``similarity_incorrect`` that of the texts of other taxa. ``alignment`` is the mean of correct
    less that of incorrect similarities, image by image. ``correct_text_share`` is what a softmax along the row, scaled
    as trained, leaves for the correct texts. ``recall`` among the first k is, in the part ``image_to_text``, whether an
    image's text is among the k nearest different texts, and in ``text_to_image`` whether any image of a taxon is among
    the k nearest to its text.

    Attributes
    ----------
    prompts
        How a taxon becomes text.
    k
        For recall; those above the number of texts are left out.

    Raises
    ------
    UnsupportedError
        When called, if the encoder has no text tower or all images are of one lineage.

    Examples
    --------
    >>> from taxoeval.records import Embeddings
    >>> taxonomy = Taxonomy.from_lineages([("Corvus corax",), ("Pica pica",)], ranks=("species",))
    >>> images = Embeddings(np.eye(2, dtype=np.float32), np.array([0, 1]), np.array(["a", "b"]), "example")
    >>> names = {"Corvus corax": [1.0, 0.0], "Pica pica": [0.6, 0.8]}
    >>> def embed_texts(texts):
    ...     return np.array([names[text] for text in texts], dtype=np.float32)
    >>> task = Alignment(Prompts(text_type="sci", templates="none"))
    >>> result = task(Subject(images, taxonomy, ["", ""], np.array(["", ""]), embed_texts, 10.0))
    >>> [round(s.value, 2) for s in result.scores if s.metric == "alignment"]
    [0.6]
    """

    prompts: Prompts
    k: tuple[int, ...] = (1, 5)
    name: str = "alignment"

    def __call__(self, subject: Subject) -> TaskResult:
        """Evaluate one encoder on one dataset."""
        if subject.embed_texts is None:
            raise UnsupportedError(
                f"{self.name} compares images with texts and this encoder has no text tower; use retrieval or knn, or "
                "an image-text encoder such as encoder=bioclip2"
            )
        taxon, taxonomy = subject.embeddings.taxon, subject.taxonomy
        taxa, first, own, count = np.unique(taxon, return_index=True, return_inverse=True, return_counts=True)
        apart, images_apart = _apart_counts(taxa, count, taxonomy)
        if not apart.any():
            raise UnsupportedError(f"{self.name} needs images of different taxa, and all are of one lineage")
        texts = self.prompts.texts(taxonomy, taxa.tolist(), subject.common_name, subject.label[first].tolist())
        units = normalised(subject.embeddings.vectors, f"{self.name} images")
        rows = _Rows(units, class_vectors(texts, self.prompts, subject.embed_texts), own, count, taxa, taxonomy)
        values, heat = rows.measure(subject.logit_scale, self.k, _coarse(taxa, taxonomy))
        shared, _ = same_texts(texts, taxa, taxonomy)
        n_repeated, n_nested = int(len(taxon) - len(taxa)), int((apart < len(taxa) - 1)[own].sum())
        return TaskResult(
            scores=tuple(self._scores(values, taxon, rows, apart, images_apart)),
            predictions=(),
            notes=(*_notes(n_repeated, n_nested, len(taxon)), *shared),
            details={
                **prompt_record(texts, self.prompts),
                "n_images": len(taxon),
                "n_texts": len(taxa),
                "logit_scale": subject.logit_scale,
            },
            tables={"similarity": _named(heat, taxonomy)},
        )

    def _scores(
        self, values: dict[str, Floats], taxon: Ints, rows: "_Rows", apart: Ints, images_apart: Ints
    ) -> list[Score]:
        of_images = [
            Values(metric, values[metric], chance=level, higher_is_better=higher)
            for metric, level, higher in (
                ("similarity_correct", np.nan, True),
                ("similarity_off_diagonal", np.nan, False),
                ("similarity_incorrect", np.nan, False),
                ("alignment", 0.0, True),
                ("correct_text_share", rows.count[rows.own] / len(taxon), True),
            )
        ]
        of_texts = []
        for k in self.k:
            level = np.minimum(k / (1 + apart), 1.0)[rows.own]
            if k < len(rows.taxa):
                hits = np.where(np.isnan(values["place"]), np.nan, values["place"] < k)
                of_images.append(Values("recall", hits, chance=level, k=k, part="image_to_text"))
            if k < len(taxon):
                level = _any_of(rows.count, rows.count + images_apart, k)
                of_texts.append(Values("recall", values["first"] < k, chance=level, k=k, part="text_to_image"))
        return [
            *value_scores(of_images, groups=taxon, task=self.name),
            *value_scores(of_texts, groups=rows.taxa, task=self.name),
        ]


class _Rows:
    """The rows of the matrix, with one column for each different text and how many images it stands for."""

    def __init__(
        self,
        units: NDArray[np.float32],
        texts: NDArray[np.float32],
        own: Ints,
        count: Ints,
        taxa: Ints,
        taxonomy: Taxonomy,
    ) -> None:
        self.units, self.texts, self.own, self.count = units, texts, own, count
        self.taxa, self.taxonomy = taxa, taxonomy

    def measure(self, scale: float, ks: tuple[int, ...], coarse: Ints) -> tuple[dict[str, Floats], "_Heat"]:
        """The values of every image; and of every text ``first``, how many other images are nearer than its nearest."""
        n, c = len(self.own), len(self.count)
        metrics = ("similarity_correct", "similarity_off_diagonal", "similarity_incorrect", "correct_text_share")
        values = {metric: np.full(n, np.nan) for metric in (*metrics, "place")}
        nearest = np.full(c, -np.inf)
        heat = _Heat(coarse, self.count)
        for rows, cosine in self._blocks():
            own = self.own[rows]
            correct = cosine[np.arange(len(rows)), own]
            apart = _apart(self.taxa[own], self.taxa, self.taxonomy)
            weight = self.count * apart
            values["similarity_correct"][rows] = correct
            values["similarity_off_diagonal"][rows] = (cosine @ self.count - correct) / max(n - 1, 1)
            values["similarity_incorrect"][rows] = _ratio((cosine * weight).sum(axis=1), weight.sum(axis=1))
            logits = scale * cosine + np.log(self.count)
            values["correct_text_share"][rows] = np.exp(logits[np.arange(len(rows)), own] - logsumexp(logits, axis=1))
            rivals = (cosine > correct[:, None]) & apart
            values["place"][rows] = np.where(weight.any(axis=1), rivals.sum(axis=1), np.nan)
            np.maximum.at(nearest, own, correct)
            heat.add(own, cosine)
        nearer = np.zeros(c)
        for rows, cosine in self._blocks():
            apart = _apart(self.taxa[self.own[rows]], self.taxa, self.taxonomy)
            nearer += ((cosine > nearest) & apart).sum(axis=0)
        values["alignment"] = values["similarity_correct"] - values["similarity_incorrect"]
        return values | {"first": nearer}, heat

    def _blocks(self) -> Iterator[tuple[Ints, Floats]]:
        step = max(1, _BLOCK // len(self.texts))
        for start in range(0, len(self.units), step):
            rows = np.arange(start, min(start + step, len(self.units)))
            yield rows, (self.units[rows] @ self.texts.T).astype(np.float64)


class _Heat:
    """Mean similarity between the images of some taxa and the texts of some, each text once per image of its taxon."""

    def __init__(self, coarse: Ints, count: Ints) -> None:
        self.taxa, self.of = np.unique(coarse, return_inverse=True)
        self.into = np.zeros((len(count), len(self.taxa)))
        self.into[np.arange(len(count)), self.of] = count
        self.total = np.zeros((len(self.taxa), len(self.taxa)))
        self.images = np.bincount(self.of, weights=count, minlength=len(self.taxa))

    def add(self, own: Ints, cosine: Floats) -> None:
        """Take in some rows."""
        np.add.at(self.total, self.of[own], cosine @ self.into)

    def mean(self) -> Floats:
        """``(g, g)``, images by texts."""
        return np.asarray(self.total / (self.images[:, None] * self.images[None]))


def _apart(one: Ints, other: Ints, taxonomy: Taxonomy) -> NDArray[np.bool_]:
    """``(n, m)`` whether two taxa exclude each other: they differ, and neither lies below the other."""
    a, b = one[:, None], other[None]
    return np.asarray((b >= a + taxonomy.size[a]) | (a >= b + taxonomy.size[b]))


def _apart_counts(taxa: Ints, count: Ints, taxonomy: Taxonomy) -> tuple[Ints, Ints]:
    """How many of the taxa exclude each, and how many images those have."""
    step = max(1, _BLOCK // len(taxa))
    texts, images = np.zeros(len(taxa), dtype=np.int64), np.zeros(len(taxa), dtype=np.int64)
    for start in range(0, len(taxa), step):
        apart = _apart(taxa[start : start + step], taxa, taxonomy)
        texts[start : start + step], images[start : start + step] = apart.sum(axis=1), apart @ count
    return texts, images


def _coarse(taxa: Ints, taxonomy: Taxonomy) -> Ints:
    """The taxon that stands for each in a heatmap: at the finest rank that has few enough of them."""
    best = taxa
    for r in range(taxonomy.n_ranks - 1, -1, -1):
        at = taxonomy.ancestor[taxa, r].astype(np.int64)
        best = np.where(at >= 0, at, -1)
        if len(np.unique(best)) <= _DRAWN:
            break
    return best


def _any_of(relevant: Ints, images: Ints, k: int) -> Floats:
    """Chance that any of some relevant images is among k of all drawn at random."""
    n, m = images.astype(np.float64), relevant.astype(np.float64)
    none = n - m >= k
    rest = np.where(none, n - m, k)
    log = gammaln(rest + 1) - gammaln(rest - k + 1) - gammaln(n + 1) + gammaln(np.maximum(n - k, 0) + 1)
    return np.asarray(np.where(none, 1 - np.exp(log), 1.0))


def _ratio(share: Floats, whole: Ints) -> Floats:
    return np.asarray(np.divide(share, whole, out=np.full(len(share), np.nan), where=whole > 0))


def _named(heat: _Heat, taxonomy: Taxonomy) -> dict[str, NDArray[Any]]:
    """The heatmap as columns: the taxon of the images, that of the texts, their mean similarity."""
    names = np.array([taxonomy.path(int(i)) if i >= 0 else "unknown" for i in heat.taxa])
    g = len(names)
    return {
        "image_taxon": np.repeat(names, g),
        "text_taxon": np.tile(names, g),
        "similarity": heat.mean().ravel(),
    }


def _notes(n_repeated: int, n_nested: int, n: int) -> Iterator[str]:
    if n_repeated:
        yield (
            f"{n} images have {n - n_repeated} different texts: the text of another image of the same taxon counts as "
            "correct, and recall is among different texts"
        )
    if n_nested:
        yield (
            f"{n_nested} images have the text of a taxon above or below their own among the others: that is neither "
            "correct nor incorrect"
        )

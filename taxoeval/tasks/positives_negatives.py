"""Positives against negatives: is an image more like the text that is true of it than like texts that are not?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.prompts import Prompts
from taxoeval.tasks.base import Subject, TaskResult, normalised
from taxoeval.tasks.class_texts import class_vectors
from taxoeval.tasks.value_scores import Values, value_scores
from taxoeval.taxonomy import arrow
from taxoeval.taxonomy.cells import cleaned
from taxoeval.taxonomy.lookup import nearest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PAIRS = 1 << 14  # pairs of image and negative worked on at a time
_COLUMNS = ("image", "positive", "negatives")


@dataclass(frozen=True)
class PositivesNegatives:
    r"""One's own table of images, each with a text that is true of it and texts that are not.

    ``positive_similarity`` and ``negative_similarity`` are mean cosines, ``positive_minus_negatives`` their difference
    row by row. ``positive_first`` is whether the positive is nearer than every negative, ``pairs_won`` the share of the
    negatives that it is nearer than; ties are shared. ``positive_share`` is what a softmax over the texts of the row,
    scaled as trained, leaves for the positive. Intervals resample the images' taxa.

    Attributes
    ----------
    table
        Table (``.csv``, ``.tsv``, ``.parquet``) with the columns ``image``, a sample id of the dataset, ``positive``
        and ``negatives``. An image may have several rows; images of the dataset without one are left out, and counted.
    separator
        Between the negatives of a row.
    templates
        The sentences around each text; ``none`` takes them as they are. See `taxoeval.prompts.templates`.

    Raises
    ------
    UnsupportedError
        When called, if the encoder has no text tower.
    TaxoevalError
        When called, if the table or a column is missing, an image is not in the dataset, a row has no positive or no
        negative, or a negative equals the positive but for case and blanks.

    Examples
    --------
    >>> import tempfile
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.records import Embeddings
    >>> taxonomy = Taxonomy.from_lineages([("Pica pica",)], ranks=("species",))
    >>> images = Embeddings(np.eye(1, 2, dtype=np.float32), np.array([0]), np.array(["1.jpg"]), "example")
    >>> path = Path(tempfile.mkdtemp()) / "texts.csv"
    >>> _ = path.write_text("image,positive,negatives\n1.jpg,a magpie in flight,a magpie on a branch|a jay in flight\n")
    >>> def embed_texts(texts):
    ...     return np.array([["magpie" in text, "branch" in text] for text in texts], dtype=np.float32)
    >>> result = PositivesNegatives(str(path))(Subject(images, taxonomy, [""], np.array([""]), embed_texts))
    >>> [s.value for s in result.scores if s.metric == "positive_first"]
    [1.0]
    """

    table: str
    separator: str = "|"
    templates: str = "none"
    name: str = "positives_negatives"

    def __call__(self, subject: Subject) -> TaskResult:
        """Evaluate one encoder on one dataset."""
        if subject.embed_texts is None:
            raise UnsupportedError(f"{self.name} compares images with texts and this encoder has no text tower")
        path = Path(self.table).expanduser()
        rows = _read(path, self.separator)
        position = _positions(rows.image, subject.embeddings.sample, path)
        values, hardest = self._measure(rows, position, subject)
        levels: dict[str, Any] = {
            "positive_minus_negatives": 0.0,
            "positive_first": 1 / (1 + rows.size),
            "pairs_won": 0.5,
            "positive_share": 1 / (1 + rows.size),
        }
        n = len(subject.embeddings.sample)
        left = n - len(np.unique(position))
        return TaskResult(
            scores=tuple(
                value_scores(
                    [
                        Values(
                            metric,
                            column,
                            chance=levels.get(metric, np.nan),
                            higher_is_better=metric != "negative_similarity",
                        )
                        for metric, column in values.items()
                    ],
                    groups=subject.embeddings.taxon[position],
                    task=self.name,
                )
            ),
            predictions=(),
            notes=(f"{left} of {n} images have no row in {path.name}: left out",) if left else (),
            details={
                "n_rows": len(position),
                "n_negatives": int(rows.size.sum()),
                "templates": self.templates,
                "logit_scale": subject.logit_scale,
            },
            tables={
                "rows": {
                    "image": np.array(rows.image),
                    "positive": np.array(rows.positive),
                    "nearest_negative": hardest,
                    **{metric: values[metric] for metric in ("positive_similarity", "positive_first", "pairs_won")},
                }
            },
        )

    def _measure(self, rows: "_Table", position: Ints, subject: Subject) -> tuple[dict[str, Floats], NDArray[np.str_]]:
        """The values of each row, and the negative nearest to its image."""
        assert subject.embed_texts is not None  # noqa: S101 - checked by the caller
        texts = list(dict.fromkeys([*rows.positive, *(text for some in rows.negatives for text in some)]))
        place = {text: i for i, text in enumerate(texts)}
        prompts = Prompts(text_type="asis", templates=self.templates)
        vectors = class_vectors(texts, prompts, subject.embed_texts)
        units = normalised(subject.embeddings.vectors[position], f"{self.name} images")
        start = np.cumsum(rows.size) - rows.size
        of = np.repeat(np.arange(len(rows.size)), rows.size)
        true = _cosines(units, vectors[[place[text] for text in rows.positive]])
        other = np.array([place[text] for some in rows.negatives for text in some])
        false = np.concatenate(
            [_cosines(units[of[i : i + _PAIRS]], vectors[other[i : i + _PAIRS]]) for i in range(0, len(of), _PAIRS)]
        )
        largest = np.maximum.reduceat(false, start)
        first = np.flatnonzero(false == largest[of])
        hardest = np.array([texts[i] for i in other[first[np.searchsorted(first, start)]]])
        tied = np.add.reduceat((false == true[of]).astype(np.float64), start)
        logits = subject.logit_scale * (false - largest[of])
        rest = np.log(np.add.reduceat(np.exp(logits), start)) + subject.logit_scale * largest
        mean = np.add.reduceat(false, start) / rows.size
        return {
            "positive_similarity": true,
            "negative_similarity": mean,
            "positive_minus_negatives": true - mean,
            "positive_first": np.where(true < largest, 0.0, 1 / (1 + tied)),
            "pairs_won": (np.add.reduceat((false < true[of]).astype(np.float64), start) + tied / 2) / rows.size,
            "positive_share": np.exp(-np.logaddexp(0.0, rest - subject.logit_scale * true)),
        }, hardest


class _Table(NamedTuple):
    """The rows of the table; ``size`` is how many negatives each has."""

    image: list[str]
    positive: list[str]
    negatives: list[list[str]]
    size: Ints


def _read(path: Path, separator: str) -> _Table:
    header = arrow.header(path)
    missing = [name for name in _COLUMNS if name not in header]
    if missing:
        raise TaxoevalError(
            f"{path}: no column {missing[0]!r}; it needs {', '.join(_COLUMNS)}, and has {', '.join(header)}"
        )
    raw = arrow.read_columns(path, list(_COLUMNS))
    image, positive, written = ([cleaned(value) for value in raw[name].to_pylist()] for name in _COLUMNS)
    if not image:
        raise TaxoevalError(f"{path}: the table has no rows; it needs one per image below the header")
    negatives = [
        list(dict.fromkeys(part.strip() for part in text.split(separator) if part.strip())) for text in written
    ]
    for row, (true, false) in enumerate(zip(positive, negatives, strict=True), start=1):
        if not true or not false:
            raise TaxoevalError(f"{path}: row {row} below the header has no {'negative' if true else 'positive'}")
        equal = [text for text in false if _same(text, true)]
        if equal:
            raise TaxoevalError(
                f"{path}: row {row} below the header has {equal[0]!r} as a negative, which is its positive; a text "
                "cannot be both: correct the row"
            )
    return _Table(image, positive, negatives, np.array([len(some) for some in negatives]))


def _same(one: str, other: str) -> bool:
    return one.casefold().split() == other.casefold().split()


def _positions(image: list[str], sample: NDArray[np.str_], path: Path) -> Ints:
    """The place of each image in the dataset."""
    place = {str(name): i for i, name in enumerate(sample)}
    absent = list(dict.fromkeys(name for name in image if name not in place))
    if absent:
        close = nearest(absent[0], place)
        raise TaxoevalError(
            f"{path}: {len(absent)} images are not in the dataset, the first {absent[0]!r}"
            + (f" (nearest: {close!r})" if close else "")
            + "; images go by their sample id, the path below the image root"
        )
    return np.array([place[name] for name in image], dtype=np.int64)


def _cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> Floats:
    return np.asarray(np.einsum("nd,nd->n", one, other), dtype=np.float64)

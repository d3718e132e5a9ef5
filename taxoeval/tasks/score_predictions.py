"""Answers from elsewhere: the names or scores that any other system gave, through the same decoders and metrics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError
from taxoeval.records import Predictions
from taxoeval.tasks.answering import of_samples, predict
from taxoeval.tasks.answers.blocks import Blocks, with_silent
from taxoeval.tasks.answers.columns import find_answer_columns
from taxoeval.tasks.answers.joined import Joined, join
from taxoeval.tasks.answers.matrix import ScoreMatrix, read_candidates, read_scores
from taxoeval.tasks.answers.names import RankedNames, read_names
from taxoeval.tasks.answers.placed import Placed, place
from taxoeval.tasks.answers.report import name_columns, read_synonyms, resolution_notes
from taxoeval.tasks.answers.resolve import Resolver
from taxoeval.tasks.base import Subject, TaskResult
from taxoeval.tasks.decoding_report import Part, report_decoding
from taxoeval.tasks.fitting import Rules, fit_rules
from taxoeval.tasks.scoring import score_each
from taxoeval.taxonomy import arrow

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class ScorePredictions:
    r"""Score what another system answered for the images of the dataset.

    Answers are names at any rank and in any usual spelling, or scores of candidates. They are looked up in the
    dataset's taxonomy by rules that leave no doubt (see `taxoeval.tasks.answers.resolve`); a likely but uncertain
    reading is only suggested, in the table ``names``, and holds once the user has put it into ``synonyms``. What the
    taxonomy lacks but has a place in it (a species of a genus that it knows) is an answer, wrong from its own rank
    down; what has no place is no answer. No answer is wrong, and ``coverage`` says how many there are.

    Attributes
    ----------
    answers
        The file. A table (``.csv``, ``.tsv``, ``.parquet``) of names: one or several columns, best first
        (``prediction``, or ``prediction_1``, ``prediction_2`` ...), or a column per rank; several rows of one sample
        are its answers in that order. With ``candidates``, a matrix of scores: ``.npy``, or a table with a column of
        numbers per candidate, or one column of lists.
    candidates
        What the columns of the matrix stand for, in their order: a table of lineages, or names, one a line.
    samples
        Sample ids of the rows of an ``.npy`` matrix: a table, or a ``.txt`` file, one a line.
    sample, names, probability
        Columns of the table; ``auto`` finds them by their usual names. ``probability=null`` leaves probabilities
        unread.
    softmax
        None: the scores are probabilities. A number: they are multiplied by it and go through a softmax; 1 for logits.
    synonyms
        Table with the columns ``name`` and ``accepted``: names as written and as the taxonomy has them.
    missing
        What to do with images that the file does not mention: ``error``; ``wrong`` counts them as not answered;
        ``leave_out`` scores the others only. Samples that the dataset lacks are always left out, and counted.

    Raises
    ------
    TaxoevalError
        When called, if a file is unreadable or does not fit, an image has no row (under ``error``), no sample or no
        answer is known to the dataset, or a score is no probability.

    Notes
    -----
    Classes of the other system that are one taxon here (subspecies, colour forms) are added up. With a list of
    candidates and some images whose taxon is not among them, the scores come twice: ``all``, and ``covered`` for the
    images that could be right. Without one, the candidates are the answers that were given and the labels that occur.

    Answers that the dataset's taxonomy lacks are added to it: the result's ``taxonomy`` is then the one with both, and
    its predictions are of that.

    Examples
    --------
    >>> import tempfile
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.records import Embeddings
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> taxon = taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> images = Embeddings(np.zeros((2, 1), dtype=np.float32), taxon, np.array(["1.jpg", "2.jpg"]), "example")
    >>> path = Path(tempfile.mkdtemp()) / "answers.csv"
    >>> _ = path.write_text("filename,prediction\n1.jpg,corvus_albus\n2.jpg,Pica pica (L.)\n")
    >>> result = ScorePredictions(str(path))(Subject(images, taxonomy, [""] * len(taxonomy), np.array(["", ""])))
    >>> [(s.rank, s.value) for s in result.scores if (s.metric, s.decoder, s.k) == ("rank_hits", "leaf_argmax", 1)]
    [('genus', 1.0), ('species', 0.5)]
    """

    answers: str
    candidates: str | None = None
    samples: str | None = None
    sample: str = "auto"
    names: str | Sequence[str] = "auto"
    probability: str | Sequence[str] | None = "auto"
    softmax: float | None = None
    synonyms: str | None = None
    missing: Literal["error", "wrong", "leave_out"] = "error"
    name: str = "score_predictions"
    needs_vectors: ClassVar[bool] = False

    def __call__(self, subject: Subject) -> TaskResult:
        """Score the answers for one dataset; the vectors of the encoder are not used."""
        if self.missing not in ("error", "wrong", "leave_out"):
            raise TaxoevalError(f"task.{self.name}.missing is error, wrong or leave_out; got {self.missing!r}")
        taxonomy, images = subject.taxonomy, subject.embeddings
        given = self._read(taxonomy.ranks)
        joined = join(given.sample, images.sample, self.answers, self.missing)
        resolver = Resolver(
            taxonomy, subject.common_name, subject.label.tolist(), images.taxon.tolist(), read_synonyms(self.synonyms)
        )
        found = [resolver.resolve(answer) for answer in given.names]
        placed = place(found, taxonomy)
        rules, predictions, times = _predict(given, joined, placed, subject)
        table = name_columns(given.names, found, times, resolver)
        covered = np.ones(len(rules.rest), dtype=bool)
        if isinstance(given, ScoreMatrix):
            covered = placed.covers(images.taxon[rules.rest])
        report = report_decoding([Part("all", [rules], [predictions])], placed.taxonomy, subject)
        silent = int((predictions[0].taxon[:, :, 0] < 0).all(axis=1).sum())
        return TaskResult(
            scores=tuple(
                row
                for part, mask in _parts(covered)
                for row in score_each(
                    [(of_samples(one, mask),) for one in predictions], placed.taxonomy, task=self.name, part=part
                )
            ),
            predictions=predictions,
            notes=(
                f"the answers come from {Path(self.answers).name}; no encoder has a part in them",
                *given.notes,
                *joined.notes,
                *resolution_notes(table),
                *_notes(silent, covered, given.stated),
                *report.notes,
            ),
            details={
                "answers": self.answers,
                "kind": "scores" if isinstance(given, ScoreMatrix) else "names",
                "n_candidates": predictions[0].n_candidates,
                "n_images_covered": int(covered.sum()),
                "n_taxa_covered": len(np.unique(images.taxon[rules.rest][covered])),
                "n_images_without_answer": silent,
                **joined.counts,
                "names": {str(how): int(count) for how, count in zip(*_counted(table["how"]), strict=True)},
                **report.details,
            },
            tables={"names": table, **report.tables},
            taxonomy=placed.joined(taxonomy),
        )

    def _read(self, ranks: Sequence[str]) -> RankedNames | ScoreMatrix:
        path = Path(self.answers).expanduser()
        if self.candidates is not None:
            names = read_candidates(Path(self.candidates).expanduser(), ranks)
            samples = None if self.samples is None else Path(self.samples).expanduser()
            return read_scores(path, samples, self.sample, names, self.softmax)
        if path.suffix == ".npy":
            raise TaxoevalError(f"{path}: what do its columns stand for? give task.{self.name}.candidates=FILE")
        if self.softmax is not None or self.samples is not None:
            raise TaxoevalError(
                f"task.{self.name}: softmax and samples are for a matrix of scores; give candidates=FILE with it"
            )
        columns = find_answer_columns(
            arrow.header(path), str(path), self.names, ranks, sample=self.sample, probability=self.probability
        )
        return read_names(path, columns, ranks)


def _predict(
    given: RankedNames | ScoreMatrix, joined: Joined, placed: Placed, subject: Subject
) -> tuple[Rules, tuple[Predictions, ...], Ids]:
    """Answers of every decoder as taxa of the placed taxonomy, and for how many images each name is the first."""
    target, sample = placed.taxon[subject.embeddings.taxon], subject.embeddings.sample
    closed = isinstance(given, ScoreMatrix)
    blocks = Blocks(given, joined, placed.candidate, target[:0] if closed else target[joined.positions])
    about = (blocks.candidates, target)
    rules = fit_rules(subject, blocks.of, joined.positions, *about, placed.taxonomy)
    predictions = predict(blocks.of(rules.rest), *about, sample, placed.taxonomy, rules=rules)
    told = tuple(with_silent(placed.answered(one), rules.rest, target, sample) for one in predictions)
    if not given.stated:
        told = tuple(replace(one, probability=np.full_like(one.probability, np.nan), fitted=None) for one in told)
    return rules, told, blocks.times


def _parts(covered: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """All images; and those whose taxon is among the candidates, where that is another question."""
    yield "all", np.ones_like(covered)
    if 0 < covered.sum() < len(covered):
        yield "covered", covered


def _notes(silent: int, covered: NDArray[np.bool_], stated: bool) -> Iterator[str]:
    if silent:
        yield f"{silent} of {len(covered)} images have no answer at any rank: they count as wrong (see coverage)"
    if not covered.all():
        yield (
            f"the candidates hold the taxon of {int(covered.sum())} of {len(covered)} images: the others cannot be "
            "right at their finest rank; 'covered' is about the former alone"
        )
    if not stated:
        yield "no probabilities were stated: none are reported, and calibration is undefined"


def _counted(how: NDArray[Any]) -> tuple[NDArray[Any], Ids]:
    values, count = np.unique(how, return_counts=True)
    return values, count

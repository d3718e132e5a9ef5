"""Few-shot: how much does an encoder know after k images of each taxon? SimpleShot, as the BioCLIP papers run it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxoeval.embedding.progress import progress_bar
from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.metrics import rank_hits, statistics
from taxoeval.records import Predictions, Score
from taxoeval.tasks.answering import predict
from taxoeval.tasks.base import Subject, TaskResult, normalised, softmax
from taxoeval.tasks.decoding_report import Part, report_decoding
from taxoeval.tasks.fitting import Block, fit_rules
from taxoeval.tasks.groups import group_note, groups_of, n_groups
from taxoeval.tasks.scoring import score_each
from taxoeval.tasks.support import SHUFFLES, Fold, Shuffle, folds_of
from taxoeval.taxonomy import Taxonomy

_BLOCK = 1 << 22  # distances held at a time: 16 MiB


@dataclass(frozen=True)
class FewShot:
    """Nearest centroid of k support images per label, over several seeded folds (SimpleShot, CL2N).

    In each fold the images of every label are shuffled, the first k support it and all others are tested. Vectors are
    divided by their length, the mean of all support vectors is subtracted, and they are divided by their length again.
    A label's centroid is the mean of its support vectors, not normalised; the nearest by Euclidean distance wins.

    Attributes
    ----------
    shots
        The numbers of support images per label, each evaluated on its own; k-shot and (k+1)-shot test different images.
    folds
        How many folds.
    shuffle
        Which of the two published ways of drawing folds, ``copied`` or ``in_place``: see `taxoeval.tasks.support`. For
        the same file, either gives the splits that its script gave.
    temperature
        Probabilities are the softmax of minus half the squared distance over this. It decides nothing for
        ``leaf_argmax``; for ``rank_sum`` a higher one gives taxa with many candidates more weight.

    Raises
    ------
    TaxoevalError
        When called, if a setting is out of range.
    UnsupportedError
        When called, if no label has more than k images for any k asked for.

    Notes
    -----
    A label with fewer than k images cannot support itself: it is neither a candidate nor tested at that k, and the
    notes say how many are concerned (the published code stops there). A label with exactly k is a candidate, with no
    image to test. Where the dataset names groups, other images in the group of a supporting one are not tested in that
    fold, whatever their label.

    ``rank_hits_fold_std`` is the population standard deviation over folds that papers print: it shows the luck of the
    draw of support images, not the uncertainty about other species, which the interval shows.

    References
    ----------
    .. [1] Y. Wang et al., "SimpleShot: Revisiting Nearest-Neighbor Classification for Few-Shot Learning", 2019.

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
    >>> result = FewShot(shots=(1,), folds=2)(Subject(images, taxonomy, [""] * len(taxonomy), np.array([""] * 4)))
    >>> [(s.rank, s.value) for s in result.scores if (s.metric, s.decoder, s.k) == ("rank_hits", "leaf_argmax", 1)]
    [('genus', 1.0), ('species', 1.0)]
    """

    shots: tuple[int, ...] = (1, 5)
    folds: int = 5
    shuffle: Shuffle = "copied"
    temperature: float = 0.07
    name: str = "few_shot"

    def __call__(self, subject: Subject) -> TaskResult:
        """Evaluate one encoder on one dataset."""
        if not self.shots or min(self.shots) < 1 or self.folds < 1 or self.temperature <= 0:
            raise TaxoevalError(
                f"task.{self.name}: shots and folds must be at least 1 and temperature above 0; got shots="
                f"{list(self.shots)}, folds={self.folds}, temperature={self.temperature}"
            )
        if self.shuffle not in SHUFFLES:
            raise TaxoevalError(f"task.{self.name}.shuffle={self.shuffle!r} is not one of {', '.join(SHUFFLES)}")
        units = normalised(subject.embeddings.vectors, "few_shot")
        drawn = folds_of(subject.embeddings.taxon, self.shots, self.folds, self.shuffle)
        parts: list[Part] = []
        with progress_bar("few-shot", len(drawn), "numbers of shots") as advance:
            results = []
            for shots, folds in zip(self.shots, drawn, strict=True):
                results.append(self._one(shots, folds, units, subject, parts))
                advance(1)
        if not any(one.scores for one in results):
            raise UnsupportedError(
                f"{self.name} needs a label with more than {min(self.shots)} images, to support and to test it, and "
                "finds none (or none with images in other groups): give more images a label, or lower "
                "task.few_shot.shots"
            )
        splits: dict[str, list[NDArray[Any]]] = {}
        for one in results:
            for column, values in one.tables.get("splits", {}).items():
                splits.setdefault(column, []).append(values)
        report = report_decoding(parts, subject.taxonomy, subject)
        return TaskResult(
            scores=tuple(row for one in results for row in one.scores),
            predictions=tuple(part for one in results for part in one.predictions),
            notes=(*group_note(subject), *report.notes, *(note for one in results for note in one.notes)),
            details={
                "folds": self.folds,
                "shuffle": self.shuffle,
                "temperature": self.temperature,
                "n_groups": n_groups(subject),
                **report.details,
            }
            | {f"{shots}_shot": dict(one.details) for shots, one in zip(self.shots, results, strict=True)},
            tables={"splits": {column: np.concatenate(pieces) for column, pieces in splits.items()}, **report.tables},
        )

    def _one(
        self, shots: int, drawn: list[Fold], units: NDArray[np.float32], subject: Subject, parts: list[Part]
    ) -> TaskResult:
        """All folds of one number of shots; their answers are added to the parts."""
        images, taxonomy = subject.embeddings, subject.taxonomy
        taxa, count = np.unique(images.taxon, return_counts=True)
        labels = taxa[count >= shots].tolist()
        too_few = len(taxa) - len(labels)
        part = f"{shots}-shot"
        notes = _notes(
            part,
            shots,
            labels,
            dict(zip(taxa.tolist(), count.tolist(), strict=True)),
            too_few,
            int(count[count < shots].sum()),
        )
        group = groups_of(subject)
        splits = [(one.support, one.test[~np.isin(group[one.test], group[one.support])]) for one in drawn]
        details = {
            "n_candidates": len(labels),
            "n_labels_with_too_few_images": too_few,
            "n_images_in_supporting_groups": [
                len(one.test) - len(test) for one, (_, test) in zip(drawn, splits, strict=True)
            ],
        }
        if not all(len(test) for _, test in splits):
            return TaskResult(
                (), (), (*notes, f"{part}: no label has an image left to test, so it is not scored"), details
            )
        candidates = np.array(labels, dtype=np.int64)
        folds, rules = [], []
        for fold, (support, test) in enumerate(splits):
            scores = partial(self._distances, units, images.taxon, support, candidates)
            rules.append(fit_rules(subject, scores, test, candidates, images.taxon, taxonomy))
            blocks, of_fold = scores(rules[-1].rest), f"{part} fold {fold}"
            folds.append(
                predict(blocks, candidates, images.taxon, images.sample, taxonomy, part=of_fold, rules=rules[-1])
            )
        parts.append(Part(part, rules, folds))
        by_decoder = list(zip(*folds, strict=True))
        rows = score_each(by_decoder, taxonomy, task=self.name, part=part)
        for of_decoder in by_decoder:
            rows += _fold_std(of_decoder, taxonomy, task=self.name, part=part)
        support_size = sum(len(support) for support, _ in splits)
        tables = {
            "shots": np.full(support_size, shots),
            "fold": np.repeat(np.arange(self.folds), [len(support) for support, _ in splits]),
            "support": np.concatenate([images.sample[support] for support, _ in splits]),
        }
        return TaskResult(tuple(rows), tuple(p for fold in folds for p in fold), notes, details, {"splits": tables})

    def _distances(
        self,
        units: NDArray[np.float32],
        taxon: NDArray[np.int64],
        support: NDArray[np.int64],
        candidates: NDArray[np.int64],
        test: NDArray[np.int64],
    ) -> Iterator[Block]:
        centre = units[support].mean(axis=0)
        supporting = normalised(units[support] - centre, "few_shot support")
        column = np.searchsorted(candidates, taxon[support])
        centroid = np.zeros((len(candidates), units.shape[1]), dtype=np.float32)
        np.add.at(centroid, column, supporting)
        centroid /= np.bincount(column)[:, None]
        length = (centroid**2).sum(axis=1)
        step = max(1, _BLOCK // len(candidates))
        for start in range(0, len(test), step):
            rows = test[start : start + step]
            queries = normalised(units[rows] - centre, "few_shot test")
            # half the squared distance, less the query's own half, which is the same for all candidates
            yield rows, softmax((queries @ centroid.T - length / 2) / self.temperature)


def _fold_std(parts: tuple[Predictions, ...], taxonomy: Taxonomy, *, task: str, part: str) -> list[Score]:
    """Population standard deviation over folds of the accuracy at each rank, with no interval of its own."""
    accuracy = [statistics.mean(rank_hits(fold.target, fold.taxon[:, :, :1], taxonomy)) for fold in parts]
    nan = float("nan")
    return [
        Score(
            metric="rank_hits_fold_std",
            value=float(spread),
            n=len(parts),
            rank=rank,
            k=1,
            low=nan,
            high=nan,
            chance=nan,
            majority=nan,
            higher_is_better=False,
            task=task,
            decoder=parts[0].decoder,
            slice=part,
        )
        for rank, spread in zip(taxonomy.ranks, np.std(accuracy, axis=0), strict=True)
    ]


def _notes(
    part: str, shots: int, labels: list[int], count: dict[int, int], too_few: int, images: int
) -> tuple[str, ...]:
    notes = []
    if too_few:
        notes.append(
            f"{part}: {too_few} labels have fewer than {shots} images and are left out, with their {images} images"
        )
    untested = sum(count[label] == shots for label in labels)
    if untested and untested < len(labels):
        notes.append(
            f"{part}: {untested} of {len(labels)} labels have exactly that many images, with none left to test"
        )
    return tuple(notes)

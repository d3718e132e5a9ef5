"""Linear probe: how much of the tree can a straight cut through the embeddings tell apart?"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.records import Predictions, Score
from taxoeval.tasks.base import Subject, TaskResult
from taxoeval.tasks.decoding_report import Part, report_decoding
from taxoeval.tasks.fitting import fit_rules
from taxoeval.tasks.groups import group_note, groups_of, n_groups
from taxoeval.tasks.knowable import hidden_scores, scores_within
from taxoeval.tasks.probe_answers import LinearHead, answers, probabilities, standardised
from taxoeval.tasks.probe_heads import Head, heads, split_notes
from taxoeval.tasks.splits import Split, leave_taxa_out, split_images
from taxoeval.taxonomy import Taxonomy

Ints = NDArray[np.int64]
Fitted = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True)
class LinearProbe:
    """Softmax regression on the stored vectors, trained on part of the images of every taxon and tested on the rest.

    Vectors are standardised over the training images. Every taxon keeps an image for training; a label above the
    classes, a genus of species, teaches a leaf head that one of these is right, and a head of a finer rank nothing.
    Images of one group, where the dataset names any, are on one side of the split.

    Attributes
    ----------
    heads
        ``leaf``: one head over the finest labels, whose probabilities go through every decoder. ``ranks``: one head per
        rank, each answering for itself (decoder ``per_rank``); the finest one's go through the others. Or the name of a
        rank: that head alone, scored down to that rank.
    loss
        ``cross_entropy``, ``soft_labels`` (spread over the classes by their distance in the tree) or ``hxe``
        (hierarchical cross-entropy); see `taxoeval.tasks.probe_losses.terms`.
    alpha
        How fast the weight of a rank falls with its height, for ``hxe``.
    beta
        How fast a soft label falls with distance; higher is harder.
    balance
        Give every label the same weight in total.
    solver
        ``lightning``: Adam in batches, any loss. ``sklearn``: logistic regression by L-BFGS, cross-entropy only,
        without early stopping; labels above the classes are left out.
    c
        Inverse strength of the penalty on squared weights, as in scikit-learn; the same for both solvers.
    learning_rate, batch_size, epochs
        Of Adam: first learning rate, which falls along a cosine to 0, None for 2 over the dimension of the vectors,
        with which a first step means as much in all dimensions; images a step; passes over them at most.
    patience
        Stop after so many epochs without a lower validation loss; the best epoch's weights are taken.
    validation, test
        Shares of the images that stop the training and that are scored.
    leave_out
        A rank: hide a share of its taxa from the training, and score their images down to the rank above
        (``<rank> unseen``) beside the test images of the others (``<rank> seen``). None: hide nothing.
    share
        The share of taxa hidden.
    seed
        Seed of split and training.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``, for Lightning.
    folder
        Where to keep a checkpoint after every epoch: an interrupted training of the same probe of the same vectors goes
        on from there, a finished one is not repeated. None: nothing is written.

    Raises
    ------
    TaxoevalError
        When called, if a setting is out of range, or a checkpoint cannot be read.
    UnsupportedError
        When called, if there are fewer than two taxa to tell apart, or no image is left to test.

    References
    ----------
    .. [1] G. Alain, Y. Bengio, "Understanding intermediate layers using linear classifier probes", 2016.
    .. [2] L. Bertinetto et al., "Making Better Mistakes: Leveraging Class Hierarchies with Deep Networks", CVPR 2020.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.records import Embeddings
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> taxon = taxonomy.ids(["Corvus corax"] * 5 + ["Pica pica"] * 5)
    >>> vectors = np.array([[1, i / 10] for i in range(5)] + [[i / 10, 1] for i in range(5)], dtype=np.float32)
    >>> images = Embeddings(vectors, taxon, np.array(list("abcdefghij")), "example")
    >>> probe = LinearProbe(solver="sklearn", validation=0)
    >>> result = probe(Subject(images, taxonomy, [""] * len(taxonomy), np.array([""] * 10)))
    >>> [(s.rank, s.value) for s in result.scores if (s.metric, s.decoder, s.k) == ("rank_hits", "leaf_argmax", 1)]
    [('genus', 1.0), ('species', 1.0)]
    """

    heads: str = "leaf"
    loss: Literal["cross_entropy", "soft_labels", "hxe"] = "cross_entropy"
    alpha: float = 0.1
    beta: float = 10.0
    balance: bool = False
    solver: Literal["lightning", "sklearn"] = "lightning"
    c: float = 1.0
    learning_rate: float | None = None
    batch_size: int = 256
    epochs: int = 100
    patience: int = 5
    validation: float = 0.1
    test: float = 0.3
    leave_out: str | None = None
    share: float = 0.2
    seed: int = 0
    device: str = "auto"
    folder: str | None = None
    name: str = "linear_probe"

    def __call__(self, subject: Subject) -> TaskResult:
        """Evaluate one encoder on one dataset."""
        images, taxonomy = subject.embeddings, subject.taxonomy
        self._check(taxonomy, images.vectors)
        split = self._split(images.taxon, groups_of(subject), taxonomy)
        training = split.positions("train")
        found = heads(images.taxon[training], taxonomy, self.heads)
        if not found or max(len(head.classes) for head in found) < 2:
            raise UnsupportedError(
                f"{self.name} needs two taxa to tell apart and finds fewer with heads={self.heads}; give images of more"
            )
        parts = {part: name for part, name in self._parts().items() if len(split.positions(part))}
        if not parts:
            raise UnsupportedError(f"{self.name} has no image left to test; give more images a taxon, or raise test")
        vectors = standardised(images.vectors, training)
        fitted, report, notes = self._fit(vectors, images.taxon, split, found)
        linears = [LinearHead(head, weight, bias) for head, (weight, bias) in zip(found, fitted, strict=True)]
        scores = partial(probabilities, linears[-1], vectors)
        rules = fit_rules(subject, scores, split.positions("test"), found[-1].classes, images.taxon, taxonomy)
        of_part = {part: rules if part == "test" else replace(rules, rest=split.positions(part)) for part in parts}
        predictions = {
            part: answers(linears, vectors, of_part[part], subject, part=name, every_rank=self.heads == "ranks")
            for part, name in parts.items()
        }
        decoded = [Part(name, [of_part[part]], [predictions[part]]) for part, name in parts.items()]
        about = report_decoding(decoded, taxonomy, subject)
        return TaskResult(
            scores=tuple(
                row for part, name in parts.items() for row in self._scores(part, name, taxonomy, predictions[part])
            ),
            predictions=tuple(answer for several in predictions.values() for answer in several),
            notes=(
                *group_note(subject),
                *notes,
                *about.notes,
                *split_notes(split, images.taxon, found, self.leave_out),
            ),
            details={key: value for key, value in asdict(self).items() if key not in ("name", "folder", "device")}
            | {
                "n_candidates": len(found[-1].classes),
                "classes": {head.rank or "leaf": len(head.classes) for head in found},
                "images": split.counts(),
                "n_hidden_taxa": len(split.hidden),
                "n_groups": n_groups(subject),
            }
            | report
            | about.details,
            tables=about.tables
            | {"split": split.table(images.sample)}
            | ({"hidden": split.names(taxonomy)} if self.leave_out else {}),
        )

    def _check(self, taxonomy: Taxonomy, vectors: NDArray[np.float32]) -> None:
        where = f"task.{self.name}"
        choices = {"loss": ("cross_entropy", "soft_labels", "hxe"), "solver": ("lightning", "sklearn")}
        for setting, words in (*choices.items(), ("heads", ("leaf", "ranks", *taxonomy.ranks))):
            if getattr(self, setting) not in words:
                raise TaxoevalError(f"{where}.{setting}={getattr(self, setting)!r} is not one of {', '.join(words)}")
        if self.leave_out is not None and self.leave_out not in taxonomy.ranks[1:]:
            raise TaxoevalError(
                f"{where}.leave_out={self.leave_out!r} must have a rank above it to be scored at: one of "
                f"{', '.join(taxonomy.ranks[1:]) or 'none, for the taxonomy has a single rank'}"
            )
        if self.solver == "sklearn" and self.loss != "cross_entropy":
            raise TaxoevalError(f"{where}: solver=sklearn knows loss=cross_entropy only; use solver=lightning")
        rate = 1.0 if self.learning_rate is None else self.learning_rate
        if min(self.c, rate) <= 0 or min(self.batch_size, self.epochs, self.patience) < 1:
            raise TaxoevalError(
                f"{where}: c and learning_rate must be above 0, batch_size, epochs and patience at least 1; got "
                f"c={self.c}, learning_rate={self.learning_rate}, batch_size={self.batch_size}, epochs={self.epochs}, "
                f"patience={self.patience}"
            )
        if min(self.alpha, self.beta, self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise TaxoevalError(
                f"{where}: alpha, beta, validation and test must be at least 0, the last two together below 1; got "
                f"alpha={self.alpha}, beta={self.beta}, validation={self.validation}, test={self.test}"
            )
        if not 0 < self.share < 1:
            raise TaxoevalError(f"{where}.share={self.share} must lie between 0 and 1")
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise ValueError(f"{self.name}: vector {row} holds NaN or infinity; recompute the embeddings")

    def _split(self, taxon: Ints, group: Ints, taxonomy: Taxonomy) -> Split:
        if self.leave_out is None:
            return split_images(taxon, validation=self.validation, test=self.test, seed=self.seed, group=group)
        split = leave_taxa_out(
            taxon,
            taxonomy,
            rank=self.leave_out,
            share=self.share,
            validation=self.validation,
            test=self.test,
            seed=self.seed,
            group=group,
        )
        if not len(split.hidden):
            raise UnsupportedError(
                f"{self.name} cannot leave out a {self.leave_out}: none shares the taxon above it with another; choose "
                "another rank, or leave_out=null"
            )
        return split

    def _parts(self) -> dict[str, str]:
        """Parts of the split that are scored, and the names of those scores."""
        if self.leave_out is None:
            return {"test": "all"}
        return {"test": f"{self.leave_out} seen", "hidden": f"{self.leave_out} unseen"}

    def _fit(
        self, vectors: NDArray[np.float32], taxon: Ints, split: Split, found: Sequence[Head]
    ) -> tuple[Fitted, dict[str, Any], tuple[str, ...]]:
        """Weights of the heads, what to record of how they came about, and notes."""
        training, validation = split.positions("train"), split.positions("validation")
        if self.solver == "sklearn":
            from taxoeval.tasks import probe_sklearn

            plain = probe_sklearn.fit(vectors[training], taxon[training], found, c=self.c, balance=self.balance)
            late = [found[place].rank or "leaf" for place in plain.unfinished]
            notes = (f"scikit-learn stopped before it was done: {', '.join(late)}",) if late else ()
            return plain.heads, {"iterations": plain.iterations}, notes
        from taxoeval.tasks.probe_layer import Examples, Settings
        from taxoeval.tasks.probe_training import train

        trained = train(
            Examples(vectors[training], taxon[training]),
            Examples(vectors[validation], taxon[validation]),
            found,
            Settings(**{key: value for key, value in asdict(self).items() if key in Settings.__dataclass_fields__}),
            checkpoint=self._checkpoint(vectors, taxon, split),
        )
        lowest = trained.validation_loss
        report = {
            "epochs_trained": trained.epochs,
            "best_epoch": trained.best_epoch,
            "validation_loss": None if math.isnan(lowest) else lowest,
            "resumed_epoch": trained.resumed_epoch,
        }
        if len(validation):
            return trained.heads, report, ()
        return trained.heads, report, ("no image is left for validation: the probe was trained for all epochs",)

    def _checkpoint(self, vectors: NDArray[np.float32], taxon: Ints, split: Split) -> Path | None:
        """A file named after everything the trained weights depend on."""
        if self.folder is None:
            return None
        settings = {key: value for key, value in asdict(self).items() if key not in ("name", "folder", "device")}
        hasher = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for array in (vectors, taxon, split.positions("train"), split.positions("validation")):
            hasher.update(np.ascontiguousarray(array).data)
        return Path(self.folder).expanduser() / f"{self.name}-{hasher.hexdigest()[:16]}.ckpt"

    def _scores(self, part: str, name: str, taxonomy: Taxonomy, given: Sequence[Predictions]) -> list[Score]:
        target = given[0].target
        if part == "hidden" and self.leave_out is not None:
            taxa = taxonomy.at(self.leave_out)[target]
            return hidden_scores(given, taxonomy, task=self.name, part=name, groups=taxa)
        if self.heads in taxonomy.ranks:  # of what is finer than its rank, a single head says nothing
            path = taxonomy.ancestor[target, : taxonomy.ranks.index(self.heads) + 1].astype(np.int64)
            target = path.max(axis=1)
        return scores_within(given, target, taxonomy, task=self.name, part=name)

"""Zero-shot: does the image lie nearest to the text that names its taxon?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from taxoeval.decoding.base import Answers, best
from taxoeval.errors import UnsupportedError
from taxoeval.prompts import Prompts
from taxoeval.records import Predictions
from taxoeval.tasks.answering import TOP_K, of_samples, predict
from taxoeval.tasks.base import Subject, TaskResult, normalised, softmax
from taxoeval.tasks.candidates import Candidates, choose
from taxoeval.tasks.class_texts import class_vectors, prompt_record, same_texts
from taxoeval.tasks.decoding_report import Part, report_decoding
from taxoeval.tasks.fitting import Block, Rules, fit_rules
from taxoeval.tasks.scoring import score_each

_BLOCK = 1 << 22  # cosines held at a time: 16 MiB
_MANY = 100_000  # candidates from which on sums are made on the way

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ZeroShot:
    """Cosine between an image and the text of each candidate taxon, scaled as trained, through a softmax.

    The text of a taxon fills every template; each filled text is embedded and divided by its length, their mean is
    divided by its length again. By default the candidates are the labels that occur in the dataset (a closed set, as in
    the BioCLIP papers): far easier than the whole tree of life, which the number of candidates beside the scores
    recalls.

    Attributes
    ----------
    prompts
        How a taxon becomes text: text type and template set, see `taxoeval.prompts`.
    candidates
        None for the labels that occur; or a table of lineages, or a list of names, see `taxoeval.tasks.candidates`.
    clade
        Only candidates in this taxon, given by name or path.
    region
        Only candidates that this list of names holds, such as the checklist of a country.
    per_rank
        Also ask each rank on its own: a softmax over the texts of all taxa of that rank that hold candidates. Those
        answers, of the rule ``per_rank``, need not form a path.
    streaming
        Follow sums at every rank while the texts pass, instead of holding the probability of every candidate: only the
        rules ``leaf_argmax``, with one answer, and ``rank_sum``. None: from 100,000 candidates on.
    device
        Where sums are made if streaming: ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    UnsupportedError
        When called, if the encoder has no text tower.
    TaxoevalError
        When called, if the candidates cannot be read, or the clade holds none.

    Notes
    -----
    Images whose taxon is no candidate stay: they are wrong where no candidate shares theirs, and the notes say how many
    they are. Where there are such images, the scores come twice: ``all``, and ``covered`` for the others.

    Candidates that the dataset's taxonomy lacks are added to it: the result's ``taxonomy`` is then the one with both,
    and its predictions are of that.

    Examples
    --------
    >>> import numpy as np
    >>> from taxoeval import Taxonomy
    >>> from taxoeval.records import Embeddings
    >>> from taxoeval.tasks import Subject
    >>> taxonomy = Taxonomy.from_lineages(
    ...     [("Corvus", "Corvus corax"), ("Pica", "Pica pica")], ranks=("genus", "species"))
    >>> taxon = taxonomy.ids(["Corvus corax", "Pica pica"])
    >>> images = Embeddings(np.eye(2, dtype=np.float32), taxon, np.array(["a", "b"]), "example")
    >>> names = {"Corvus corax": [1.0, 0.1], "Pica pica": [0.1, 1.0], "Corvus": [1.0, 0.0], "Pica": [0.0, 1.0]}
    >>> def embed_texts(texts):
    ...     return np.array([names[text] for text in texts], dtype=np.float32)
    >>> task = ZeroShot(Prompts(text_type="sci", templates="none"))
    >>> result = task(Subject(images, taxonomy, [""] * len(taxonomy), np.array(["", ""]), embed_texts, 10.0))
    >>> [(s.rank, s.value) for s in result.scores if (s.metric, s.decoder, s.k) == ("rank_hits", "leaf_argmax", 1)]
    [('genus', 1.0), ('species', 1.0)]
    """

    prompts: Prompts
    candidates: str | None = None
    clade: str | None = None
    region: str | None = None
    per_rank: bool = True
    streaming: bool | None = None
    device: str = "auto"
    name: str = "zero_shot"

    def __call__(self, subject: Subject) -> TaskResult:
        """Evaluate one encoder on one dataset."""
        if subject.embed_texts is None:
            raise UnsupportedError(
                f"{self.name} compares images with texts and this encoder has no text tower; use knn or few_shot, or "
                "an image-text encoder such as encoder=bioclip2"
            )
        chosen = choose(subject, self.candidates, self.clade, self.region)
        units = normalised(subject.embeddings.vectors, "zero_shot images")
        streaming = len(chosen.ids) >= _MANY if self.streaming is None else self.streaming
        texts = self._texts(chosen.ids, chosen, subject)
        classifier = class_vectors(texts, self.prompts, subject.embed_texts)
        rules, predictions = (self._streamed if streaming else self._decoded)(units, classifier, chosen, subject)
        del classifier
        if self.per_rank:
            each = self._each_rank(units, chosen, subject, streaming)
            predictions = (*predictions, of_samples(each, rules.rest))
        taxonomy = chosen.placed.taxonomy
        report = report_decoding([Part("all", [rules], [predictions])], taxonomy, subject)
        shared, shared_table = same_texts(texts, chosen.ids, chosen.placed.taxonomy)
        return TaskResult(
            scores=tuple(
                row
                for part, mask in _parts(chosen.covered[rules.rest])
                for row in score_each(
                    [(of_samples(one, mask),) for one in predictions], taxonomy, task=self.name, part=part
                )
            ),
            predictions=tuple(predictions),
            notes=(*chosen.notes, *shared, *_note_streaming(streaming, len(chosen.ids)), *report.notes),
            details={
                **prompt_record(texts, self.prompts),
                **chosen.details,
                "n_candidates_sharing_text": len(shared_table.get("text", ())),
                "streaming": streaming,
                "logit_scale": subject.logit_scale,
                **report.details,
            },
            tables={
                **chosen.tables,
                **report.tables,
                **({"same_text": shared_table} if shared else {}),
            },
            taxonomy=chosen.placed.joined(subject.taxonomy),
        )

    def _texts(self, taxa: Ints, chosen: Candidates, subject: Subject) -> list[str]:
        """The text of each taxon; the label as written is that of its first image, if it has one."""
        label = [""] * len(taxa)
        if self.prompts.text_type == "asis":
            occurring, first = np.unique(chosen.target, return_index=True)
            place = dict(zip(occurring.tolist(), first.tolist(), strict=True))
            label = [str(subject.label[place[taxon]]) if taxon in place else "" for taxon in taxa.tolist()]
        return self.prompts.texts(chosen.placed.taxonomy, taxa.tolist(), chosen.common_name, label)

    def _decoded(
        self, units: Floats, classifier: Floats, chosen: Candidates, subject: Subject
    ) -> tuple[Rules, tuple[Predictions, ...]]:
        """Every decoder on the probabilities of all candidates."""
        scores, everything = partial(_blocks, units, classifier, subject.logit_scale), np.arange(len(units))
        about, taxonomy = (chosen.ids, chosen.target), chosen.placed.taxonomy
        rules = fit_rules(subject, scores, everything, *about, taxonomy)
        return rules, predict(scores(rules.rest), *about, subject.embeddings.sample, taxonomy, rules=rules)

    def _streamed(
        self, units: Floats, classifier: Floats, chosen: Candidates, subject: Subject
    ) -> tuple[Rules, tuple[Predictions, ...]]:
        """The rules that need no probability of every candidate; nothing is fitted."""
        summed, leaf = self._rank_scores(units, classifier, chosen.ids, chosen, subject)
        found = [*([("leaf_argmax", leaf)] if leaf is not None else []), ("rank_sum", summed)]
        predictions = tuple(self._predictions(name, answers, chosen, subject) for name, answers in found)
        return Rules((), rest=np.arange(len(units))), predictions

    def _rank_scores(
        self, units: Floats, classifier: Floats, taxa: Ints, chosen: Candidates, subject: Subject
    ) -> tuple[Answers, Answers | None]:
        from taxoeval.embedding.predict import choose_device
        from taxoeval.tasks.rank_scores import rank_scores

        device = choose_device(self.device, has_module=True)
        return rank_scores(
            units,
            classifier,
            taxa,
            chosen.placed.taxonomy,
            scale=subject.logit_scale,
            k=min(TOP_K, len(taxa)),
            device="cpu" if device == "mps" else device,
        )

    def _each_rank(self, units: Floats, chosen: Candidates, subject: Subject, streaming: bool) -> Predictions:
        """The nearest texts among the taxa of each rank, rank by rank."""
        taxonomy = chosen.placed.taxonomy
        paths = taxonomy.ancestor[chosen.ids]
        k = min(TOP_K, len(chosen.ids))
        taxon = np.full((len(units), taxonomy.n_ranks, k), -1, dtype=np.int64)
        sure = np.full(taxon.shape, np.nan)
        for r in range(taxonomy.n_ranks):
            taxa = np.unique(paths[paths[:, r] >= 0, r]).astype(np.int64)
            if not len(taxa):
                continue
            assert subject.embed_texts is not None  # noqa: S101 - checked by the caller
            classifier = class_vectors(self._texts(taxa, chosen, subject), self.prompts, subject.embed_texts)
            if streaming:
                summed, _ = self._rank_scores(units, classifier, taxa, chosen, subject)
                found = summed.taxon.shape[2]
                taxon[:, r, :found], sure[:, r, :found] = summed.taxon[:, r], summed.probability[:, r]
                continue
            for rows, probability in _blocks(units, classifier, subject.logit_scale, np.arange(len(units))):
                column = best(probability, k)
                stated = np.take_along_axis(probability, column, axis=1)
                taxon[rows, r] = np.where(column >= 0, taxa[column], -1)
                sure[rows, r] = np.where(column >= 0, stated, np.nan)
        return self._predictions("per_rank", Answers(taxon, sure), chosen, subject)

    def _predictions(self, decoder: str, answers: Answers, chosen: Candidates, subject: Subject) -> Predictions:
        return Predictions(
            sample=subject.embeddings.sample,
            target=chosen.target,
            taxon=answers.taxon,
            probability=answers.probability,
            decoder=decoder,
            candidates=chosen.ids,
        )


def _blocks(units: Floats, classifier: Floats, logit_scale: float, positions: Ints) -> Iterator[Block]:
    step = max(1, _BLOCK // len(classifier))
    for start in range(0, len(positions), step):
        rows = positions[start : start + step]
        yield rows, softmax(np.float32(logit_scale) * (units[rows] @ classifier.T))


def _parts(covered: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """All images; and those whose taxon is among the candidates, where that is another question."""
    yield "all", np.ones_like(covered)
    if 0 < covered.sum() < len(covered):
        yield "covered", covered


def _note_streaming(streaming: bool, n: int) -> tuple[str, ...]:
    if not streaming:
        return ()
    return (
        f"sums were made on the way through {n:,} candidates: of the decoders that read all probabilities only "
        "leaf_argmax and rank_sum answered, and nothing was fitted (streaming=false for all)",
    )

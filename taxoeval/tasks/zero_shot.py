"""Zero-shot: does the image lie nearest to the text that names its taxon?"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import UnsupportedError
from taxoeval.prompts import Prompts
from taxoeval.tasks.base import Subject, TaskResult, normalised, softmax
from taxoeval.tasks.scoring import Block, predict, score

_BLOCK = 1 << 22  # cosines held at a time: 16 MiB
_TEXTS = 1 << 14  # texts embedded at a time


@dataclass(frozen=True)
class ZeroShot:
    """Cosine between an image and the text of each candidate taxon, scaled as trained, through a softmax.

    The text of a taxon fills every template; each filled text is embedded and divided by its length, their mean is
    divided by its length again. Candidates are the labels that occur in the dataset (a closed set, as in the BioCLIP
    papers): far easier than the whole tree of life, which the number of candidates beside the scores recalls.

    Attributes
    ----------
    prompts
        How a taxon becomes text: text type and template set, see `taxoeval.prompts`.

    Raises
    ------
    UnsupportedError
        When called, if the encoder has no text tower.

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
    >>> names = {"Corvus corax": [1.0, 0.1], "Pica pica": [0.1, 1.0]}
    >>> def embed_texts(texts):
    ...     return np.array([names[text] for text in texts], dtype=np.float32)
    >>> task = ZeroShot(Prompts(text_type="sci", templates="none"))
    >>> result = task(Subject(images, taxonomy, [""] * len(taxonomy), np.array(["", ""]), embed_texts, 10.0))
    >>> [(s.rank, s.value) for s in result.scores if (s.metric, s.decoder, s.k) == ("rank_hits", "leaf_argmax", 1)]
    [('genus', 1.0), ('species', 1.0)]
    """

    prompts: Prompts
    name: str = "zero_shot"

    def __call__(self, subject: Subject) -> TaskResult:
        """Evaluate one encoder on one dataset."""
        if subject.embed_texts is None:
            raise UnsupportedError(
                f"{self.name} compares images with texts and this encoder has no text tower; use knn or few_shot, or "
                "an image-text encoder such as encoder=bioclip2"
            )
        images = subject.embeddings
        candidates = np.unique(images.taxon)
        _, first = np.unique(images.taxon, return_index=True)
        texts = self.prompts.texts(
            subject.taxonomy, candidates.tolist(), subject.common_name, subject.label[first].tolist()
        )
        classifier = self._classifier(texts, subject)
        blocks = self._cosines(images.vectors, classifier, subject.logit_scale)
        predictions = predict(blocks, candidates, images.taxon, images.sample, subject.taxonomy)
        return TaskResult(
            scores=tuple(row for part in predictions for row in score((part,), subject.taxonomy, task=self.name)),
            predictions=predictions,
            notes=_note_same_text(texts),
            details={
                "text_type": self.prompts.text_type,
                "templates": self.prompts.templates,
                "n_templates": len(self.prompts.fill("")),
                "n_candidates": len(candidates),
                "example": self.prompts.fill(texts[0])[0],
                "prompts_sha256": sha256(
                    "\n".join(t for text in texts for t in self.prompts.fill(text)).encode()
                ).hexdigest(),
                "logit_scale": subject.logit_scale,
            },
        )

    def _classifier(self, texts: list[str], subject: Subject) -> NDArray[np.float32]:
        """One unit vector per candidate, ``(c, d)``."""
        assert subject.embed_texts is not None  # noqa: S101 - checked by the caller
        per_text = len(self.prompts.fill(""))
        step = max(1, _TEXTS // per_text)
        rows = []
        for start in range(0, len(texts), step):
            some = texts[start : start + step]
            vectors = subject.embed_texts([filled for text in some for filled in self.prompts.fill(text)])
            units = normalised(vectors, "zero_shot texts").reshape(len(some), per_text, -1)
            rows.append(normalised(units.mean(axis=1), "zero_shot candidates"))
        return np.concatenate(rows)

    def _cosines(
        self, vectors: NDArray[np.float32], classifier: NDArray[np.float32], logit_scale: float
    ) -> Iterator[Block]:
        units = normalised(vectors, "zero_shot images")
        step = max(1, _BLOCK // len(classifier))
        for start in range(0, len(units), step):
            rows = np.arange(start, min(start + step, len(units)))
            yield rows, softmax(np.float32(logit_scale) * (units[rows] @ classifier.T))


def _note_same_text(texts: list[str]) -> tuple[str, ...]:
    unique, count = np.unique(np.array(texts), return_counts=True)
    if len(unique) == len(texts):
        return ()
    shared = ", ".join(repr(str(text)) for text in unique[count > 1][:3])
    return (
        f"{int(count[count > 1].sum())} candidates share their text with another ({shared}): no encoder can tell them "
        "apart by this text type",
    )

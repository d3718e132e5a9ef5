"""`ZeroShot` against the published protocol written as it reads."""

from dataclasses import replace

import numpy as np
import pytest

from taxoeval.errors import UnsupportedError
from taxoeval.prompts import Prompts
from taxoeval.tasks import zero_shot
from taxoeval.tasks.zero_shot import ZeroShot
from tests.tasks.clades import clade, value


def text_tower(subject, noise=0.5):
    """Texts land near the mean vector of their species, moved by every template in its own way."""
    images = subject.embeddings
    centre = {str(subject.taxonomy.names[t]): images.vectors[images.taxon == t].mean(axis=0) for t in set(images.taxon)}

    def embed(texts):
        rows = []
        for text in texts:
            (name,) = [name for name in centre if text.rstrip(".!").endswith(name) or f"{name}" in text]
            seed = np.random.default_rng(abs(hash_of(text)))
            rows.append(centre[name] + noise * seed.normal(size=images.vectors.shape[1]))
        return np.array(rows, dtype=np.float32)

    return embed


def hash_of(text):
    return int.from_bytes(text.encode()[-8:], "little") + len(text)


def test_equals_the_published_protocol():
    subject = clade(n_species=9, spread=1.5)
    subject = replace(subject, embed_texts=text_tower(subject), logit_scale=20.0)
    prompts = Prompts(text_type="sci", templates="openai81")
    result = ZeroShot(prompts)(subject)
    taxa = np.unique(subject.embeddings.taxon)
    classifier = []
    for taxon in taxa:
        filled = prompts.fill(str(subject.taxonomy.names[taxon]))
        assert len(filled) == 81
        vectors = subject.embed_texts(filled)
        mean = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0)
        classifier.append(mean / np.linalg.norm(mean))
    images = subject.embeddings.vectors
    logits = 20.0 * (images / np.linalg.norm(images, axis=1, keepdims=True)) @ np.array(classifier).T
    answers = taxa[logits.argmax(axis=1)]
    np.testing.assert_array_equal(result.predictions[0].taxon[:, -1, 0], answers)
    assert value(result, "rank_hits", "species").value == pytest.approx((answers == subject.embeddings.taxon).mean())
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(result.predictions[0].probability[:, -1, 0], probability.max(axis=1), rtol=1e-4)
    assert result.details["n_templates"] == 81
    assert result.details["example"] == "a photo of G0 s0."


def test_blocks_do_not_change_the_answers(monkeypatch):
    subject = clade(n_species=9, spread=1.5)
    subject = replace(subject, embed_texts=text_tower(subject), logit_scale=20.0)
    task = ZeroShot(Prompts(text_type="sci", templates="one"))
    whole = task(subject).predictions[0]
    monkeypatch.setattr(zero_shot, "_BLOCK", 40)
    monkeypatch.setattr(zero_shot, "_TEXTS", 2)
    np.testing.assert_array_equal(whole.taxon, task(subject).predictions[0].taxon)


def test_no_text_tower_is_unsupported():
    with pytest.raises(UnsupportedError, match="no text tower; use knn or few_shot"):
        ZeroShot(Prompts(text_type="sci", templates="one"))(clade())


def test_candidates_with_the_same_text_are_told():
    subject = clade(n_species=6)
    common = ["staghorn coral" if rank == 2 else "" for rank in subject.taxonomy.rank]
    subject = replace(
        subject, common_name=common, embed_texts=lambda texts: np.ones((len(texts), 16), dtype=np.float32)
    )
    result = ZeroShot(Prompts(text_type="com", templates="none"))(subject)
    assert "6 candidates share their text with another ('staghorn coral')" in result.notes[0]

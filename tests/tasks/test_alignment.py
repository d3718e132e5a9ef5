"""`Alignment` against the whole matrix of N images and N texts."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from taxoeval.errors import UnsupportedError
from taxoeval.prompts import Prompts
from taxoeval.tasks import alignment
from taxoeval.tasks.alignment import Alignment
from tests.tasks.clades import clade
from tests.tasks.test_zero_shot import text_tower

PROMPTS = Prompts("sci", "one")


def aligned(**options):
    subject = clade(**options)
    return replace(subject, embed_texts=text_tower(subject), logit_scale=20.0)


def found(result, metric, part="all", k=1):
    (row,) = [s for s in result.scores if (s.metric, s.slice, s.k) == (metric, part, k)]
    return row


def matrix(subject):
    """Cosines (N, N) of all images and the text of each image."""
    names = [str(subject.taxonomy.names[i]) for i in subject.embeddings.taxon]
    texts = subject.embed_texts([f"a photo of {name}." for name in names])
    images = subject.embeddings.vectors
    return (images / np.linalg.norm(images, axis=1, keepdims=True)) @ (
        texts / np.linalg.norm(texts, axis=1, keepdims=True)
    ).T


def test_means_over_the_matrix(monkeypatch):
    monkeypatch.setattr(alignment, "_BLOCK", 50)
    subject = aligned(n_species=9, per_species=5, spread=1.0)
    result = Alignment(PROMPTS)(subject)
    cosine, taxon = matrix(subject), subject.embeddings.taxon
    n, same = len(taxon), taxon[:, None] == taxon
    off = ~np.eye(n, dtype=bool)
    assert found(result, "similarity_correct").value == pytest.approx(np.trace(cosine) / n, rel=1e-5)
    assert found(result, "similarity_off_diagonal").value == pytest.approx(cosine[off].mean(), rel=1e-4)
    assert found(result, "similarity_incorrect").value == pytest.approx(cosine[~same].mean(), rel=1e-4)
    row = found(result, "alignment")
    assert row.value == pytest.approx(cosine[same].mean() - cosine[~same].mean(), rel=1e-4)
    assert row.chance == 0.0
    assert 0 < row.low < row.value < row.high
    share = (softmax(20.0 * cosine, axis=1) * same).sum(axis=1)
    assert found(result, "correct_text_share").value == pytest.approx(share.mean(), rel=1e-4)
    assert found(result, "correct_text_share").chance == pytest.approx(5 / 45)
    assert "45 images have 9 different texts" in result.notes[0]


def test_recall_both_ways():
    subject = aligned(n_species=9, per_species=5, spread=2.0)
    result = Alignment(PROMPTS, k=(1, 3))(subject)
    taxa, first = np.unique(subject.embeddings.taxon, return_index=True)
    cosine, taxon = matrix(subject)[:, first], subject.embeddings.taxon
    for k in (1, 3):
        best = taxa[np.argsort(-cosine, axis=1)[:, :k]]
        row = found(result, "recall", "image_to_text", k)
        assert row.value == pytest.approx((best == taxon[:, None]).any(axis=1).mean())
        assert row.chance == pytest.approx(k / 9)
        nearest = taxon[np.argsort(-cosine, axis=0)[:k]]
        row = found(result, "recall", "text_to_image", k)
        assert row.value == pytest.approx((nearest == taxa).any(axis=0).mean())
        assert row.n == 9
    assert found(result, "recall", "text_to_image", 1).chance == pytest.approx(5 / 45)
    assert found(result, "recall", "text_to_image", 3).chance == pytest.approx(1 - 40 * 39 * 38 / (45 * 44 * 43))


def test_the_text_of_the_genus_is_neither_right_nor_wrong_for_its_species():
    subject = aligned(n_species=6, per_species=5, spread=1.0, partial=4)
    result = Alignment(PROMPTS)(subject)
    cosine, taxonomy, taxon = matrix(subject), subject.taxonomy, subject.embeddings.taxon
    nested = np.array([[b in taxonomy.ancestor[a] or a in taxonomy.ancestor[b] for b in taxon] for a in taxon])
    incorrect = np.array([cosine[i, ~nested[i]].mean() for i in range(len(taxon))])
    assert (~nested).any(axis=1).all()
    assert found(result, "similarity_incorrect").value == pytest.approx(incorrect.mean(), rel=1e-4)
    assert any("text of a taxon above or below their own" in note for note in result.notes)


def test_a_heatmap_of_means():
    subject = aligned(n_species=4, per_species=5, spread=1.0)
    table = Alignment(PROMPTS)(subject).tables["similarity"]
    cosine, taxon = matrix(subject), subject.embeddings.taxon
    taxa = np.unique(taxon)
    expected = [[cosine[np.ix_(taxon == a, taxon == b)].mean() for b in taxa] for a in taxa]
    np.testing.assert_allclose(table["similarity"].reshape(4, 4), expected, rtol=1e-4)
    assert table["image_taxon"][0] == "F0 > G0 > G0 s0"
    many = aligned(n_species=66, per_species=1)
    assert len(set(Alignment(PROMPTS)(many).tables["similarity"]["text_taxon"])) == 22  # genera


def test_refusals():
    with pytest.raises(UnsupportedError, match="no text tower; use retrieval or knn"):
        Alignment(PROMPTS)(clade())
    with pytest.raises(UnsupportedError, match="all are of one lineage"):
        Alignment(PROMPTS)(aligned(n_species=1))

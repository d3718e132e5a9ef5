"""`Retrieval` against its definitions written as loops, on the small clade."""

from dataclasses import replace

import numpy as np
import pytest

from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.prompts import Prompts
from taxoeval.tasks import neighbours
from taxoeval.tasks.retrieval import Retrieval
from tests.tasks.clades import clade
from tests.tasks.test_zero_shot import text_tower


def found(result, metric, rank, part, k=1):
    (row,) = [s for s in result.scores if (s.metric, s.rank, s.slice, s.k) == (metric, rank, part, k)]
    return row


def naive(cosine, target, taxon, taxonomy, rank, barred, k):
    """Precision at k, R-precision, MAP@R of each query at one rank, and R over the gallery's size."""
    at = taxonomy.at(rank)
    rows = []
    for i in range(len(cosine)):
        items = [j for j in np.argsort(-cosine[i], kind="stable") if not barred(i, j)]
        hits = [int(at[taxon[j]] == at[target[i]]) for j in items]
        r = sum(hits)
        if at[target[i]] < 0:
            rows.append([np.nan] * 4)
            continue
        precisions = [sum(hits[: j + 1]) / (j + 1) * hits[j] for j in range(r)]
        rows.append(
            [
                sum(hits[:k]) / k,
                sum(hits[:r]) / r if r else np.nan,
                sum(precisions) / r if r else np.nan,
                r / len(items),
            ]
        )
    return np.array(rows)


def units_of(subject):
    vectors = subject.embeddings.vectors
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_images_find_images(monkeypatch):
    subject = clade(n_species=9, per_species=5, spread=1.5, partial=4)
    monkeypatch.setattr(neighbours, "_BLOCK", 300)
    result = Retrieval(k=(1, 5))(subject)
    units, taxon, taxonomy = units_of(subject), subject.embeddings.taxon, subject.taxonomy
    for rank in taxonomy.ranks:
        values = naive(units @ units.T, taxon, taxon, taxonomy, rank, lambda i, j: i == j, 5)
        for metric, column, k in (("precision_at_k", 0, 5), ("r_precision", 1, 1), ("map_at_r", 2, 1)):
            row = found(result, metric, rank, "image_to_image", k)
            assert row.value == pytest.approx(np.nanmean(values[:, column]))
            assert row.n == np.isfinite(values[:, column]).sum()
            assert row.low <= row.value <= row.high
        assert found(result, "r_precision", rank, "image_to_image").chance == pytest.approx(np.nanmean(values[:, 3]))
    ndcg = found(result, "ndcg_at_k", "", "image_to_image", 5)
    assert ndcg.chance < ndcg.value <= 1


def test_kin_are_found_among_other_species_only():
    subject = clade(n_species=9, per_species=5, spread=1.0, partial=4)
    result = Retrieval(k=(1,))(subject)
    units, taxon, taxonomy = units_of(subject), subject.embeddings.taxon, subject.taxonomy
    for rank, below in (("family", "genus"), ("genus", "species")):
        at, under = taxonomy.at(rank), taxonomy.at(below)

        def barred(i, j, at=at, under=under):
            same = under[taxon[i]] == under[taxon[j]] or (under[taxon[j]] < 0 and at[taxon[i]] == at[taxon[j]])
            return i == j or same

        target = np.where(under[taxon] >= 0, taxon, taxon)
        values = naive(units @ units.T, target, taxon, taxonomy, rank, barred, 1)
        values[(under[taxon] < 0) | ~(values[:, 3] > 0)] = np.nan
        for metric, column in (("precision_at_k", 0), ("r_precision", 1), ("map_at_r", 2)):
            row = found(result, metric, rank, "image_to_kin")
            assert row.value == pytest.approx(np.nanmean(values[:, column]))
            assert row.n == np.isfinite(values[:, column]).sum()
    assert not [s for s in result.scores if (s.slice, s.rank) == ("image_to_kin", "species")]


def test_images_of_one_group_do_not_find_each_other():
    """Pairs of near-copies: without their twin the images must look for others of the species."""
    subject = clade(n_species=6, per_species=4, spread=2.0)
    images = subject.embeddings
    vectors = np.repeat(images.vectors[::2], 2, axis=0) + 1e-3 * images.vectors
    subject = replace(subject, embeddings=replace(images, vectors=vectors.astype(np.float32)))
    groups = np.arange(len(vectors)) // 2
    apart = Retrieval(k=(1,))(replace(subject, group=groups.astype(str)))
    units, taxon, taxonomy = units_of(subject), images.taxon, subject.taxonomy
    values = naive(units @ units.T, taxon, taxon, taxonomy, "species", lambda i, j: groups[i] == groups[j], 1)
    assert found(apart, "precision_at_k", "species", "image_to_image").value == pytest.approx(values[:, 0].mean())
    assert found(apart, "map_at_r", "species", "image_to_image").value == pytest.approx(values[:, 2].mean())
    assert found(apart, "precision_at_k", "species", "image_to_image").chance == pytest.approx(2 / 22)
    assert found(Retrieval(k=(1,))(subject), "precision_at_k", "species", "image_to_image").value == 1.0
    assert "12 groups of 24 images" in apart.notes[0]
    alone = Retrieval(k=(1,))(replace(subject, group=np.full(len(vectors), "")))
    assert found(alone, "precision_at_k", "species", "image_to_image").value == 1.0
    with pytest.raises(ValueError, match="one group per image; got 3 for 24"):
        Retrieval()(replace(subject, group=np.array(["1", "2", "3"])))


def test_texts_find_images():
    subject = clade(n_species=9, per_species=5, spread=1.0)
    subject = replace(subject, embed_texts=text_tower(subject), logit_scale=20.0)
    prompts = Prompts("sci", "one")
    result = Retrieval(prompts, k=(1, 5))(subject)
    units, taxon, taxonomy = units_of(subject), subject.embeddings.taxon, subject.taxonomy
    for q, rank in enumerate(taxonomy.ranks):
        taxa = np.unique(taxonomy.at(rank)[taxon])
        texts = subject.embed_texts([f"a photo of {taxonomy.names[i].capitalize()}." for i in taxa])
        texts = texts / np.linalg.norm(texts, axis=1, keepdims=True)
        for r, other in enumerate(taxonomy.ranks):
            if r > q:
                assert not [s for s in result.scores if (s.slice, s.rank) == (f"text_to_image, {rank}", other)]
                continue
            row = found(result, "r_precision", other, f"text_to_image, {rank}")
            values = naive(texts @ units.T, taxa, taxon, taxonomy, other, lambda i, j: False, 1)
            assert row.value == pytest.approx(values[:, 1].mean())
            assert row.n == len(taxa)
    table = result.tables["text_queries"]
    assert (table["rank"] == "species").sum() == 9
    assert table["n_images"][table["rank"] == "species"].tolist() == [5] * 9
    assert result.details["example"] == "a photo of F0."


def test_without_text_tower_images_alone():
    result = Retrieval(Prompts("sci", "one"), k=(1,))(clade())
    assert {s.slice for s in result.scores} == {"image_to_image", "image_to_kin"}
    assert result.notes == ("no text tower: images are found by images only",)


def test_bad_settings():
    with pytest.raises(TaxoevalError, match=r"task\.retrieval: k must be at least 1; got \[0\]"):
        Retrieval(k=(0,))(clade())
    one = clade(n_species=1, per_species=1)
    with pytest.raises(UnsupportedError, match="there is only one"):
        Retrieval()(one)

"""Sums on the way through the texts against the decoders on the whole table of probabilities."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxoeval import Taxonomy
from taxoeval.decoding import leaf_argmax, rank_sum
from taxoeval.tasks import rank_scores as module
from taxoeval.tasks.base import normalised, softmax
from taxoeval.tasks.rank_scores import rank_scores

RANKS = ("class", "family", "genus", "species")


def random_taxonomy(rng, n):
    rows = []
    for _ in range(n):
        inner = [f"{name}{rng.integers(0, 2 + 3 * i)}" if rng.random() > 0.15 else "" for i, name in enumerate("CFG")]
        rows.append((*inner, f"s{rng.integers(0, 300)}" if rng.random() > 0.1 else ""))
    return Taxonomy.from_lineages([row for row in rows if any(row)] or [("C", "", "", "")], ranks=RANKS)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_equal_to_the_decoders(seed):
    """Whatever the sizes of blocks and pieces, with holes, inner and nested candidates, sorted or not."""
    rng = np.random.default_rng(seed)
    taxonomy = random_taxonomy(rng, int(rng.integers(2, 120)))
    candidates = rng.permutation(len(taxonomy))[: int(rng.integers(1, len(taxonomy) + 1))]
    candidates = (np.sort(candidates), candidates, taxonomy.leaves)[seed % 3]
    images = normalised(rng.normal(size=(int(rng.integers(1, 12)), 6)).astype(np.float32), "images")
    texts = normalised(rng.normal(size=(len(candidates), 6)).astype(np.float32), "texts")
    k, scale = int(rng.integers(1, 7)), float(rng.choice([1.0, 20.0]))
    sizes = {"_TEXTS": {"cpu": int(rng.integers(1, 40))}, "_IMAGES": {"cpu": int(rng.integers(1, 9))}}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (
            *sizes.items(),
            ("_GROUP", int(rng.integers(1, 9))),
            ("_ROOM", float(rng.choice([0.0, 40.0]))),
        ):
            patch.setattr(module, name, value)
        found = rank_scores(images, texts, candidates, taxonomy, scale=scale, k=k)
    probability = softmax(np.float32(scale) * (images @ texts.T))
    want = rank_sum(probability, candidates, taxonomy, k=k)
    np.testing.assert_array_equal(found.rank_sum.taxon, want.taxon)
    np.testing.assert_allclose(found.rank_sum.probability, want.probability, rtol=1e-4)
    nested = any((taxonomy.ancestor[a] == b).any() for a in candidates for b in candidates if a != b)
    assert (found.leaf_argmax is None) == nested
    if found.leaf_argmax is not None:
        leaf = leaf_argmax(probability, candidates, taxonomy)
        np.testing.assert_array_equal(found.leaf_argmax.taxon, leaf.taxon)
        np.testing.assert_allclose(found.leaf_argmax.probability, leaf.probability, rtol=1e-4)


@pytest.fixture
def many():
    """500 species of 100 genera, in pieces of 64."""
    taxonomy = Taxonomy.from_lineages(
        [(f"G{s // 5:02d}", f"G{s // 5:02d} s{s:03d}") for s in range(500)], ranks=("genus", "species")
    )
    rng = np.random.default_rng(0)
    images = normalised(rng.normal(size=(20, 16)).astype(np.float32), "images")
    texts = normalised(rng.normal(size=(500, 16)).astype(np.float32), "texts")
    return images, texts, taxonomy.leaves, taxonomy


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_memory_mapped_texts(many, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(module, "_TEXTS", {"cpu": 64})
    images, texts, taxa, taxonomy = many
    np.save(tmp_path / "texts.npy", texts.astype(kind))
    mapped = np.load(tmp_path / "texts.npy", mmap_mode="r")
    found = rank_scores(images, mapped, taxa, taxonomy, scale=20.0)
    probability = softmax(np.float32(20.0) * (images @ texts.astype(kind).astype(np.float32).T))
    np.testing.assert_array_equal(found.rank_sum.taxon, rank_sum(probability, taxa, taxonomy, k=5).taxon)


def test_equal_texts_go_to_the_first(many, monkeypatch):
    """Also across pieces, whatever was the largest logit when each passed."""
    monkeypatch.setattr(module, "_TEXTS", {"cpu": 64})
    images, texts, taxa, taxonomy = many
    same = np.tile(texts[:1], (500, 1))
    found = rank_scores(images, same, taxa, taxonomy, scale=100.0)
    np.testing.assert_array_equal(found.rank_sum.taxon[:, 1], np.tile(taxa[:5], (20, 1)))
    np.testing.assert_array_equal(found.leaf_argmax.taxon[:, 1, 0], taxa[0])
    np.testing.assert_allclose(found.rank_sum.probability[:, 0, 0], 0.01, rtol=1e-5)


def test_a_wide_range_of_logits_does_not_overflow(many, monkeypatch):
    monkeypatch.setattr(module, "_TEXTS", {"cpu": 64})
    images, texts, taxa, taxonomy = many
    found = rank_scores(images, texts, taxa, taxonomy, scale=1000.0)
    probability = softmax(1000.0 * (images.astype(np.float64) @ texts.T.astype(np.float64)))
    want = rank_sum(probability, taxa, taxonomy)
    np.testing.assert_array_equal(found.rank_sum.taxon[:, :, :1], want.taxon)
    np.testing.assert_allclose(found.rank_sum.probability[:, :, :1], want.probability, rtol=1e-3)


def test_no_images(many):
    _, texts, taxa, taxonomy = many
    found = rank_scores(np.zeros((0, 16), dtype=np.float32), texts, taxa, taxonomy, scale=1.0)
    assert found.rank_sum.taxon.shape == (0, 2, 5)


def test_refusals(many):
    images, texts, taxa, taxonomy = many
    with pytest.raises(ValueError, match=r"texts must be \(c, d\)"):
        rank_scores(images, texts[:-1], taxa, taxonomy, scale=1.0)
    with pytest.raises(ValueError, match="candidates must be different taxa"):
        rank_scores(images, texts, np.r_[taxa[:-1], taxa[0]], taxonomy, scale=1.0)
    with pytest.raises(ValueError, match="device must be cpu or cuda; got 'mps'"):
        rank_scores(images, texts, taxa, taxonomy, scale=1.0, device="mps")

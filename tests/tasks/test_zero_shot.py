"""`ZeroShot` against the published protocol written as it reads."""

from dataclasses import replace

import numpy as np
import pytest

from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.prompts import Prompts
from taxoeval.tasks import class_texts, zero_shot
from taxoeval.tasks.zero_shot import ZeroShot
from tests.tasks.clades import clade, value


def text_tower(subject, noise=0.5, extra=()):
    """Texts land near the mean vector of their taxon, moved by every template in its own way; extra names anywhere."""
    images, taxonomy = subject.embeddings, subject.taxonomy
    centre = {}
    for taxon in np.unique(taxonomy.ancestor[images.taxon]):
        if taxon >= 0:
            below = (taxonomy.ancestor[images.taxon] == taxon).any(axis=1)
            centre[str(taxonomy.names[taxon])] = images.vectors[below].mean(axis=0)
    for name in extra:
        centre[name] = np.random.default_rng(hash_of(name)).normal(size=images.vectors.shape[1])

    def embed(texts):
        rows = []
        for text in texts:
            name = max((name for name in centre if name in text), key=len)
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
    monkeypatch.setattr(class_texts, "_TEXTS", 2)
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
    assert result.details["n_candidates_sharing_text"] == 6
    assert result.details["n_candidates"] == 6
    assert result.tables["same_text"]["taxon"].tolist()[0] == "F0 > G0 > G0 s0"
    assert value(result, "rank_hits", "species").n == len(subject.embeddings.taxon)


def told(result, decoder):
    return next(p for p in result.predictions if p.decoder == decoder)


def test_each_rank_is_asked_on_its_own():
    subject = clade(n_species=9, spread=1.5)
    subject = replace(subject, embed_texts=text_tower(subject), logit_scale=20.0)
    prompts = Prompts(text_type="sci", templates="one")
    found = told(ZeroShot(prompts)(subject), "per_rank")
    images, taxonomy = subject.embeddings, subject.taxonomy
    units = images.vectors / np.linalg.norm(images.vectors, axis=1, keepdims=True)
    for r, rank in enumerate(taxonomy.ranks):
        taxa = np.unique(taxonomy.at(rank)[images.taxon])
        texts = subject.embed_texts([f"a photo of {taxonomy.names[taxon].capitalize()}." for taxon in taxa])
        logits = 20.0 * units @ (texts / np.linalg.norm(texts, axis=1, keepdims=True)).T
        np.testing.assert_array_equal(found.taxon[:, r, 0], taxa[logits.argmax(axis=1)])
        probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(found.probability[:, r, 0], probability.max(axis=1), rtol=1e-4)
        assert (found.taxon[:, r, len(taxa) :] == -1).all()


def test_sums_on_the_way_are_those_of_the_decoders():
    subject = clade(n_species=12, spread=1.5)
    subject = replace(subject, embed_texts=text_tower(subject), logit_scale=20.0)
    prompts = Prompts(text_type="sci", templates="none")
    whole, streamed = (ZeroShot(prompts, streaming=how)(subject) for how in (False, True))
    for decoder in ("leaf_argmax", "rank_sum", "per_rank"):
        one, other = told(whole, decoder), told(streamed, decoder)
        k = other.taxon.shape[2]
        assert k == (1 if decoder == "leaf_argmax" else 5)
        np.testing.assert_array_equal(other.taxon, one.taxon[:, :, :k])
        np.testing.assert_allclose(other.probability, one.probability[:, :, :k], rtol=1e-4)
    assert "streaming=false" in streamed.notes[-1]
    assert whole.notes == ()


def test_candidates_of_a_table(tmp_path):
    """Two of three genera of a family, one species the dataset lacks: the third genus is wrong, and said to be."""
    subject = clade(n_species=9, spread=0.3)
    (tmp_path / "taxa.csv").write_text(
        "family,genus,species,common_name\n"
        + "".join(f"F0,G{s // 3},G{s // 3} s{s},\n" for s in range(6))
        + "F0,G0,G0 new,newt\n"
    )
    subject = replace(subject, embed_texts=text_tower(subject, 0.1, extra=["G0 new"]), logit_scale=20.0)
    result = ZeroShot(Prompts("sci", "none"), candidates=str(tmp_path / "taxa.csv"))(subject)
    covered = subject.taxonomy.at("family")[subject.embeddings.taxon] == subject.taxonomy.ids(["F0"])[0]
    assert covered.sum() == 48
    assert result.details["n_candidates"] == 7
    assert result.details["n_candidates_not_in_dataset"] == 1
    assert result.details["coverage"] == {"family": 48 / 72, "genus": 48 / 72, "species": 48 / 72}
    everything, some = (value(result, "rank_hits", "species", part=part) for part in ("all", "covered"))
    assert (everything.n, some.n) == (72, 48)
    assert everything.value == pytest.approx(some.value * 48 / 72)
    assert some.chance == pytest.approx(1 / 7)
    assert "hold the taxon of 48 of 72 images (6 of 9 taxa" in result.notes[1]
    assert result.tables["uncovered"]["taxon"].tolist() == [f"F1 > G2 > G2 s{s}" for s in (6, 7, 8)]
    assert result.tables["uncovered"]["n_images"].tolist() == [8, 8, 8]
    tree = result.taxonomy
    assert len(tree) == len(subject.taxonomy) + 1
    for one in result.predictions:
        assert [tree.path(i) for i in one.target] == [subject.taxonomy.path(i) for i in subject.embeddings.taxon]


def test_answers_that_the_dataset_lacks_are_kept(tmp_path):
    subject = clade(n_species=3, spread=0.1)
    (tmp_path / "taxa.csv").write_text("family,genus,species\nF0,G0,G0 new\nF9,G9,G9 far\n")
    towards = subject.embeddings.vectors.mean(axis=0)

    def embed(texts):
        return np.array([towards if "new" in t or t in ("G0", "F0") else -towards for t in texts], dtype=np.float32)

    subject = replace(subject, embed_texts=embed, logit_scale=20.0)
    result = ZeroShot(Prompts("sci", "none"), candidates=str(tmp_path / "taxa.csv"))(subject)
    assert [value(result, "rank_hits", rank).value for rank in subject.taxonomy.ranks] == [1.0, 1.0, 0.0]
    answers = told(result, "leaf_argmax").taxon[:, 2, 0]
    assert {result.taxonomy.path(int(i)) for i in answers} == {"F0 > G0 > G0 new"}
    own = ZeroShot(Prompts("sci", "none"))(replace(subject, embed_texts=lambda texts: embed(["new"] * len(texts))))
    assert own.taxonomy is None


def test_a_clade_holds_some_candidates():
    subject = clade(n_species=12, spread=0.3)
    subject = replace(subject, embed_texts=text_tower(subject, 0.1), logit_scale=20.0)
    for name in ("G1", "F0 > G1"):
        result = ZeroShot(Prompts("sci", "none"), clade=name)(subject)
        assert result.details["n_candidates"] == 3
        assert result.details["coverage"] == {"family": 0.5, "genus": 0.25, "species": 0.25}
        assert value(result, "rank_hits", "genus", part="covered").value == 1.0
        assert value(result, "rank_hits", "genus").value == 0.25
        assert value(result, "rank_hits", "family").value == 0.5
    with pytest.raises(TaxoevalError, match="'G7' is not in the taxonomy"):
        ZeroShot(Prompts("sci", "none"), clade="G7")(subject)
    with pytest.raises(TaxoevalError, match="clade='F1 > G1' is 0 taxa"):
        ZeroShot(Prompts("sci", "none"), clade="F1 > G1")(subject)

"""`UnknownTaxa` on the clade: what is hidden, what can still be right, and how the hidden is noticed."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from taxoeval import Taxonomy
from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.records import Embeddings, Predictions
from taxoeval.tasks import Subject, unknown_taxa
from taxoeval.tasks.base import normalised
from taxoeval.tasks.gallery import Gallery
from taxoeval.tasks.knowable import hidden_scores, knowable
from taxoeval.tasks.unknown_taxa import UnknownTaxa
from tests.tasks.clades import clade, value


def areas(result, rank, part):
    return {
        s.metric.removeprefix("unknown_auroc_"): s
        for s in result.scores
        if s.metric.startswith("unknown_auroc_") and (s.rank, s.slice) == (rank, part)
    }


@pytest.mark.parametrize("scorer", ["centroid", "knn"])
def test_hidden_genera_keep_their_family_and_are_noticed(scorer):
    result = UnknownTaxa(scorer=scorer)(clade(n_species=24, per_species=12))
    part = "genus unseen"
    assert value(result, "knowable_hits", "", part=part).value > 0.5
    assert value(result, "knowable_hits", "", part=part).chance == pytest.approx(
        value(result, "rank_hits", "family", part=part).chance
    )
    assert value(result, "rank_hits", "genus", part=part).n == 0
    assert value(result, "over_specialisation", "", part=part).value == 1  # no decoder yet that stops early
    assert value(result, "rank_hits", "species", part="genus seen").value > 0.95
    for rank in ("genus", "species"):
        for kind, score in areas(result, rank, part).items():
            # a few neighbours are often of one mind about a genus they have never seen: no measure of doubt
            assert (0.5 if (scorer, kind) == ("knn", "max_probability") else 0.75) < score.value <= 1, kind
            assert score.low <= score.value <= score.high
            assert score.chance == 0.5
    assert areas(result, "family", part) == {}  # families are known there
    assert set(areas(result, "species", "species unseen")) == {"max_probability", "energy", "distance"}
    assert {"hidden_rank", "sample", "part"} == set(result.tables["splits"])
    hidden = result.tables["hidden"]
    assert [name.split(" > ")[-1][0] for name in hidden["hidden"][hidden["rank"] == "genus"]] == ["G"] * 2


def test_family_has_nothing_above_it_on_a_tree_of_families():
    result = UnknownTaxa()(clade(n_species=24))
    assert "no family is hidden: there is none, or none that shares the taxon above it with another" in result.notes
    assert {s.slice for s in result.scores} == {"species seen", "species unseen", "genus seen", "genus unseen"}


@pytest.mark.parametrize("scorer", ["centroid", "knn"])
def test_areas_equal_scikit_learns(scorer):
    subject = clade(n_species=18, spread=1.5, per_species=10)
    images, taxonomy = subject.embeddings, subject.taxonomy
    task = UnknownTaxa(ranks=("genus",), scorer=scorer, k=7)
    result = task(subject)
    units = normalised(images.vectors, "test").astype(np.float64)
    part = dict(zip(result.tables["splits"]["sample"], result.tables["splits"]["part"], strict=True))
    part = np.array([part[sample] for sample in images.sample])
    rows, query = part == "train", np.isin(part, ["hidden", "test"])
    candidates, column = np.unique(images.taxon[rows], return_inverse=True)
    if scorer == "centroid":
        centre = np.stack([units[rows][column == c].sum(axis=0) for c in range(len(candidates))])
        cosine = units[query] @ (centre / np.linalg.norm(centre, axis=1, keepdims=True)).T
        energy, distance = -logsumexp(cosine / 0.07, axis=1), 1 - cosine.max(axis=1)
        p = np.exp(cosine / 0.07 + energy[:, None])
    else:
        model = KNeighborsClassifier(7, metric="cosine", weights=lambda d: np.exp(-d / 0.07))
        p = model.fit(units[rows], column).predict_proba(units[query])
        d, _ = model.kneighbors(units[query])
        energy, distance = -logsumexp((1 - d) / 0.07, axis=1), d.min(axis=1)
    genus = np.unique(taxonomy.at("genus")[candidates], return_inverse=True)[1]
    by_genus = np.stack([p[:, genus == g].sum(axis=1) for g in range(genus.max() + 1)], axis=1)
    hidden = part[query] == "hidden"
    expected = {
        "max_probability": np.sort(by_genus, axis=1)[:, :-1].sum(axis=1),
        "energy": energy,
        "distance": distance,
    }
    for kind, score in areas(result, "genus", "genus unseen").items():
        assert score.value == pytest.approx(roc_auc_score(hidden, expected[kind]), abs=1e-4), kind
        assert score.n == query.sum()
    species = areas(result, "species", "genus unseen")["max_probability"].value
    assert species == pytest.approx(roc_auc_score(hidden, np.sort(p, axis=1)[:, :-1].sum(axis=1)), abs=1e-4)


def test_noise_is_not_noticed_as_unknown():
    subject = clade(n_species=24, per_species=12)
    subject.embeddings.vectors[:] = np.random.default_rng(0).normal(size=subject.embeddings.vectors.shape)
    result = UnknownTaxa(ranks=("genus",))(subject)
    for score in areas(result, "genus", "genus unseen").values():
        assert abs(score.value - 0.5) < 0.15
        assert score.low < 0.55


def test_knowable_and_what_is_said_beyond_it():
    r"""Candidates a and c.

    ::

        F ─┬─ G ─┬─ a       K ─── L ─── e
           │     └─ b
           └─ H ─── c
    """
    lineages = [("F", "G", "a"), ("F", "G", "b"), ("F", "H", "c"), ("F", "I", "d"), ("K", "L", "e")]
    taxonomy = Taxonomy.from_lineages(lineages, ranks=("family", "genus", "species"))
    a, b, c, d, e, family, genus, h = taxonomy.ids(["a", "b", "c", "d", "e", "F", "G", "H"])
    np.testing.assert_array_equal(knowable([a, b, d, e, genus], [a, c], taxonomy), [a, genus, family, -1, genus])
    target = np.array([b, b, d, e])
    taxon = np.array([[family, genus, a], [family, h, -1], [family, -1, -1], [family, genus, a]])[:, :, None]
    answers = Predictions(
        np.array(list("wxyz")), target, taxon, np.where(taxon >= 0, 0.9, np.nan), "example", np.array([a, c])
    )
    scores = {s.metric: s for s in hidden_scores([answers], taxonomy, task="t", part="p", groups=target) if not s.rank}
    assert scores["knowable_hits"].value == pytest.approx(2 / 3)  # G, not H, F; nothing to know of e
    assert scores["knowable_hits"].chance == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    assert scores["over_specialisation"].value == pytest.approx(1 / 3)
    assert scores["over_specialisation"].n == 3
    assert "mistake_severity" not in scores


def test_blocks_do_not_change_the_answers(monkeypatch):
    subject = clade(spread=1.0)
    whole = UnknownTaxa()(subject)
    monkeypatch.setattr(unknown_taxa, "_BLOCK", 100)
    pieces = UnknownTaxa()(subject)
    for a, b in zip(whole.predictions, pieces.predictions, strict=True):
        np.testing.assert_array_equal(a.taxon, b.taxon)
    assert [s.value for s in whole.scores] == pytest.approx([s.value for s in pieces.scores], nan_ok=True)


def test_more_neighbours_than_images():
    gallery = Gallery(np.eye(2, dtype=np.float32), np.array([0, 1]), "knn", k=10)
    logits, distance = gallery.scores(np.array([[1, 0]], dtype=np.float32))
    assert logits[0, 0] - logits[0, 1] == pytest.approx(1 / 0.07, rel=1e-5)
    assert distance[0] == 0


def test_bad_settings_and_nothing_to_hide():
    with pytest.raises(TaxoevalError, match=r"share and gallery must lie between 0 and 1.*share=0"):
        UnknownTaxa(share=0)(clade())
    with pytest.raises(TaxoevalError, match=r"scorer='svm' is not one of centroid, knn"):
        UnknownTaxa(scorer="svm")(clade())
    with pytest.raises(UnsupportedError, match="finds nothing to hide at the ranks tribe"):
        UnknownTaxa(ranks=("tribe",))(clade())
    alone = UnknownTaxa()(clade(per_species=1))
    assert any("no image of other taxa is left to compare with" in note for note in alone.notes)
    images = clade().embeddings
    few = Embeddings(images.vectors[:8], images.taxon[:8], images.sample[:8], "test")
    with pytest.raises(UnsupportedError, match="finds nothing to hide"):
        UnknownTaxa()(Subject(few, clade().taxonomy, [""] * 99, images.sample[:8]))

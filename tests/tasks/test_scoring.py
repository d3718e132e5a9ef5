"""The road from probabilities to scores: order, repeats, weights."""

import numpy as np
import pytest

from taxoeval import Taxonomy
from taxoeval.metrics import statistics
from taxoeval.records import Predictions
from taxoeval.tasks import scoring
from taxoeval.tasks.answering import predict
from taxoeval.tasks.scoring import deepest, score, score_each
from tests.tasks.clades import clade


def uniform_blocks(subject, candidates, positions, seed):
    rng = np.random.default_rng(seed)
    for part in np.array_split(positions, 3):
        yield part, rng.dirichlet(np.ones(len(candidates)), size=len(part)).astype(np.float32)


def test_predictions_come_back_in_the_order_of_the_dataset():
    subject = clade()
    images = subject.embeddings
    candidates = np.unique(images.taxon)
    positions = np.random.default_rng(0).permutation(len(images.taxon))[:50]
    for one in predict(
        uniform_blocks(subject, candidates, positions, 1), candidates, images.taxon, images.sample, subject.taxonomy
    ):
        np.testing.assert_array_equal(one.sample, images.sample[np.sort(positions)])
        np.testing.assert_array_equal(one.target, images.taxon[np.sort(positions)])
        assert one.taxon.shape == (50, 3, 5)


def test_repeats_weigh_images_by_how_often_they_were_tested():
    subject = clade()
    images = subject.embeddings
    candidates = np.unique(images.taxon)
    folds = [
        predict(
            uniform_blocks(subject, candidates, positions, seed),
            candidates,
            images.taxon,
            images.sample,
            subject.taxonomy,
        )
        for seed, positions in enumerate([np.arange(96), np.arange(40), np.arange(30, 60)])
    ]
    parts = tuple(fold[0] for fold in folds)
    rows = score(parts, subject.taxonomy, task="t", part="p")
    (species,) = [s for s in rows if (s.metric, s.rank, s.k) == ("rank_hits", "species", 1)]
    pooled = np.concatenate([part.taxon[:, -1, 0] == part.target for part in parts])
    assert species.value == pytest.approx(pooled.mean())
    assert species.n == 96  # images, not image-fold pairs
    assert (species.task, species.slice, species.decoder) == ("t", "p", "leaf_argmax")


def test_random_answers_score_what_chance_says():
    subject = clade(n_species=12, per_species=200)
    images = subject.embeddings
    candidates = np.unique(images.taxon)
    one, *_ = predict(
        uniform_blocks(subject, candidates, np.arange(2400), 5),
        candidates,
        images.taxon,
        images.sample,
        subject.taxonomy,
    )
    for row in score((one,), subject.taxonomy, task="t"):
        if row.k == 1 and not np.isnan(row.chance):
            assert row.value == pytest.approx(row.chance, abs=0.06 if row.rank else 0.1), row
            assert row.low - 0.03 <= row.chance <= row.high + 0.03


def test_micro_and_macro_differ_as_they_should():
    subject = clade(n_species=3, per_species=4)
    images = subject.embeddings
    candidates = np.unique(images.taxon)
    always_first = np.tile(np.array([0.8, 0.1, 0.1], dtype=np.float32), (12, 1))
    keep = np.r_[0:4, 4:6, 8:9]  # four, two and one image of the three species
    one, *_ = predict([(keep, always_first[keep])], candidates, images.taxon, images.sample, subject.taxonomy)
    rows = {(s.metric, s.rank): s for s in score((one,), subject.taxonomy, task="t") if s.k == 1}
    assert rows["rank_hits", "species"].value == pytest.approx(4 / 7)
    assert rows["rank_hits_macro", "species"].value == pytest.approx(1 / 3)
    assert rows["rank_hits_macro", "species"].n == 3
    assert rows["rank_hits_macro", "genus"].n == 1
    assert rows["rank_hits", "species"].majority == pytest.approx(4 / 7)
    assert rows["average_hierarchical_distance", ""].value == pytest.approx(3 / 7)
    assert rows["mistake_severity", ""].value == 1
    assert statistics.mean([1.0]) == 1


def test_deepest_answer():
    np.testing.assert_array_equal(deepest(np.array([[1, 2, 3], [1, 2, -1], [1, -1, -1], [-1, -1, -1]])), [3, 2, 1, -1])


def test_coverage_calibration_and_contradictions_of_answers():
    subject = clade(n_species=12, per_species=1)  # species 0 to 2 in genus 0, 3 to 5 in genus 1, both in family 0
    images, taxonomy = subject.embeddings, subject.taxonomy
    species = images.taxon[:6]
    genus = taxonomy.ancestor[species[0], 1]
    candidates = np.sort(np.array([genus, *species[1:]]))
    probability = np.zeros((2, len(candidates)), dtype=np.float32)
    probability[0, np.searchsorted(candidates, genus)] = 1.0  # stops at the genus, rightly
    probability[1, np.searchsorted(candidates, species[[1, 3, 4, 5]])] = [0.4, 0.25, 0.2, 0.15]  # genus 1 has 0.6
    blocks = [(np.array([0, 1]), probability)]
    leaf, summed, *_ = predict(blocks, candidates, images.taxon, images.sample, taxonomy)

    def row(part, metric, rank):
        (found,) = [s for s in score((part,), taxonomy, task="t") if (s.metric, s.rank) == (metric, rank)]
        return found

    assert row(leaf, "coverage", "genus").value == 1
    assert row(leaf, "coverage", "species").value == 0.5
    assert row(leaf, "tice", "").value == 0
    assert row(summed, "tice", "").value == 0.5  # species of genus 0, but genus 1
    assert row(leaf, "calibration_error", "species").value == pytest.approx(0.6)  # said 0.4, is always right
    assert row(leaf, "calibration_error", "species").n == 1
    assert row(summed, "calibration_error", "genus").value == pytest.approx((0 + 0.6) / 2)


def test_saying_nothing_is_sharing_nothing():
    subject = clade(n_species=12, per_species=1)
    images, taxonomy = subject.embeddings, subject.taxonomy
    candidates = np.sort(images.taxon)
    silent = np.zeros((2, 12), dtype=np.float32)
    silent[1, np.searchsorted(candidates, images.taxon[1])] = 1.0
    leaf, *_ = predict([(np.array([0, 1]), silent)], candidates, images.taxon, images.sample, taxonomy)
    rows = {(s.metric, s.rank): s for s in score((leaf,), taxonomy, task="t") if s.k == 1}
    assert rows["coverage", "species"].value == 0.5
    assert rows["rank_hits", "family"].value == 0.5
    assert rows["average_hierarchical_distance", ""].value == 1.5  # (3 + 0) / 2
    assert rows["mistake_severity", ""].n == 1


def test_decoders_together_score_what_each_scores_alone(monkeypatch):
    subject = clade(n_species=12, per_species=8)
    images, taxonomy = subject.embeddings, subject.taxonomy
    candidates = np.unique(images.taxon)

    def answers(seed, positions):
        blocks = uniform_blocks(subject, candidates, positions, seed)
        return predict(blocks, candidates, images.taxon, images.sample, taxonomy)

    folds = [answers(seed, positions) for seed, positions in enumerate([np.arange(96), np.arange(40)])]
    decoders = [*zip(*folds, strict=True), *((one,) for one in answers(2, np.arange(0, 96, 2)))]
    alone = [row for parts in decoders for row in score(parts, taxonomy, task="t")]
    for held in (scoring._HELD, 1):
        monkeypatch.setattr(scoring, "_HELD", held)
        together = score_each(iter(decoders), taxonomy, task="t")
        for one, other in zip(alone, together, strict=True):
            named = ("metric", "rank", "k", "n", "decoder", "higher_is_better", "reason")
            assert [getattr(one, name) for name in named] == [getattr(other, name) for name in named]
            for name in ("value", "chance", "majority"):
                assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12, nan_ok=True)
            width = one.high - one.low
            assert [one.low, one.high] == pytest.approx([other.low, other.high], abs=0.35 * width + 1e-9, nan_ok=True)


def test_a_lineage_with_holes_is_scored_down_to_what_is_known():
    taxonomy = Taxonomy.from_lineages(
        [("F", "G", "a"), ("F", "G", "b"), ("F", "", "c"), ("F", "", "")], ranks=("family", "genus", "species")
    )
    a, b, c, family, genus = taxonomy.ids(["a", "b", "c", "F", "G"])
    target = np.array([a, b, c, family, -1])
    taxon = np.array([[family, genus, a]] * 5)[:, :, None]
    one = Predictions(
        np.array(list("vwxyz")), target, taxon, np.full(taxon.shape, 0.5), "always a", np.array([a, b, c])
    )
    rows = {(s.metric, s.rank): s for s in score((one,), taxonomy, task="t")}
    assert [rows["rank_hits", rank].n for rank in taxonomy.ranks] == [4, 2, 3]
    assert [rows["rank_hits", rank].value for rank in taxonomy.ranks] == [1, 1, pytest.approx(1 / 3)]
    assert [rows["rank_hits_macro", rank].n for rank in taxonomy.ranks] == [1, 1, 3]
    assert [rows["rank_hits_macro", rank].majority for rank in taxonomy.ranks] == [1, 1, pytest.approx(1 / 3)]
    assert rows["average_hierarchical_distance", ""].n == 3
    assert rows["coverage", "genus"].n == 2
    assert rows["tice", ""].n == 5

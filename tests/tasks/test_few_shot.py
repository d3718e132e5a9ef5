"""`FewShot` against the published protocol written as it reads, image by image."""

import random

import numpy as np
import pytest

from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.tasks import few_shot
from taxoeval.tasks.few_shot import FewShot
from taxoeval.tasks.support import folds_of
from tests.tasks.clades import clade, value


def published(vectors, taxon, shots, fold):
    """One fold as the protocol's description reads, with plain lists; returns accuracy and the support positions."""
    features = [v / np.linalg.norm(v) for v in vectors.astype(np.float64)]
    by_label = {}
    for position, label in enumerate(taxon):
        by_label.setdefault(int(label), []).append(position)
    random.seed(fold)
    support, test = {}, []
    for label, positions in by_label.items():
        shuffled = positions[:]
        random.shuffle(shuffled)
        support[label] = shuffled[:shots]
        test += [(position, label) for position in shuffled[shots:]]
    mean = np.mean([features[p] for positions in support.values() for p in positions], axis=0)

    def cl2n(position):
        centred = features[position] - mean
        return centred / np.linalg.norm(centred)

    centroid = {label: np.mean([cl2n(p) for p in positions], axis=0) for label, positions in support.items()}
    right = [
        min(centroid, key=lambda c, p=position: np.linalg.norm(centroid[c] - cl2n(p))) == label
        for position, label in test
    ]
    return np.mean(right), sorted(p for positions in support.values() for p in positions)


@pytest.mark.parametrize("shots", [1, 3, 5])
def test_equals_the_published_protocol(shots):
    subject = clade(spread=1.5, partial=0)
    images = subject.embeddings
    folds = [published(images.vectors, images.taxon, shots, fold) for fold in range(5)]
    result = FewShot(shots=(shots,))(subject)
    score = value(result, "rank_hits", "species", part=f"{shots}-shot")
    assert score.value == pytest.approx(np.mean([accuracy for accuracy, _ in folds]))
    spread = value(result, "rank_hits_fold_std", "species", part=f"{shots}-shot")
    assert spread.value == pytest.approx(np.std([accuracy for accuracy, _ in folds]))
    splits = result.tables["splits"]
    for fold, (_, support) in enumerate(folds):
        kept = splits["support"][(splits["fold"] == fold) & (splits["shots"] == shots)]
        assert sorted(kept) == sorted(images.sample[support])


def literally(taxon, shots, folds, fresh):
    """Support and test positions as either script draws them: one dictionary of lists, shuffled label by label."""
    select = {}
    for position, label in enumerate(taxon.tolist()):
        select.setdefault(label, []).append(position)
    drawn = []
    for k in shots:
        for fold in range(folds):
            random.seed(fold)
            train, test = [], []
            for label in select:
                features = select[label][:] if fresh else select[label]
                random.shuffle(features)
                train += features[:k]
                test += features[k:]
            drawn.append((train, test))
    return drawn


@pytest.mark.parametrize("shuffle", ["copied", "in_place"])
@pytest.mark.parametrize("shots", [(1, 5), (5, 1), (3,)])
def test_both_published_shuffles(shuffle, shots):
    taxon = np.random.default_rng(3).permutation(np.repeat([4, 9, 2, 7], [6, 9, 12, 7]))
    folds = [fold for of_shots in folds_of(taxon, shots, 4, shuffle) for fold in of_shots]
    for (support, test), (by_hand, rest) in zip(folds, literally(taxon, shots, 4, shuffle == "copied"), strict=True):
        assert support.tolist() == by_hand
        assert test.tolist() == rest


def test_the_old_shuffle_depends_on_what_was_drawn_before():
    subject = clade(spread=1.5)
    by_name = {name: FewShot(shots=(1, 5), folds=3, shuffle=name)(subject) for name in ("copied", "in_place")}
    alone = {name: FewShot(shots=(5,), folds=3, shuffle=name)(subject) for name in ("copied", "in_place")}

    def five(result):
        splits = result.tables["splits"]
        return splits["support"][splits["shots"] == 5].tolist()

    assert five(by_name["copied"]) == five(alone["copied"])
    assert five(by_name["in_place"]) != five(alone["in_place"])
    drawn = literally(subject.embeddings.taxon, (1, 5), 3, fresh=False)[3:]
    assert five(by_name["in_place"]) == [str(subject.embeddings.sample[p]) for train, _ in drawn for p in train]
    assert by_name["in_place"].details["shuffle"] == "in_place"


def test_one_shot_supports_are_the_first_of_the_five_shot_supports():
    result = FewShot()(clade())
    splits = result.tables["splits"]
    one = set(splits["support"][(splits["shots"] == 1) & (splits["fold"] == 2)])
    five = set(splits["support"][(splits["shots"] == 5) & (splits["fold"] == 2)])
    assert len(one) == 12
    assert one < five


def test_support_is_never_tested():
    result = FewShot(shots=(2,), folds=3)(clade())
    splits = result.tables["splits"]
    for fold in range(3):
        support = set(splits["support"][splits["fold"] == fold])
        (tested,) = [
            p.sample for p in result.predictions if p.slice == f"2-shot fold {fold}" and p.decoder == "rank_sum"
        ]
        assert support.isdisjoint(tested)
        assert len(support) + len(tested) == 96


def test_blocks_do_not_change_the_answers(monkeypatch):
    subject = clade(spread=1.0)
    whole = FewShot(shots=(1,), folds=1)(subject).predictions[0]
    monkeypatch.setattr(few_shot, "_BLOCK", 100)
    pieces = FewShot(shots=(1,), folds=1)(subject).predictions[0]
    np.testing.assert_array_equal(whole.taxon, pieces.taxon)
    np.testing.assert_array_equal(whole.sample, pieces.sample)


def test_labels_with_too_few_images_are_told_and_leave():
    subject = clade(per_species=6, partial=5)  # five genus labels of one to three images each
    result = FewShot(shots=(5,))(subject)
    details = result.details["5_shot"]
    assert details["n_candidates"] + details["n_labels_with_too_few_images"] == len(np.unique(subject.embeddings.taxon))
    assert details["n_labels_with_too_few_images"] >= 2
    assert "have fewer than 5 images and are left out" in result.notes[0]


def test_nothing_left_to_test():
    five_each = FewShot(shots=(1, 5))(clade(per_species=5))
    assert {s.slice for s in five_each.scores} == {"1-shot"}
    assert "5-shot: no label has an image left to test, so it is not scored" in five_each.notes
    with pytest.raises(UnsupportedError, match="a label with more than 5 images"):
        FewShot(shots=(5,))(clade(per_species=5))


def test_bad_settings():
    with pytest.raises(TaxoevalError, match=r"shuffle='twice' is not one of copied, in_place"):
        FewShot(shuffle="twice")(clade())
    with pytest.raises(TaxoevalError, match=r"shots and folds must be at least 1.*shots=\[0\]"):
        FewShot(shots=(0,))(clade())


def test_easier_with_more_images():
    result = FewShot()(clade(spread=2.0, per_species=20))
    one, five = (value(result, "rank_hits", "species", part=f"{k}-shot") for k in (1, 5))
    assert one.value + 0.1 < five.value
    assert one.high < five.low

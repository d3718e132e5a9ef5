"""`Knn` against a loop over images and against scikit-learn."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.metrics import rank_hits, statistics
from taxoeval.tasks import knn
from taxoeval.tasks.knn import Knn
from tests.tasks.clades import clade, value


def leave_one_out(subject):
    """The label of the nearest other image by cosine, one image at a time."""
    x, taxon = subject.embeddings.vectors.astype(np.float64), subject.embeddings.taxon
    answers = []
    for i in range(len(x)):
        cosine = [x[i] @ x[j] / np.linalg.norm(x[i]) / np.linalg.norm(x[j]) if j != i else -2 for j in range(len(x))]
        answers.append(taxon[int(np.argmax(cosine))])
    return np.array(answers)


@pytest.mark.parametrize("partial", [0, 20])
def test_leave_one_out_1nn_equals_the_loop(partial):
    subject = clade(partial=partial, spread=1.2)
    result = Knn()(subject)
    hits = rank_hits(subject.embeddings.taxon, leave_one_out(subject), subject.taxonomy)
    for r, rank in enumerate(subject.taxonomy.ranks):
        score = value(result, "rank_hits", rank)
        assert score.value == pytest.approx(statistics.mean(hits)[r])
        assert score.n == (~np.isnan(hits[:, r])).sum()
        assert score.low <= score.value <= score.high
    assert 0.2 < value(result, "rank_hits", "species").value < 0.95
    assert result.details["protocol"] == "leave_one_out"


def test_blocks_do_not_change_the_answers(monkeypatch):
    subject = clade(spread=1.0)
    whole = Knn(k=5)(subject).predictions[0]
    monkeypatch.setattr(knn, "_BLOCK", 500)
    pieces = Knn(k=5)(subject).predictions[0]
    np.testing.assert_array_equal(whole.taxon, pieces.taxon)
    np.testing.assert_array_equal(whole.sample, subject.embeddings.sample)


def test_weighted_vote_equals_scikit_learn():
    subject = clade(spread=1.0)
    images = subject.embeddings
    task = Knn(k=7, temperature=0.1, gallery=0.5, seed=3)
    gallery, query = task._split(images.taxon, np.arange(len(images.taxon)))
    units = images.vectors / np.linalg.norm(images.vectors, axis=1, keepdims=True)
    reference = KNeighborsClassifier(7, metric="cosine", weights=lambda distance: np.exp(-distance / 0.1))
    reference.fit(units[gallery], images.taxon[gallery])
    by_species = task(subject).predictions[0]
    np.testing.assert_array_equal(by_species.taxon[:, -1, 0], reference.predict(units[query]))
    best = reference.predict_proba(units[query]).max(axis=1)
    np.testing.assert_allclose(by_species.probability[:, -1, 0], best, rtol=1e-4)


def test_gallery_is_stratified_and_seeded():
    taxon = np.repeat([3, 5, 9], [10, 4, 1])
    gallery, query = Knn(gallery=0.5, seed=1)._split(taxon, np.arange(15))
    np.testing.assert_array_equal(np.bincount(taxon[gallery])[[3, 5, 9]], [5, 2, 1])
    assert sorted([*gallery, *query]) == list(range(15))
    again, _ = Knn(gallery=0.5, seed=1)._split(taxon, np.arange(15))
    other, _ = Knn(gallery=0.5, seed=2)._split(taxon, np.arange(15))
    np.testing.assert_array_equal(gallery, again)
    assert not np.array_equal(gallery, other)


def test_images_alone_in_their_taxon_count_as_wrong_and_are_told():
    subject = clade(n_species=6, per_species=1)
    result = Knn()(subject)
    assert value(result, "rank_hits", "species").value == 0
    assert result.details["n_query_without_other_image"] == 6
    assert "6 of 6 queries have no other image of their own taxon" in result.notes[0]


def test_chance_stands_beside_every_accuracy():
    subject = clade()  # 12 species in 4 genera in 2 families
    result = Knn()(subject)
    assert [value(result, "rank_hits", r).chance for r in subject.taxonomy.ranks] == pytest.approx(
        [1 / 2, 1 / 4, 1 / 12]
    )
    assert [value(result, "rank_hits", r).majority for r in subject.taxonomy.ranks] == pytest.approx(
        [1 / 2, 1 / 4, 1 / 12]
    )
    # a guess is right 1 in 12, of the right genus 2 in 12, of the right family 3 in 12, else 3 ranks off
    assert value(result, "average_hierarchical_distance", "").chance == pytest.approx((2 * 1 + 3 * 2 + 6 * 3) / 12)
    assert value(result, "mistake_severity", "").chance == pytest.approx((2 * 1 + 3 * 2 + 6 * 3) / 11)


def test_bad_settings_and_too_few_images():
    with pytest.raises(TaxoevalError, match=r"k must be at least 1.*got k=0"):
        Knn(k=0)(clade())
    with pytest.raises(TaxoevalError, match=r"gallery between 0 and 1 or null; got .*gallery=1.5"):
        Knn(gallery=1.5)(clade())
    with pytest.raises(UnsupportedError, match="1 in the gallery"):
        Knn()(clade(n_species=1, per_species=1))


def test_a_vector_of_nan_is_named():
    subject = clade()
    subject.embeddings.vectors[5, 2] = np.nan
    with pytest.raises(ValueError, match="vector 5 holds NaN"):
        Knn()(subject)

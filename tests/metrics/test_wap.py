"""Both weighted averages over ranks against scikit-learn, rank by rank."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, precision_score

from taxoeval.metrics.wap import wap_accuracy, wap_precision
from tests.metrics.test_consistency import ANSWERS
from tests.metrics.test_hits import BIRDS, CROW, RAVEN, TIT
from tests.metrics.zoo import random_taxonomy


def test_golden():
    # accuracies 4/6, 3/6, 3/6 at ranks with 2, 3 and 4 taxa
    assert wap_accuracy([RAVEN] * 6, ANSWERS, BIRDS) == pytest.approx((2 * 4 + 3 * 3 + 4 * 3) / (9 * 6))
    # two candidates in different families: two taxa at each rank
    candidates = [RAVEN, TIT]
    assert wap_accuracy([RAVEN] * 6, ANSWERS, BIRDS, candidates=candidates) == pytest.approx((4 + 3 + 3) / 18)


@pytest.mark.parametrize("seed", range(5))
def test_scikit_learn_rank_by_rank(seed):
    taxonomy = random_taxonomy(seed, n=30)
    target, pred = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 200))
    accuracy, precision, weights = [], [], np.bincount(taxonomy.rank)
    for r in range(taxonomy.n_ranks):
        truth, answer = taxonomy.ancestor[target, r], taxonomy.ancestor[pred, r]
        truth, answer = truth[truth >= 0], answer[truth >= 0]
        labels = np.setdiff1d(np.union1d(truth, answer), [-1])
        accuracy.append(accuracy_score(truth, answer))
        precision.append(precision_score(truth, answer, labels=labels, average="macro", zero_division=0))
    assert wap_accuracy(target, pred, taxonomy) == pytest.approx(np.average(accuracy, weights=weights))
    assert wap_precision(target, pred, taxonomy) == pytest.approx(np.average(precision, weights=weights))


def test_a_rank_without_truth_carries_no_weight():
    corvidae = BIRDS.ids(["Corvidae"])
    assert wap_accuracy(corvidae, [CROW], BIRDS) == 1
    assert wap_precision(corvidae, [CROW], BIRDS) == 1
    assert np.isnan(wap_accuracy([-1], [CROW], BIRDS))
    assert np.isnan(wap_precision([-1], [CROW], BIRDS))

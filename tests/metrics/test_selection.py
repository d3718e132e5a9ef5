"""Risk-coverage and reject curves: definitions, every order of ties, the best order."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import accuracy_score

from taxoeval.metrics.selection import aurc, excess_aurc, reject_curve, risk_coverage
from tests.metrics.zoo import seeds

NAN = np.nan


def scored(seed, n=30, ties=True):
    rng = np.random.default_rng(seed)
    confidence = rng.integers(0, 6, n) / 5 if ties else rng.permutation(n) / n
    return rng.choice([0.0, 1.0, 3.0], n), confidence


@given(seeds)
def test_without_ties_it_is_the_running_mean(seed):
    loss, confidence = scored(seed, ties=False)
    curve = risk_coverage(loss, confidence)
    for i in range(1, len(loss) + 1):
        kept = np.argsort(-confidence)[:i]
        assert curve.risk[i - 1] == pytest.approx(loss[kept].mean())
        assert curve.coverage[i - 1] == i / len(loss)
        assert curve.threshold[i - 1] == confidence[kept].min()
    assert aurc(loss, confidence) == pytest.approx(curve.risk.mean())


@given(seeds)
def test_ties_are_the_mean_over_all_their_orders(seed):
    rng = np.random.default_rng(seed)
    loss, confidence = rng.integers(0, 3, 6).astype(float), rng.integers(0, 3, 6)
    orders = [list(order) for order in permutations(range(6))]
    descending = [order for order in orders if (np.diff(confidence[order]) <= 0).all()]
    curves = [np.cumsum(loss[order]) / np.arange(1, 7) for order in descending]
    curve = risk_coverage(loss, confidence)
    np.testing.assert_allclose(curve.risk, np.mean(curves, axis=0))
    assert aurc(loss, confidence) == pytest.approx(np.mean(curves))


@given(seeds)
def test_only_the_order_of_confidences_counts(seed):
    loss, confidence = scored(seed)
    shuffled = np.random.default_rng(seed).permutation(len(loss))
    for changed in (confidence**3 - 7, 100 * confidence):
        assert aurc(loss, changed) == pytest.approx(aurc(loss, confidence))
    assert aurc(loss[shuffled], confidence[shuffled]) == pytest.approx(aurc(loss, confidence))


@given(seeds)
def test_the_best_order_is_the_best(seed):
    loss, confidence = scored(seed)
    assert excess_aurc(loss, -loss) == 0
    assert excess_aurc(loss, confidence) >= 0
    assert excess_aurc(loss, np.zeros(len(loss))) == pytest.approx(loss.mean() - aurc(loss, -loss))
    assert aurc(loss, np.zeros(len(loss))) == pytest.approx(loss.mean())
    assert aurc(loss, loss) == pytest.approx(max(aurc(loss, c) for c in (loss, confidence, -loss)))


def test_the_published_approximation_is_its_limit():
    """r + (1 - r) ln(1 - r) is what the best order of errors of 0 and 1 tends to; at n = 10 it is off by a third."""
    for n, tolerance in ((10, 0.4), (100_000, 1e-3)):
        loss = np.r_[np.zeros(8 * n // 10), np.ones(2 * n // 10)]
        best = aurc(loss, -loss)
        assert 0.2 + 0.8 * np.log(0.8) == pytest.approx(best, rel=tolerance)


def test_golden():
    curve = risk_coverage([0, 1, 0, 1], [0.9, 0.4, 0.8, 0.4])
    np.testing.assert_allclose(curve.risk, [0, 0, 1 / 3, 1 / 2])
    np.testing.assert_array_equal(curve.threshold, [0.9, 0.8, 0.4, 0.4])
    assert curve.n == 4


def test_no_answer_goes_first_and_an_undefined_loss_does_not_count():
    curve = risk_coverage([1, 0, NAN, 1], [NAN, 0.1, 0.9, 0.5])
    assert curve.n == 3
    np.testing.assert_allclose(curve.risk, [1, 1 / 2, 2 / 3])
    np.testing.assert_array_equal(curve.threshold, [0.5, 0.1, -np.inf])


def test_nothing_is_nan():
    assert np.isnan(aurc([], []))
    assert np.isnan(excess_aurc([NAN], [0.5]))
    assert risk_coverage([NAN], [0.5]).coverage.shape == (0,)


@given(seeds)
def test_the_reject_curve_is_the_risk_curve_read_backwards(seed):
    loss, confidence = scored(seed)
    curve, risk = reject_curve(loss, confidence), risk_coverage(loss, confidence)
    np.testing.assert_allclose(curve.rejected, 1 - risk.coverage[::-1], atol=1e-12)
    np.testing.assert_allclose(curve.value, risk.risk[::-1])
    assert curve.rejected[0] == 0
    assert curve.value[0] == pytest.approx(loss.mean())


def test_accuracy_of_what_remains():
    rng = np.random.default_rng(4)
    target, pred, confidence = rng.integers(3, size=50), rng.integers(3, size=50), rng.random(50)
    curve = reject_curve(target == pred, confidence)
    for i in (0, 10, 49):
        kept = confidence >= curve.threshold[i]
        assert curve.value[i] == pytest.approx(accuracy_score(target[kept], pred[kept]))


def test_messages():
    with pytest.raises(ValueError, match=r"loss and confidence must both be \(n,\).*got \(2,\) and \(1,\)"):
        risk_coverage([0, 1], [0.5])
    with pytest.raises(ValueError, match="loss must be finite, or NaN where undefined; sample 1 is not"):
        aurc([0, np.inf], [0.5, 0.6])
    with pytest.raises(ValueError, match=r"values and confidence must both be \(n,\)"):
        reject_curve([[1]], [[0.5]])

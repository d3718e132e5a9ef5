"""Brier and log scores: definitions, scikit-learn, and a decomposition that adds up exactly."""

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import brier_score_loss, log_loss

from taxoeval.metrics.scoring_rules import (
    brier,
    brier_decomposition,
    multiclass_brier_decomposition,
    negative_log_likelihood,
    top_brier,
)
from tests.metrics.test_calibration import answers
from tests.metrics.zoo import seeds

NAN = np.nan
CANDIDATES = np.array([12, 3, 5, 8])
BINNINGS = ["equal_width", "equal_mass", "distinct"]


def forecast(seed, n=50):
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.full(4, 0.5), size=n)
    probability[:5] = [1, 0, 0, 0]
    return CANDIDATES[rng.integers(4, size=n)], probability


def total(parts):
    return parts.reliability - parts.resolution + parts.uncertainty + parts.within_variance - parts.within_covariance


@given(seeds)
def test_equal_their_definitions(seed):
    target, probability = forecast(seed)
    truth = (target[:, None] == CANDIDATES).astype(float)
    np.testing.assert_allclose(
        brier(target, probability, CANDIDATES), ((probability - truth) ** 2).sum(axis=1), atol=1e-12
    )
    stated = (probability * truth).sum(axis=1)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(negative_log_likelihood(target, probability, CANDIDATES), -np.log(stated))


def test_scikit_learn():
    target, probability = forecast(1)
    order = np.argsort(CANDIDATES)
    columns, labels = probability[:, order], CANDIDATES[order]
    assert brier(target, probability, CANDIDATES).mean() == pytest.approx(
        brier_score_loss(target, columns, labels=labels, scale_by_half=False)
    )
    soft = 0.9 * probability + 0.1 / 4
    assert negative_log_likelihood(target, soft, CANDIDATES).mean() == pytest.approx(
        log_loss(target, soft[:, order], labels=labels)
    )
    hits, confidence = answers(1)
    assert top_brier(hits, confidence).mean() == pytest.approx(brier_score_loss(hits, confidence))


def test_golden():
    certain, even = [1, 0, 0, 0], [0.25] * 4
    np.testing.assert_allclose(
        brier([12, 3, 3, -1], [certain, certain, even, even], CANDIDATES), [0, 2, 1 - 1 / 4, NAN]
    )
    np.testing.assert_allclose(
        negative_log_likelihood([12, 3, 3, -1], [certain, certain, even, even], CANDIDATES),
        [0, np.inf, np.log(4), NAN],
    )
    np.testing.assert_array_equal(top_brier([1, NAN, 1], [0.5, 0.5, NAN]), [0.25, NAN, NAN])


def test_half_precision_is_scored_in_double():
    target, probability = forecast(2)
    single = brier(target, probability.astype(np.float32), CANDIDATES)
    assert single.dtype == np.float64
    np.testing.assert_allclose(single, brier(target, probability, CANDIDATES), atol=1e-6)
    assert np.isfinite(brier(target, probability.astype(np.float16), CANDIDATES)).all()


def test_stating_what_one_believes_is_best():
    """Both scores are proper: of all forecasts, the true probabilities have the least expected score."""
    rng = np.random.default_rng(3)
    truth = np.array([0.5, 0.3, 0.15, 0.05])
    for score in (brier, negative_log_likelihood):
        expected = [
            truth @ score(CANDIDATES, np.tile(stated, (4, 1)), CANDIDATES)
            for stated in [truth, *rng.dirichlet(truth * 20, size=50)]
        ]
        assert np.argmin(expected) == 0


@pytest.mark.parametrize("binning", BINNINGS)
@given(seeds)
def test_the_parts_add_up(binning, seed):
    hits, confidence = answers(seed)
    parts = brier_decomposition(hits, confidence, bins=5, binning=binning)
    assert total(parts) == pytest.approx(parts.brier, abs=1e-14)
    assert parts.brier == pytest.approx(top_brier(hits, confidence).mean())
    assert min(parts.reliability, parts.resolution, parts.uncertainty, parts.within_variance) >= 0
    assert parts.uncertainty == pytest.approx(hits.mean() * (1 - hits.mean()))
    assert parts.resolution <= parts.uncertainty + 1e-12
    if binning == "distinct":
        assert parts.within_variance == pytest.approx(0, abs=1e-15)
        assert parts.within_covariance == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("binning", BINNINGS)
@given(seeds)
def test_the_parts_of_all_candidates_add_up(binning, seed):
    target, probability = forecast(seed)
    target[7] = -1
    parts = multiclass_brier_decomposition(target, probability, CANDIDATES, bins=5, binning=binning)
    assert total(parts) == pytest.approx(parts.brier, abs=1e-13)
    assert parts.brier == pytest.approx(np.nanmean(brier(target, probability, CANDIDATES)))
    share = np.bincount(target[target >= 0]) / (len(target) - 1)
    assert parts.uncertainty == pytest.approx(1 - (share**2).sum())
    assert parts.n == len(target) - 1


def test_two_extremes():
    """Always the overall accuracy: only uncertainty is left. Always certain and right to say so: nothing is."""
    hits = np.array([1, 0, 0, 1, 1])
    flat = brier_decomposition(hits, np.full(5, 0.6))
    assert (flat.reliability, flat.resolution) == pytest.approx((0, 0))
    assert flat.brier == pytest.approx(flat.uncertainty)
    perfect = brier_decomposition(hits, hits)
    assert perfect.brier == 0
    assert perfect.resolution == pytest.approx(perfect.uncertainty)


def test_nothing_known_is_nan():
    parts = brier_decomposition([NAN], [0.5])
    assert parts.n == 0
    assert np.isnan(parts.brier)
    assert np.isnan(multiclass_brier_decomposition([-1], [[0.25] * 4], CANDIDATES).brier)
    assert brier([], np.zeros((0, 4)), CANDIDATES).shape == (0,)


@pytest.mark.parametrize("score", [brier, negative_log_likelihood, multiclass_brier_decomposition])
def test_messages(score):
    with pytest.raises(ValueError, match="target holds taxon 4, which is no candidate"):
        score([4], [[0.25] * 4], CANDIDATES)
    with pytest.raises(ValueError, match="sums to 2"):
        score([3], [[0.5] * 4], CANDIDATES)
    with pytest.raises(ValueError, match="hits must be 0, 1 or NaN"):
        top_brier([0.5], [0.5])

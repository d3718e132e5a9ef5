"""Calibration errors: definitions, scikit-learn, torchmetrics where its bins agree, and where they do not."""

import numpy as np
import pytest
from hypothesis import given
from sklearn.calibration import calibration_curve

from taxoeval.metrics.calibration import calibration_error, classwise_calibration_error, reliability_curve
from tests.metrics.zoo import seeds

NAN = np.nan


def answers(seed, n=40):
    """Hits and confidences with ties, some of them on the edges of ten bins, 0 and 1 among them."""
    rng = np.random.default_rng(seed)
    confidence = np.where(rng.random(n) < 0.5, rng.integers(0, 11, n) / 10, rng.random(n))
    return (rng.random(n) < confidence).astype(float), confidence


def naive_error(hits, confidence, edges):
    """Weighted by size, the distance of mean confidence from accuracy in each (lower, upper]."""
    error = 0.0
    for b in range(len(edges) - 1):
        first, last = b == 0, b == len(edges) - 2
        inside = [i for i, c in enumerate(confidence) if (first or c > edges[b]) and (last or c <= edges[b + 1])]
        if inside:
            error += len(inside) / len(hits) * abs(np.mean(hits[inside]) - np.mean(confidence[inside]))
    return error


@given(seeds)
def test_equals_its_definition(seed):
    hits, confidence = answers(seed)
    width = calibration_error(hits, confidence, bins=10)
    assert width == pytest.approx(naive_error(hits, confidence, np.linspace(0, 1, 11)))
    mass = calibration_error(hits, confidence, bins=4, binning="equal_mass")
    assert mass == pytest.approx(naive_error(hits, confidence, np.quantile(confidence, [0, 0.25, 0.5, 0.75, 1])))
    distinct = calibration_error(hits, confidence, binning="distinct")
    each = [abs(hits[confidence == c].mean() - c) * (confidence == c).mean() for c in np.unique(confidence)]
    assert distinct == pytest.approx(sum(each))
    assert 0 <= width <= 1


@given(seeds)
def test_the_order_of_samples_does_not_matter(seed):
    hits, confidence = answers(seed)
    order = np.random.default_rng(seed).permutation(len(hits))
    for binning in ("equal_width", "equal_mass", "distinct"):
        assert calibration_error(hits, confidence, binning=binning) == pytest.approx(
            calibration_error(hits[order], confidence[order], binning=binning)
        )


@pytest.mark.parametrize(("ours", "theirs"), [("equal_width", "uniform"), ("equal_mass", "quantile")])
@given(seeds)
def test_the_curve_is_scikit_learns(ours, theirs, seed):
    hits, confidence = answers(seed)
    curve = reliability_curve(hits, confidence, bins=10, binning=ours)
    accuracy, stated = calibration_curve(hits, confidence, n_bins=10, strategy=theirs)
    np.testing.assert_allclose(curve.accuracy[curve.n > 0], accuracy)
    np.testing.assert_allclose(curve.confidence[curve.n > 0], stated)
    assert curve.n.sum() == len(hits)
    assert np.isnan(curve.accuracy[curve.n == 0]).all()


def test_the_error_is_that_of_the_curve():
    hits, confidence = answers(5, n=500)
    curve = reliability_curve(hits, confidence)
    error = np.nansum(curve.n * abs(curve.accuracy - curve.confidence)) / curve.n.sum()
    assert calibration_error(hits, confidence) == pytest.approx(error)
    filled = curve.n > 0
    assert (curve.confidence[filled] > curve.lower[filled] - 1e-12).all()
    assert (curve.confidence[filled] <= curve.upper[filled] + 1e-12).all()


def test_torchmetrics_agrees_off_the_edges():
    torch = pytest.importorskip("torch")
    from torchmetrics.functional.classification import multiclass_calibration_error

    rng = np.random.default_rng(0)
    probability, target = rng.dirichlet(np.full(5, 0.4), size=300), rng.integers(5, size=300)
    theirs = multiclass_calibration_error(torch.tensor(probability), torch.tensor(target), num_classes=5, n_bins=15)
    hits = probability.argmax(axis=1) == target
    assert calibration_error(hits, probability.max(axis=1)) == pytest.approx(float(theirs), abs=1e-6)


def test_torchmetrics_gives_certainty_a_bin_of_its_own():
    """One answer of 0.95 is right, one of 1.0 wrong: one bin of (0.9, 1] for us, two for torchmetrics."""
    torch = pytest.importorskip("torch")
    from torchmetrics.functional.classification import binary_calibration_error

    hits, confidence = np.array([1, 0]), np.array([0.95, 1.0])
    theirs = binary_calibration_error(torch.tensor(confidence), torch.tensor(hits), n_bins=10)
    assert float(theirs) == pytest.approx((0.05 + 1.0) / 2)
    assert calibration_error(hits, confidence, bins=10) == pytest.approx(abs(0.975 - 0.5))


def test_undefined_samples_are_left_out():
    error = calibration_error([1, NAN, 0, 1], [0.8, 0.1, NAN, 0.9])
    assert error == pytest.approx(calibration_error([1, 1], [0.8, 0.9]))
    assert np.isnan(calibration_error([NAN], [0.5]))
    assert np.isnan(calibration_error([], [], binning="equal_mass"))
    assert reliability_curve([NAN], [0.5]).n.sum() == 0


def test_calibrated_answers_have_a_small_error_and_overconfident_ones_theirs():
    rng = np.random.default_rng(1)
    truth = rng.random(200_000)
    hits = rng.random(len(truth)) < truth
    assert calibration_error(hits, truth) < 0.006
    assert calibration_error(hits, np.minimum(truth + 0.1, 1)) == pytest.approx(0.095, abs=0.004)


@pytest.mark.parametrize("binning", ["equal_width", "equal_mass", "distinct"])
def test_classwise_is_the_error_of_each_column(binning):
    rng = np.random.default_rng(2)
    candidates = np.array([9, 4, 7])
    probability = rng.dirichlet([1, 1, 1], size=60).round(1)
    probability[:, 2] = 1 - probability[:, 0] - probability[:, 1]
    probability = np.abs(probability)
    probability /= probability.sum(axis=1, keepdims=True)
    target = candidates[rng.integers(3, size=60)]
    target[:5] = -1
    errors = classwise_calibration_error(target, probability, candidates, bins=6, binning=binning)
    each = [
        calibration_error(target[5:] == taxon, probability[5:, c], bins=6, binning=binning)
        for c, taxon in enumerate(candidates)
    ]
    np.testing.assert_allclose(errors, each)


def test_classwise_of_nothing_known_is_nan():
    np.testing.assert_array_equal(classwise_calibration_error([-1], [[0.5, 0.5]], [0, 1]), [NAN, NAN])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1, 0], [0.5]), {}, r"hits and confidence must both be \(n,\), one rank at a time; got \(2,\) and \(1,\)"),
        (([[1, 0]], [[0.5, 1]]), {}, "one rank at a time"),
        (([1, 2], [0.5, 0.5]), {}, r"hits must be 0, 1 or NaN.*got \[2.\]"),
        (([1, 0], [0.5, 1.5]), {}, r"confidence must be a probability.*got \[1.5\]"),
        (([1], [0.5]), {"bins": 0}, "bins must be a number of bins, at least 1; got 0"),
        (([1], [0.5]), {"binning": "wide"}, "unknown binning 'wide'; it must be one of equal_width, equal_mass, dist"),
    ],
)
def test_messages(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        calibration_error(*arguments, **options)


@pytest.mark.parametrize(
    ("target", "probability", "candidates", "message"),
    [
        ([4], [[0.5, 0.4]], [4, 7], "row 0 sums to 0.9 .*apply a softmax"),
        ([4], [[1.5, -0.5]], [4, 7], "row 0 holds -0.5"),
        ([4], [[NAN, 0.5]], [4, 7], "row 0 holds nan"),
        ([4], [[0.5, 0.5]], [4, 4], "taxon 4 occurs 2 times"),
        ([4], [[0.5, 0.5]], [4], r"must be \(n, c\) for candidates \(c,\), c > 0; got \(1, 2\) and \(1,\)"),
        ([5], [[0.5, 0.5]], [4, 7], r"target holds taxon 5, which is no candidate \(1 such samples\).*-1"),
        ([4, 4], [[0.5, 0.5]], [4, 7], r"target must be \(n,\) taxon ids, one per row of 1; got \(2,\)"),
        (["a"], [[0.5, 0.5]], [4, 7], "target must be"),
        ([4], [[0.5, 0.5]], [0.4, 0.7], r"candidates must hold taxon ids \(integers\), got float64"),
    ],
)
def test_messages_of_probabilities(target, probability, candidates, message):
    with pytest.raises(ValueError, match=message):
        classwise_calibration_error(target, probability, candidates)

"""Differences between encoders: definitions, references, messages."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest, false_discovery_control

from taxoeval.metrics import statistics

NAN = np.nan


def two(seed=0, species=20, images=6):
    """Hits of two encoders, the first better by about a tenth, and the species."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(species), images)
    easy = rng.random(species)[groups] * 0.8
    hits = rng.random((2, len(groups))) < [easy + 0.15, easy]
    return hits[0].astype(float), hits[1].astype(float), groups


def test_the_difference_of_an_encoder_from_itself_is_nothing():
    one, _, groups = two()
    interval = statistics.paired_difference(one, one, groups=groups, resamples=50)
    assert (interval.estimate, interval.low, interval.high) == (0, 0, 0)
    assert statistics.sign_flip_test(one, one, groups=groups).p == 1
    assert statistics.mcnemar(one, one).p == 1


def test_over_both_leaves_images_out_and_over_each_does_not():
    one, other = np.array([1.0, 3.0, NAN, 2.0]), np.array([NAN, 1.0, 5.0, 0.0])
    groups = [0, 0, 1, 1]
    both = statistics.paired_difference(one, other, groups=groups, resamples=20)
    each = statistics.paired_difference(one, other, groups=groups, over="each", resamples=20)
    assert (both.estimate, both.n) == (2.0, 2)
    assert (each.estimate, each.n) == (0.0, 3)


def test_over_each_resamples_both_together():
    one, other, groups = two()
    for method in ("percentile", "bca", "studentised"):
        both = statistics.paired_difference(one, other, groups=groups, method=method)
        each = statistics.paired_difference(one, other, groups=groups, method=method, over="each")
        np.testing.assert_allclose([each.low, each.high], [both.low, both.high], atol=0.01)


def test_the_studentised_difference_of_severities_against_its_definition():
    """The error of each resample is that of the linearised difference, computed from its rows."""
    one, other, groups = two(species=12)
    values = np.stack([np.where(one > 0, NAN, 1.0 + groups % 3), np.where(other > 0, NAN, 2.0 - groups % 2)], axis=1)
    ours = statistics.paired_difference(*values.T, groups=groups, over="each", level=0.8, resamples=20_000)

    def linearised(drawn):
        total = np.array([np.nansum(values[groups == g], axis=0) for g in drawn])
        count = np.array([(~np.isnan(values[groups == g])).sum(axis=0) for g in drawn])
        mean = total.sum(axis=0) / count.sum(axis=0)
        pull = (total - mean * count) / count.sum(axis=0)
        return mean[0] - mean[1], np.sqrt(((pull[:, 0] - pull[:, 1]) ** 2).sum() * 12 / 11)

    estimate, error = linearised(np.arange(12))
    rng = np.random.default_rng(0)
    t = [(d - estimate) / e for d, e in (linearised(rng.integers(12, size=12)) for _ in range(3000))]
    expected = estimate - np.quantile(t, [0.9, 0.1]) * error
    assert ours.estimate == pytest.approx(estimate)
    np.testing.assert_allclose([ours.low, ours.high], expected, atol=4 * np.sqrt(0.09 / 3000) / 0.175 * error)


def test_paired_intervals_are_narrower_than_unpaired_ones():
    one, other, groups = two(species=60)
    paired = statistics.paired_difference(one, other, groups=groups, resamples=1000)
    alone = [statistics.bootstrap(v, groups=groups, stages=1) for v in (one, other)]
    assert paired.high - paired.low < 0.8 * sum(float(i.high - i.low) for i in alone) / np.sqrt(2)


def test_swapping_the_encoders_swaps_the_sign():
    one, other, groups = two()
    there = statistics.paired_difference(one, other, groups=groups, method="studentised", resamples=999)
    back = statistics.paired_difference(other, one, groups=groups, method="studentised", resamples=999)
    np.testing.assert_allclose([there.low, there.high], [-back.high, -back.low])


def test_sign_flips_against_every_pattern():
    rng = np.random.default_rng(3)
    groups = rng.integers(9, size=40)
    one, other = rng.integers(0, 4, (2, 40)).astype(float)
    sums = np.array([(one - other)[groups == g].sum() for g in range(9)])
    every = np.abs([np.dot(signs, sums) for signs in product([-1, 1], repeat=9)])
    outcome = statistics.sign_flip_test(one, other, groups=groups)
    assert outcome.p == pytest.approx((every >= abs(sums.sum()) - 1e-9).mean())
    assert (outcome.n, outcome.groups) == (40, 9)
    assert outcome.difference == pytest.approx((one - other).mean())


def test_sign_flips_drawn_at_random_agree_with_a_binomial_test():
    gap = np.r_[np.ones(30), -np.ones(15), np.zeros(40)]
    p = statistics.sign_flip_test(gap, np.zeros(85), permutations=50_000).p
    assert p == pytest.approx(binomtest(15, 45).pvalue, abs=0.004)


def test_mcnemar_is_a_binomial_test_of_the_discordant_images():
    one = np.r_[np.ones(12), np.zeros(4), np.ones(20), NAN]
    other = np.r_[np.zeros(12), np.ones(4), np.ones(20), 1.0]
    assert statistics.mcnemar(one, other, method="exact").p == pytest.approx(binomtest(4, 16).pvalue)
    assert statistics.mcnemar(one, other).n == 36
    # mid-p by its definition: less half the chance of exactly what was seen, on both sides
    seen = 2 * 1820 / 2**16
    assert statistics.mcnemar(one, other).p == pytest.approx(binomtest(4, 16).pvalue - seen / 2)
    assert statistics.mcnemar([1, 0], [0, 1]).p == 1


def test_nothing_in_common_is_nan():
    for test in (statistics.sign_flip_test, statistics.mcnemar):
        outcome = test([1.0, NAN], [NAN, 1.0])
        assert np.isnan([outcome.p, outcome.difference]).all()
        assert outcome.n == 0


def test_benjamini_hochberg_is_scipys_and_holm_its_definition():
    p = np.random.default_rng(4).random(30) ** 3
    np.testing.assert_allclose(statistics.benjamini_hochberg(p), false_discovery_control(p))
    order, worst = np.argsort(p), 0.0
    for place, i in enumerate(order):
        worst = max(worst, min(1.0, p[i] * (30 - place)))
        assert statistics.holm(p)[i] == pytest.approx(worst)
    with_gaps = np.full((2, 30), NAN)
    with_gaps[1] = p
    for adjust in (statistics.holm, statistics.benjamini_hochberg):
        np.testing.assert_array_equal(adjust(with_gaps)[1], adjust(p))
        assert np.isnan(adjust(with_gaps)[0]).all()
        assert adjust([]).shape == (0,)


def test_tied_with_best():
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(60), 8)
    skill = rng.random(60)[groups][:, None] * 0.3
    hits = (rng.random((480, 4)) < skill + np.array([0.6, 0.62, 0.2, 0.6])).astype(float)
    result = statistics.tied_with_best(hits, groups=groups)
    assert result.best == hits.mean(axis=0).argmax()
    np.testing.assert_array_equal(result.tied, [True, True, False, True])
    assert result.p[result.best] == 1
    losses = statistics.tied_with_best(1 - hits, groups=groups, higher_is_better=False)
    assert losses.best == result.best
    np.testing.assert_allclose(losses.p, result.p)
    holes = hits.copy()
    holes[:8, 2] = NAN
    without = statistics.tied_with_best(holes, groups=groups)
    assert (without.n, without.groups) == (472, 59)
    np.testing.assert_allclose(without.mean, hits[8:].mean(axis=0))


def test_encoders_that_are_the_same_or_apart_throughout():
    result = statistics.tied_with_best([[1.0, 1.0, 0.0]] * 5, resamples=99)
    np.testing.assert_array_equal(result.tied, [True, True, False])


def test_messages():
    shapes = r"first and second must be about the same images, .*: \(2,\) and \(3,\)"
    for function in (statistics.paired_difference, statistics.sign_flip_test, statistics.mcnemar):
        with pytest.raises(ValueError, match=shapes):
            function([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="over must be 'both' or 'each'; got 'all'"):
        statistics.paired_difference([1, 0], [0, 1], over="all")
    with pytest.raises(ValueError, match="studentised' needs stages=1"):
        statistics.paired_difference([1, 0], [0, 1], stages=2)
    with pytest.raises(ValueError, match="at least 2 different groups"):
        statistics.paired_difference([1, 0], [0, 1], groups=[3, 3])
    with pytest.raises(ValueError, match="permutations must be a positive whole number; got 0"):
        statistics.sign_flip_test([1, 0], [0, 1], permutations=0)
    with pytest.raises(ValueError, match=r"first and second must be \(n,\); got \(1, 2\)"):
        statistics.sign_flip_test([[1, 0]], [[0, 1]])
    with pytest.raises(ValueError, match=r"second must be hits, 0, 1 or NaN; got 3\.0"):
        statistics.mcnemar([1, 0], [0, 3])
    with pytest.raises(ValueError, match="method must be 'exact' or 'mid_p'; got 'chi2'"):
        statistics.mcnemar([1, 0], [0, 1], method="chi2")
    with pytest.raises(ValueError, match=r"p-values between 0 and 1; got 1\.5"):
        statistics.holm([0.1, 1.5])
    with pytest.raises(ValueError, match=r"values must be \(n, e\), e >= 2 encoders"):
        statistics.tied_with_best([[1.0], [0.0]])
    with pytest.raises(ValueError, match="at least 2 groups with values for all encoders; got 1"):
        statistics.tied_with_best([[1.0, 0.0], [0.0, NAN]])

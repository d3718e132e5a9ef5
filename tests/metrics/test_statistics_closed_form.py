"""Wilson's and Student's intervals: references, definitions, edges, messages."""

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp

from taxoeval.metrics import statistics

NAN = np.nan


@pytest.mark.parametrize("hits", [0, 1, 7, 19, 20])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_wilson_is_scipys(hits, level):
    values = np.r_[np.ones(hits), np.zeros(20 - hits), NAN]
    ours = statistics.wilson(values, level=level)
    theirs = binomtest(hits, 20).proportion_ci(level, method="wilson")
    np.testing.assert_allclose([ours.low, ours.high], theirs, atol=1e-12)
    assert ours.n == 20


def test_wilson_at_0_and_1_touches_the_end_and_no_further():
    interval = statistics.wilson(np.stack([np.zeros(9), np.ones(9)], axis=1))
    assert interval.low[0] == 0
    assert interval.high[1] == 1
    assert interval.high[0] == pytest.approx(1 - interval.low[1])
    assert 0.2 < interval.high[0] < 0.4


def test_wilson_counts_groups_where_all_are_right():
    every_image = statistics.wilson(np.ones(80))
    by_species = statistics.wilson(np.ones(80), groups=np.repeat(np.arange(10), 8))
    ten = statistics.wilson(np.ones(10), groups=np.arange(10))
    assert by_species.low == pytest.approx(float(ten.low))
    assert by_species.low < every_image.low


def test_copies_of_an_image_add_nothing():
    hits = np.r_[np.ones(14), np.zeros(6)]
    once = statistics.wilson(hits, groups=np.arange(20))
    copied = statistics.wilson(np.repeat(hits, 50), groups=np.repeat(np.arange(20), 50))
    np.testing.assert_allclose([copied.low, copied.high], [once.low, once.high])


def test_student_of_single_images_is_the_textbook_one():
    values = np.random.default_rng(0).normal(size=25)
    ours = statistics.student(values)
    theirs = ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose([ours.low, ours.high], theirs)


def test_student_error_is_the_jackknife_of_leaving_groups_out():
    rng = np.random.default_rng(1)
    values, groups = np.where(rng.random(60) < 0.2, NAN, rng.random(60)), rng.integers(12, size=60)
    without = np.array([np.nanmean(values[groups != g]) for g in range(12)])
    sizes = np.array([(~np.isnan(values[groups == g])).sum() for g in range(12)])
    error = np.sqrt(((without - np.nanmean(values)) ** 2).sum() * 11 / 12)
    from scipy.stats import t

    effective = sizes.sum() ** 2 / (sizes**2).sum()
    interval = statistics.student(values, groups=groups, level=0.9)
    assert interval.high - interval.estimate == pytest.approx(t.ppf(0.95, effective - 1) * error)


def test_student_of_a_macro_mean_is_that_of_the_groups_means():
    rng = np.random.default_rng(2)
    values, groups = rng.random(100), np.r_[np.arange(10), rng.integers(10, size=90)]
    means = np.array([values[groups == g].mean() for g in range(10)])
    ours, theirs = statistics.student(values, groups=groups, average="macro"), statistics.student(means)
    np.testing.assert_allclose([ours.low, ours.high, ours.n], [theirs.low, theirs.high, 10])


def test_what_cannot_be_known_is_nan():
    for function in (statistics.wilson, statistics.student):
        one = function([1.0, 0.0, 1.0], groups=[4, 4, 4])
        assert one.estimate == pytest.approx(2 / 3)
        assert np.isnan([one.low, one.high]).all()
        none = function([NAN, NAN])
        assert np.isnan([none.estimate, none.low, none.high]).all()
        assert none.n == 0
        assert np.isnan(function(np.zeros((0, 2))).estimate).all()


def test_messages():
    with pytest.raises(ValueError, match=r"values must be 0, 1 or NaN for Wilson's interval, got 0\.5"):
        statistics.wilson([0.5, 1.0])
    for function in (statistics.wilson, statistics.student):
        with pytest.raises(ValueError, match="level must lie between 0 and 1"):
            function([1.0, 0.0], level=95)
        with pytest.raises(ValueError, match=r"groups \(3,\)"):
            function([1.0, 0.0], groups=[1, 2, 3])

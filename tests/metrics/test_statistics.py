"""Means and the bootstrap: definitions, references, coverage."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from taxoeval.metrics import rank_hits, statistics
from tests.metrics.test_hits import BIRDS, CROW, MAGPIE, RAVEN, TIT

NAN = np.nan


def test_mean_leaves_out_nan_and_is_nan_where_nothing_is_defined():
    np.testing.assert_array_equal(statistics.mean([[1, 0, NAN], [NAN, 1, NAN]]), [1, 0.5, NAN])
    assert np.isnan(statistics.mean([]))


def test_taxon_mean_is_balanced_accuracy():
    rng = np.random.default_rng(0)
    target, pred = rng.integers(6, size=(2, 200))
    macro = statistics.taxon_mean((target == pred).astype(float), target)
    assert macro == pytest.approx(balanced_accuracy_score(target, pred))


def test_a_taxon_that_is_only_predicted_does_not_count():
    # the case in which torchmetrics gives 0.5 and scikit-learn warns
    target, pred = np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])
    assert statistics.taxon_mean((target == pred).astype(float), target) == 0.75


def test_taxon_mean_by_column_averages_each_rank_over_its_own_taxa():
    target = np.array([RAVEN, RAVEN, CROW, TIT])
    hits = rank_hits(target, [RAVEN, MAGPIE, TIT, TIT], BIRDS)
    macro = statistics.taxon_mean(hits, BIRDS.ancestor[target])
    np.testing.assert_allclose(macro, [(2 / 3 + 1) / 2, (1 / 3 + 1) / 2, (0.5 + 0 + 1) / 3])


def test_unknown_taxa_are_left_out():
    assert statistics.taxon_mean([1, 0, 1], [4, -1, 5]) == 1
    assert np.isnan(statistics.taxon_mean([1.0], [-1]))


def test_bootstrap_estimates_are_the_means():
    rng = np.random.default_rng(1)
    values, groups = rng.random((60, 3)), rng.integers(8, size=60)
    values[rng.random(values.shape) < 0.2] = NAN
    micro = statistics.bootstrap(values, groups=groups, resamples=50)
    macro = statistics.bootstrap(values, groups=groups, average="macro", resamples=50)
    np.testing.assert_allclose(micro.estimate, statistics.mean(values))
    np.testing.assert_allclose(macro.estimate, statistics.taxon_mean(values, groups))
    np.testing.assert_array_equal(micro.n, (~np.isnan(values)).sum(axis=0))
    np.testing.assert_array_equal(macro.n, [8, 8, 8])


def test_bootstrap_weights_repeat_samples():
    values, groups = np.array([1.0, 0.0, NAN, 1.0]), np.array([0, 0, 1, 1])
    weighted = statistics.bootstrap(values, groups=groups, weights=[3, 1, 2, 2], resamples=10)
    assert weighted.estimate == pytest.approx((3 + 2) / 6)


def test_bootstrap_of_images_alone_has_the_binomial_spread():
    values = np.r_[np.ones(300), np.zeros(100)]
    interval = statistics.bootstrap(values, resamples=4000)
    error = np.sqrt(0.75 * 0.25 / 400)
    assert interval.low == pytest.approx(0.75 - 1.96 * error, abs=0.006)
    assert interval.high == pytest.approx(0.75 + 1.96 * error, abs=0.006)


def test_bootstrap_is_seeded_and_does_not_depend_on_row_order():
    rng = np.random.default_rng(2)
    values, groups = rng.random(50), np.repeat(np.arange(10), 5)
    one, two = (statistics.bootstrap(values, groups=groups, seed=5, resamples=200) for _ in range(2))
    assert (one.low, one.high) == (two.low, two.high)
    shuffled = np.argsort(rng.random(10))[groups]
    relabelled = statistics.bootstrap(values, groups=shuffled, seed=5, resamples=4000)
    assert relabelled.low == pytest.approx(float(one.low), abs=0.02)


def test_coverage_of_the_two_stage_interval_under_a_species_effect():
    """40 species drawn from many, 8 images each: 95 % intervals hold the mean of all species in 93 to 99 of 100 cases,
    while resampling images alone, which ignores that images of a species are alike, does so in fewer than 80."""
    rng = np.random.default_rng(3)
    trials, inside, inside_images = 200, 0, 0
    for trial in range(trials):
        skill = rng.beta(2, 1, size=40)  # accuracy on each species; mean 2/3
        groups = np.repeat(np.arange(40), 8)
        values = (rng.random(320) < skill[groups]).astype(float)
        two_stage = statistics.bootstrap(values, groups=groups, resamples=300, seed=trial)
        images = statistics.bootstrap(values, resamples=300, seed=trial)
        inside += two_stage.low <= 2 / 3 <= two_stage.high
        inside_images += images.low <= 2 / 3 <= images.high
    assert 0.93 <= inside / trials <= 0.995
    assert inside_images / trials < 0.85


def test_bootstrap_of_nothing_is_nan():
    empty = statistics.bootstrap(np.zeros((0, 2)), groups=np.zeros(0, dtype=int))
    assert np.isnan(empty.estimate).all()
    assert np.isnan(empty.low).all()
    np.testing.assert_array_equal(empty.n, [0, 0])


def test_bootstrap_messages():
    with pytest.raises(ValueError, match=r"groups \(2,\) \(n,\)"):
        statistics.bootstrap([1, 2, 3], groups=[1, 2])
    with pytest.raises(ValueError, match="pass groups="):
        statistics.bootstrap([1, 2, 3], average="macro")


def test_clade_mean_against_its_definition():
    rng = np.random.default_rng(6)
    taxon = rng.integers(-1, 12, size=200)
    clade = np.where(taxon < 0, -1, np.r_[taxon // 4, 0][np.arange(200)])
    values = np.where(rng.random(200) < 0.2, NAN, rng.random(200))
    per_taxon = {t: np.nanmean(values[taxon == t]) for t in range(12)}
    expected = np.mean([np.mean([per_taxon[t] for t in range(12) if t // 4 == c]) for c in range(3)])
    assert statistics.clade_mean(values, taxon, clade) == pytest.approx(expected)
    both = statistics.clade_mean(np.stack([values, values], axis=1), taxon, clade)
    np.testing.assert_allclose(both, [expected, expected])


def test_clade_mean_messages():
    with pytest.raises(ValueError, match="taxon 5 stands beside clade 1 and clade 2"):
        statistics.clade_mean([1, 0], [5, 5], [1, 2])
    with pytest.raises(ValueError, match=r"values \(2,\) and clade \(3,\)"):
        statistics.clade_mean([1, 0], [5, 6], [1, 2, 2])
    assert np.isnan(statistics.clade_mean([NAN], [5], [1]))


def replicates(values, groups, average, stages, resamples, seed):
    """Resampled means by the definition: draw groups, gather their rows (two stages: drawn anew), average."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    found = []
    for _ in range(resamples):
        drawn = [members[i] for i in rng.integers(len(members), size=len(members))]
        if stages == 2:
            drawn = [rng.choice(rows, size=len(rows)) for rows in drawn]
        if average == "micro":
            found.append(np.nanmean(values[np.concatenate(drawn)]))
        else:
            found.append(np.nanmean([values[rows].sum() / len(rows) for rows in drawn]))
    return np.array(found)


@pytest.mark.parametrize("stages", [1, 2])
@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize("kind", ["hits, few images", "hits, many images", "continuous"])
def test_resampling_has_the_distribution_of_gathering_rows(kind, average, stages):
    """The three ways of drawing (row frequencies, frequencies of kinds of row, whole groups) against the definition."""
    rng = np.random.default_rng(4)
    sizes = rng.integers(1, 200 if kind == "hits, many images" else 9, size=25)
    groups = np.repeat(rng.permutation(25), sizes)
    skill = rng.random(25)[groups]
    values = (rng.random(len(groups)) < skill).astype(float) if "hits" in kind else skill + rng.random(len(groups))
    level = 0.8
    ours = statistics.bootstrap(
        values, groups=groups, average=average, stages=stages, resamples=20_000, level=level, seed=1
    )
    naive = replicates(values, groups, average, stages, 3000, seed=2)
    ends = np.quantile(naive, [(1 - level) / 2, (1 + level) / 2])
    # standard error of a quantile of 3000 draws at 10 %, times 4
    noise = 4 * np.sqrt(0.09 / 3000) / 0.175 * naive.std()
    np.testing.assert_allclose([ours.low, ours.high], ends, atol=noise)


def test_bootstrap_columns_share_their_resamples():
    rng = np.random.default_rng(7)
    values, groups = rng.random(120), np.repeat(np.arange(20), 6)
    for stages in (1, 2):
        two = statistics.bootstrap(np.stack([values, 1 - values], axis=1), groups=groups, stages=stages, resamples=500)
        assert two.low[0] == pytest.approx(1 - two.high[1])


def test_uneven_weights_within_taxa_are_resampled_with_their_rows():
    rng = np.random.default_rng(8)
    groups = np.repeat(np.arange(30), 10)
    values, weights = rng.random(300), rng.integers(1, 4, 300)
    repeated = np.repeat(np.arange(300), weights)
    weighted = statistics.bootstrap(values, groups=groups, weights=weights, average="macro")
    assert weighted.estimate == pytest.approx(statistics.taxon_mean(values[repeated], groups[repeated]))
    assert weighted.low < weighted.estimate < weighted.high


def test_bca_is_scipys():
    from scipy.stats import bootstrap

    values = np.random.default_rng(9).lognormal(size=60)
    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", random_state=0, vectorized=True)
    ours = statistics.bootstrap(values, method="bca", resamples=20_000)
    np.testing.assert_allclose(
        [ours.low, ours.high], theirs.confidence_interval, atol=0.02 * float(ours.high - ours.low) * 2
    )


def test_macro_over_taxa_with_locations_resampled():
    """Each location drawn c times is c copies of its images; the mean is over the species that are in the resample."""
    rng = np.random.default_rng(10)
    location, taxon = rng.integers(15, size=300), rng.integers(-1, 8, size=300)
    values = rng.random(300) + taxon / 8
    ours = statistics.bootstrap(
        values, groups=location, taxon=taxon, average="macro", stages=1, level=0.8, resamples=20_000, method="bca"
    )
    assert ours.estimate == pytest.approx(statistics.taxon_mean(values, taxon))
    assert ours.n == 8
    naive = []
    for _ in range(2000):
        rows = np.concatenate([np.flatnonzero(location == g) for g in rng.integers(15, size=15)])
        naive.append(float(statistics.taxon_mean(values[rows], taxon[rows])))
    percentile = statistics.bootstrap(
        values, groups=location, taxon=taxon, average="macro", stages=1, level=0.8, resamples=20_000
    )
    noise = 4 * np.sqrt(0.09 / 2000) / 0.175 * np.std(naive)
    np.testing.assert_allclose([percentile.low, percentile.high], np.quantile(naive, [0.1, 0.9]), atol=noise)


def test_jackknife_over_taxa_is_leaving_each_group_out():
    from taxoeval.metrics.statistics._draws import resampled_means
    from taxoeval.metrics.statistics._table import Table

    rng = np.random.default_rng(11)
    location, taxon, values = rng.integers(9, size=40), rng.integers(5, size=40), rng.random(40)
    table = Table.of(values, location, None, taxon, "macro")
    without = resampled_means(table, stages=1, resamples=2, seed=0).without[:, 0]
    expected = [statistics.taxon_mean(values[location != g], taxon[location != g]) for g in range(9)]
    np.testing.assert_allclose(without, expected)


@pytest.mark.parametrize("method", ["percentile", "bca", "studentised"])
def test_all_methods_agree_on_a_large_symmetric_sample(method):
    values = np.random.default_rng(12).normal(size=4000)
    groups = np.repeat(np.arange(400), 10)
    interval = statistics.bootstrap(values, groups=groups, stages=1, method=method, resamples=4000)
    student = statistics.student(values, groups=groups)
    np.testing.assert_allclose([interval.low, interval.high], [student.low, student.high], atol=0.004)


def test_bootstrap_option_messages():
    for wrong, message in [
        ({"method": "basic"}, "method must be one of percentile, bca, studentised; got 'basic'"),
        ({"stages": 3}, "stages must be 1"),
        ({"level": 95}, "level must lie between 0 and 1"),
        ({"resamples": 0}, "resamples must be a positive whole number; got 0"),
        ({"average": "mean"}, "average must be 'micro' or 'macro', got 'mean'"),
        ({"method": "studentised"}, "needs stages=1"),
        ({"groups": [1, 1, 1], "stages": 1}, "groups must hold at least 2 different groups .* got 1"),
        ({"weights": [1, -1, 1]}, "weights must be finite and not negative"),
        ({"taxon": [1, 2, 3], "groups": [1, 1, 2], "average": "macro"}, "pass stages=1"),
        ({"taxon": [1, 2], "average": "macro"}, r"taxon must be \(n,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            statistics.bootstrap([1.0, 0.0, 1.0], **wrong)

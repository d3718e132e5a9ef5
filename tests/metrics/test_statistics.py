"""Means, bootstrap, chance and majority: definitions, references, coverage."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import balanced_accuracy_score

from taxoeval.metrics import rank_height, rank_hits, statistics
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import random_taxonomy, seeds

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


def every_guess(target, candidates, taxonomy, k):
    """Mean over all guesses of k different candidates: what chance means."""
    guesses = np.array(list(combinations(candidates, k)))
    return np.mean([rank_hits(target, np.broadcast_to(guess, (len(target), k)), taxonomy) for guess in guesses], axis=0)


@given(seeds)
def test_chance_equals_the_mean_over_every_guess(seed):
    taxonomy = random_taxonomy(seed, n=7)
    rng = np.random.default_rng(seed)
    target = rng.integers(len(taxonomy), size=6)
    candidates = rng.choice(len(taxonomy), size=min(6, len(taxonomy)), replace=False)
    for k in (1, 2, len(candidates)):
        np.testing.assert_allclose(
            statistics.chance_hits(target, candidates, taxonomy, k=k),
            every_guess(target, candidates, taxonomy, k),
            atol=1e-12,
        )
    heights = np.stack([rank_height(target, np.full(len(target), c), taxonomy) for c in candidates])
    np.testing.assert_allclose(
        statistics.chance_rank_height(target, candidates, taxonomy), heights.mean(axis=0), atol=1e-12
    )


def test_majority_golden():
    hits = statistics.majority_hits([RAVEN, RAVEN, CROW, TIT, CORVUS], BIRDS)
    np.testing.assert_array_equal(hits, [[1, 1, 1], [1, 1, 1], [1, 1, 0], [0, 0, 0], [1, 1, NAN]])


def test_published_chance_levels_of_rare_species(shared_data):
    """A uniform guess among the 400 species of Rare Species, as tabulated elsewhere."""
    from taxoeval import Taxonomy

    ranks = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
    import csv

    with (shared_data / "annotations" / "rare_species.csv").open(encoding="utf-8") as file:
        rows = [
            (
                *(row[r] for r in ("kingdom", "phylum", "cls", "order", "family", "genus")),
                f"{row['genus']} {row['species']}",
            )
            for row in csv.DictReader(file)
        ]
    taxonomy = Taxonomy.from_lineages(rows, ranks=ranks)
    target = taxonomy.ids(rows)
    candidates = np.unique(target)
    assert len(candidates) == 400
    chance = statistics.mean(statistics.chance_hits(target, candidates, taxonomy))
    np.testing.assert_allclose(chance, [1, 0.700, 0.145, 0.036, 0.0091, 0.0044, 0.0025], atol=6e-4)
    majority = statistics.mean(statistics.majority_hits(target, taxonomy))
    np.testing.assert_allclose(majority[1:4], [0.83, 0.243, 0.087], atol=6e-3)


def test_chance_messages():
    with pytest.raises(ValueError, match="k must be between 1 and the number of candidates, 2; got 3"):
        statistics.chance_hits([RAVEN], [RAVEN, CROW], BIRDS, k=3)
    with pytest.raises(ValueError, match="candidates must be a set of taxa: at least one"):
        statistics.chance_hits([RAVEN], [], BIRDS)

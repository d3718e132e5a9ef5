"""Chance and majority levels against every guess, published figures, and the messages."""

import csv
from functools import partial
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given

from taxoeval import Taxonomy
from taxoeval.metrics import (
    Convention,
    Similarity,
    chance,
    lca_distance,
    lca_similarity,
    rank_height,
    rank_hits,
    statistics,
)
from taxoeval.metrics.lca_scores import lca_precision_recall_f
from taxoeval.metrics.paths import hierarchical_f_beta, hierarchical_precision, hierarchical_recall
from taxoeval.metrics.ranking import map_at_r, ndcg_at_k, precision_at_k, relevant_counts
from taxoeval.metrics.top_k import hierarchical_precision_at_k
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import random_taxonomy, seeds

NAN = np.nan


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
    ranks = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
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


def drawn(seed, n=9):
    """A taxonomy, targets and candidates of any rank, one target undefined."""
    taxonomy = random_taxonomy(seed, n=n)
    rng = np.random.default_rng(seed)
    target = np.r_[rng.integers(len(taxonomy), size=7), -1]
    return taxonomy, target, rng.integers(len(taxonomy), size=8)


def mean_over_guesses(metric, target, candidates):
    """The definition: score every candidate as the answer to every target."""
    values = np.stack([metric(target, np.full(len(target), c)) for c in candidates])
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(total.shape, NAN), where=known.any(axis=0))


@given(seeds)
def test_chance_of_every_distance_and_similarity_is_the_mean_over_every_guess(seed):
    taxonomy, target, candidates = drawn(seed)
    for convention in (*Convention, *Similarity):
        function = lca_similarity if convention in set(Similarity) else lca_distance
        metric = partial(function, tree=taxonomy, convention=convention)
        np.testing.assert_allclose(
            chance.chance_distance(target, candidates, taxonomy, convention=convention),
            mean_over_guesses(metric, target, candidates),
            atol=1e-12,
            err_msg=convention,
        )


@given(seeds)
def test_chance_of_path_scores_and_hits_is_the_mean_over_every_guess(seed):
    taxonomy, target, candidates = drawn(seed)
    metrics = [
        partial(function, tree=taxonomy, root=root, itself=itself)
        for function in (hierarchical_precision, hierarchical_recall, partial(hierarchical_f_beta, beta=2.0))
        for root in ("root_in", "root_out")
        for itself in ("self_in", "self_out")
    ]
    metrics += [lambda t, p: lca_precision_recall_f(t, p, taxonomy, weight="information").f]
    metrics += [partial(rank_hits, taxonomy=taxonomy)]
    for metric in metrics:
        np.testing.assert_allclose(
            chance.chance_of(metric, target, candidates, taxonomy),
            mean_over_guesses(metric, target, candidates),
            atol=1e-12,
        )


@given(seeds)
def test_chance_of_the_best_of_k_is_the_mean_over_every_set_of_guesses(seed):
    taxonomy, target, candidates = drawn(seed, n=6)
    candidates = np.unique(candidates)
    metric = partial(lca_distance, tree=taxonomy, convention="edge")
    values = np.stack([metric(target, np.full(len(target), c)) for c in candidates])
    for k in {1, min(3, len(candidates)), len(candidates)}:
        sets = np.array(list(combinations(range(len(candidates)), k)))
        for higher, best in ((False, np.min), (True, np.max)):
            np.testing.assert_allclose(
                chance.chance_best_of_k(metric, target, candidates, taxonomy, k=k, higher_is_better=higher),
                best(values[sets], axis=1).mean(axis=0),
                atol=1e-12,
            )


def test_a_guess_by_how_common_the_taxa_are():
    target = np.array([RAVEN, RAVEN, RAVEN, TIT])
    hits = chance.chance_of(partial(rank_hits, taxonomy=BIRDS), target, target, BIRDS)
    np.testing.assert_allclose(hits[:, -1], [0.75, 0.75, 0.75, 0.25])


def test_chance_golden():
    #   edge from the raven: raven 0, crow 2, magpie 4, tit 6; padded height 0, 1, 2, 3
    species = np.array([RAVEN, CROW, MAGPIE, TIT])
    assert chance.chance_distance([RAVEN], species, BIRDS, convention="edge") == pytest.approx(3.0)
    assert chance.chance_distance([RAVEN], species, BIRDS, convention="padded_height") == pytest.approx(1.5)
    assert chance.chance_of(partial(hierarchical_precision, tree=BIRDS), [RAVEN], species, BIRDS) == pytest.approx(0.5)


def test_a_gallery_in_random_order():
    rng = np.random.default_rng(0)
    gallery = np.repeat([RAVEN, CROW, MAGPIE, TIT], [4, 3, 2, 3])
    target = np.array([RAVEN, CROW, TIT])
    relevant = relevant_counts(target, gallery, BIRDS)
    trials = [np.stack([rng.permutation(gallery) for _ in target]) for _ in range(3000)]
    precision = np.mean([precision_at_k(target, found[:, :5], BIRDS) for found in trials], axis=0)
    mean = np.mean([map_at_r(target, found, BIRDS, relevant) for found in trials], axis=0)
    np.testing.assert_allclose(chance.chance_precision(relevant, len(gallery)), precision, atol=0.02)
    np.testing.assert_allclose(chance.chance_map_at_r(relevant, len(gallery)), mean, atol=0.02)
    with pytest.raises(ValueError, match="relevant must lie between 0 and gallery_size = 3; got 4"):
        chance.chance_map_at_r([4], 3)


@pytest.mark.parametrize("convention", ["rank_height", "edge", "wu_palmer_root0"])
@pytest.mark.parametrize("leave_one_out", [False, True])
def test_graded_rankings_in_random_order(convention, leave_one_out):
    """Every order of the candidates, one by one."""
    taxonomy = random_taxonomy(3, n=5)
    target = np.unique(np.random.default_rng(3).integers(len(taxonomy), size=4))
    pool = np.r_[target, target[:1]]
    own = {t: int(np.flatnonzero(pool == t)[0]) for t in target}
    options = {"convention": convention, "leave_one_out": leave_one_out}
    precision, ndcg = [], []
    for t in target:
        rest = np.delete(pool, own[t]) if leave_one_out else pool
        orders = np.array(list(permutations(rest, 3)))
        repeated = np.full(len(orders), t)
        precision.append(hierarchical_precision_at_k(repeated, orders, taxonomy, pool, **options).mean(axis=0))
        ndcg.append(ndcg_at_k(repeated, orders, taxonomy, pool, **options).mean())
    ours = chance.chance_precision_at_k(target, pool, taxonomy, k=3, **options)
    np.testing.assert_allclose(ours, precision, atol=1e-12)
    np.testing.assert_allclose(chance.chance_ndcg_at_k(target, pool, taxonomy, k=3, **options), ndcg, atol=1e-12)


def test_simulated_chance_agrees_with_the_closed_form():
    species = np.array([RAVEN, CROW, MAGPIE, TIT])
    target = np.tile(species, 25)
    exact = statistics.mean(chance.chance_hits(target, species, BIRDS, k=2))
    found = chance.simulated_chance(
        lambda pred: statistics.mean(rank_hits(target, pred, BIRDS)), len(target), species, k=2, repeats=50
    )
    assert (np.abs(found.chance - exact) <= 4 * found.error + 1e-12).all()
    again = chance.simulated_chance(
        lambda pred: statistics.mean(rank_hits(target, pred, BIRDS)), len(target), species, k=2, repeats=50
    )
    np.testing.assert_array_equal(found.chance, again.chance)
    nothing = chance.simulated_chance(lambda pred: NAN, 3, species, repeats=2)
    assert np.isnan(nothing.chance)
    assert nothing.repeats == 0


def test_majority_pred():
    target = [RAVEN, RAVEN, CROW, TIT, CORVUS]
    np.testing.assert_array_equal(chance.majority_pred(target, BIRDS), [RAVEN] * 5)
    np.testing.assert_array_equal(chance.majority_pred(target, BIRDS, rank="genus"), [CORVUS] * 5)
    np.testing.assert_array_equal(chance.majority_pred([CORVUS], BIRDS), [-1])
    hits = rank_hits(target, chance.majority_pred(target, BIRDS), BIRDS)
    np.testing.assert_array_equal(hits[:, -1], chance.majority_hits(target, BIRDS)[:, -1])
    with pytest.raises(ValueError, match="rank must be one of family, genus, species; got 'order'"):
        chance.majority_pred(target, BIRDS, rank="order")


def test_above_chance():
    np.testing.assert_allclose(chance.above_chance([1.0, 0.2], [0.2, 1.0]), [1.0, NAN])


def test_more_chance_messages():
    with pytest.raises(ValueError, match="candidates must be"):
        chance.chance_distance([RAVEN], [], BIRDS, convention="edge")
    with pytest.raises(ValueError, match="unknown convention 'hops'"):
        chance.chance_distance([RAVEN], [RAVEN], BIRDS, convention="hops")
    with pytest.raises(ValueError, match="number of candidates, 1; got 2"):
        chance.chance_best_of_k(partial(rank_height, taxonomy=BIRDS), [RAVEN], [RAVEN, RAVEN], BIRDS, k=2)
    with pytest.raises(ValueError, match="k must be between 1 and the 1 gallery to rank; got 2"):
        chance.chance_ndcg_at_k([RAVEN], [RAVEN], BIRDS, k=2, convention="edge")
    with pytest.raises(ValueError, match="one value for each guess"):
        chance.chance_best_of_k(partial(rank_hits, taxonomy=BIRDS), [RAVEN], [RAVEN], BIRDS, k=1)
    with pytest.raises(ValueError, match="repeats must be a whole number of at least 2; got 1"):
        chance.simulated_chance(lambda pred: 0.0, 2, [1, 2], repeats=1)

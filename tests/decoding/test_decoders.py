"""Both decoders against their definitions, golden trees and properties."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from taxoeval.decoding import leaf_argmax, rank_sum
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import random_taxonomy, seeds

NAN = np.nan
BOTH = (leaf_argmax, rank_sum)
CORVIDAE, PARIDAE, PICA, PARUS = BIRDS.ids(["Corvidae", "Paridae", "Pica", "Parus"])


def test_golden():
    #            raven crow magpie tit
    probability = [[0.20, 0.25, 0.20, 0.35]]
    leaf = leaf_argmax(probability, [RAVEN, CROW, MAGPIE, TIT], BIRDS)
    np.testing.assert_array_equal(leaf.taxon[0, :, 0], [PARIDAE, PARUS, TIT])
    np.testing.assert_allclose(leaf.probability[0, :, 0], [0.35, 0.35, 0.35])
    summed = rank_sum(probability, [RAVEN, CROW, MAGPIE, TIT], BIRDS)
    np.testing.assert_array_equal(summed.taxon[0, :, 0], [CORVIDAE, CORVUS, TIT])
    np.testing.assert_allclose(summed.probability[0, :, 0], [0.65, 0.45, 0.35])


def test_k_best_are_different_taxa_best_first():
    probability = [[0.20, 0.25, 0.20, 0.35]]
    leaf = leaf_argmax(probability, [RAVEN, CROW, MAGPIE, TIT], BIRDS, k=3)
    np.testing.assert_array_equal(leaf.taxon[0], [[PARIDAE, CORVIDAE, -1], [PARUS, CORVUS, PICA], [TIT, CROW, RAVEN]])
    np.testing.assert_allclose(leaf.probability[0, 1], [0.35, 0.45, 0.20])


def test_column_order_does_not_matter():
    rng = np.random.default_rng(0)
    probability, candidates = rng.dirichlet(np.ones(4), size=20), np.array([RAVEN, CROW, MAGPIE, TIT])
    shuffle = np.array([2, 0, 3, 1])
    for decode in BOTH:
        one, two = (
            decode(probability, candidates, BIRDS, k=2),
            decode(probability[:, shuffle], candidates[shuffle], BIRDS, k=2),
        )
        np.testing.assert_array_equal(one.taxon, two.taxon)


def test_a_candidate_at_an_inner_rank_answers_down_to_it():
    leaf = leaf_argmax([[0.6, 0.4]], [CORVUS, TIT], BIRDS)
    np.testing.assert_array_equal(leaf.taxon[0, :, 0], [CORVIDAE, CORVUS, -1])
    assert np.isnan(leaf.probability[0, 2, 0])
    summed = rank_sum([[0.6, 0.4]], [CORVUS, TIT], BIRDS)
    np.testing.assert_array_equal(summed.taxon[0, :, 0], [CORVIDAE, CORVUS, TIT])
    assert summed.probability[0, 2, 0] == 0.4


def test_nested_candidates_are_no_rivals():
    """The genus wins narrowly over its own species; the best species below it is the answer at species."""
    leaf = leaf_argmax([[0.35, 0.30, 0.03, 0.32]], [CORVUS, RAVEN, CROW, TIT], BIRDS, k=3)
    np.testing.assert_array_equal(leaf.taxon[0], [[CORVIDAE, PARIDAE, -1], [CORVUS, PARUS, -1], [RAVEN, TIT, CROW]])
    np.testing.assert_allclose(leaf.probability[0, :, 0], [0.68, 0.68, 0.30])


def test_a_nested_candidate_without_support_below_it_stops_there():
    leaf = leaf_argmax([[0.6, 0.0, 0.4]], [CORVUS, RAVEN, TIT], BIRDS, k=2)
    np.testing.assert_array_equal(leaf.taxon[0], [[CORVIDAE, PARIDAE], [CORVUS, PARUS], [-1, TIT]])


def test_candidates_of_probability_zero_are_no_answer():
    for decode in BOTH:
        answers = decode([[1.0, 0.0]], [RAVEN, TIT], BIRDS, k=2)
        np.testing.assert_array_equal(answers.taxon[0, 2], [RAVEN, -1])
        assert np.isnan(answers.probability[0, 2, 1])


def naive(rule, probability, candidates, taxonomy):
    """Dictionaries and loops: the same rules, read from their sentences."""
    rows = []
    for p in probability:
        row = []
        for r in range(taxonomy.n_ranks):
            mass: dict[int, float] = {}
            for c, value in sorted(zip(candidates, p, strict=True)):
                taxon = int(taxonomy.ancestor[c, r])
                mass[taxon] = mass.get(taxon, 0.0) + value
            if rule == "leaf_argmax":
                pool = list(zip(candidates, p, strict=True))
                while pool:  # the best, then the best below it, and so on
                    winner = min(c for c, value in pool if value == max(v for _, v in pool))
                    pool = [(c, v) for c, v in pool if c != winner and taxonomy.lca([c], [winner])[0] == winner]
                row.append(int(taxonomy.ancestor[winner, r]))
            else:
                known = {taxon: value for taxon, value in mass.items() if taxon >= 0}
                row.append(max(known, key=lambda t: (round(known[t], 12), -t)) if known else -1)
        rows.append(row)
    return rows


@given(seeds)
def test_equal_their_definitions(seed):
    taxonomy = random_taxonomy(seed)
    rng = np.random.default_rng(seed)
    candidates = rng.choice(len(taxonomy), size=min(8, len(taxonomy)), replace=False)
    probability = rng.dirichlet(np.ones(len(candidates)), size=6)
    for decode in BOTH:
        got = decode(probability, candidates, taxonomy)
        expected = naive(decode.__name__, probability, candidates, taxonomy)
        np.testing.assert_array_equal(got.taxon[:, :, 0], expected)


@given(seeds)
def test_leaf_argmax_is_a_path_and_probability_grows_upwards(seed):
    taxonomy = random_taxonomy(seed)
    rng = np.random.default_rng(seed)
    candidates = rng.choice(len(taxonomy), size=min(8, len(taxonomy)), replace=False)
    answers = leaf_argmax(rng.dirichlet(np.ones(len(candidates)), size=6), candidates, taxonomy)
    for taxon, probability in zip(answers.taxon[:, :, 0], answers.probability[:, :, 0], strict=True):
        known = taxon[taxon >= 0]
        for upper, lower in pairwise(known):
            assert taxonomy.lca([upper], [lower])[0] == upper
        assert (np.diff(probability[taxon >= 0]) <= 1e-12).all()


def test_many_candidates_take_the_same_k_best_as_a_full_sort():
    from taxoeval.decoding.base import best

    rng = np.random.default_rng(4)
    score = rng.integers(0, 40, size=(30, 200)).astype(float)
    np.testing.assert_array_equal(best(score, 5), np.argsort(-score, axis=1, kind="stable")[:, :5])
    distinct = rng.permuted(np.tile(np.arange(1.0, 201.0), (30, 1)), axis=1).astype(np.float32)
    np.testing.assert_array_equal(best(distinct, 20), np.argsort(-distinct, axis=1)[:, :20])


@pytest.mark.parametrize(
    ("probability", "candidates", "message"),
    [
        ([[0.5, 0.5]], [RAVEN], r"probability must be \(n, c\) for candidates \(c,\), c > 0; got \(1, 2\) and \(1,\)"),
        ([[0.5, 0.5]], [RAVEN, RAVEN], "candidates must be different taxa"),
        ([[0.5, -0.5]], [RAVEN, CROW], "apply a softmax to similarities first"),
        ([[0.5, NAN]], [RAVEN, CROW], "probabilities must be numbers of at least 0"),
    ],
)
def test_messages(probability, candidates, message):
    for decode in BOTH:
        with pytest.raises(ValueError, match=message):
            decode(probability, candidates, BIRDS)

"""The temperature: against a plain definition, a search with other tools, and truths planted in the scores."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from taxoeval import Taxonomy
from taxoeval.decoding import Temperature, fit_temperature, leaf_argmax, sums_of, tempered
from taxoeval.decoding.temperature import HIGHEST, LOWEST
from taxoeval.errors import TaxoevalError

RANKS = ("family", "genus", "species")
TREE = Taxonomy.from_lineages([(f"F{s // 6}", f"G{s // 3}", f"G{s // 3} s{s}") for s in range(12)], ranks=RANKS)
SPECIES = np.flatnonzero(TREE.rank == 2)


def planted(n, temperature, seed):
    """Scores of which the truth is drawn, stated at another temperature."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, 12))
    truth = np.array([rng.choice(12, p=row) for row in softmax(logits, axis=1)])
    return logits * temperature, SPECIES[truth]


@pytest.mark.parametrize("temperature", [0.25, 1.0, 4.0])
def test_the_planted_temperature_is_found(temperature):
    logits, target = planted(4000, temperature, 0)
    found = fit_temperature(softmax(logits, axis=1), SPECIES, TREE, target)
    assert found.value == pytest.approx(temperature, rel=0.05)
    assert found.fitted <= found.given
    assert found.n == 4000


def test_against_the_gradient_of_another_search():
    logits, target = planted(200, 3.0, 1)
    column = np.searchsorted(SPECIES, target)

    def loss(power):
        return -log_softmax(logits * power[0], axis=1)[np.arange(200), column].mean()

    best = minimize(loss, [1.0], method="BFGS")
    found = fit_temperature(softmax(logits, axis=1), SPECIES, TREE, target)
    assert found.value == pytest.approx(1 / best.x[0], rel=1e-3)
    assert found.fitted == pytest.approx(best.fun, abs=1e-7)
    assert found.given == pytest.approx(loss([1.0]))


def test_a_label_at_an_inner_rank_counts_by_its_sum_and_one_without_candidates_by_what_is_left():
    rng = np.random.default_rng(2)
    probability = rng.dirichlet(np.full(12, 0.3), size=60)
    truth = [rng.choice(SPECIES, p=row) for row in tempered(probability, 2.0)]
    target = TREE.ancestor[truth, rng.integers(3, size=60)].astype(np.int64)
    candidates = SPECIES[np.r_[0:6, 8:12]]  # G2 keeps its third species alone
    scores = probability[:, np.r_[0:6, 8:12]]
    scores /= scores.sum(axis=1, keepdims=True)

    def naive(temperature):
        total = 0.0
        for row, taxon in zip(scores, target, strict=True):
            raised = row ** (1 / temperature)
            for above in (taxon, *TREE.ancestor[taxon][::-1]):  # from the taxon up to the first that has a candidate
                inside = [above in TREE.ancestor[candidate] for candidate in candidates]
                if above >= 0 and any(inside):
                    total -= np.log(raised[inside].sum() / raised.sum())
                    break
        return total / len(target)

    found = fit_temperature(scores, candidates, TREE, target)
    assert found.given == pytest.approx(naive(1.0))
    assert found.fitted == pytest.approx(naive(found.value))
    assert found.fitted <= min(naive(found.value * 0.97), naive(found.value * 1.03))


def test_the_order_of_the_candidates_does_not_matter_nor_do_samples_left_out():
    logits, target = planted(100, 2.0, 3)
    probability = softmax(logits, axis=1)
    once = fit_temperature(probability, SPECIES, TREE, target)
    turned = fit_temperature(probability[:, ::-1], SPECIES[::-1], TREE, target)
    more = fit_temperature(np.vstack([probability, probability[:5] * 0]), SPECIES, TREE, np.append(target, [-1] * 5))
    assert once == turned == more


def test_a_probability_of_0_stays_0():
    """No temperature makes one-hot votes any other, and those that missed the truth say nothing about it."""
    votes = np.eye(12)[np.zeros(40, dtype=int)]
    target = np.where(np.arange(40) % 4 > 0, SPECIES[0], SPECIES[7])
    assert fit_temperature(votes, SPECIES, TREE, target) == Temperature(1.0, 0.0, 0.0, 30, impossible=10)
    np.testing.assert_array_equal(tempered(votes, 7.0), votes)
    logits, truth = planted(400, 2.0, 6)
    probability = softmax(logits, axis=1)
    found = fit_temperature(np.vstack([probability, votes]), SPECIES, TREE, np.append(truth, np.full(40, SPECIES[7])))
    assert found == fit_temperature(probability, SPECIES, TREE, truth)._replace(impossible=40)


def test_where_all_is_right_the_lowest_is_best_and_where_all_is_wrong_the_highest():
    probability = np.tile(np.r_[0.4, np.full(11, 0.6 / 11)], (20, 1))
    assert fit_temperature(probability, SPECIES, TREE, np.full(20, SPECIES[0])).value < 2 * LOWEST
    assert fit_temperature(probability, SPECIES, TREE, np.full(20, SPECIES[5])).value > HIGHEST / 2


def test_tempered_is_the_softmax_at_that_temperature():
    logits = np.random.default_rng(4).normal(size=(7, 12)) * 5
    np.testing.assert_allclose(tempered(softmax(logits, axis=1), 2.5), softmax(logits / 2.5, axis=1), rtol=1e-9)
    given = softmax(logits.astype(np.float32), axis=1)
    np.testing.assert_allclose(tempered(given, 1.0), given, rtol=1e-5)


def test_what_is_missing_to_one_is_the_chance_of_something_else():
    np.testing.assert_allclose(tempered([[0.5, 0.25]], 1.0), [[0.5, 0.25]])
    np.testing.assert_allclose(tempered([[0.16, 0.0]], 0.5), [[0.16**2 / (0.16**2 + 0.84**2), 0.0]], atol=1e-12)
    np.testing.assert_array_equal(tempered([[0.0, 0.0]], 3.0), [[0.0, 0.0]])
    assert tempered(np.zeros((0, 3)), 2.0).shape == (0, 3)


def test_sums_are_those_the_decoders_state():
    rng = np.random.default_rng(5)
    order = rng.permutation(len(TREE))[:14]  # candidates of all ranks, nested, unsorted
    probability = rng.dirichlet(np.ones(14), size=30)
    answers = leaf_argmax(probability, order, TREE)
    np.testing.assert_allclose(
        sums_of(answers.taxon[:, :, 0], probability, order, TREE), answers.probability[:, :, 0], atol=1e-12
    )


def test_errors_say_what_to_do():
    with pytest.raises(TaxoevalError, match=r"calibration split is empty"):
        fit_temperature(np.ones((1, 12)) / 12, SPECIES, TREE, [-1])
    with pytest.raises(TaxoevalError, match=r"of a taxon that has any probability.*give it images of the taxa"):
        fit_temperature([[1.0]], SPECIES[:1], TREE, SPECIES[-1:])
    for wrong in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="a number above 0"):
            tempered([[1.0]], wrong)
    assert Temperature(1.0, 0.5, 0.5, 3).value == 1.0

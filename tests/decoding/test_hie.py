"""Hierarchical ensembles in both variants."""

import numpy as np
import pytest
from hypothesis import given

from taxoeval.decoding import hie_marginal, hie_trained, leaf_argmax
from tests.decoding.naive import ROOT, Case, few
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import at_rank, climb, seeds

CORVIDAE, PARIDAE, PICA, PARUS = BIRDS.ids(["Corvidae", "Paridae", "Pica", "Parus"])


def scaled(products, p):
    """With the sum of p, unless all are 0."""
    total = sum(products)
    return [x * sum(p) / total if total else 0.0 for x in products]


def assert_leaf_argmax_of(answers, probability, case):
    expected = leaf_argmax(probability, case.candidates, case.taxonomy, k=2)
    np.testing.assert_array_equal(answers.taxon, expected.taxon)
    np.testing.assert_allclose(answers.probability, expected.probability, atol=1e-12)


@few
@given(seeds)
def test_marginal_equals_its_definition(seed):
    case = Case.draw(seed)
    parents = [int(case.taxonomy.parent[c]) for c in case.candidates]
    products = [
        scaled([value * case.mass(v, p) for v, value in zip(parents, p, strict=True)], p) for p in case.probability
    ]
    assert ROOT == -1
    assert_leaf_argmax_of(hie_marginal(case.probability, case.candidates, case.taxonomy, k=2), products, case)


@few
@given(seeds)
def test_trained_equals_its_definition(seed):
    case = Case.draw(seed)
    rng = np.random.default_rng(seed)
    coarse = [v for v in case.nodes[1:] if case.taxonomy.rank[v] < 3 or v in case.candidates]
    rng.shuffle(coarse)
    second = rng.dirichlet(np.ones(len(coarse)), size=len(case.probability))
    finest = [next(coarse.index(a) for a in climb(c, case.taxonomy) if a in coarse) for c in case.candidates]
    products = [scaled(p * q[finest], p) for p, q in zip(case.probability, second, strict=True)]
    answers = hie_trained(
        case.probability, case.candidates, case.taxonomy, coarse_probability=second, coarse=coarse, k=2
    )
    assert_leaf_argmax_of(answers, products, case)


def test_golden():
    #            raven crow magpie tit
    probability = [[0.20, 0.25, 0.15, 0.40]]
    candidates = [RAVEN, CROW, MAGPIE, TIT]
    # products .09 .1125 .0225 .16: the tit is alone in its genus and still wins
    marginal = hie_marginal(probability, candidates, BIRDS)
    np.testing.assert_array_equal(marginal.taxon[0, :, 0], [PARIDAE, PARUS, TIT])
    np.testing.assert_allclose(marginal.probability[0, 2, 0], 0.16 / 0.385)
    # a second model that sees a Corvus: products .14 .175 .03 .04
    trained = hie_trained(
        probability, candidates, BIRDS, coarse_probability=[[0.7, 0.2, 0.1]], coarse=[CORVUS, PICA, PARUS]
    )
    np.testing.assert_array_equal(trained.taxon[0, :, 0], [CORVIDAE, CORVUS, CROW])
    np.testing.assert_allclose(trained.probability[0, :, 0], [0.345 / 0.385, 0.315 / 0.385, 0.175 / 0.385])


def test_the_second_model_decides_where_the_first_cannot():
    answers = hie_trained(
        [[0.5, 0.5], [0.5, 0.5]], [RAVEN, MAGPIE], BIRDS, coarse_probability=[[1, 0], [0, 1]], coarse=[CORVUS, PICA]
    )
    assert answers.taxon[:, 2, 0].tolist() == [RAVEN, MAGPIE]
    nothing = hie_trained([[0.0, 1.0]], [RAVEN, MAGPIE], BIRDS, coarse_probability=[[1, 0]], coarse=[CORVUS, PICA])
    assert (nothing.taxon == -1).all()


@pytest.mark.parametrize(
    ("coarse_probability", "coarse", "message"),
    [
        ([[1.0]], [CORVUS], r"1 do not, the first is Corvidae > Pica > .*: give the second model a class for it"),
        ([[0.5, 0.5], [0.5, 0.5]], [CORVUS, PICA], "must have the rows of probability, 1; got 2"),
        ([[0.5, -0.5]], [CORVUS, PICA], "apply a softmax"),
    ],
)
def test_messages(coarse_probability, coarse, message):
    with pytest.raises(ValueError, match=message):
        hie_trained([[0.4, 0.6]], [RAVEN, MAGPIE], BIRDS, coarse_probability=coarse_probability, coarse=coarse)


def test_the_ranks_of_the_coarse_model_may_differ():
    assert at_rank(RAVEN, 0, BIRDS) == CORVIDAE
    answers = hie_trained(
        [[0.4, 0.6]], [RAVEN, MAGPIE], BIRDS, coarse_probability=[[0.9, 0.1, 0.0]], coarse=[CORVUS, CORVIDAE, PARIDAE]
    )
    assert answers.taxon[0, 2, 0] == RAVEN  # 0.4 x 0.9, its genus, against 0.6 x 0.1, the family

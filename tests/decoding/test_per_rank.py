"""Independent answers at every rank."""

import numpy as np
import pytest

from taxoeval.decoding import per_rank
from taxoeval.metrics import rank_probability, tice
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT

CORVIDAE, PARIDAE, PICA, PARUS = BIRDS.ids(["Corvidae", "Paridae", "Pica", "Parus"])
CANDIDATES = [[PARIDAE, CORVIDAE], [CORVUS, PICA, PARUS], [TIT, RAVEN, CROW, MAGPIE]]


def test_golden():
    scores = [[[0.3, 0.7]], [[0.1, 0.2, 0.7]], [[0.1, 0.5, 0.4, 0.0]]]
    answers = per_rank(scores, CANDIDATES, BIRDS, k=4)
    np.testing.assert_array_equal(
        answers.taxon[0], [[CORVIDAE, PARIDAE, -1, -1], [PARUS, PICA, CORVUS, -1], [RAVEN, CROW, TIT, -1]]
    )
    np.testing.assert_allclose(answers.probability[0, 2], [0.5, 0.4, 0.1, np.nan])
    assert tice(answers.taxon[:, :, 0], BIRDS).tolist() == [1.0]  # a raven of the genus Parus


def test_ranks_without_an_answer():
    answers = per_rank([None, [[0.1, 0.2, 0.7]], None], [None, CANDIDATES[1], None], BIRDS)
    np.testing.assert_array_equal(answers.taxon[0, :, 0], [-1, PARUS, -1])
    np.testing.assert_array_equal(np.isnan(answers.probability[0, :, 0]), [True, False, True])


def test_sums_of_one_softmax_are_the_answers_of_rank_sum():
    from taxoeval.decoding import rank_sum

    species = np.array(CANDIDATES[2])
    probability = np.random.default_rng(0).dirichlet(np.ones(4), size=20)
    sums = [rank_probability(probability, species, BIRDS, rank=rank) for rank in BIRDS.ranks]
    own = per_rank([mass for mass, _ in sums], [taxa for _, taxa in sums], BIRDS, k=2)
    summed = rank_sum(probability, species, BIRDS, k=2)
    np.testing.assert_array_equal(own.taxon, summed.taxon)
    np.testing.assert_allclose(own.probability, summed.probability)


@pytest.mark.parametrize(
    ("scores", "candidates", "message"),
    [
        ([[[1.0]]], [[RAVEN]], "one entry for each of 3 ranks, None where there is none; got 1 and 1"),
        ([None, None, None], [None, None, None], "no rank has probabilities"),
        ([None, None, [[1.0]]], [None, None, [CORVUS]], "rank species must have it; Corvidae > Corvus does not"),
        ([[[1.0]], None, [[1.0], [1.0]]], [[CORVIDAE], None, [RAVEN]], "the same rows; species has 2"),
        ([None, None, [[-1.0]]], [None, None, [RAVEN]], "apply a softmax"),
    ],
)
def test_messages(scores, candidates, message):
    with pytest.raises(ValueError, match=message):
        per_rank(scores, candidates, BIRDS)

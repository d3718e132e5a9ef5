"""Rules that go down from the root: top_down and plurality."""

import numpy as np
from hypothesis import given

from taxoeval.decoding import plurality, rank_sum, top_down
from tests.decoding.naive import ROOT, Case, few
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import seeds

CORVIDAE, PARIDAE, PICA, PARUS = BIRDS.ids(["Corvidae", "Paridae", "Pica", "Parus"])


def descend(case, p, stop):
    """From the root to the best child, as long as it has something and ``stop`` lets it."""
    node, rivals = ROOT, [0.0]
    while children := case.children(node):
        by_mass = sorted(children, key=lambda c: (-case.mass(c, p), c))
        rivals += [case.mass(c, p) for c in by_mass[1:]]
        if case.mass(by_mass[0], p) == 0 or (stop and case.mass(by_mass[0], p) < max(rivals)):
            break
        node = by_mass[0]
    return node


@few
@given(seeds)
def test_equal_their_definitions(seed):
    case = Case.draw(seed)
    assert case.answered(top_down) == [descend(case, p, stop=False) for p in case.probability]
    assert case.answered(plurality) == [descend(case, p, stop=True) for p in case.probability]


def test_golden():
    #            raven crow magpie tit
    probability = [[0.20, 0.25, 0.20, 0.35]]
    candidates = [RAVEN, CROW, MAGPIE, TIT]
    path = top_down(probability, candidates, BIRDS, k=3)
    np.testing.assert_array_equal(path.taxon[0], [[CORVIDAE, PARIDAE, -1], [CORVUS, PARUS, PICA], [CROW, TIT, RAVEN]])
    np.testing.assert_allclose(path.probability[0, 1], [0.45, 0.35, 0.20])
    stopped = plurality(probability, candidates, BIRDS, k=2)  # a crow at 0.25 is less likely than a tit at 0.35
    np.testing.assert_array_equal(stopped.taxon[0], [[CORVIDAE, -1], [CORVUS, -1], [-1, -1]])
    np.testing.assert_allclose(stopped.probability[0, :2, 0], [0.65, 0.45])


@few
@given(seeds)
def test_the_other_answers_of_top_down_are_the_best_sums_left(seed):
    case = Case.draw(seed)
    k = 3
    several, first = (top_down(case.probability, case.candidates, case.taxonomy, k=j) for j in (k, 1))
    sums = rank_sum(case.probability, case.candidates, case.taxonomy, k=k + 1)
    np.testing.assert_array_equal(several.taxon[:, :, :1], first.taxon)
    for taxon, ranked in zip(several.taxon.reshape(-1, k), sums.taxon.reshape(-1, k + 1), strict=True):
        assert taxon[1:].tolist() == [v for v in ranked if v != taxon[0] or v < 0][: k - 1]


def test_nested_candidates_do_not_stop_the_descent():
    answers = top_down([[0.9, 0.04, 0.06]], [CORVUS, RAVEN, TIT], BIRDS)
    np.testing.assert_array_equal(answers.taxon[0, :, 0], [CORVIDAE, CORVUS, RAVEN])
    np.testing.assert_allclose(answers.probability[0, :, 0], [0.94, 0.94, 0.04])


def test_nothing_probable_is_nothing_answered():
    for decode in (top_down, plurality):
        assert (decode([[0.0, 0.0]], [RAVEN, TIT], BIRDS).taxon == -1).all()
        assert decode(np.zeros((0, 2)), [RAVEN, TIT], BIRDS).taxon.shape == (0, 3, 1)

"""Threshold, climbing with its quantile, the Pareto set: what stops when it is not sure."""

import numpy as np
import pytest
from hypothesis import given

from taxoeval import TaxoevalError
from taxoeval.decoding import Climb, ClimbAt, Darts, Threshold, decoder_name, pareto_set
from taxoeval.metrics import operating_curve
from tests.decoding.naive import ROOT, Case, few
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import climb, seeds

CORVIDAE, PARIDAE, PICA, PARUS = BIRDS.ids(["Corvidae", "Paridae", "Pica", "Parus"])
SPECIES = [RAVEN, CROW, MAGPIE, TIT]


def says(case, v):
    """In the order of preference among nodes: information, then depth."""
    return round(case.information(v), 9), case.depth(v)


@few
@given(seeds)
@pytest.mark.parametrize("tau", [0.2, 0.5, 0.8])
def test_threshold_equals_its_definition(tau, seed):
    case = Case.draw(seed)
    for node, p in zip(case.answered(Threshold(tau)), case.probability, strict=True):
        sure = [v for v in case.nodes if v == ROOT or case.mass(v, p) >= tau]
        most = max(round(case.information(v), 9) for v in sure)
        best = [v for v in sure if round(case.information(v), 9) == most]
        expected = max(best, key=lambda v: (round(case.mass(v, p), 12), case.depth(v), -v))
        assert node == expected


@few
@given(seeds)
@pytest.mark.parametrize("theta", [0.3, 0.6, 1.5])
def test_climb_equals_its_definition(theta, seed):
    case = Case.draw(seed)
    for node, p in zip(case.answered(Climb(theta)), case.probability, strict=True):
        best = min(c for c, value in zip(case.candidates, p, strict=True) if value == p.max())
        expected = next((v for v in climb(best, case.taxonomy) if case.mass(v, p) >= theta), ROOT)
        assert node == expected


@few
@given(seeds)
def test_threshold_and_climb_are_points_of_the_operating_curves(seed):
    case = Case.draw(seed, n=12)
    rng = np.random.default_rng(seed)
    target = rng.integers(len(case.taxonomy), size=12)
    if len(case.candidates) < 2:
        return
    for rule, make in (("threshold", Threshold), ("climb", Climb)):
        curve = operating_curve(target, case.probability, case.candidates, case.taxonomy, rule=rule)
        for i, level in enumerate(curve.threshold):
            if 0 < level <= 1:
                nodes = case.answered(make(float(level)))
                told = np.mean([case.information(v) for v in nodes]) / np.log2(len(case.candidates))
                np.testing.assert_allclose(told, curve.specificity[i], atol=1e-9)


@few
@given(seeds)
def test_pareto_set_equals_its_definition(seed):
    case = Case.draw(seed)
    for found, p in zip(pareto_set(case.probability, case.candidates, case.taxonomy), case.probability, strict=True):
        merit = {v: (round(case.mass(v, p), 12), round(case.information(v), 9)) for v in case.nodes if v != ROOT}
        kept = {
            m
            for m in merit.values()
            if m[0] > 0 and not any(o[0] >= m[0] and o[1] >= m[1] and o != m for o in merit.values())
        }
        assert {merit[v] for v in found} == kept
        assert len(found) == len(kept)
        assert sorted(found, key=lambda v: -merit[v][1]) == found.tolist()


@few
@given(seeds)
def test_every_hedge_is_in_the_pareto_set(seed):
    case = Case.draw(seed)
    sets = pareto_set(case.probability, case.candidates, case.taxonomy)
    for decode in (Threshold(0.4), Threshold(0.9), Darts(0.0), Darts(0.7), Darts(5.0)):
        for node, found, p in zip(case.answered(decode), sets, case.probability, strict=True):
            equals = [v for v in found if np.isclose(case.mass(v, p), case.mass(node, p))]
            assert node == ROOT or node in found or any(says(case, v)[0] == says(case, node)[0] for v in equals)


def test_golden():
    probability = [[0.20, 0.25, 0.20, 0.35]]
    expected = {0.3: [PARIDAE, PARUS, TIT], 0.4: [CORVIDAE, CORVUS, -1], 0.6: [CORVIDAE, -1, -1], 0.7: [-1, -1, -1]}
    for tau, taxa in expected.items():
        np.testing.assert_array_equal(Threshold(tau)(probability, SPECIES, BIRDS).taxon[0, :, 0], taxa)
    climbed = Climb(0.4)(probability, SPECIES, BIRDS, k=2)  # above the tit there is nothing of 0.4 but the root
    assert (climbed.taxon == -1).all()
    np.testing.assert_array_equal(
        Climb(0.4)([[0.3, 0.35, 0.1, 0.25]], SPECIES, BIRDS).taxon[0, :, 0], [CORVIDAE, CORVUS, -1]
    )
    assert [s.tolist() for s in pareto_set(probability, SPECIES, BIRDS)] == [[TIT, CORVUS, CORVIDAE]]
    assert pareto_set([[0.0, 0.0]], [RAVEN, TIT], BIRDS)[0].size == 0


def test_what_all_candidates_share_is_answered():
    """It tells nothing among them, but it is known."""
    answers = Threshold(0.9)([[0.5, 0.5]], [RAVEN, MAGPIE], BIRDS)
    np.testing.assert_array_equal(answers.taxon[0, :, 0], [CORVIDAE, -1, -1])
    np.testing.assert_array_equal(Darts(9.0)([[0.5, 0.5]], [RAVEN, MAGPIE], BIRDS).taxon[0, :, 0], [CORVIDAE, -1, -1])


def test_the_quantile_is_that_of_split_conformal_prediction():
    # a raven taken for a crow is right from Corvus up: theta must exceed the crow's probability
    crow = np.array([0.55, 0.6, 0.7, 0.9])
    probability = np.stack([1 - crow, crow, 0 * crow, 0 * crow], axis=1)
    target = [CROW, RAVEN, RAVEN, RAVEN]
    for accuracy, needed in ((0.3, 0.6), (0.6, 0.7), (0.8, 0.9)):
        fitted = ClimbAt(accuracy).fit(probability, SPECIES, BIRDS, target)
        assert fitted.theta == np.nextafter(needed, 1)
    assert ClimbAt(0.81).fit(probability, SPECIES, BIRDS, target).theta == np.inf
    assert (Climb(np.inf)(probability, SPECIES, BIRDS).taxon == -1).all()


@few
@given(seeds)
def test_the_fitted_climb_is_right_as_often_as_asked_on_its_own_split(seed):
    case = Case.draw(seed, n=20)
    target = np.random.default_rng(seed).integers(len(case.taxonomy), size=20)
    for accuracy in (0.5, 0.8):
        nodes = case.answered(ClimbAt(accuracy).fit(case.probability, case.candidates, case.taxonomy, target))
        right = [case.right(y, v) for y, v in zip(target, nodes, strict=True)]
        assert np.mean(right) >= accuracy


def test_names():
    assert [decoder_name(d) for d in (Threshold(0.9), Climb(0.5), Darts(2.0))] == [
        "threshold_0.9",
        "climb_0.5",
        "darts_2",
    ]
    fitted = ClimbAt(0.9).fit([[1.0, 0.0]], [RAVEN, TIT], BIRDS, [RAVEN])
    assert decoder_name(fitted) == ClimbAt(0.9).name == "climb_at_0.9"


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (lambda: Threshold(0), ValueError, r"tau must be a probability in \(0, 1\]; got 0"),
        (lambda: Threshold(90), ValueError, "got 90"),
        (lambda: Climb(-1), ValueError, "theta must be a number of at least 0; got -1"),
        (lambda: ClimbAt(1), ValueError, "accuracy must be a share between 0 and 1; got 1"),
        (lambda: ClimbAt(0.9).fit([[1.0]], [RAVEN], BIRDS, [-1]), TaxoevalError, "the calibration split is empty"),
        (lambda: ClimbAt(0.9).fit([[1.0]], [RAVEN], BIRDS, [1, 2]), ValueError, "a taxon for each row of 1; got"),
        (lambda: ClimbAt(0.9).fit([[1.0]], [RAVEN], BIRDS, [99]), ValueError, "or -1; got 99 .. 99"),
    ],
)
def test_messages(action, error, message):
    with pytest.raises(error, match=message):
        action()

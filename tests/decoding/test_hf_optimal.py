"""The node of greatest expected F-beta."""

import numpy as np
import pytest
from hypothesis import given

from taxoeval.decoding import HfOptimal, decoder_name
from taxoeval.metrics import hierarchical_f_beta
from tests.decoding.naive import ROOT, Case, few
from tests.metrics.test_hits import BIRDS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import seeds

CORVIDAE, CORVUS = BIRDS.ids(["Corvidae", "Corvus"])


@few
@given(seeds)
@pytest.mark.parametrize("beta", [0.3, 1.0, 2.0])
def test_no_other_node_is_better(beta, seed):
    case = Case.draw(seed)

    def expected(v, p):
        return sum(value * case.f_beta(y, v, beta) for y, value in zip(case.candidates, p, strict=True))

    for node, p in zip(case.answered(HfOptimal(beta)), case.probability, strict=True):
        assert expected(node, p) >= max(expected(v, p) for v in case.nodes) - 1e-12


@few
@given(seeds)
def test_the_score_is_that_of_the_metrics(seed):
    case = Case.draw(seed)
    ids = np.arange(len(case.taxonomy))
    target, answer = np.repeat(ids, len(ids)), np.tile(ids, len(ids))
    theirs = hierarchical_f_beta(target, answer, case.taxonomy, beta=0.5)
    np.testing.assert_allclose(theirs, [case.f_beta(y, v, 0.5) for y, v in zip(target, answer, strict=True)])


def test_golden():
    #            raven crow magpie tit; F of Corvidae 1/2, of Corvus 4/5 for its species and 2/5 for a magpie
    probability = [[0.45, 0.45, 0.05, 0.05]]
    candidates = [RAVEN, CROW, MAGPIE, TIT]
    # Corvus .9 x .8 + .05 x .4 = .74; a raven .45 + .45 x 2/3 + .05 / 3 = .767; Corvidae .95 x .5 = .475
    assert HfOptimal()(probability, candidates, BIRDS).taxon[0, :, 0].tolist()[:2] == [CORVIDAE, CORVUS]
    assert HfOptimal()(probability, candidates, BIRDS).taxon[0, 2, 0] in (RAVEN, CROW)
    # beta 0.5, (5/4) x shared / (3/4 + depth): Corvus .9 x .909 + .05 x .4545 = .841; a raven .767
    np.testing.assert_array_equal(HfOptimal(0.5)(probability, candidates, BIRDS).taxon[0, :, 0], [CORVIDAE, CORVUS, -1])


def test_names_and_messages():
    assert [decoder_name(HfOptimal(beta)) for beta in (1, 0.5)] == ["hf_optimal", "hf_optimal_0.5"]
    with pytest.raises(ValueError, match="beta must be a number above 0; got 0"):
        HfOptimal(0)
    assert (HfOptimal()([[0.0, 0.0]], [RAVEN, TIT], BIRDS).taxon == ROOT).all()

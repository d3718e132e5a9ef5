"""Conditional risk: no other answer has a smaller expected distance."""

import numpy as np
import pytest
from hypothesis import given

from taxoeval.decoding import Crm, CrmNodes, Distance, crm, crm_nodes, decoder_name
from taxoeval.metrics import lca_distance
from tests.decoding.naive import Case, few
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import seeds

CORVIDAE, PARIDAE, PICA, PARUS = BIRDS.ids(["Corvidae", "Paridae", "Pica", "Parus"])
every_distance = pytest.mark.parametrize("distance", list(Distance))


@every_distance
@few
@given(seeds)
def test_no_other_candidate_is_less_risky(distance, seed):
    case = Case.draw(seed)
    for node, p in zip(case.answered(Crm(distance)), case.probability, strict=True):
        risks = {c: case.risk(distance, c, p) for c in case.candidates}
        assert risks[node] <= min(risks.values()) + 1e-12
        least = [c for c in risks if risks[c] <= min(risks.values()) + 1e-12]
        assert len(least) > 1 or least == [node]


@every_distance
@few
@given(seeds)
def test_no_other_node_is_less_risky(distance, seed):
    case = Case.draw(seed)
    for node, p in zip(case.answered(CrmNodes(distance)), case.probability, strict=True):
        assert case.risk(distance, node, p) <= min(case.risk(distance, v, p) for v in case.nodes) + 1e-12


@few
@given(seeds)
def test_the_distances_are_those_of_the_metrics(seed):
    case = Case.draw(seed)
    targets = np.repeat(np.arange(len(case.taxonomy)), len(case.taxonomy))
    answers = np.tile(np.arange(len(case.taxonomy)), len(case.taxonomy))
    for distance in Distance:
        theirs = lca_distance(targets, answers, case.taxonomy, convention=str(distance))
        ours = [case.distance(distance, y, v) for y, v in zip(targets, answers, strict=True)]
        np.testing.assert_array_equal(theirs, np.where(np.isnan(theirs), np.nan, ours))


@few
@given(seeds)
def test_candidates_against_candidates(seed):
    """The product with the table of distances, which the rule does without."""
    case = Case.draw(seed, leaves_only=True)
    taxa = np.sort(case.candidates)
    p = case.probability[:, np.argsort(case.candidates)]
    table = lca_distance(
        np.repeat(taxa, len(taxa)), np.tile(taxa, len(taxa)), case.taxonomy, convention="padded_height"
    )
    risk = p @ table.reshape(len(taxa), len(taxa))
    answers = Crm("padded_height")(p, taxa, case.taxonomy, k=1)
    for node, row in zip(case.answered(Crm("padded_height")), risk, strict=True):
        assert row[np.searchsorted(taxa, node)] <= row.min() + 1e-12
    assert answers.taxon.shape == (len(p), 4, 1)


@every_distance
@few
@given(seeds)
def test_k_best_in_the_order_of_their_risk(distance, seed):
    case = Case.draw(seed)
    first = Crm(distance)(case.probability, case.candidates, case.taxonomy)
    several = Crm(distance)(case.probability, case.candidates, case.taxonomy, k=3)
    np.testing.assert_array_equal(several.taxon[:, :, :1], first.taxon)
    np.testing.assert_allclose(several.probability[:, :, :1], first.probability)
    for taxon, stated, p in zip(several.taxon, several.probability, case.probability, strict=True):
        for r, row in enumerate(taxon):
            risks = [min(case.risk(distance, case.candidates[i], p) for i in case.under(v)) for v in row if v >= 0]
            assert (np.diff(risks) >= -1e-12).all()
            assert len(set(row[row >= 0])) == (row >= 0).sum()
            np.testing.assert_allclose(stated[r][row >= 0], [case.mass(v, p) for v in row if v >= 0])


def test_golden():
    #            raven crow magpie tit
    probability = [[0.20, 0.25, 0.20, 0.35]]
    candidates = [RAVEN, CROW, MAGPIE, TIT]
    # ranks off: raven .25 + 2 x .2 + 3 x .35 = 1.70, crow 1.65, magpie 1.95, tit 1.95
    answers = crm(probability, candidates, BIRDS, k=2)
    np.testing.assert_array_equal(answers.taxon[0], [[CORVIDAE, PARIDAE], [CORVUS, PICA], [CROW, RAVEN]])
    np.testing.assert_allclose(answers.probability[0], [[0.65, 0.35], [0.45, 0.20], [0.25, 0.20]])
    # edges: nothing 3, Corvidae 2.7, Corvus 2.8, a crow 3.3
    np.testing.assert_array_equal(crm_nodes(probability, candidates, BIRDS).taxon[0, :, 0], [CORVIDAE, -1, -1])


def test_an_unlikely_sister_comes_before_a_likelier_stranger():
    answers = crm([[0.9, 0.0, 0.1]], [RAVEN, CROW, TIT], BIRDS, k=3)
    assert answers.taxon[0, 2].tolist() == [RAVEN, CROW, TIT]
    np.testing.assert_allclose(answers.probability[0, 2], [0.9, 0.0, 0.1])


def test_a_candidate_of_an_inner_rank_can_be_the_answer():
    genus = Crm("padded_height")([[0.8, 0.1, 0.1]], [CORVUS, RAVEN, TIT], BIRDS)
    np.testing.assert_array_equal(genus.taxon[0, :, 0], [CORVIDAE, CORVUS, -1])
    species = crm([[0.8, 0.1, 0.1]], [CORVUS, RAVEN, TIT], BIRDS)  # "raven" costs nothing if it is a Corvus sp.
    np.testing.assert_array_equal(species.taxon[0, :, 0], [CORVIDAE, CORVUS, RAVEN])


def test_rows_without_probability_have_no_answer():
    for k in (1, 2):
        answers = crm([[0.0, 0.0], [0.0, 1.0]], [RAVEN, TIT], BIRDS, k=k)
        assert (answers.taxon[0] == -1).all()
        assert np.isnan(answers.probability[0]).all()
        assert answers.taxon[1, 2, 0] == TIT


@few
@given(seeds)
def test_on_equal_depths_ranks_and_padded_heights_agree(seed):
    case = Case.draw(seed, leaves_only=True)
    whole = [i for i, c in enumerate(case.candidates) if (case.taxonomy.ancestor[c] >= 0).all()]
    if whole:
        arguments = case.probability[:, whole], np.array(case.candidates)[whole], case.taxonomy
        np.testing.assert_array_equal(Crm("padded_height")(*arguments).taxon, crm(*arguments).taxon)


def test_single_precision_and_many_blocks():
    rng = np.random.default_rng(0)
    probability = rng.dirichlet(np.ones(4), size=1000)
    candidates = [RAVEN, CROW, MAGPIE, TIT]
    whole = crm(probability, candidates, BIRDS, k=2)
    np.testing.assert_array_equal(crm(probability[700:], candidates, BIRDS, k=2).taxon, whole.taxon[700:])
    single = crm(probability.astype(np.float32), candidates, BIRDS, k=2)
    assert (single.taxon == whole.taxon).mean() > 0.99
    np.testing.assert_allclose(single.probability[:, 0], whole.probability[:, 0], atol=1e-6)


def test_names_and_messages():
    names = [decoder_name(d) for d in (crm, crm_nodes, Crm("padded_height"), CrmNodes("height"), Crm(Distance.EDGE))]
    assert names == ["crm", "crm_nodes", "crm_padded_height", "crm_nodes_height", "crm_edge"]
    with pytest.raises(ValueError, match="unknown distance 'hops'; it must be one of rank_height, padded_height"):
        Crm("hops")

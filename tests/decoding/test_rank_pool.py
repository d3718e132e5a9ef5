"""Maximum and mean over the candidates of a taxon."""

import numpy as np
import pytest
from hypothesis import given

from taxoeval.decoding import leaf_argmax, rank_max, rank_mean
from tests.decoding.naive import Case, few
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import at_rank, seeds

CORVIDAE, PARIDAE, PICA, PARUS = BIRDS.ids(["Corvidae", "Paridae", "Pica", "Parus"])


def test_golden():
    #            raven crow magpie tit
    probability = [[0.30, 0.05, 0.25, 0.40]]
    candidates = [RAVEN, CROW, MAGPIE, TIT]
    largest = rank_max(probability, candidates, BIRDS, k=2)
    np.testing.assert_array_equal(largest.taxon[0], [[PARIDAE, CORVIDAE], [PARUS, CORVUS], [TIT, RAVEN]])
    np.testing.assert_allclose(largest.probability[0], [[0.40, 0.60], [0.40, 0.35], [0.40, 0.30]])
    mean = rank_mean(probability, candidates, BIRDS, k=2)
    np.testing.assert_array_equal(mean.taxon[0], [[PARIDAE, CORVIDAE], [PARUS, PICA], [TIT, RAVEN]])
    np.testing.assert_allclose(mean.probability[0], [[0.40, 0.60], [0.40, 0.25], [0.40, 0.30]])


@few
@given(seeds)
@pytest.mark.parametrize(("decode", "pool"), [(rank_max, max), (rank_mean, np.mean)])
def test_equal_their_definitions(decode, pool, seed):
    case = Case.draw(seed)
    answers = decode(case.probability, case.candidates, case.taxonomy, k=3)
    for taxon, stated, p in zip(answers.taxon, answers.probability, case.probability, strict=True):
        for r in range(case.taxonomy.n_ranks):
            groups: dict[int, list[float]] = {}
            for c, value in zip(case.candidates, p, strict=True):
                if (above := at_rank(c, r, case.taxonomy)) is not None:
                    groups.setdefault(above, []).append(value)
            given_ = taxon[r][taxon[r] >= 0]
            scores = sorted((pool(values) for values in groups.values() if pool(values) > 0), reverse=True)[:3]
            np.testing.assert_allclose([pool(groups[v]) for v in given_], scores)
            np.testing.assert_allclose(stated[r][: len(given_)], [sum(groups[v]) for v in given_])
            assert len(set(given_)) == len(given_)


@few
@given(seeds)
def test_the_maximum_is_the_best_leaf_where_no_rank_is_unknown(seed):
    case = Case.draw(seed, leaves_only=True)
    whole = [i for i, c in enumerate(case.candidates) if (case.taxonomy.ancestor[c] >= 0).all()]
    if whole:
        p, candidates = case.probability[:, whole], np.array(case.candidates)[whole]
        one, other = rank_max(p, candidates, case.taxonomy), leaf_argmax(p, candidates, case.taxonomy)
        np.testing.assert_array_equal(one.taxon, other.taxon)


def test_ties_go_to_the_lowest_id_and_zero_is_no_answer():
    for decode in (rank_max, rank_mean):
        answers = decode([[0.5, 0.5, 0.0]], [TIT, RAVEN, MAGPIE], BIRDS, k=3)
        assert answers.taxon[0, 2].tolist() == [*sorted([RAVEN, TIT]), -1]

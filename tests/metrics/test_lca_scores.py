"""Scores at, and below, the lowest common ancestor: definitions, golden values, identities."""

import numpy as np
import pytest
from hypothesis import given

from taxoeval.metrics import lca_similarity
from taxoeval.metrics._nodes import nodes_of
from taxoeval.metrics.lca_scores import lca_precision_recall_f, lca_restricted_precision_recall_f
from taxoeval.metrics.paths import hierarchical_precision, hierarchical_recall
from tests.metrics.test_hits import BIRDS, CORVIDAE, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import climb, random_taxonomy, seeds

NAN = np.nan


def test_weighted_golden():
    # 4 leaves: Corvidae holds 3 of them, Corvus 2, a species 1
    scores = lca_precision_recall_f([RAVEN] * 4, [CROW, MAGPIE, CORVUS, TIT], BIRDS, weight="information")
    corvidae = np.log2(4 / 3)
    np.testing.assert_allclose(scores.precision, [1 / 2, corvidae / 2, 1, 0])
    np.testing.assert_allclose(scores.recall, [1 / 2, corvidae / 2, 1 / 2, 0])
    depth = lca_precision_recall_f([RAVEN] * 2, [CROW, CORVIDAE], BIRDS, weight="depth")
    np.testing.assert_allclose(depth.precision, [2 / 3, 1])
    np.testing.assert_allclose(depth.recall, [2 / 3, 1 / 3])


def test_nothing_over_nothing_is_right():
    for weight in ("depth", "information"):
        scores = lca_precision_recall_f([RAVEN, -1], [-1, RAVEN], BIRDS, weight=weight)
        np.testing.assert_array_equal(scores.precision, [1, NAN])
        np.testing.assert_array_equal(scores.recall, [0, NAN])
        np.testing.assert_array_equal(scores.f, [0, NAN])


@given(seeds)
def test_by_depth_it_is_hierarchical_precision_and_recall_and_f1_is_a_similarity(seed):
    taxonomy = random_taxonomy(seed)
    target, pred = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 25))
    depth = lca_precision_recall_f(target, pred, taxonomy, weight="depth")
    np.testing.assert_array_equal(depth.precision, hierarchical_precision(target, pred, taxonomy))
    np.testing.assert_array_equal(depth.recall, hierarchical_recall(target, pred, taxonomy))
    np.testing.assert_allclose(depth.f, lca_similarity(target, pred, taxonomy, convention="wu_palmer_root0"))
    information = lca_precision_recall_f(target, pred, taxonomy, weight="information")
    np.testing.assert_allclose(information.f, lca_similarity(target, pred, taxonomy, convention="lin"))


@given(seeds)
def test_weighted_equals_its_definition(seed):
    taxonomy = random_taxonomy(seed)
    target, pred = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 25))
    bits = nodes_of(taxonomy).information
    expected = []
    for y, p in zip(target, pred, strict=True):
        a = max(set(climb(y, taxonomy)) & set(climb(p, taxonomy)), default=-1)  # preorder: the deepest is the greatest
        expected.append(1 if bits[p] == 0 else bits[a] / bits[p])
    scores = lca_precision_recall_f(target, pred, taxonomy, weight="information")
    np.testing.assert_allclose(scores.precision, expected)


def test_restricted_golden():
    scores = lca_restricted_precision_recall_f([RAVEN] * 5, [RAVEN, CROW, TIT, CORVUS, -1], BIRDS)
    np.testing.assert_allclose(scores.precision, [1, 1 / 2, 1 / 4, 1, 1])
    np.testing.assert_allclose(scores.recall, [1, 1 / 2, 1 / 4, 1 / 2, 1 / 4])
    np.testing.assert_allclose(scores.f, [1, 1 / 2, 1 / 4, 2 / 3, 2 / 5])


@given(seeds)
def test_restricted_equals_its_definition(seed):
    taxonomy = random_taxonomy(seed)
    target, pred = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 25))
    scores = lca_restricted_precision_recall_f(target, pred, taxonomy)
    for i, (y, p) in enumerate(zip(target, pred, strict=True)):
        above_y, above_p = [*climb(y, taxonomy), -1], [*climb(p, taxonomy), -1]
        a = next(v for v in above_y if v in above_p)
        way_y, way_p = set(above_y[: above_y.index(a) + 1]), set(above_p[: above_p.index(a) + 1])
        assert scores.precision[i] == len(way_y & way_p) / len(way_p)
        assert scores.recall[i] == len(way_y & way_p) / len(way_y)


def test_messages():
    with pytest.raises(ValueError, match="unknown weight 'height'; it must be depth or information"):
        lca_precision_recall_f([RAVEN], [CROW], BIRDS, weight="height")
    with pytest.raises(ValueError, match="beta must be 0 or more and finite; got nan"):
        lca_restricted_precision_recall_f([RAVEN], [CROW], BIRDS, beta=NAN)

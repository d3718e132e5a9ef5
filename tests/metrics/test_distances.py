"""`lca_distance` and its averages against definitions, golden values and identities."""

import networkx
import numpy as np
import pytest
from hypothesis import given

from taxoeval import Taxonomy, Tree
from taxoeval.metrics import (
    Convention,
    average_hierarchical_distance,
    lca_distance,
    mistake_severity,
    mistakes_only,
    rank_height,
    rank_hits,
    statistics,
)
from tests.metrics.test_hits import BIRDS, CORVIDAE, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import climb, random_taxonomy, seeds

NAN = np.nan


def test_rank_height_golden():
    pred = [RAVEN, CROW, MAGPIE, TIT, CORVUS, CORVIDAE, -1]
    np.testing.assert_array_equal(rank_height([RAVEN] * 7, pred, BIRDS), [0, 1, 2, 3, 1, 2, NAN])


def test_a_target_above_the_finest_rank_has_no_rank_height():
    np.testing.assert_array_equal(rank_height([CORVUS, -1], [CROW, CROW], BIRDS), [NAN, NAN])


def test_rank_height_counts_slots_over_a_hole():
    fishes = Taxonomy.from_lineages(
        [("Chordata", "", "Cyprinus", "Cyprinus carpio"), ("Chordata", "", "Perca", "Perca fluviatilis")],
        ranks=("phylum", "family", "genus", "species"),
    )
    carp, perch = fishes.ids(["Cyprinus carpio", "Perca fluviatilis"])
    assert rank_height([carp], [perch], fishes) == [3]
    assert lca_distance([carp], [perch], fishes, convention="edge") == [4]


def test_edge_golden_also_for_inner_ranks_and_across_roots():
    pred = [RAVEN, CROW, MAGPIE, TIT, CORVUS, -1]
    np.testing.assert_array_equal(lca_distance([RAVEN] * 6, pred, BIRDS, convention="edge"), [0, 2, 4, 6, 1, NAN])
    assert lca_distance([CORVUS], [TIT], BIRDS, convention="edge") == [5]


def test_k_answers_keep_their_shape():
    np.testing.assert_array_equal(rank_height([RAVEN, TIT], [[CROW, RAVEN], [CROW, TIT]], BIRDS), [[1, 0], [3, 0]])


def naive_rank_height(target, pred, taxonomy):
    finest = taxonomy.n_ranks - 1
    if taxonomy.rank[target] != finest:
        return NAN
    shared = set(climb(target, taxonomy)) & set(climb(pred, taxonomy))
    return finest - max((taxonomy.rank[a] for a in shared), default=-1)


@given(seeds)
def test_both_conventions_equal_their_definitions(seed):
    taxonomy = random_taxonomy(seed)
    target, pred = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 25))
    expected = [naive_rank_height(t, p, taxonomy) for t, p in zip(target, pred, strict=True)]
    np.testing.assert_array_equal(rank_height(target, pred, taxonomy), expected)
    graph = networkx.Graph((i, int(p)) for i, p in enumerate(taxonomy.parent))  # -1 is the implied root
    length = [networkx.shortest_path_length(graph, t, p) for t, p in zip(target, pred, strict=True)]
    np.testing.assert_array_equal(lca_distance(target, pred, taxonomy, convention="edge"), length)


@given(seeds)
def test_edge_is_a_metric(seed):
    taxonomy = random_taxonomy(seed)
    a, b, c = np.random.default_rng(seed).integers(len(taxonomy), size=(3, 25))

    def edge(x, y):
        return lca_distance(x, y, taxonomy, convention=Convention.EDGE)

    np.testing.assert_array_equal(edge(a, b), edge(b, a))
    np.testing.assert_array_equal(edge(a, b) == 0, a == b)
    assert (edge(a, c) <= edge(a, b) + edge(b, c)).all()


@given(seeds)
def test_rank_height_is_the_number_of_ranks_at_which_nothing_is_shared_there_or_below(seed):
    taxonomy = random_taxonomy(seed)
    target, pred = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 25))
    hits = rank_hits(target, pred, taxonomy) == 1
    below = np.cumsum(hits[:, ::-1], axis=1)[:, ::-1] > 0
    height = rank_height(target, pred, taxonomy)
    known = ~np.isnan(height)
    np.testing.assert_array_equal(height[known], (~below).sum(axis=1)[known])


def test_averages_golden():
    height = [0, 0, 1, 3, NAN]
    assert mistake_severity(height) == 2
    assert average_hierarchical_distance(height) == 1
    np.testing.assert_array_equal(mistakes_only(height), [NAN, NAN, 1, 3, NAN])
    assert average_hierarchical_distance([[0, 2], [1, NAN]]) == 1  # the second sample is left out whole


def test_no_mistakes_have_no_severity():
    assert np.isnan(mistake_severity([0, 0]))
    assert average_hierarchical_distance([0, 0]) == 0


@given(seeds)
def test_average_distance_is_error_times_severity(seed):
    taxonomy = random_taxonomy(seed)
    target, pred = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 40))
    height = rank_height(target, pred, taxonomy)
    wrong = statistics.mean(np.where(np.isnan(height), NAN, height > 0))
    if wrong > 0:
        assert average_hierarchical_distance(height) == pytest.approx(wrong * mistake_severity(height))


def test_messages():
    with pytest.raises(ValueError, match="unknown convention 'hops'; it must be one of rank_height, padded_height"):
        lca_distance([0], [0], BIRDS, convention="hops")
    with pytest.raises(ValueError, match="a Tree has none: use a Taxonomy, or convention='edge'"):
        lca_distance([0], [0], Tree([-1, 0], ["a", "b"]), convention="rank_height")
    with pytest.raises(ValueError, match=r"distance must be \(n,\), got \(1, 2\)"):
        mistake_severity([[0, 1]])

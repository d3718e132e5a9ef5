"""Measures of the k best answers against naive sorts over all candidates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxoeval import Tree
from taxoeval.metrics import Convention, Similarity, lca_distance, lca_similarity
from taxoeval.metrics.top_k import (
    average_hierarchical_precision,
    best_of_k,
    correct_depth,
    hierarchical_map,
    hierarchical_precision_at_k,
)
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import climb, random_taxonomy, seeds

NAN = np.nan
SPECIES = np.array([RAVEN, CROW, MAGPIE, TIT])

conventions = st.sampled_from([c for c in (*Convention, *Similarity) if c not in ("information_excess", "lin")])


def test_best_of_k_golden():
    np.testing.assert_array_equal(best_of_k([[2, 1], [NAN, 3], [NAN, NAN]]), [1, 3, NAN])


def test_correct_depth_golden():
    depth = correct_depth([RAVEN] * 5, [RAVEN, CROW, TIT, CORVUS, -1], BIRDS)
    np.testing.assert_array_equal(depth, [3, 2, 0, 2, 0])
    assert correct_depth([RAVEN], [CROW], BIRDS, root_depth=1) == 3
    assert np.isnan(correct_depth([-1], [CROW], BIRDS))


@given(seeds)
def test_correct_depth_counts_common_ancestors(seed):
    taxonomy = random_taxonomy(seed)
    target, pred = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 25))
    common = [len(set(climb(y, taxonomy)) & set(climb(p, taxonomy))) for y, p in zip(target, pred, strict=True)]
    np.testing.assert_array_equal(correct_depth(target, pred, taxonomy), common)


def test_hierarchical_precision_golden():
    # likeness of raven to raven, crow, magpie, tit by rank height: 1, 2/3, 1/3, 0
    pred = [[RAVEN, CROW, MAGPIE], [TIT, MAGPIE, CROW], [CROW, -1, RAVEN]]
    hp = hierarchical_precision_at_k([RAVEN] * 3, pred, BIRDS, SPECIES, convention="rank_height")
    np.testing.assert_allclose(hp, [[1, 1, 1], [0, (1 / 3) / (5 / 3), 0.5], [2 / 3, (2 / 3) / (5 / 3), (5 / 3) / 2]])
    np.testing.assert_allclose(hierarchical_map(hp)[0], 1)
    np.testing.assert_allclose(
        average_hierarchical_precision(hp), [1, (0.1 + 0.35) / 2, (hp[2, 0] / 2 + hp[2, 1] + hp[2, 2] / 2) / 2]
    )
    np.testing.assert_allclose(average_hierarchical_precision(hp[:, :1]), hp[:, 0])


def naive_likeness(target, candidates, tree, convention):
    pairs = np.broadcast_to(candidates, (len(target), len(candidates)))
    if convention in set(Similarity):
        return lca_similarity(target, pairs, tree, convention=convention)
    return 1 - lca_distance(target, pairs, tree, convention=convention, normalised=True)


def naive_precision(target, pred, candidates, tree, convention):
    gains = [naive_likeness(target[i : i + 1], pred[i], tree, convention) for i in range(len(target))]
    best = -np.sort(-naive_likeness(target, candidates, tree, convention), axis=1)[:, : pred.shape[1]]
    with np.errstate(invalid="ignore"):
        return np.cumsum(np.concatenate(gains), axis=1) / np.cumsum(best, axis=1)


@given(seeds, conventions)
def test_the_best_possible_equals_a_sort_of_all_candidates(seed, convention):
    taxonomy = random_taxonomy(seed)
    rng = np.random.default_rng(seed)
    target = rng.integers(len(taxonomy), size=12)
    candidates = rng.integers(len(taxonomy), size=9)  # inner taxa and repeats among them
    pred = np.stack([rng.permutation(candidates)[:4] for _ in target])
    fast = hierarchical_precision_at_k(target, pred, taxonomy, candidates, convention=convention)
    np.testing.assert_allclose(fast, naive_precision(target, pred, candidates, taxonomy, convention), atol=1e-12)
    defined = fast[~np.isnan(fast)]
    assert ((defined >= 0) & (defined <= 1 + 1e-12)).all()


@given(seeds)
def test_on_a_tree_of_one_root_and_any_depth(seed):
    rng = np.random.default_rng(seed)
    parent = [-1]
    for i in range(1, 30):  # preorder: the parent of a node is its predecessor or one of that one's ancestors
        above, up = i - 1, rng.integers(0, 4)
        while up > 0 and parent[above] >= 0:
            above, up = parent[above], up - 1
        parent.append(above)
    tree = Tree(parent, [str(i) for i in range(30)])
    target, candidates = rng.integers(30, size=12), rng.choice(30, size=9, replace=False)
    pred = np.stack([rng.permutation(candidates)[:5] for _ in target])
    for convention in ("padded_height", "wu_palmer_root1", "edge"):
        fast = hierarchical_precision_at_k(target, pred, tree, candidates, convention=convention)
        np.testing.assert_allclose(fast, naive_precision(target, pred, candidates, tree, convention), atol=1e-12)


@given(seeds, conventions)
def test_leaving_the_query_out_equals_removing_it_by_hand(seed, convention):
    taxonomy = random_taxonomy(seed)
    rng = np.random.default_rng(seed)
    gallery = rng.integers(len(taxonomy), size=8)
    others = np.array([np.delete(gallery, i) for i in range(8)])
    pred = rng.permuted(others, axis=1)[:, :3]
    fast = hierarchical_precision_at_k(gallery, pred, taxonomy, gallery, convention=convention, leave_one_out=True)
    for i in range(8):
        one = hierarchical_precision_at_k(
            gallery[i : i + 1], pred[i : i + 1], taxonomy, others[i], convention=convention
        )
        np.testing.assert_allclose(fast[i : i + 1], one, atol=1e-12)


@given(seeds)
def test_a_perfect_ranking_has_one_everywhere(seed):
    taxonomy = random_taxonomy(seed)
    candidates = taxonomy.leaves
    distance = naive_likeness(candidates, candidates, taxonomy, "height")
    pred = candidates[np.argsort(-distance, axis=1, kind="stable")]
    hp = hierarchical_precision_at_k(candidates, pred, taxonomy, candidates, convention="height")
    np.testing.assert_allclose(hp, 1)


def test_undefined_targets_are_nan_and_blocks_change_nothing(monkeypatch):
    hp = hierarchical_precision_at_k([-1, CORVUS], [[RAVEN], [RAVEN]], BIRDS, SPECIES, convention="rank_height")
    assert np.isnan(hp).all()  # a genus has no rank height
    assert np.isnan(hierarchical_precision_at_k([TIT], [[RAVEN]], BIRDS, [RAVEN], convention="rank_height"))
    taxonomy, rng = random_taxonomy(8), np.random.default_rng(8)
    target, pred = rng.integers(len(taxonomy), size=40), rng.choice(taxonomy.leaves, size=(40, 3))
    args = (target, pred, taxonomy, np.repeat(taxonomy.leaves, 3))
    whole = hierarchical_precision_at_k(*args, convention="edge")
    monkeypatch.setattr("taxoeval.metrics._gains._BLOCK", 1)
    np.testing.assert_array_equal(hierarchical_precision_at_k(*args, convention="edge"), whole)


def test_messages():
    def hp(pred, candidates=SPECIES, convention="edge", **options):
        return hierarchical_precision_at_k([RAVEN], pred, BIRDS, candidates, convention=convention, **options)

    with pytest.raises(ValueError, match="pred has k = 5 places, but only 4 of candidates can be ranked"):
        hp([[RAVEN, CROW, MAGPIE, TIT, TIT]])
    with pytest.raises(ValueError, match="pred has k = 4 places, but only 3 of candidates can be ranked"):
        hp([[RAVEN, CROW, MAGPIE, TIT]], leave_one_out=True)
    with pytest.raises(ValueError, match=f"pred holds taxon {CORVUS}, which is none of the candidates"):
        hp([[CORVUS]])
    with pytest.raises(ValueError, match=f"takes each target out of the candidates, but taxon {RAVEN} is not in them"):
        hp([[CROW]], [CROW, TIT], leave_one_out=True)
    with pytest.raises(ValueError, match=r"unknown convention 'lin'; it must be one of rank_height.*wu_palmer_root0"):
        hp([[CROW]], convention="lin")
    with pytest.raises(ValueError, match=r"pred must be \(n, k\), best first; got \(1,\)"):
        hp([CROW])
    with pytest.raises(ValueError, match=r"candidates must be \(c,\) taxa: at least one, and no -1"):
        hp([[CROW]], [])
    with pytest.raises(ValueError, match=r"distance must be \(n, k\) with k of at least 1, got \(2,\)"):
        best_of_k([1, 2])
    with pytest.raises(ValueError, match=r"precision must be \(n, k\) with k of at least 1"):
        hierarchical_map([1.0])

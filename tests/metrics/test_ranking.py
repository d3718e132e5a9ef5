"""Retrieval by neighbour ids: definitions, golden values, scikit-learn, and indifference to the scale of scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from taxoeval.metrics import lca_similarity, rank_height
from taxoeval.metrics.ranking import map_at_r, ndcg_at_k, precision_at_k, r_precision, relevant_counts
from tests.metrics.test_hits import BIRDS, CORVIDAE, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import at_rank, random_taxonomy, seeds

NAN = np.nan


def test_golden():
    #          Corvidae: 1 1 0 1, Corvus: 0 1 0 1, raven: 0 0 0 1
    neighbours = [[MAGPIE, CROW, TIT, RAVEN]]
    np.testing.assert_allclose(precision_at_k([RAVEN], neighbours, BIRDS), [[3 / 4, 2 / 4, 1 / 4]])
    relevant = relevant_counts([RAVEN], [MAGPIE, CROW, TIT, RAVEN], BIRDS)
    np.testing.assert_array_equal(relevant, [[3, 2, 1]])
    np.testing.assert_allclose(r_precision([RAVEN], neighbours, BIRDS, relevant), [[2 / 3, 1 / 2, 0]])
    np.testing.assert_allclose(map_at_r([RAVEN], neighbours, BIRDS, relevant), [[2 / 3, 1 / 4, 0]])


def test_partial_labels_and_lone_queries():
    gallery = [CROW, TIT, CORVUS, -1]
    relevant = relevant_counts([CORVUS, RAVEN, -1], gallery, BIRDS)
    np.testing.assert_array_equal(relevant, [[2, 2, NAN], [2, 2, 0], [NAN, NAN, NAN]])
    neighbours = [[CROW, CORVUS, -1]] * 3
    np.testing.assert_allclose(
        precision_at_k([CORVUS, RAVEN, -1], neighbours, BIRDS), [[2 / 3, 2 / 3, NAN], [2 / 3, 2 / 3, 0], [NAN] * 3]
    )
    np.testing.assert_array_equal(
        r_precision([CORVUS, RAVEN, -1], neighbours, BIRDS, relevant), [[1, 1, NAN], [1, 1, NAN], [NAN] * 3]
    )


def naive(target, neighbours, taxonomy, relevant):
    shape = (len(target), taxonomy.n_ranks)
    precision, r_prec, mean_ap = np.full(shape, NAN), np.full(shape, NAN), np.full(shape, NAN)
    for i, t in enumerate(target):
        for r in range(taxonomy.n_ranks):
            truth = at_rank(t, r, taxonomy)
            if truth is None:
                continue
            hits = [at_rank(x, r, taxonomy) == truth for x in neighbours[i]]
            precision[i, r] = sum(hits) / len(hits)
            n = int(relevant[i, r])
            if n:
                r_prec[i, r] = sum(hits[:n]) / n
                mean_ap[i, r] = sum(sum(hits[: j + 1]) / (j + 1) for j in range(n) if hits[j]) / n
    return precision, r_prec, mean_ap


@given(seeds, st.booleans())
def test_equals_their_definitions(seed, leave_one_out):
    taxonomy = random_taxonomy(seed)
    rng = np.random.default_rng(seed)
    gallery = rng.integers(len(taxonomy), size=15)
    target = gallery if leave_one_out else rng.integers(len(taxonomy), size=15)
    pool = [np.delete(gallery, i) if leave_one_out else gallery for i in range(15)]
    neighbours = np.stack([rng.permutation(p) for p in pool])
    relevant = relevant_counts(target, gallery, taxonomy, leave_one_out=leave_one_out)
    counted = [[sum(at_rank(g, r, taxonomy) == at_rank(t, r, taxonomy) for g in p) for r in range(4)]
               for t, p in zip(target, pool, strict=True)]  # fmt: skip
    known = taxonomy.ancestor[target] >= 0
    np.testing.assert_array_equal(relevant, np.where(known, counted, NAN))
    fast = (
        precision_at_k(target, neighbours, taxonomy),
        r_precision(target, neighbours, taxonomy, relevant),
        map_at_r(target, neighbours, taxonomy, relevant),
    )
    for ours, expected in zip(fast, naive(target, neighbours, taxonomy, relevant), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-12)


@given(seeds, st.sampled_from(["wu_palmer_root0", "wu_palmer_root1", "jaccard_root_out"]))
def test_ndcg_is_scikit_learns(seed, convention):
    taxonomy = random_taxonomy(seed)
    rng = np.random.default_rng(seed)
    gallery = rng.integers(len(taxonomy), size=10)
    target = rng.integers(len(taxonomy), size=6)
    scores = rng.random((6, 10))
    order = np.argsort(-scores, axis=1)
    relevance = lca_similarity(target, np.broadcast_to(gallery, (6, 10)), taxonomy, convention=convention)
    for k in (1, 4, 10):
        ours = ndcg_at_k(target, gallery[order[:, :k]], taxonomy, gallery, convention=convention)
        for i in range(6):
            if relevance[i].any():
                assert ours[i] == pytest.approx(ndcg_score(relevance[i : i + 1], scores[i : i + 1], k=k))
            else:
                assert np.isnan(ours[i])


def test_ndcg_golden():
    gallery = [RAVEN, CROW, MAGPIE, TIT]
    ndcg = ndcg_at_k([RAVEN] * 3, [[RAVEN, CROW], [TIT, RAVEN], [-1, RAVEN]], BIRDS, gallery, convention="rank_height")
    second = 1 / np.log2(3)
    np.testing.assert_allclose(ndcg, [1, second / (1 + second * 2 / 3), second / (1 + second * 2 / 3)])
    assert np.isnan(ndcg_at_k([CORVIDAE], [[RAVEN]], BIRDS, gallery, convention="rank_height"))


def test_monotone_transforms_of_scores_change_nothing():
    """Cosine scores below zero are as good as any: only their order is used."""
    taxonomy = random_taxonomy(4)
    rng = np.random.default_rng(4)
    gallery, target = rng.integers(len(taxonomy), size=20), rng.integers(len(taxonomy), size=10)
    scores = rng.normal(size=(10, 20))
    relevant = relevant_counts(target, gallery, taxonomy)
    results = []
    for transform in (lambda s: s, lambda s: s - 100, np.exp, lambda s: s**3, np.tanh):
        neighbours = gallery[np.argsort(-transform(scores), axis=1, kind="stable")]
        results.append(
            (
                precision_at_k(target, neighbours[:, :5], taxonomy),
                r_precision(target, neighbours, taxonomy, relevant),
                map_at_r(target, neighbours, taxonomy, relevant),
                ndcg_at_k(target, neighbours, taxonomy, gallery, convention="edge"),
            )
        )
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_perfect_ranking_has_one_everywhere_and_map_never_exceeds_r_precision(monkeypatch):
    taxonomy = random_taxonomy(7)
    species = np.flatnonzero(taxonomy.rank == taxonomy.n_ranks - 1)
    rng = np.random.default_rng(7)
    gallery = rng.choice(species, size=40)
    height = rank_height(species, np.broadcast_to(gallery, (len(species), 40)), taxonomy)
    perfect = gallery[np.argsort(height, axis=1, kind="stable")]
    relevant = relevant_counts(species, gallery, taxonomy)
    finest = r_precision(species, perfect, taxonomy, relevant)[:, -1]
    assert (finest[relevant[:, -1] > 0] == 1).all()
    np.testing.assert_allclose(ndcg_at_k(species, perfect, taxonomy, gallery, convention="rank_height"), 1)
    shuffled = rng.permuted(perfect, axis=1)
    whole = map_at_r(species, shuffled, taxonomy, relevant)
    defined = ~np.isnan(whole)
    assert (whole[defined] <= r_precision(species, shuffled, taxonomy, relevant)[defined]).all()
    monkeypatch.setattr("taxoeval.metrics.ranking._BLOCK", 1)
    np.testing.assert_array_equal(map_at_r(species, shuffled, taxonomy, relevant), whole)


def test_messages():
    with pytest.raises(ValueError, match="relevant reaches 3 at rank family, but only 1 neighbours were given"):
        r_precision([RAVEN], [[CROW]], BIRDS, [[3, 2, 1]])
    with pytest.raises(
        ValueError, match=r"relevant must hold a count per query and rank, shape \(1, 3\); got \(1, 2\)"
    ):
        map_at_r([RAVEN], [[CROW]], BIRDS, [[3, 2]])
    with pytest.raises(
        ValueError, match=r"neighbours must be \(n, k\) with k of at least 1, nearest first; got \(1,\)"
    ):
        precision_at_k([RAVEN], [CROW], BIRDS)
    with pytest.raises(ValueError, match=f"takes each target out of the gallery, but taxon {RAVEN} is not in it"):
        relevant_counts([RAVEN], [CROW], BIRDS, leave_one_out=True)
    with pytest.raises(ValueError, match=f"neighbours holds taxon {CORVUS}, which is none of the gallery"):
        ndcg_at_k([RAVEN], [[CORVUS]], BIRDS, [RAVEN, CROW], convention="edge")
    with pytest.raises(ValueError, match="neighbours has k = 2 places, but only 1 of gallery can be ranked"):
        ndcg_at_k([RAVEN], [[CROW, CROW]], BIRDS, [CROW], convention="edge")

"""Clusters: measures equal to scikit-learn's, planted clusters found, noise kept apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, v_measure_score

from taxoeval import Taxonomy
from taxoeval.errors import TaxoevalError
from taxoeval.structure.agreement import Partition, agreement, expected_by_size, expected_information
from taxoeval.structure.clusters import clusters
from tests.structure.planted import planted, row


@given(seed=st.integers(0, 10_000), n=st.integers(4, 60), k=st.integers(2, 9), follow=st.floats(0, 1))
def test_measures_equal_scikit_learns(seed, n, k, follow):
    rng = np.random.default_rng(seed)
    one = rng.integers(0, k, n)
    other = np.where(rng.random(n) < follow, one * 3, 1 + rng.integers(0, 4, n))
    found = agreement(one, other)
    if len(set(one)) < 2 or len(set(other)) < 2 or len(set(one)) == len(set(other)) == n:
        assert np.isnan(found).all()
        return
    measures = (adjusted_mutual_info_score, adjusted_rand_score, v_measure_score)
    np.testing.assert_allclose(found, [measure(one, other) for measure in measures], atol=1e-9)


def test_expected_information_is_that_of_shuffles():
    rng = np.random.default_rng(0)
    one, other = np.repeat([0, 1, 2], [5, 3, 4]), np.repeat([0, 1], 6)
    expected = expected_information(np.bincount(one), np.bincount(other))

    def information(a, b):
        share = np.histogram2d(a, b, bins=(3, 2))[0] / 12
        product = share.sum(1, keepdims=True) * share.sum(0)
        return (share[share > 0] * np.log(share[share > 0] / product[share > 0])).sum()

    drawn = [information(one, rng.permutation(other)) for _ in range(3000)]
    assert abs(np.mean(drawn) - expected) < 4 * np.std(drawn) / np.sqrt(3000)


@pytest.mark.parametrize("n", [1, 2, 7, 60])
def test_many_partitions_at_once_agree_as_one_by_one(monkeypatch, n):
    monkeypatch.setattr("taxoeval.structure.agreement._TERMS", 20)
    rng = np.random.default_rng(n)
    others = np.stack([rng.integers(0, k, n) * step for k, step in ((1, 1), (2, 5), (4, 1), (n, 1), (9, 2))])
    others = np.vstack([others, np.arange(n)])
    for part in (rng.integers(0, 5, n), rng.integers(0, 2, n) * 3, np.arange(n), np.zeros(n, dtype=int)):
        partition = Partition.of(part)
        found = partition.agreements(others)
        np.testing.assert_array_equal(partition.agreements(others[::-1]), found[::-1])  # what it has learnt stays true
        for measures, other in zip(found, others, strict=True):
            several = [len(set(one.tolist())) for one in (part, other)]
            if min(several) < 2 or several == [n, n]:
                assert np.isnan(measures).all()
                continue
            scores = [
                score(other, part) for score in (adjusted_mutual_info_score, adjusted_rand_score, v_measure_score)
            ]
            np.testing.assert_allclose(measures, scores, atol=1e-12)


def test_what_a_part_adds_is_the_mean_over_the_hypergeometric_distribution():
    b = np.array([1, 3, 3, 8])
    for size, found in zip([0, 1, 5, 14], expected_by_size(np.array([0, 1, 5, 14]), b), strict=True):
        expected = sum(
            hypergeom.pmf(k, 15, size, y) * k / 15 * np.log(15 * k / (size * y))
            for y in b
            for k in range(1, min(size, y) + 1)
        )
        assert found == pytest.approx(expected, abs=1e-14)


def test_golden_values_of_two_pairs():
    # {0 1}{2 3} against {0 1}{2}{3}: MI log 2, entropies log 2 and 1.5 log 2, both log 2 by 1 of 3 deals
    assert agreement(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2])) == pytest.approx([4 / 7, 4 / 7, 0.8], abs=1e-12)
    assert agreement(np.array([0, 0, 1, 1]), np.array([5, 5, 2, 2])) == pytest.approx([1, 1, 1])


def test_planted_clusters_are_found_at_their_rank():
    vectors, taxon, taxonomy = planted(0, effects=(0, 5.0, 0, 0), noise=0.3, species=40, dimension=20)
    result = clusters(vectors, taxon, taxonomy, permutations=99)
    for method in ("agglomerative", "HDBSCAN without noise", "HDBSCAN, noise apart"):
        family = row(result, f"AMI, {method}")
        assert family.value[1] == pytest.approx(1, abs=0.02)
        assert family.p[1] == 0.01
        assert family.value[1] == max(family.value)
    assert row(result, "ARI, k-means").value[1] > 0.7
    assert row(result, "noise, HDBSCAN").value[0] < 0.05


def test_clusters_that_hold_species_agree_with_any_grouping_of_species():
    vectors, taxon, taxonomy = planted(0, effects=(0, 0, 0, 5.0), noise=0.2, species=32)
    result = clusters(vectors, taxon, taxonomy, permutations=99)
    ari = row(result, "ARI, agglomerative")
    assert ari.value[3] > 0.95
    assert abs(ari.null[3]) < 0.02  # images dealt out: 0 by definition
    assert row(result, "AMI, agglomerative").null[2] > 0.3  # species dealt out to genera: far from 0
    assert (row(result, "V-measure, agglomerative").p[:3] > 0.02).all()


def test_noise_is_left_out_or_apart():
    rng = np.random.default_rng(0)
    taxonomy = Taxonomy.from_lineages([("a",), ("b",)], ranks=("species",))
    centre = np.array([[9.0, 0, 0, 0, 0], [0, 9.0, 0, 0, 0]])
    vectors = np.concatenate([np.repeat(centre, 12, axis=0) + 0.1 * rng.normal(size=(24, 5)), rng.normal(size=(14, 5))])
    taxon = np.r_[np.repeat([0, 1], 12), np.arange(14) % 2]
    result = clusters(vectors, taxon, taxonomy, permutations=0)
    noise = result.hdbscan < 0
    assert 5 < noise.sum() <= 14
    assert row(result, "noise, HDBSCAN").value[0] == pytest.approx(noise.mean())
    without = row(result, "ARI, HDBSCAN without noise")
    assert without.n[0] == (~noise).sum()
    labels = taxon[result.position]
    assert without.value[0] == pytest.approx(adjusted_rand_score(labels[~noise], result.hdbscan[~noise]))
    apart = np.where(noise, 100 + np.arange(len(noise)), result.hdbscan)
    assert row(result, "ARI, HDBSCAN, noise apart").value[0] == pytest.approx(adjusted_rand_score(labels, apart))
    assert row(result, "ARI, HDBSCAN, noise apart").n[0] == 38


def test_same_seed_same_clusters_and_a_sample_of_whole_species():
    vectors, taxon, taxonomy = planted(1, zipf=True, holes=True)
    one, other = (clusters(vectors, taxon, taxonomy, images=60, permutations=9, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.k_means, other.k_means)
    for a, b in zip(one.rows, other.rows, strict=True):
        np.testing.assert_array_equal(a.p, b.p)
    assert len(one.position) == 60
    held, there = np.unique(taxon[one.position], return_counts=True), np.bincount(taxon)
    whole = held[1] == np.minimum(there[held[0]], 20)
    assert (~whole).sum() <= 1  # the last one is cut short


def test_images_of_unknown_taxa_are_in_no_comparison():
    vectors, taxon, taxonomy = planted(1, holes=True)
    result = clusters(vectors, taxon, taxonomy, permutations=0)
    own = taxonomy.ancestor[taxon[result.position]]
    np.testing.assert_array_equal(result.k_means >= 0, own >= 0)
    np.testing.assert_array_equal(result.agglomerative >= 0, own >= 0)
    np.testing.assert_array_equal(row(result, "AMI, k-means").n, (own >= 0).sum(axis=0))
    for place in range(taxonomy.n_ranks):
        assert len(np.unique(result.k_means[own[:, place] >= 0, place])) == len(
            np.unique(own[own[:, place] >= 0, place])
        )


def test_odd_input_has_a_reason_or_an_error():
    taxonomy = Taxonomy.from_lineages([("A", "a"), ("A", "b"), ("B", "c")], ranks=("genus", "species"))
    a, b, c = taxonomy.ids(["a", "b", "c"])
    x = np.random.default_rng(0).normal(size=(6, 3))
    one = clusters(x, np.repeat(a, 6), taxonomy)
    assert set(row(one, "AMI, k-means").reason) == {"all images are of one taxon"}
    alone = clusters(x[:3], np.array([a, b, c]), taxonomy)
    assert row(alone, "ARI, agglomerative").reason[1] == "every taxon has a single image"
    assert row(alone, "V-measure, HDBSCAN, noise apart").reason[0] == "HDBSCAN found no cluster"
    assert row(alone, "noise, HDBSCAN").value[0] == 1.0
    same = clusters(np.ones((6, 3)), np.array([a, a, b, b, c, c]), taxonomy)
    assert np.isnan(row(same, "AMI, k-means").value).all()
    assert row(same, "AMI, k-means").reason[0] == "all images in clusters are of one taxon, or in one cluster"
    with pytest.raises(TaxoevalError, match="holds NaN"):
        clusters(np.full((6, 3), np.nan), np.repeat(a, 6), taxonomy)

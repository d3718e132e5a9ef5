"""Mantel's correlations against scipy and scikit-bio, and what cannot be correlated."""

import sys

import numpy as np
import pytest
from scipy.stats import kendalltau, pearsonr, spearmanr

from taxoeval import Taxonomy
from taxoeval.structure.centroids import centroids, tree_distance, upper
from taxoeval.structure.mantel import mantel
from taxoeval.structure.pair_correlation import largest_tau_a, pair_correlations
from tests.structure.planted import planted, row
from tests.structure.random_trees import noise, random_taxonomy, species_of


@pytest.mark.parametrize("ties", [False, True])
def test_correlations_are_those_of_scipy_and_tau_a_counts_pairs(ties):
    rng = np.random.default_rng(3)
    tree, space = rng.integers(1, 5, size=60), rng.normal(size=60)
    if ties:
        space = space.round(0)
    pearson, spearman, tau = pair_correlations(tree, space)
    assert pearson == pytest.approx(pearsonr(tree, space)[0])
    assert spearman == pytest.approx(spearmanr(tree, space)[0])
    sign = [np.sign((tree[i] - tree[j]) * (space[i] - space[j])) for i in range(60) for j in range(i)]
    assert tau == pytest.approx(np.mean(sign))


def test_tau_a_is_tau_b_without_the_reward_for_ties():
    rng = np.random.default_rng(3)
    tree, space = rng.integers(1, 5, size=200), rng.normal(size=200)
    tau_b = kendalltau(tree, space)[0]
    assert pair_correlations(tree, space)[2] == pytest.approx(tau_b * np.sqrt(largest_tau_a(tree)))
    assert pair_correlations(tree, tree + 1e-6 * space)[2] == pytest.approx(largest_tau_a(tree))


def test_rows_equal_scikit_bio_on_the_same_matrices():
    from skbio.stats.distance import mantel as skbio_mantel

    vectors, taxon, taxonomy = planted(zipf=True)
    result = mantel(vectors, taxon, taxonomy, permutations=99)
    found = centroids(vectors, taxon, taxonomy)
    for kind, method in (("Pearson", "pearson"), ("Spearman", "spearman")):
        theirs, p, _ = skbio_mantel(found.distance, tree_distance(found.lineage).astype(float), method, 99, seed=5)
        ours = row(result, f"Mantel, {kind}")
        assert ours.value[0] == pytest.approx(theirs)
        assert ours.p[0] == p == 0.01
        assert ours.null[0] == 0
        assert ours.low[0] < ours.value[0] < ours.high[0]
    assert np.isnan(row(result, "Mantel, Kendall tau-a").p[0])
    assert "at most" in row(result, "Mantel, Kendall tau-a").reason[0]


def test_within_clades_equals_a_loop_over_them():
    vectors, taxon, taxonomy = planted(effects=(2.0, 1.0, 1.0, 0.5))
    result = mantel(vectors, taxon, taxonomy, permutations=49)
    found = centroids(vectors, taxon, taxonomy)
    orders = np.unique(found.lineage[:, 0])
    values = []
    for order in orders:
        some = found.keep(found.lineage[:, 0] == order)
        values.append(spearmanr(upper(tree_distance(some.lineage)), upper(some.distance))[0])
    ours = row(result, "Mantel, Spearman within clades")
    assert ours.value[0] == pytest.approx(np.mean(values))
    np.testing.assert_allclose(result.clades.value, values)
    assert ours.n.tolist() == [3, 0, 0, 0]
    assert ours.p[0] == pytest.approx(0.02)
    assert abs(ours.null[0]) < 0.1
    assert (result.clades.p <= 0.05).all()
    assert ours.reason[1] == "no family with 5 species or more, some nearer in the taxonomy than others"
    assert ours.reason[2] == "no two species of a genus are further apart in the taxonomy than any others"


def test_structure_below_a_rank_shows_within_its_clades_alone():
    """Genera without families or orders: over all pairs next to nothing, within families much."""
    vectors, taxon, taxonomy = planted(effects=(0.0, 0.0, 2.0, 0.2), species=48, dimension=40, noise=0.2)
    result = mantel(vectors, taxon, taxonomy, permutations=49, least=4)
    within = row(result, "Mantel, Spearman within clades")
    assert within.value[1] > 0.6 > row(result, "Mantel, Spearman").value[0] + 0.2


def test_noise_correlates_with_nothing():
    values = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        taxonomy = random_taxonomy(rng, 40, holes=0.1)
        vectors, taxon = noise(rng, taxonomy, images=1)
        values.append(mantel(vectors, taxon, taxonomy, permutations=0).rows[0].value[0])
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(20)


def test_holes_are_counted_among_pairs():
    lineages = [("A", "x", "1"), ("A", "", "2"), ("A", "x", "3"), ("B", "y", "4")]
    taxonomy = Taxonomy.from_lineages(lineages, ranks=("order", "genus", "species"))
    result = mantel(np.eye(4), taxonomy.ids(["1", "2", "3", "4"]), taxonomy)
    assert result.doubtful == pytest.approx(2 / 6)  # 1 and 3 with 2; not 4, which is of another order


@pytest.mark.parametrize(
    ("vectors", "n", "reason"),
    [
        (np.eye(2), 2, "fewer than 3 species"),
        (np.ones((6, 3)), 6, "all species are equally far apart in space"),
        (np.eye(1), 1, "fewer than 3 species"),
    ],
)
def test_what_cannot_be_correlated_is_nan_with_the_reason(vectors, n, reason):
    taxonomy = random_taxonomy(np.random.default_rng(0), n)
    for one in mantel(vectors, species_of(taxonomy), taxonomy).rows[:3]:
        assert np.isnan(one.value[0])
        assert np.isnan(one.p[0])
        assert one.reason[0].startswith(reason)


def test_a_taxonomy_that_tells_no_species_apart_is_nan():
    taxonomy = Taxonomy.from_lineages([("A", str(i)) for i in range(6)], ranks=("genus", "species"))
    result = mantel(np.random.default_rng(0).normal(size=(6, 4)), species_of(taxonomy), taxonomy)
    assert result.rows[0].reason[0] == "all species are equally far apart in the taxonomy"


def test_few_arrangements_are_untested():
    taxonomy = Taxonomy.from_lineages([("A", "1"), ("A", "2"), ("B", "3"), ("B", "4")], ranks=("genus", "species"))
    result = mantel(np.random.default_rng(0).normal(size=(4, 4)), species_of(taxonomy), taxonomy)
    assert np.isnan(result.rows[0].p[0])
    assert result.rows[0].reason[0] == "untested: fewer than 20 different arrangements"


def test_many_species_are_sampled_and_it_is_said(monkeypatch):
    monkeypatch.setattr(sys.modules[mantel.__module__], "MOST", 10)
    vectors, taxon, taxonomy = planted()
    result = mantel(vectors, taxon, taxonomy, permutations=19)
    assert len(result.species) == 10
    assert result.rows[0].n[0] == 45
    assert "over 10 of 24 species, drawn at random" in result.rows[0].reason[0]

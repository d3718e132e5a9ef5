"""Neighbours: the graph against a full sort and scikit-learn, purity against its definition, chance against draws."""

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from taxoeval import Taxonomy
from taxoeval.errors import TaxoevalError
from taxoeval.structure.knn_graph import KnnGraph, knn_graph
from taxoeval.structure.neighbour_measures import Kappa, Sampled, candidates, pairs_by_rank, purity
from taxoeval.structure.neighbours import neighbours, neighbours_of
from taxoeval.structure.shuffles import Shuffle
from tests.structure.planted import planted, row


def sorted_graph(vectors, k, group):
    """All cosines, sorted."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = units @ units.T
    np.fill_diagonal(cosine, -np.inf)
    if group is not None:
        cosine[(group[:, None] == group) & (group >= 0)[:, None]] = -np.inf
    neighbour = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    value = np.take_along_axis(cosine, neighbour, axis=1)
    return np.where(value > -np.inf, neighbour, -1), value


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), k=st.integers(1, 12), n=st.integers(13, 90), grouped=st.booleans())
def test_graph_equals_a_full_sort(small_tiles, seed, k, n, grouped):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 6))
    group = rng.integers(-1, 8, size=n) if grouped else None
    graph = knn_graph(vectors, k, group=group)
    neighbour, cosine = sorted_graph(vectors, k, group)
    np.testing.assert_array_equal(graph.neighbour, neighbour)
    np.testing.assert_allclose(graph.cosine, cosine, atol=1e-12)


@pytest.fixture(scope="module")
def small_tiles():
    """Tiles so small that there are many."""
    module = import_module("taxoeval.structure.knn_graph")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_TILE", 16)
        yield


def test_graph_equals_scikit_learns():
    vectors = np.random.default_rng(0).normal(size=(3000, 24)).astype(np.float32)
    graph = knn_graph(vectors, 10)
    cosine, neighbour = NearestNeighbors(n_neighbors=10, metric="cosine").fit(vectors).kneighbors()
    np.testing.assert_allclose(graph.cosine, 1 - cosine, atol=1e-6)
    assert (graph.neighbour == neighbour).mean() > 0.999  # ties of rounding may go either way


def test_a_sorted_table_and_duplicates_make_no_difference():
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(40, 5)), 4, axis=0)
    graph = knn_graph(vectors, 3)
    assert (graph.neighbour // 4 == np.arange(160)[:, None] // 4).all()
    np.testing.assert_allclose(graph.cosine, 1.0)


def purity_by_hand(graph, own, group, k):
    found = np.full(len(own), np.nan)
    for i in np.flatnonzero(own >= 0):
        mates = [
            j
            for j in range(len(own))
            if own[j] == own[i] and j != i and (group is None or group[i] < 0 or group[j] != group[i])
        ]
        seen = [own[j] for j in graph.neighbour[i] if j >= 0 and own[j] >= 0][: len(mates)]
        if seen:
            found[i] = np.mean([t == own[i] for t in seen])
    return found


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), zipf=st.booleans(), grouped=st.booleans())
def test_purity_equals_its_definition(seed, zipf, grouped):
    vectors, taxon, taxonomy = planted(seed, zipf=zipf, holes=True)
    group = np.random.default_rng(seed).integers(-1, 30, size=len(taxon)) if grouped else None
    result = neighbours(vectors, taxon, taxonomy, k=7, group=group, permutations=0)
    for place in range(taxonomy.n_ranks):
        own = taxonomy.ancestor[taxon, place]
        expected = purity_by_hand(result.graph, own, group, 7)
        np.testing.assert_allclose(result.purity[:, place], expected)
        value = row(result, "purity")
        assert value.value[place] == pytest.approx(np.nanmean(expected))
        assert value.n[place] == (~np.isnan(expected)).sum()
        means = [np.nanmean(expected[own == t]) for t in np.unique(own[~np.isnan(expected)])]
        assert row(result, "purity, by taxon").value[place] == pytest.approx(np.mean(means))
    np.testing.assert_allclose(result.curve[-1], row(result, "purity").value)


@pytest.mark.parametrize("grouped", [False, True])
def test_chance_is_what_random_neighbours_have(grouped):
    vectors, taxon, taxonomy = planted(0, holes=True, species=12)
    n, rng = len(taxon), np.random.default_rng(0)
    group = rng.integers(0, 20, size=n) if grouped else None
    shown = neighbours(vectors, taxon, taxonomy, k=5, group=group, permutations=0)
    purity, common = [], []
    for _ in range(80):
        order = rng.random((n, n))
        np.fill_diagonal(order, 2)
        if grouped:
            order[group[:, None] == group] = 2
        graph = KnnGraph(np.argsort(order, axis=1)[:, :5], np.zeros((n, 5)), group)
        drawn = neighbours_of(graph, taxon, taxonomy, permutations=0)
        purity.append(row(drawn, "purity").value)
        common.append(row(drawn, "rank in common with the nearest").value)
    error = np.std(purity, axis=0) / np.sqrt(len(purity))
    assert (np.abs(np.mean(purity, axis=0) - row(shown, "purity").null) < 4 * error).all()
    error = np.std(common, axis=0) / np.sqrt(len(common))
    assert (np.abs(np.mean(common, axis=0) - row(shown, "rank in common with the nearest").null) < 4 * error).all()


def test_golden_values_of_six_birds():
    taxonomy = Taxonomy.from_lineages(
        [("Corvus", "C. corax"), ("Corvus", "C. corone"), ("Pica", "P. pica")], ranks=("genus", "species")
    )
    corax, corone, pica = taxonomy.ids(["C. corax", "C. corone", "P. pica"])
    angle = np.radians([0, 1, 11, 12.5, 90, 50])  # two of each; one magpie strays towards the crows
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    taxon = np.array([corax, corax, corone, corone, pica, pica])
    result = neighbours(vectors, taxon, taxonomy, k=2, permutations=0)
    assert result.graph.neighbour.tolist() == [[1, 2], [0, 2], [3, 1], [2, 1], [5, 3], [3, 2]]
    # each species has one mate, so its nearest neighbour counts; corvids have three, magpies one
    np.testing.assert_allclose(result.purity[:, 1], [1, 1, 1, 1, 1, 0])
    np.testing.assert_allclose(result.purity[:, 0], [1, 1, 1, 1, 1, 0])
    np.testing.assert_allclose(row(result, "purity").null, [(4 * 3 / 5 + 2 * 1 / 5) / 6, 1 / 5])
    np.testing.assert_allclose(row(result, "kappa").value[1], (5 / 6 - 1 / 5) / (1 - 1 / 5))
    assert result.common_rank.tolist() == [[1, 0], [1, 0], [1, 0], [1, 0], [1, -1], [-1, -1]]
    np.testing.assert_allclose(result.common_share, [[0, 5 / 6, 1 / 6], [4 / 6, 0, 2 / 6]])
    assert result.occurrence.tolist() == [1, 3, 4, 3, 0, 1]
    assert row(result, "images that are nobody's neighbour").value[0] == pytest.approx(1 / 6)
    x = result.occurrence - 2
    assert row(result, "hubness").value[0] == pytest.approx((x**3).mean() / (x**2).mean() ** 1.5)


def test_candidates_and_pairs_equal_a_count():
    _, taxon, taxonomy = planted(0, holes=True, zipf=True)
    group = np.random.default_rng(0).integers(0, 25, size=len(taxon))
    own = taxonomy.ancestor[taxon, 2]
    mates, others = candidates(own, group)
    apart = group[:, None] != group
    known = (own >= 0)[:, None] & (own >= 0)
    np.testing.assert_array_equal(others, (apart & known).sum(axis=1))
    np.testing.assert_array_equal(mates, (apart & known & (own[:, None] == own)).sum(axis=1))
    lca = taxonomy.lca(taxon[:, None], taxon)
    place = np.where(lca >= 0, taxonomy.rank[lca], taxonomy.n_ranks)[apart]
    np.testing.assert_allclose(pairs_by_rank(taxon, taxonomy, group), np.bincount(place, minlength=5) / len(place))


def test_same_group_is_left_out():
    rng = np.random.default_rng(0)
    taxonomy = Taxonomy.from_lineages([("a",), ("b",)], ranks=("species",))
    specimen = np.repeat(np.arange(40), 3)
    vectors = rng.normal(size=(40, 8))[specimen] + 0.01 * rng.normal(size=(120, 8))
    taxon = (specimen % 2).astype(int)
    alone = row(neighbours(vectors, taxon, taxonomy, k=2, permutations=0), "purity")
    apart = row(neighbours(vectors, taxon, taxonomy, k=2, permutations=0, group=specimen), "purity")
    assert alone.value[0] == 1.0  # photographs of one specimen
    assert abs(apart.value[0] - apart.null[0]) < 0.15  # which says nothing of the species


def test_finds_structure_and_does_not_find_what_is_not_there():
    vectors, taxon, taxonomy = planted(1, species=48)
    assert (row(neighbours(vectors, taxon, taxonomy, k=10, permutations=99), "kappa").p == 0.01).all()
    vectors, taxon, taxonomy = planted(2, effects=(0, 0, 0, 1.0), species=48)
    p = row(neighbours(vectors, taxon, taxonomy, k=10, permutations=99), "kappa").p
    assert (p[:3] > 0.05).all()
    assert p[3] == 0.01


def test_a_hub_is_seen():
    rng = np.random.default_rng(0)
    centre = np.full(200, 0.7)
    vectors = np.vstack([centre + rng.normal(size=(300, 200)), centre])  # nearer to all than they are to each other
    taxonomy = Taxonomy.from_lineages([("a",), ("b",)], ranks=("species",))
    result = neighbours(vectors, np.arange(301) % 2, taxonomy, k=5, permutations=0)
    assert result.occurrence[300] > 250
    hubness = row(result, "hubness")
    assert hubness.value[0] > 5 > hubness.null[0]


def test_odd_input_has_a_reason_or_an_error():
    taxonomy = Taxonomy.from_lineages([("A", "a"), ("A", "b"), ("B", "c")], ranks=("genus", "species"))
    a, b, c = taxonomy.ids(["a", "b", "c"])
    x = np.random.default_rng(0).normal(size=(6, 3))
    one = neighbours(x, np.repeat(a, 6), taxonomy, k=2)
    assert set(row(one, "purity").reason) == {"all images are of one taxon"}
    assert np.isnan(row(one, "kappa").value).all()
    alone = neighbours(x[:3], np.array([a, b, c]), taxonomy, k=2)
    assert row(alone, "purity").reason[1] == "no image has another of its taxon that could be its neighbour"
    two = neighbours(x, np.array([a, a, b, b, c, c]), taxonomy, k=2)
    assert row(two, "purity").reason[0].startswith("untested: no more than 3 ways")
    with pytest.raises(TaxoevalError, match="6 nearest neighbours need more than 6 images; there are 6"):
        knn_graph(x, 6)
    with pytest.raises(TaxoevalError, match="all vectors point the same way"):
        knn_graph(np.ones((5, 3)), 2)
    with pytest.raises(TaxoevalError, match="holds NaN"):
        knn_graph(np.full((5, 3), np.nan), 2)
    with pytest.raises(ValueError, match="group must be"):
        knn_graph(x, 2, group=np.zeros(3, dtype=int))
    with pytest.raises(ValueError, match="positive whole k"):
        knn_graph(x, 0)
    nobody = knn_graph(x, 2, group=np.zeros(6, dtype=int))
    assert (nobody.neighbour == -1).all()
    apart = neighbours_of(nobody, np.array([a, a, b, b, c, c]), taxonomy)
    assert row(apart, "rank in common with the nearest").reason[0] == "no image has such a neighbour"
    assert np.isnan(row(apart, "purity").value).all()
    holes, taxon = Taxonomy.from_columns([["A"] * 6, [""] * 6, list("aabbcc")], ranks=("order", "family", "species"))
    common = row(neighbours(x, taxon, holes, k=2), "rank in common with the nearest")
    assert common.reason[1] == "no image is known to this rank"
    assert np.isnan(common.value[1])


def test_kappa_of_species_alone_is_that_of_its_shuffles():
    vectors, taxon, taxonomy = planted(4, effects=(0, 0, 0, 3.0), species=48)
    kappa = row(neighbours(vectors, taxon, taxonomy, k=4, permutations=99), "kappa")
    assert kappa.value[2] > 0.8  # genera are pure, for their species are
    assert kappa.null[2] == pytest.approx(kappa.value[2], abs=0.1)
    assert kappa.p[2] > 0.05
    assert abs(kappa.null[3]) < 0.05  # images dealt out to species


def one_shuffle(sampled, own):
    """Mean kappa over images and over taxa if ``own (n,)`` were the taxa of the images: purity less what chance has."""
    of_taxon = np.bincount(own[own >= 0], minlength=1)
    taxon = own[sampled.position]
    mates = np.where(taxon >= 0, of_taxon[taxon] - sampled.alike, 0)
    value = purity(taxon, np.where(sampled.neighbour >= 0, own[sampled.neighbour], -1), mates)[:, -1]
    chance = mates / max(1, of_taxon.sum() - 1)
    used = ~np.isnan(value) & (chance < 1)
    weight, taxon, gain, most = sampled.weight[used], taxon[used], (value - chance)[used], 1 - chance[used]
    of_taxa = [np.average((gain / most)[taxon == t], weights=weight[taxon == t]) for t in np.unique(taxon)]
    return (weight @ gain) / (weight @ most), np.mean(of_taxa)


@pytest.mark.parametrize("k", [1, 6, 300])  # 300: more than a byte counts
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("by", ["species", "images"])
def test_kappa_of_many_shuffles_is_that_of_each(k, holes, by):
    rng = np.random.default_rng(k)
    n = 400 if k > 255 else 60
    label = np.sort(rng.choice(12, n, p=np.arange(1, 13) / 78))
    position = np.sort(rng.choice(n, 25, replace=False))
    neighbour = np.stack([rng.permutation(np.delete(np.arange(n), i))[:k] for i in position])
    neighbour[rng.random(neighbour.shape) < 0.1 * holes] = -1
    sampled = Sampled(position, rng.integers(1, 4, 25) * 1.0, neighbour, label, rng.integers(1, 4, 25))
    of_image = label if by == "species" else np.arange(n)
    taxon = rng.integers(0, 4, of_image.max() + 1)
    taxon[rng.random(len(taxon)) < 0.2 * holes] = -1
    shuffle = Shuffle(taxon, np.zeros_like(taxon))
    kappa = Kappa.of(sampled, taxon, of_image)
    dealt = np.vstack([taxon, *shuffle.deals(8, rng, 3)])
    expected = [one_shuffle(sampled, taxa[of_image]) for taxa in dealt]
    np.testing.assert_allclose(kappa.means(dealt), expected, rtol=1e-12, atol=1e-12)

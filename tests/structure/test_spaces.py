"""Within and between, collapse, CKA, modality gap, hyperbolicity and maps against definitions and planted truth."""

import importlib

import numpy as np
import pytest

from taxoeval import Taxonomy
from taxoeval.errors import TaxoevalError
from taxoeval.structure import (
    cka,
    fisher_ratio,
    hyperbolicity,
    modality_gap,
    neural_collapse,
    space_map,
    spaces_agree,
    within_between,
)
from taxoeval.structure.cka import _permuted as permuted
from taxoeval.structure.cka import hsic
from taxoeval.structure.hyperbolicity import relative_delta
from taxoeval.structure.modality_gap import _units as units
from tests.structure.random_trees import random_taxonomy

cka_module = importlib.import_module("taxoeval.structure.cka")

RANKS = ("family", "genus", "species")


def tree(n_species=24):
    """Species in genera of 3, families of 6."""
    taxonomy = Taxonomy.from_lineages(
        [(f"F{s // 6}", f"G{s // 3}", f"s{s:02d}") for s in range(n_species)], ranks=RANKS
    )
    return taxonomy, np.flatnonzero(taxonomy.rank == 2)


def images(rng, between, within, n_species=24, per_species=8, d=40):
    """Unit-length vectors: species differ in the first dimensions ``between``, images vary in ``within``."""
    taxonomy, species = tree(n_species)
    x = np.zeros((n_species * per_species, d))
    x[:, 0] = 10.0  # far from the origin, so that unit length bends little
    x[:, between] += np.repeat(rng.normal(size=(n_species, len(between))), per_species, axis=0)
    x[:, within] += 0.5 * rng.normal(size=(len(x), len(within)))
    return x, np.repeat(species, per_species), taxonomy


def by_name(record):
    return {row.quantity: row for row in record.rows}


def test_variation_beside_the_differences_is_found():
    rng = np.random.default_rng(0)
    x, taxon, taxonomy = images(rng, between=np.arange(1, 5), within=np.arange(20, 36))
    record = within_between(x, taxon, taxonomy)
    row = by_name(record)["within in between"]
    assert row.value[2] < 0.05
    assert row.value[2] < row.null[2]
    assert row.high[2] < row.null[2]
    assert np.isnan(row.p).all()
    assert record.directions[2] <= 4
    assert record.dimension == 40


def test_variation_along_the_differences_is_found():
    rng = np.random.default_rng(1)
    x, taxon, taxonomy = images(rng, between=np.arange(1, 5), within=np.arange(1, 5))
    row = by_name(within_between(x, taxon, taxonomy))["within in between"]
    assert row.value[2] > 0.8
    assert row.low[2] < row.value[2] < row.high[2]


def test_fisher_ratio_of_noise_is_one():
    rng = np.random.default_rng(2)
    x, taxon, taxonomy = images(rng, between=np.arange(1, 1), within=np.arange(1, 40), per_species=20)
    np.testing.assert_allclose(fisher_ratio(x, taxon, taxonomy).value, 1.0, atol=0.3)


def test_variation_without_preference_gives_the_share_of_the_directions():
    rng = np.random.default_rng(12)
    x, taxon, taxonomy = images(rng, between=np.arange(1, 11), within=np.arange(1, 40), per_species=40)
    record = within_between(x, taxon, taxonomy)
    rows = by_name(record)
    assert rows["within in between"].value[2] == pytest.approx(record.directions[2] / 39, abs=0.03)


def test_variants_are_projected_like_images():
    rng = np.random.default_rng(3)
    x, taxon, taxonomy = images(rng, between=np.arange(1, 5), within=np.arange(20, 24))
    variant = np.tile(["male", "female"], len(x) // 2)
    beside, along = x.copy(), x.copy()
    beside[variant == "male", 30] += 2
    along[variant == "male", 2] += 2
    shares = [
        by_name(within_between(some, taxon, taxonomy, variant=variant))["variant in between"]
        for some in (beside, along)
    ]
    assert shares[0].value[2] < 0.05
    assert shares[1].value[2] > 0.7
    assert shares[0].n[2] == 24


def test_within_between_undefined_has_a_reason():
    taxonomy, species = tree()
    single = within_between(np.random.default_rng(0).normal(size=(24, 5)), species, taxonomy)
    assert np.isnan(by_name(single)["within in between"].value).all()
    assert by_name(single)["within in between"].reason[0] == "no species has two images in either half that differ"
    one = within_between(np.random.default_rng(0).normal(size=(8, 5)), np.repeat(species[:1], 8), taxonomy)
    assert "differ no more" in by_name(one)["within in between"].reason[2]


def test_fisher_ratio_is_that_of_the_definition():
    rng = np.random.default_rng(4)
    taxonomy, species = tree()
    taxon = rng.choice(species, 90)
    x = units(rng.normal(size=(90, 6)))
    found = fisher_ratio(x, taxon, taxonomy)
    for r in range(3):
        of = taxonomy.ancestor[taxon, r]
        groups = [x[of == t] for t in np.unique(of)]
        between = sum(len(g) * ((g.mean(axis=0) - x.mean(axis=0)) ** 2).sum() for g in groups) / (len(groups) - 1)
        within = sum(((g - g.mean(axis=0)) ** 2).sum() for g in groups) / (90 - len(groups))
        assert found.value[r] == pytest.approx(between / within, rel=1e-9)


def brute_hsic(x, y):
    n = len(x)
    k, m = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    one = np.ones(n)
    together = (
        np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ m @ one)
    )
    return together / (n * (n - 3))


def test_hsic_and_cka_are_those_of_the_matrices():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(30, 7)), rng.normal(size=(30, 4)) + 3
    y[:, :2] += x[:, :2]
    assert hsic(x, y) == pytest.approx(brute_hsic(x, y), rel=1e-9)
    expected = brute_hsic(x, y) / np.sqrt(brute_hsic(x, x) * brute_hsic(y, y))
    assert cka(x, y) == pytest.approx(expected, rel=1e-9)
    turn = np.linalg.qr(rng.normal(size=(7, 7)))[0]
    assert cka(x, 5 * x @ turn + 2) == pytest.approx(1.0, abs=1e-9)
    assert np.mean([cka(rng.normal(size=(40, 60)), rng.normal(size=(40, 60))) for _ in range(40)]) == pytest.approx(
        0, abs=0.02
    )


def test_spaces_and_the_taxonomy():
    rng = np.random.default_rng(6)
    taxonomy, species = tree(36)
    family = rng.normal(size=(6, 10))[np.arange(36) // 6]
    follows = family + 0.3 * rng.normal(size=(36, 10))
    random = rng.normal(size=(36, 10))
    found = spaces_agree({"a": follows, "b": random}, species, taxonomy, permutations=99)
    assert found.names == ("a", "b", "taxonomy")
    np.testing.assert_array_equal(found.cka, found.cka.T)
    assert found.p[0, 2] == 0.01
    assert found.p[1, 2] > 0.05
    assert found.cka[0, 2] > 0.4 > abs(found.cka[1, 2])
    few = spaces_agree({"a": follows[:3]}, species[:3], taxonomy)
    assert few.rows[0].reason == ("fewer than 4 species",)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_permuted_spaces_have_the_hsic_of_permuted_rows(seed, sparse):
    rng = np.random.default_rng(seed)
    taxonomy = random_taxonomy(rng, 30, holes=0.3 * sparse)
    species = rng.permutation(np.flatnonzero(taxonomy.rank == taxonomy.n_ranks - 1))
    lineage = taxonomy.ancestor[species].astype(np.int64)
    x = rng.normal(size=(len(species), 7))
    x[3] = x[4]
    x -= x.mean(axis=0)
    y = cka_module._shared_ranks(lineage)
    orders = np.stack([rng.permutation(len(x)) for _ in range(6)])
    plain = [brute_hsic(x, y[order]) for order in orders]
    np.testing.assert_allclose(cka_module._permuted_species(x, lineage, orders), plain, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(cka_module._permuted(x, y, list(orders)), plain, rtol=1e-9, atol=1e-9)


def test_the_gap_and_what_is_left_without_it():
    rng = np.random.default_rng(7)
    x = units(rng.normal(size=(50, 8)))
    shifted = units(np.hstack([x, np.full((50, 1), 1.0)])), units(np.hstack([x, np.full((50, 1), -1.0)]))
    rows = {row.quantity: row for row in modality_gap(*shifted).rows}
    expected = np.linalg.norm(shifted[0].mean(axis=0) - shifted[1].mean(axis=0))
    assert rows["modality gap"].value[0] == pytest.approx(expected)
    assert rows["modality gap"].value[0] > 4 * rows["modality gap"].null[0]
    matched = np.einsum("ij,ij->i", *shifted).mean()
    others = (shifted[0] @ shifted[1].T)[~np.eye(50, dtype=bool)].mean()
    assert rows["cosine of matched pairs"].value[0] == pytest.approx(matched)
    assert rows["cosine of other pairs"].value[0] == pytest.approx(others)
    assert rows["cosine of matched pairs without the gap"].value[0] == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(ValueError, match="same species"):
        modality_gap(x, x[:, :3])


def test_collapse_is_that_of_the_definition():
    rng = np.random.default_rng(8)
    taxonomy, species = tree()
    taxon = np.repeat(species, 6)
    x = units(rng.normal(size=(24, 30))[np.repeat(np.arange(24), 6)] + 0.3 * rng.normal(size=(144, 30)))
    rows = neural_collapse(x, taxon, taxonomy, permutations=19).rows
    for r in range(3):
        of = taxonomy.ancestor[taxon, r]
        taxa = np.unique(of)
        means = np.stack([x[of == t].mean(axis=0) for t in taxa])
        centred = means - means.mean(axis=0)
        within = sum((x[of == t] - m).T @ (x[of == t] - m) for t, m in zip(taxa, means, strict=True)) / len(x)
        between = centred.T @ centred / len(taxa)
        assert rows[0].value[r] == pytest.approx(np.trace(within @ np.linalg.pinv(between)) / len(taxa), rel=1e-6)
        gram = centred @ centred.T
        simplex = (np.eye(len(taxa)) - 1 / len(taxa)) / np.sqrt(len(taxa) - 1)
        assert rows[1].value[r] == pytest.approx(np.linalg.norm(gram / np.linalg.norm(gram) - simplex), rel=1e-6)
    assert rows[0].value[1] > rows[0].value[2]


def test_collapse_is_refused_where_undefined():
    taxonomy, species = tree()
    rng = np.random.default_rng(9)
    rows = neural_collapse(rng.normal(size=(48, 6)), np.repeat(species, 2), taxonomy, permutations=0).rows
    assert rows[0].reason[2] == "24 taxa in 6 dimensions: more than d + 1 points cannot stand at equal angles"
    rows = neural_collapse(rng.normal(size=(24, 40)), species, taxonomy, permutations=0).rows
    assert rows[1].reason[2] == "no taxon has two images"


def test_hyperbolicity_of_a_tree_and_of_a_cloud():
    rng = np.random.default_rng(10)
    points = rng.normal(size=(12, 3))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    product = (distance[0][:, None] + distance[0][None] - distance) / 2
    delta = max(
        min(product[i, k], product[k, j]) - product[i, j] for i in range(12) for j in range(12) for k in range(12)
    )
    assert relative_delta(points, 0) == pytest.approx(2 * delta / distance.max(), rel=1e-9)
    taxonomy, species = tree()
    found = hyperbolicity(rng.normal(size=(24, 10)), species, taxonomy, draws=19)
    assert 0 < found.rows[0].value[0] < 1
    assert found.rows[0].p[0] > 0.05  # a cloud is no more of a tree than a cloud
    few = hyperbolicity(rng.normal(size=(3, 10)), species[:3], taxonomy)
    assert few.rows[0].reason == ("fewer than 4 species",)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_maps_keep_clusters_and_are_the_same_every_time(method):
    rng = np.random.default_rng(11)
    taxonomy, species = tree()
    centre = 5 * rng.normal(size=(24, 8))
    x = np.repeat(centre, 6, axis=0) + 0.05 * rng.normal(size=(144, 8))
    one, two = (space_map(x, np.repeat(species, 6), taxonomy, method=method) for _ in range(2))
    np.testing.assert_array_equal(one.place, two.place)
    assert one.rows[0].value[0] > 3 * one.rows[0].null[0]
    assert one.lineage.shape == (144, 3)


def test_maps_of_unknown_kind_are_refused():
    taxonomy, species = tree()
    with pytest.raises(TaxoevalError, match="there is no map 'isomap'; there are pca, tsne, umap, pacmap"):
        space_map(np.eye(24), species, taxonomy, method="isomap")


def test_permuted_kernels_equal_permuted_features():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(30, 7)), rng.normal(size=(30, 4))
    orders = [rng.permutation(30) for _ in range(6)]
    np.testing.assert_allclose(permuted(x, y, orders), [hsic(x, y[order]) for order in orders], rtol=1e-9, atol=1e-9)

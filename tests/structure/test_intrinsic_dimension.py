"""Intrinsic dimension: known spaces, duplicates, equal sizes."""

import numpy as np
import pytest

from taxoeval import Taxonomy
from taxoeval.errors import TaxoevalError
from taxoeval.structure.intrinsic_dimension import _different, intrinsic_dimension, two_nn
from taxoeval.structure.nearest_cosines import nearest_cosines, nearest_in_samples
from tests.structure.planted import planted, row

ONE = Taxonomy.from_lineages([("a",), ("b",)], ranks=("species",))
TWO = Taxonomy.from_lineages([(f"g{i % 2}", f"s{i}") for i in range(16)], ranks=("genus", "species"))


def sphere(rng, n, dimension, ambient=40):
    """Points all over a sphere of so many dimensions, turned at random in a larger space."""
    basis = np.linalg.qr(rng.normal(size=(ambient, dimension + 1)))[0]
    return rng.normal(size=(n, dimension + 1)) @ basis.T


def test_golden_values():
    # ratios e, e and e**2: logarithms 1, 1, 2 of three points
    assert two_nn(np.ones(3), np.exp([1.0, 1.0, 2.0])) == pytest.approx(2 / 4)
    assert two_nn(np.array([1.0, 1.0, 1.0, 0.0]), np.exp([1.0, 1.0, 2.0, 9.0])) == pytest.approx(2 / 4)
    assert np.isnan(two_nn(np.ones(2), np.exp(np.ones(2))))
    assert np.isnan(two_nn(np.ones(5), np.ones(5)))


def test_unbiased_where_its_assumption_holds():
    rng = np.random.default_rng(0)
    for d in (1.0, 3.0, 10.0):
        ratio = (1 - rng.random((4000, 12))) ** (-1 / d)
        found = [two_nn(np.ones(12), r) for r in ratio]
        assert np.mean(found) == pytest.approx(d, rel=0.03)


@pytest.mark.parametrize("dimension", [1, 4])
def test_recovers_the_dimension_of_a_sphere(dimension):
    vectors = sphere(np.random.default_rng(dimension), 480, dimension)
    species = np.flatnonzero(TWO.rank == 1)
    result = intrinsic_dimension(vectors, species[np.arange(480) % 16], TWO, images=240)
    whole = row(result, "intrinsic dimension of 240 images")
    assert whole.value[0] == pytest.approx(dimension, rel=0.15)
    assert whole.low[0] < whole.value[0] < whole.high[0]
    assert result.curve_images.tolist() == [240, 480]
    assert result.curve[1] == pytest.approx(dimension, rel=0.15)
    taxa = row(result, "intrinsic dimension of 240 images of a taxon")
    assert taxa.value[0] == pytest.approx(dimension, rel=0.25)
    assert taxa.n[0] == 2
    assert taxa.null[0] == whole.value[0]


def test_flat_taxa_in_a_wide_space():
    rng = np.random.default_rng(0)
    taxonomy = Taxonomy.from_lineages([(f"s{i}",) for i in range(20)], ranks=("species",))
    vectors = np.concatenate([sphere(rng, 60, 2) for _ in range(20)])
    taxa = row(
        intrinsic_dimension(vectors, np.repeat(np.arange(20), 60), taxonomy, images=40),
        "intrinsic dimension of 40 images of a taxon",
    )
    assert taxa.n[0] == 20
    assert taxa.low[0] < 2.2 < 1.2 * 2.2 < taxa.null[0]


def test_duplicates_are_left_out_and_counted():
    vectors = sphere(np.random.default_rng(1), 200, 3)
    taxon = np.arange(200) % 2
    plain = intrinsic_dimension(vectors, taxon, ONE, images=200)
    doubled = intrinsic_dimension(
        np.concatenate([vectors, vectors[:50], np.zeros((3, 40))]), np.r_[taxon, taxon[:50], 0, 0, 0], ONE, images=200
    )
    assert (plain.duplicates, doubled.duplicates) == (0, 53)
    assert doubled.rows[0].value == plain.rows[0].value
    assert doubled.rows[0].n == 200


def test_all_samples_have_the_same_size():
    vectors, taxon, taxonomy = planted(0, zipf=True, holes=True)
    result = intrinsic_dimension(vectors, taxon, taxonomy, images=12)
    count = np.zeros(len(taxonomy), dtype=int)
    for own in taxonomy.ancestor[taxon].T:
        np.add.at(count, own[own >= 0], 1)
    np.testing.assert_array_equal(np.isnan(result.taxon), count < 12)
    taxa = row(result, "intrinsic dimension of 12 images of a taxon")
    for place in range(taxonomy.n_ranks):
        values = result.taxon[(taxonomy.rank == place) & ~np.isnan(result.taxon)]
        assert taxa.n[place] == len(values)
        assert taxa.value[place] == pytest.approx(values.mean())


def test_odd_input_has_a_reason_or_an_error():
    vectors = sphere(np.random.default_rng(0), 20, 3)
    few = intrinsic_dimension(vectors, np.arange(20) % 2, ONE, images=30)
    assert few.rows[0].reason == ("fewer than 30 different images",)
    assert few.rows[1].reason == ("no taxon has 30 different images",)
    same = intrinsic_dimension(np.ones((40, 3)), np.arange(40) % 2, ONE)
    assert np.isnan(same.rows[0].value[0])
    assert same.duplicates == 39
    one = intrinsic_dimension(sphere(np.random.default_rng(0), 50, 3), np.zeros(50, dtype=int), ONE)
    assert np.isnan(one.rows[0].low[0])  # a single species has no other species
    with pytest.raises(TaxoevalError, match="needs at least 5"):
        intrinsic_dimension(vectors, np.arange(20) % 2, ONE, images=3)
    with pytest.raises(TaxoevalError, match="holds NaN"):
        intrinsic_dimension(np.full((20, 3), np.nan), np.arange(20) % 2, ONE)


def slow_cosines(units, k):
    units = np.asarray(units, dtype=np.float64)
    units = units / np.linalg.norm(units, axis=1, keepdims=True)
    cosine = units @ units.T
    np.fill_diagonal(cosine, -np.inf)
    return np.minimum(-np.sort(-cosine, axis=1)[:, :k], 1)


@pytest.mark.parametrize("cone", [0.0, 30.0, 1e4])
@pytest.mark.parametrize("copies", [0, 20])
def test_nearest_cosines_are_those_of_double_precision(cone, copies):
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(180, 16)) + cone  # in a narrow cone single precision cannot tell them apart
    vectors[:copies] = vectors[0]
    for units in (vectors, vectors.astype(np.float32)):
        expected = slow_cosines(units, 2)
        np.testing.assert_allclose(nearest_cosines(units, 2), expected, rtol=0, atol=1e-14)
        drawn = np.stack([rng.choice(180, 30, replace=False) for _ in range(5)])
        samples = nearest_in_samples(units, drawn, 2)
        for rows, found in zip(drawn, samples, strict=True):
            np.testing.assert_allclose(found, slow_cosines(units[rows], 2), rtol=0, atol=1e-14)


def test_only_equal_vectors_are_duplicates():
    vectors = np.eye(4)[[0, 1, 2, 3, 1, 0, 0]] * np.array([1.0, 2, 3, 4, 5, 6, -1])[:, None]
    vectors = np.concatenate([vectors, [[0.6, 0.8, 0, 0], [0.8, 0.6, 0, 0]]])  # the same numbers at other places
    units, labels, left_out = _different(vectors, np.arange(9))
    assert left_out == 2
    assert labels.tolist() == [0, 1, 2, 3, 6, 7, 8]
    assert len(units) == 7


def test_samples_that_all_point_the_same_way_are_an_error():
    with pytest.raises(TaxoevalError, match="same way"):
        nearest_in_samples(np.ones((9, 3)), np.arange(9)[None], 2)
    with pytest.raises(TaxoevalError, match="same way"):
        nearest_cosines(np.ones((90, 3)), 2)

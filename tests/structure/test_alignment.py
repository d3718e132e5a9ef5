"""Alignment against every pair; uniformity, anisotropy and effective dimension against their definitions and nulls."""

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from scipy.spatial.distance import pdist

from taxoeval import Taxonomy
from taxoeval.structure.alignment import alignment_by_rank
from taxoeval.structure.spread import _Moments, _Nearness, spread
from tests.metrics.zoo import climb, seeds
from tests.structure.test_lca_pairs import images


def shared_for_sure(a, b, rank, taxonomy):
    """Whether two labels have one taxon of a rank, named or not: they share it or one below."""
    common = [t for t in climb(a, taxonomy) if t in climb(b, taxonomy)]
    return bool(common) and taxonomy.rank[common[0]] >= rank


@given(seed=seeds)
def test_alignment_equals_every_pair(seed):
    vectors, taxon, taxonomy = images(seed)
    found = alignment_by_rank(vectors, taxon, taxonomy)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    square = ((unit[:, None] - unit[None]) ** 2).sum(axis=2)
    n = len(taxon)
    for rank in range(taxonomy.n_ranks):
        same = np.array(
            [[i != j and shared_for_sure(taxon[i], taxon[j], rank, taxonomy) for j in range(n)] for i in range(n)]
        )
        expected = square[same].mean() if same.any() else np.nan
        np.testing.assert_allclose(found.rows[0].value[rank], expected, atol=1e-9)
        assert found.rows[0].n[rank] == same.sum() / 2
    np.testing.assert_allclose(found.rows[0].null, square.sum() / (n * (n - 1)))


def test_each_taxon_counts_the_same_in_the_mean_of_taxa():
    lineages = [("g", "a")] * 3 + [("g", "b")] * 2 + [("h", "c")]
    taxonomy = Taxonomy.from_lineages(lineages, ranks=("genus", "species"))
    x = np.array([[1.0, 0], [1, 0], [0, 1], [1, 0], [0, 1], [1, 1]])
    found = alignment_by_rank(x, taxonomy.ids(lineages), taxonomy)
    assert found.rows[0].value[1] == pytest.approx((2 * 2 + 2) / 4)  # distances 0, 2, 2 of one and 2 of the other
    assert found.rows[1].value[1] == pytest.approx((4 / 3 + 2) / 2)
    assert found.rows[1].n.tolist() == [1, 2]
    named = dict(zip(taxonomy.names[found.node], found.per_taxon, strict=True))
    assert named == pytest.approx({"g": 1.2, "a": 4 / 3, "b": 2.0})


def test_singletons_have_no_alignment():
    taxonomy = Taxonomy.from_lineages([("g", "a"), ("g", "b")], ranks=("genus", "species"))
    found = alignment_by_rank(np.eye(2), np.array([1, 2]), taxonomy)
    assert found.rows[0].value[0] == pytest.approx(2)
    assert np.isnan(found.rows[0].value[1])
    assert found.rows[0].reason == ("", "no two images are known to share a species")


def clade(n_species, each):
    taxonomy = Taxonomy.from_lineages([(f"s{i}",) for i in range(n_species)], ranks=("species",))
    return taxonomy, np.repeat(taxonomy.ids([f"s{i}" for i in range(n_species)]), each)


@pytest.mark.parametrize("d", [5, 200])  # more images than dimensions, and fewer
def test_spread_is_what_it_says(d):
    taxonomy, taxon = clade(30, 4)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, d)) * np.linspace(0.2, 2, d) + 0.3
    found = {row.quantity: row for row in spread(x, taxon, taxonomy).rows}
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert found["anisotropy"].value[0] == pytest.approx(1 - (pdist(unit) ** 2).mean() / 2)
    assert found["uniformity"].value[0] == pytest.approx(np.log(np.exp(-2 * pdist(unit) ** 2).mean()))
    eigenvalues = np.linalg.eigvalsh(np.cov(unit.T))
    assert found["effective dimension"].value[0] == pytest.approx(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())
    for row in found.values():
        assert row.low[0] < row.value[0] < row.high[0]


@pytest.mark.parametrize(("n", "d"), [(400, 40), (60, 300)])
def test_nulls_of_the_spread(n, d):
    taxonomy, taxon = clade(n // 2, 2)
    found = [spread(np.random.default_rng(s).standard_normal((n, d)), taxon, taxonomy).rows for s in range(10)]
    values, nulls = (
        np.mean([[row.value[0] for row in rows] for rows in found], axis=0),
        [row.null[0] for row in found[0]],
    )
    np.testing.assert_allclose(values, nulls, atol=0.005, rtol=0.01)


def test_interval_does_not_depend_on_which_of_both_moments_are_held():
    taxonomy, taxon = clade(25, 2)
    x = np.random.default_rng(0).standard_normal((50, 49))
    wide = np.hstack([x, np.zeros((50, 2))])
    a, b = (spread(v, taxon, taxonomy).rows[2] for v in (x, wide))
    assert (a.value[0], a.low[0], a.high[0]) == pytest.approx((b.value[0], b.low[0], b.high[0]))


def test_equal_vectors_and_one_image():
    taxonomy, taxon = clade(3, 2)
    rows = spread(np.ones((6, 4)), taxon, taxonomy).rows
    assert (rows[0].value[0], rows[1].value[0]) == pytest.approx((1.0, 0.0))
    assert rows[2].reason == ("the vectors do not differ",)
    rows = spread(np.ones((1, 4)), taxon[:1], taxonomy).rows
    assert [row.reason[0] for row in rows] == ["there is only one image"] * 2 + ["the vectors do not differ"]


@pytest.mark.parametrize("n", [1, 5, 60])
@pytest.mark.parametrize("d", [2, 20])
def test_parts_left_out_are_as_if_they_were_not_there(monkeypatch, n, d):
    monkeypatch.setattr(import_module("taxoeval.structure.spread"), "_TILE", 7)
    monkeypatch.setattr("taxoeval.structure.sums._BLOCK", 9 * d)
    rng = np.random.default_rng(n + d)
    unit = rng.standard_normal((n, d)) + 1
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    part = np.r_[np.arange(min(n, 4)), rng.integers(0, 4, max(n - 4, 0))]
    moments, near = _Moments.of(unit, part, 4), _Nearness.of(unit, part, 4)
    for kept in (np.ones(4, dtype=bool), *(np.arange(4) != b for b in range(4)), np.arange(4) < 2):
        of = unit[kept[part]]
        m = len(of)
        if m < 2:
            assert np.isnan(near.uniformity(kept))
            continue
        apart = ((of[:, None] - of) ** 2).sum(axis=2)[~np.eye(m, dtype=bool)]
        assert near.uniformity(kept) == pytest.approx(np.log(np.exp(-2 * apart).mean()), abs=1e-12)
        value = np.linalg.eigvalsh(np.cov(of.T, bias=True))
        assert moments.dimension(kept) == pytest.approx(value.sum() ** 2 / (value**2).sum(), rel=1e-9)

"""Components against Henderson's equations written out, planted truth and noise; what cannot be told; the tests."""

import numpy as np
import pytest

from taxoeval import Taxonomy
from taxoeval.errors import TaxoevalError
from taxoeval.structure.exchange import Exchange
from taxoeval.structure.sampling import few_of_each, rows_at
from taxoeval.structure.variance import variance_by_rank
from taxoeval.taxonomy import RANKS

PLANTED = np.array([0.10, 0.05, 0.10, 0.15, 0.10, 0.10, 0.10, 0.30])


def clade(rng, sizes=(3, 8, 16, 32, 60, 110, 200)):
    """``(species, 7)`` nested codes, unevenly filled."""
    code = np.arange(sizes[-1])
    columns = [code]
    for parts, taxa in zip(sizes[:0:-1], sizes[-2::-1], strict=True):
        home = np.r_[np.arange(taxa), rng.choice(taxa, parts - taxa, p=rng.dirichlet(np.ones(taxa)))]
        code = rng.permutation(home)[code]
        columns.append(code)
    return np.stack(columns[::-1], axis=1)


def named(codes, holes=None):
    holes = np.zeros(codes.shape, dtype=bool) if holes is None else holes
    rows = [
        tuple("" if gone else f"{rank}{code}" for rank, code, gone in zip(RANKS, row, gaps, strict=True))
        for row, gaps in zip(codes, holes, strict=True)
    ]
    taxonomy = Taxonomy.from_lineages(rows)
    return taxonomy, taxonomy.ids(rows)


def vectors_of(rng, codes, row, variance, d):
    effects = [
        rng.standard_normal((column.max() + 1, d))[column] * v**0.5
        for column, v in zip(codes.T, variance[:-1], strict=True)
    ]
    return (sum(effects)[row] + rng.standard_normal((len(row), d)) * variance[-1] ** 0.5) / d**0.5


def zipf(rng, species, top):
    return np.repeat(np.arange(species), rng.permutation(np.maximum(1, top // np.arange(1, species + 1))))


def henderson(x, codes):
    """Components of a whole tree: sums of squares, and their expectations one component at a time, as in textbooks."""
    n, levels = len(x), [np.zeros(len(x), dtype=int), *codes.T, np.arange(len(x))]

    def form(code, of):
        total = np.zeros((code.max() + 1, of.shape[1]))
        np.add.at(total, code, of)
        return (total**2 / np.bincount(code)[:, None]).sum()

    squares = np.diff([form(code, x) for code in levels])
    mixing = np.array([[form(code, np.eye(s.max() + 1)[s]) for s in levels[1:]] for code in levels])
    assert n == len(codes)
    return np.linalg.solve(np.diff(mixing, axis=0), squares), squares


def test_components_and_raw_shares_are_hendersons():
    rng = np.random.default_rng(0)
    codes = clade(rng, (2, 4, 6, 9, 14, 22, 40))
    row = zipf(rng, 40, 30)
    taxonomy, ids = named(codes)
    x = vectors_of(rng, codes, row, PLANTED, 5)
    found = variance_by_rank(x, ids[row], taxonomy, weights="images", unit=False, permutations=19)
    component, squares = henderson(x, codes[row])
    np.testing.assert_allclose(found.component, component, atol=1e-10)
    np.testing.assert_allclose(found.raw, squares / squares.sum(), atol=1e-12)
    np.testing.assert_allclose(found.share, component / component.sum(), atol=1e-10)
    assert found.levels == (*RANKS, "within species")
    np.testing.assert_allclose(np.r_[found.rows[0].value, found.rows[2].value], found.share)


def test_weights_make_no_difference_where_counts_are_equal():
    rng = np.random.default_rng(1)
    codes = clade(rng, (2, 4, 6, 9, 14, 22, 40))
    row = np.repeat(np.arange(40), 3)
    taxonomy, ids = named(codes)
    x = vectors_of(rng, codes, row, PLANTED, 5)
    a, b = (variance_by_rank(x, ids[row], taxonomy, weights=w, permutations=0) for w in ("images", "species"))
    np.testing.assert_allclose(a.component, b.component, atol=1e-12)
    np.testing.assert_allclose(a.raw, b.raw, atol=1e-12)


def holes_in(rng, codes):
    holes = np.zeros(codes.shape, dtype=bool)
    for place in (2, 3, 5, 6):
        holes[:, place] = (rng.random(codes[:, place].max() + 1) < 0.15)[codes[:, place]]
    return holes


@pytest.mark.parametrize("kind", ["whole", "holes", "chains"])
def test_planted_components_come_back(kind):
    """Mean error over seeds, within three of its standard errors and 0.015 of the truth, under counts from 1 to 300."""
    errors, missing = [], 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        codes = clade(rng, (5, 15, 30, 60, 120, 200, 300))
        if kind == "chains":
            codes[:, 3] = np.where(codes[:, 2] % 2 == 0, codes[:, 2] + 1000, codes[:, 3])
            codes[:, 3] = np.unique(codes[:, 3], return_inverse=True)[1]
        row = zipf(rng, 300, 300)
        taxonomy, ids = named(codes, holes_in(rng, codes) if kind == "holes" else None)
        x = vectors_of(rng, codes, row, PLANTED, 192)
        found = variance_by_rank(x, ids[row], taxonomy, unit=False, permutations=0)
        errors.append(found.component - PLANTED)
        missing += np.isnan(found.component).sum()
    mean, error = np.mean(errors, axis=0), np.std(errors, axis=0) / 12**0.5
    assert missing == 0
    assert (np.abs(mean) < 0.015).all()
    assert (np.abs(mean) < 3.5 * error).all()


def test_noise_has_no_components_where_raw_shares_have():
    rng = np.random.default_rng(3)
    codes = clade(rng)
    row = np.repeat(np.arange(200), 3)
    taxonomy, ids = named(codes)
    x = rng.standard_normal((600, 512))
    found = variance_by_rank(x, ids[row], taxonomy, unit=False, seed=1)
    assert np.abs(found.share[:-1]).max() < 0.01
    assert found.share[-1] == pytest.approx(1, abs=0.01)
    assert found.share.min() < 0  # not clipped
    assert found.raw[:-1].sum() == pytest.approx(199 / 599, abs=0.005)  # the degrees of freedom, nothing else
    np.testing.assert_allclose(found.raw[:-1], found.rows[1].null, atol=0.005)


def test_p_is_uniform_on_noise_and_small_where_planted():
    codes = clade(np.random.default_rng(4), (2, 5, 10, 16, 30, 50, 80))
    taxonomy, ids = named(codes)
    gaps = np.array([0, 0, 0.3, 0, 0.3, 0, 0, 0.4])
    noise, planted = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        row = zipf(rng, 80, 40)
        noise.append(
            variance_by_rank(rng.standard_normal((len(row), 8)), ids[row], taxonomy, permutations=39).rows[0].p
        )
        if seed < 20:
            x = vectors_of(rng, codes, row, gaps, 32)
            planted.append(variance_by_rank(x, ids[row], taxonomy, unit=False, permutations=99).rows[0].p)
    known = np.array(noise)[:, ~np.isnan(noise[0])]
    assert 0.02 <= (known <= 0.05).mean() <= 0.08
    assert 0.44 <= known.mean() <= 0.57
    small = (np.array(planted) <= 0.05).mean(axis=0)
    assert small[[2, 4]].min() >= 0.7
    assert small[[3, 5, 6]].max() <= 0.2


def of(lineages, x, ranks=("family", "genus", "species"), **options):
    taxonomy = Taxonomy.from_lineages(lineages, ranks=ranks)
    return variance_by_rank(np.asarray(x, dtype=float), taxonomy.ids(lineages), taxonomy, unit=False, **options)


def test_ranks_that_cannot_be_told_apart_say_what_they_hold_together():
    x = [[0, 0], [0, 1], [4, 0], [4, 1], [9, 0], [9, 1]]
    one_genus_each = [(f, f"{f}us", f"{f} {s}") for f in "abc" for s in ("x", "x")]
    found = of(one_genus_each, x)
    variance = found.rows[0]
    assert np.isnan(variance.value).all()
    assert variance.reason[0].startswith(
        "no family is known to hold two of genus; no genus is known to hold two of spec"
    )
    together = float(variance.reason[0].split("hold ")[-1].split()[0])
    assert together + found.share[-1] == pytest.approx(1, abs=5e-4)
    assert found.rows[2].value[0] == pytest.approx(found.share[-1])


def test_singletons_leave_the_finest_rank_and_what_is_within_together():
    found = of([("a", "g", "1"), ("a", "g", "2"), ("a", "h", "3"), ("b", "i", "4")], [[0, 1], [1, 0], [3, 1], [8, 1]])
    assert found.rows[0].reason[2] == found.rows[2].reason[0]
    assert found.rows[0].reason[2].startswith("no species has two images: species + within species hold")
    assert not np.isnan(found.share[:2]).any()
    assert np.isnan(found.share[2:]).all()


def test_one_species_has_nothing_but_what_is_within():
    found = of([("a", "g", "1")] * 3, [[0, 1], [1, 0], [3, 1]])
    assert found.share.tolist()[-1] == 1.0
    assert found.rows[0].reason == tuple(
        f"no two images are known to differ in {r}" for r in ("family", "genus", "species")
    )
    assert np.isnan(found.rows[2].low[0])


def test_equal_vectors_have_no_shares():
    found = of([("a", "g", "1"), ("a", "g", "2"), ("b", "h", "3"), ("b", "h", "3")], np.ones((4, 3)))
    assert np.isnan(found.share).all()
    assert set(found.rows[0].reason) == set(found.rows[1].reason) == {"the vectors do not differ"}
    assert np.isnan(found.rows[0].p).all()


def test_two_taxa_of_a_rank_have_a_value_but_no_test():
    lineages = [(f, f"{f}{g}", f"{f}{g}{s}") for f in "ab" for g in "xy" for s in "12" for _ in range(2)]
    x = np.random.default_rng(0).standard_normal((16, 3)) + np.repeat([[0.0], [5.0]], 8, axis=0)
    found = of(lineages, x)
    assert found.share[0] > 0.5
    assert np.isnan(found.rows[0].p[0])
    assert found.rows[0].reason[0] == "untested: there are only 3 ways to exchange its parts"


def test_nan_is_named():
    with pytest.raises(TaxoevalError, match="vector 1 of 2 holds NaN"):
        of([("a", "g", "1"), ("a", "g", "2")], [[0.0, 1], [np.nan, 1]])


def test_inner_labels_speak_of_coarser_ranks_only():
    """Images known to genus change neither the species' component nor what is within; the family's does change."""
    lineages = [(f, f"{f}{g}", f"{f}{g}{s}") for f in "abc" for g in "xy" for s in "12" for _ in range(2)]
    rng = np.random.default_rng(2)
    x, more = rng.standard_normal((24, 3)), rng.standard_normal((6, 3))
    known = of(lineages, x, weights="images").component
    mixed = of([*lineages, *[(f, f"{f}x", "") for f in "aabbcc"]], np.vstack([x, more]), weights="images").component
    assert mixed[2] == pytest.approx(known[2])
    assert mixed[0] != pytest.approx(known[0], abs=1e-3)


def test_exchange_by_products_and_by_sums_agree():
    rng = np.random.default_rng(0)
    taxon = np.repeat(np.arange(6), [5, 4, 3, 2, 1, 1])
    mean = rng.standard_normal((16, 2))
    by_sums = Exchange.of(mean, taxon, np.zeros(16, dtype=int))
    wide = Exchange.of(np.hstack([mean, np.zeros((16, 40))]), taxon, np.zeros(16, dtype=int))
    found = [e._dealt(slice(0, 16), 20, np.random.default_rng(1)) for e in (by_sums, wide)]
    np.testing.assert_allclose(*found)
    by_hand = sum(
        (mean[taxon == t].sum(0) @ mean[taxon == t].sum(0) - (mean[taxon == t] ** 2).sum()) / ((taxon == t).sum() - 1)
        for t in range(4)
    )
    assert found[0][0] == pytest.approx(by_hand)


def test_exchange_keeps_to_strata():
    """Parts that differ between strata only: dealing within these never looks different from the data."""
    mean = np.repeat([[0.0, 1], [5, 1]], 6, axis=0)
    taxon, stratum = np.arange(12) // 3, np.arange(12) // 6
    assert Exchange.of(mean, taxon, stratum).p(50, np.random.default_rng(0)) == (1.0, "")
    p, _ = Exchange.of(mean, taxon, np.zeros(12, dtype=int)).p(200, np.random.default_rng(0))
    assert p < 0.05


def test_sample_takes_rare_species_first_and_reads_by_slices():
    label = np.repeat([3, 5, 9], [50, 2, 1])
    chosen = few_of_each(label, 8, np.random.default_rng(0))
    assert np.bincount(label[chosen])[[3, 5, 9]].tolist() == [5, 2, 1]
    x = np.random.default_rng(1).standard_normal((53, 4))
    np.testing.assert_array_equal(rows_at(x, chosen, unit=False), x[chosen])
    assert rows_at(x, chosen[:0]).shape == (0, 4)


@pytest.mark.parametrize("d", [3, 40])
@pytest.mark.parametrize("sizes", [(2, 1, 1), (9, 2, 3, 1, 1), (7, 7), (30, 2, 2), (4,) * 15, (3, 60)])
@pytest.mark.parametrize("gram", [0, 2048])
def test_exchange_is_its_definition_for_taxa_of_all_sizes(monkeypatch, d, sizes, gram):
    monkeypatch.setattr("taxoeval.structure.exchange._GRAM", gram)
    monkeypatch.setattr("taxoeval.structure.exchange._GATHERED", 300)
    taxon = np.repeat(np.arange(len(sizes)), sizes)
    mean = np.random.default_rng(0).standard_normal((len(taxon), d))
    found = Exchange.of(mean, taxon, np.zeros_like(taxon))._dealt(slice(0, len(taxon)), 11, np.random.default_rng(1))
    orders = np.random.default_rng(1).permuted(np.tile(np.arange(len(taxon)), (11, 1)), axis=1)
    for value, order in zip(found, [np.arange(len(taxon)), *orders], strict=True):
        inner = mean[order] @ mean[order].T
        np.fill_diagonal(inner, 0)
        expected = sum(inner[np.ix_(taxon == t, taxon == t)].sum() / (k - 1) for t, k in enumerate(sizes) if k > 1)
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-9)

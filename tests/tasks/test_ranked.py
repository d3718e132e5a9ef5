"""Rankings read off one sort equal the metrics of a ranking written out, for every rank and for kin."""

import numpy as np
import pytest

from taxoeval import Taxonomy, metrics
from taxoeval.tasks import neighbours
from taxoeval.tasks.neighbours import Ranking, ranked

RANKS = ("class", "order", "family", "genus", "species")


@pytest.fixture
def clade(monkeypatch: pytest.MonkeyPatch):
    """Sixty images with holes in their lineages, labels that stop early, equal vectors, and blocks of seven queries."""
    monkeypatch.setattr(neighbours, "_BLOCK", 7 * 60)
    rng = np.random.default_rng(3)
    lineages = []
    for s in range(24):
        order, family, genus = s // 12, s // 6, s // 3
        names = [f"C{order}", f"O{order}", f"F{family}", f"G{genus}", f"s{s}"]
        lineages.append(["" if place in (1, 2) and rng.random() < 0.3 else name for place, name in enumerate(names)])
    taxonomy = Taxonomy.from_lineages(lineages, ranks=RANKS)
    taxon = rng.choice(len(taxonomy), 60)
    units = rng.normal(size=(60, 3)).round(1).astype(np.float32)
    units[10:20] = units[:10]
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    return units, taxon, taxonomy, rng.integers(0, 12, 60)


def written_out(units, taxon, taxonomy, groups, kin_at=None):
    """Order, barred items last and without a taxon; relevant items and the queries' taxa."""
    cosine = (units @ units.T).astype(np.float64)
    barred = np.eye(len(units), dtype=bool)
    if groups is not None:
        barred |= groups[:, None] == groups[None]
    target = taxon
    own = taxonomy.ancestor[taxon]
    if kin_at is not None:
        same = own[:, None, kin_at + 1] == own[None, :, kin_at + 1]
        unsure = (own[None, :, kin_at + 1] < 0) & (own[:, None, kin_at] == own[None, :, kin_at])
        barred |= same | unsure
        target = np.where(own[:, kin_at + 1] >= 0, taxon, -1)
    order = np.argsort(np.where(barred, np.inf, -cosine), axis=1, kind="stable")
    found = np.where(np.take_along_axis(barred, order, axis=1), -1, taxon[order])
    truth = np.where(target[:, None] >= 0, taxonomy.ancestor[target], -1)
    ancestor = np.where(found[..., None] >= 0, taxonomy.ancestor[found], -2)
    relevant = (ancestor == truth[:, None]).sum(axis=1).astype(float)
    return target, found, np.where(truth >= 0, relevant, np.nan), (~barred).sum(axis=1)


def same(found: Ranking, expected, taxonomy, columns, *, zero: bool) -> None:
    target, items, relevant, size = expected
    np.testing.assert_array_equal(found.relevant[:, columns], relevant[:, columns])
    defined = ~np.isnan(relevant[:, columns]).all(axis=1)
    np.testing.assert_array_equal(found.size[defined], size[defined])
    for values, metric in ((found.r_precision, metrics.r_precision), (found.map_at_r, metrics.map_at_r)):
        told = metric(target, items, taxonomy, relevant)
        np.testing.assert_allclose(values[:, columns], told[:, columns], rtol=1e-12)
    for k, values in found.precision.items():
        told = metrics.precision_at_k(target, items[:, :k], taxonomy)
        told = told if zero else np.where(relevant > 0, told, np.nan)
        np.testing.assert_allclose(values[:, columns], told[:, columns], rtol=1e-12)


@pytest.mark.parametrize("grouped", [False, True])
def test_equal_to_the_metrics_of_the_order_written_out(clade, grouped):
    units, taxon, taxonomy, group = clade
    groups = group if grouped else None
    kin = range(taxonomy.n_ranks - 1)
    blocks = list(ranked(units, units, taxon, taxon, taxonomy, k=(1, 5, 100), itself=True, leave_out=groups, kin=kin))
    assert len(blocks) == 9
    every = Ranking.joined([block.every for block in blocks])
    assert sorted(every.precision) == [1, 5]
    expected = written_out(units, taxon, taxonomy, groups)
    same(every, expected, taxonomy, slice(None), zero=True)
    np.testing.assert_array_equal(every.first, expected[1][:, :5])
    for r in kin:
        of_kin = Ranking.joined([block.kin[r] for block in blocks])
        same(of_kin, written_out(units, taxon, taxonomy, groups, r), taxonomy, slice(r, r + 1), zero=False)

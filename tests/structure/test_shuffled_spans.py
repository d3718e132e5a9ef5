"""Spans of shuffled images, and the spans they are held against, each against its definition."""

import importlib

import numpy as np
import pytest

from taxoeval.structure.shuffled_spans import shuffled_shares
from taxoeval.structure.within_between import _span

module = importlib.import_module("taxoeval.structure.shuffled_spans")


def plain(unit, code, lineage, q, scatter, permutations, rng):
    found = np.full((permutations, lineage.shape[1]), np.nan)
    known = np.flatnonzero(code >= 0)
    for p in range(permutations):
        dealt = np.full(len(code), -1)
        dealt[known] = code[rng.permutation(known)]
        means = np.array([unit[dealt == s].mean(axis=0) for s in range(len(lineage))])
        for r in range(lineage.shape[1]):
            taxa = np.unique(lineage[lineage[:, r] >= 0, r])
            points = np.array([means[lineage[:, r] == t].mean(axis=0) for t in taxa])
            away = points - points.mean(axis=0) if len(points) else points
            axes = np.linalg.svd(away)[2][: q[r]] if q[r] else np.zeros((0, unit.shape[1]))
            found[p, r] = np.trace(axes @ scatter @ axes.T) / np.trace(scatter)
    return found


@pytest.mark.parametrize("together", [1, 1 << 23])
@pytest.mark.parametrize("d", [5, 40])
def test_shares_of_shuffled_spans_equal_their_definition(d, together, monkeypatch):
    monkeypatch.setattr(module, "_TOGETHER", together)
    rng = np.random.default_rng(d)
    lineage = np.stack([np.arange(12) // 6, 2 + np.arange(12) // 2, 8 + np.arange(12)], axis=1)
    lineage[[3, 4, 5, 9], [1, 0, 1, 0]] = -1
    code = np.concatenate([np.arange(12), rng.choice(12, 60, p=np.arange(1, 13) / 78), [-1, -1]])
    x = rng.normal(size=(len(code), d)) + 1
    x[3] = 0
    unit = x / np.where(np.linalg.norm(x, axis=1, keepdims=True) > 0, np.linalg.norm(x, axis=1, keepdims=True), 1)
    scatter, q = np.cov(x.T), [1, 3, 0]
    found = shuffled_shares(x, code, lineage, q, scatter, permutations=4, rng=np.random.default_rng(7))
    expected = plain(unit, code, lineage, q, scatter, 4, np.random.default_rng(7))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_shuffled_shares_of_nothing():
    code, lineage = np.full(4, -1), np.zeros((0, 2), dtype=int)
    drawn = np.random.default_rng(0)
    assert shuffled_shares(np.eye(4), code, lineage, [1, 1], np.eye(4), permutations=3, rng=drawn).shape == (0, 2)
    found = shuffled_shares(
        np.eye(4), np.arange(4), np.arange(4)[:, None], [1], 0 * np.eye(4), permutations=3, rng=drawn
    )
    assert np.isnan(found).all()
    assert found.shape == (3, 1)


@pytest.mark.parametrize("taxa", [2, 7, 30])
def test_the_span_of_few_taxa_is_that_of_the_whole_space(taxa):
    rng = np.random.default_rng(taxa)
    one = rng.normal(size=(taxa, 20)) * np.arange(20, 0, -1)
    other = one + 0.1 * rng.normal(size=one.shape)
    span = _span(one, other)
    first, second = one - one.mean(axis=0), other - other.mean(axis=0)
    size, direction = np.linalg.eigh((first.T @ second + second.T @ first) / 2)
    kept = direction[:, ::-1][:, : span.shape[1]]
    np.testing.assert_allclose(span @ span.T, kept @ kept.T, atol=1e-9)
    held = np.cumsum(size[::-1]) / size.sum()
    assert held[span.shape[1] - 1] >= 0.9 or span.shape[1] == taxa - 1
    assert span.shape[1] == 1 or held[span.shape[1] - 2] < 0.9

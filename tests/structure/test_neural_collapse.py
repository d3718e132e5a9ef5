"""Collapse solved and decomposed: one number by two ways, and what only the second can do."""

import importlib

import numpy as np
import pytest

from taxoeval import Taxonomy
from taxoeval.structure import neural_collapse
from tests.structure.random_trees import random_taxonomy

module = importlib.import_module("taxoeval.structure.neural_collapse")


def parts(rng, k, d, n=80):
    """Means of taxa with unequally many images (one has a single one), and the moment of all."""
    of = np.concatenate([np.arange(k), rng.choice(k - 1, n, p=np.arange(1, k) / np.arange(1, k).sum())])
    x = rng.normal(size=(k, d))[of] + 0.4 * rng.normal(size=(len(of), d)) + 1
    size = np.bincount(of).astype(float)
    mean = np.stack([x[of == i].mean(axis=0) for i in range(k)])
    return mean, size, x.T @ x


@pytest.mark.parametrize(("k", "d"), [(2, 5), (6, 9), (12, 30), (10, 9)])
def test_solved_equals_decomposed(k, d):
    mean, size, moment = parts(np.random.default_rng(k), k, d)
    centre = mean.mean(axis=0)
    centred = mean - centre
    solved = module._solved(centred, centre, centred @ centred.T, size, moment)
    assert solved == pytest.approx(module._decomposed(centred, mean, size, moment), rel=1e-9)
    within = (moment - (mean * size[:, None]).T @ mean) / size.sum()
    between = centred.T @ centred / k
    assert solved == pytest.approx(np.trace(within @ np.linalg.pinv(between, rcond=1e-10)) / k, rel=1e-8)


@pytest.mark.parametrize("flat", ["two taxa in one place", "all in one place", "on a line"])
def test_means_that_span_too_little_are_not_solved(flat):
    mean, *rest = parts(np.random.default_rng(1), 6, 9)
    if flat == "on a line":
        mean = mean[:1] + np.arange(6)[:, None] * mean[1:2]
    else:
        mean[1 : 2 if flat == "two taxa in one place" else 6] = mean[0]
    centre = mean.mean(axis=0)
    centred = mean - centre
    assert module._solved(centred, centre, centred @ centred.T, *rest) is None


@pytest.mark.parametrize("seed", range(3))
def test_a_rank_with_holes_is_decomposed_as_it_is_solved(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    taxonomy = random_taxonomy(rng, 24, holes=0.2)
    taxon = rng.choice(len(taxonomy), 150)
    x = rng.normal(size=(len(taxonomy), 30))[taxon] + 0.5 * rng.normal(size=(150, 30))
    solved = neural_collapse(x, taxon, taxonomy, permutations=5)
    monkeypatch.setattr(module, "_solved", lambda *_: None)
    for one, other in zip(solved.rows, neural_collapse(x, taxon, taxonomy, permutations=5).rows, strict=True):
        for what in ("value", "null", "p", "n"):
            np.testing.assert_allclose(getattr(one, what), getattr(other, what), rtol=1e-8)
        assert one.reason == other.reason


def test_means_that_coincide_have_a_reason():
    taxonomy = Taxonomy.from_lineages([(f"g{i // 2}", f"s{i}") for i in range(6)], ranks=("genus", "species"))
    images = np.random.default_rng(0).standard_normal((4, 5)) + 3
    for copies in (images, np.zeros((4, 5))):
        found = neural_collapse(np.tile(copies, (6, 1)), np.repeat(taxonomy.leaves, 4), taxonomy)
        for row in found.rows:
            assert np.isnan(row.value).all()
            assert row.reason == ("the means of all taxa coincide",) * 2


def test_nearly_equal_means_are_told_apart():
    taxonomy = Taxonomy.from_lineages([(f"s{i}",) for i in range(3)], ranks=("species",))
    x = 1.0 + 1e-6 * np.repeat(np.eye(3), 4, axis=0)
    nc1, nc2 = neural_collapse(x, np.repeat(taxonomy.leaves, 4), taxonomy).rows
    assert nc2.value[0] == pytest.approx(0, abs=1e-6)
    assert nc1.reason == ("untested: shuffling changes nothing",)

"""Sums over pairs of images by lowest common ancestor, against every pair looked at."""

import numpy as np
import pytest
from hypothesis import given

from taxoeval import Taxonomy
from taxoeval.structure import lca_levels
from taxoeval.structure.lca_levels import LcaLevels
from taxoeval.structure.lca_pairs import LcaPairs, Weighted
from taxoeval.structure.lca_squares import LcaSquares
from taxoeval.structure.nested import Nested
from taxoeval.structure.sums import taxon_sums
from tests.metrics.zoo import at_rank, climb, random_taxonomy, seeds


def images(seed, n=25, d=3):
    """Vectors and labels, some of them inner, of a taxonomy with every difficulty."""
    taxonomy, rng = random_taxonomy(seed), np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.integers(len(taxonomy), size=n), taxonomy


def level_of(a, b, taxonomy, strict):
    """Level at which two labels meet, or None: by the definition."""
    common = [t for t in climb(a, taxonomy) if t in climb(b, taxonomy)]
    met = common[0] if common else None
    rank = -1 if met is None else int(taxonomy.rank[met])
    if rank == taxonomy.n_ranks - 1:
        return rank + 1
    if met in (a, b):
        return None  # nothing is known of what either has below
    sides = [at_rank(t, rank + 1, taxonomy) for t in (a, b)]
    if None in sides and (strict or met is None):
        return None
    return rank + 1


def pairs_by_hand(vectors, taxon, taxonomy, strict, weight):
    found = np.zeros((3, taxonomy.n_ranks + 1))
    for i in range(len(taxon)):
        for j in range(len(taxon)):
            level = level_of(taxon[i], taxon[j], taxonomy, strict) if i != j else None
            if level is not None:
                found[:, level] += (
                    weight[i] * weight[j] * np.array([1, vectors[i] @ vectors[j], vectors[i] @ vectors[i]])
                )
    return found


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("weights", ["images", "species"])
@given(seed=seeds)
def test_sums_equal_every_pair_looked_at(strict, weights, seed):
    vectors, taxon, taxonomy = images(seed)
    sums = taxon_sums(vectors, taxon, taxonomy, unit=False)
    pairs = LcaPairs.of(sums.taxon, taxonomy, strict=strict)
    found = [np.bincount(pairs.level, of, taxonomy.n_ranks + 1) for of in pairs.sums(Weighted.of(sums, weights))]
    each = np.ones(len(taxon)) if weights == "images" else 1 / sums.count[np.searchsorted(sums.taxon, taxon)]
    np.testing.assert_allclose(found, pairs_by_hand(vectors, taxon, taxonomy, strict, each), atol=1e-9)


@given(seed=seeds)
def test_levels_equal_nodes_also_with_labels_weighted_and_permuted(seed):
    vectors, taxon, taxonomy = images(seed)
    sums, rng = taxon_sums(vectors, taxon, taxonomy), np.random.default_rng(seed)
    pairs = LcaPairs.of(sums.taxon, taxonomy, strict=bool(seed % 2))
    levels = LcaLevels.of(pairs)
    order, weight = rng.permutation(len(sums.taxon)), rng.integers(0, 4, len(sums.taxon)).astype(float)

    def by_node(total):
        return np.bincount(pairs.level, pairs.between(total), minlength=taxonomy.n_ranks + 1)

    x, one = sums.total, np.ones(len(order))
    np.testing.assert_allclose(levels.sums(x, one), by_node(x), atol=1e-9)
    np.testing.assert_allclose(levels.sums(x, weight), by_node(x * weight[:, None]), atol=1e-9)
    np.testing.assert_allclose(levels.sums(x, weight, order), by_node(x[order] * weight[:, None]), atol=1e-9)
    orders = np.stack([order, rng.permutation(order), np.arange(len(order))])
    for weights in (np.stack([weight, one, weight]), np.stack([weight, weight])):
        found = levels.sums(x, weights, orders)
        expected = [[by_node(x[o] * w[:, None]) for w in weights] for o in orders]
        np.testing.assert_allclose(found, expected, atol=1e-9)
        np.testing.assert_allclose(levels.sums(x, weights), found[2], atol=1e-12)
        with pytest.MonkeyPatch.context() as small:
            small.setattr(lca_levels, "_HELD", 1)
            np.testing.assert_allclose(levels.sums(x, weights, orders), found, atol=1e-12)
    assert levels.sums(x, weight, orders[:0]).shape == (0, taxonomy.n_ranks + 1)


@pytest.mark.parametrize("strict", [True, False])
@given(seed=seeds)
def test_squares_without_some_labels_are_those_of_the_others(strict, seed):
    vectors, taxon, taxonomy = images(seed)
    sums, rng = taxon_sums(vectors, taxon, taxonomy), np.random.default_rng(seed)
    pairs = LcaPairs.of(sums.taxon, taxonomy, strict=strict)
    squares, m = LcaSquares.of(pairs, sums.total), len(pairs.parent)
    some = rng.random(len(sums.taxon)) < 0.7
    for kept in (some, ~some, np.ones_like(some), np.zeros_like(some)):
        total, square = sums.total * kept[:, None], squares.keep(kept)
        np.testing.assert_allclose(square[:m], (pairs.below(total) ** 2).sum(axis=1), atol=1e-9)
        np.testing.assert_allclose(square[-1], (total.sum(axis=0) ** 2).sum(), atol=1e-9)
        np.testing.assert_allclose(squares.between(square), pairs.between(total), atol=1e-9)
        of = Weighted.of(sums, "species").keep(kept)
        plain, given = pairs.sums(of), pairs.sums(of, pairs.between(of.total))
        np.testing.assert_array_equal(plain, given)


@given(seed=seeds)
def test_what_all_images_share_changes_no_component(seed):
    vectors, taxon, taxonomy = images(seed)
    found = []
    for offset in (0.0, 100.0):
        sums = taxon_sums(vectors + offset, taxon, taxonomy, unit=False)
        nested = Nested(LcaPairs.of(sums.taxon, taxonomy, strict=True))
        found.append(nested.half_distances(Weighted.of(sums, "images")))
    np.testing.assert_allclose(found[0], found[1], atol=1e-6, rtol=1e-6)


def test_one_label_has_no_pairs_but_its_own():
    taxonomy = Taxonomy.from_lineages([("Pica", "Pica pica")], ranks=("genus", "species"))
    pairs = LcaPairs.of(np.array([1]), taxonomy, strict=True)
    assert LcaLevels.of(pairs).sums(np.ones((1, 2)), np.ones(1)).tolist() == [0.0, 0.0, 0.0]
    assert pairs.between(np.ones((1, 2))).tolist() == [0.0, 0.0, 0.0]


def test_weights_are_two():
    taxonomy = Taxonomy.from_lineages([("Pica",)], ranks=("genus",))
    sums = taxon_sums(np.ones((1, 2)), np.array([0]), taxonomy)
    with pytest.raises(ValueError, match='"images" or "species"; got \'genus\''):
        Weighted.of(sums, "genus")

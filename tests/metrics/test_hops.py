"""HOPS against the loops it was published with, and its denominators against every possible ranking."""

import sys
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings

from taxoeval import Taxonomy
from taxoeval.metrics import rank_height
from taxoeval.metrics.hops import hops
from tests.metrics.test_hits import BIRDS, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import climb, random_taxonomy, seeds

SPECIES = np.array([RAVEN, CROW, MAGPIE, TIT])


def tiers(target, candidates, taxonomy):
    """Dense numbers of the steps from the target up to the common ancestor, the target itself apart."""
    above = [*climb(target, taxonomy), -1]
    steps = [
        -1 if c == target else min(above.index(a) for a in [*climb(c, taxonomy), -1] if a in above) for c in candidates
    ]
    return np.array([sorted(set(steps)).index(s) for s in steps])


def weights(expected):
    """As published: from 2^-tier towards the next smaller value there is, in equal steps; 1 for the target."""
    value, w = 0.5**expected, np.zeros(len(expected))
    unique = np.unique(value)
    for i, v in enumerate(unique):
        after = 0.0 if i == 0 else unique[i - 1] if i < len(unique) - 1 else 1.0
        places = np.flatnonzero(value == v)
        w[places] = np.linspace(v, after, len(places) + 1)[:-1]
    return w


def published(target, ranking, candidates, taxonomy, k=None):
    expected = np.sort(tiers(target, candidates, taxonomy))
    obtained = tiers(target, [*ranking, *candidates], taxonomy)[: len(ranking)]
    if k == 1:
        return float(obtained[0] == 0)
    reverse = expected.copy()
    reverse[:k] = expected[:k][::-1]
    w = weights(expected)
    worst = (w * np.abs(expected - reverse)).sum()
    k = k or len(expected)
    return max(0.0, 1 - (w[:k] * np.abs(expected[:k] - obtained[:k])).sum() / worst)


def test_golden():
    # raven's tiers: raven 0, crow 1, magpie 2, tit 3; weights 1, 1/2, 1/4, 1/8
    pred = [
        [RAVEN, CROW, MAGPIE, TIT],
        [CROW, RAVEN, MAGPIE, TIT],
        [TIT, MAGPIE, CROW, RAVEN],
        [RAVEN, CROW, TIT, MAGPIE],
    ]
    worst = 3 + 0.5 + 0.25 + 3 / 8
    expected = [1, 1 - 1.5 / worst, 0, 1 - 0.375 / worst]
    np.testing.assert_allclose(hops([RAVEN] * 4, pred, BIRDS, SPECIES), expected)
    np.testing.assert_allclose(hops([RAVEN] * 4, pred, BIRDS, SPECIES, k=1), [1, 1 - 1 / 3, 0, 1])
    np.testing.assert_allclose(hops([RAVEN] * 4, pred, BIRDS, SPECIES, k=1, worst="published"), [1, 0, 0, 1])


def test_places_of_one_tier_may_be_swapped_and_their_weight_falls():
    finches = Taxonomy.from_lineages([("g", "a"), ("g", "b"), ("g", "c"), ("h", "d")], ranks=("genus", "species"))
    a, b, c, d = species = finches.ids(["a", "b", "c", "d"])
    np.testing.assert_array_equal(hops([a, a], [[a, b, c, d], [a, c, b, d]], finches, species), [1, 1])
    early, late = hops([a, a], [[a, d, c, b], [a, b, d, c]], finches, species)
    assert early < late < 1  # weights within the tier: 1/2, then 3/8


@given(seeds)
def test_equals_the_published_loops(seed):
    taxonomy = random_taxonomy(seed)
    rng = np.random.default_rng(seed)
    candidates = rng.choice(len(taxonomy), size=min(9, len(taxonomy)), replace=False)
    target = rng.choice(candidates, size=10)
    pred = np.stack([rng.permutation(candidates) for _ in target])
    for k in (None, 1, 2, 4):
        if k is None or k <= len(candidates):
            expected = [published(t, p, candidates, taxonomy, k) for t, p in zip(target, pred, strict=True)]
            fast = hops(target, pred, taxonomy, candidates, k=k, worst="published")
            np.testing.assert_allclose(fast, expected, atol=1e-12)
    full = hops(target, pred, taxonomy, candidates)
    np.testing.assert_array_equal(full, hops(target, pred, taxonomy, candidates, worst="published"))


@settings(max_examples=15)
@given(seeds)
def test_the_largest_error_is_that_of_the_worst_of_all_rankings(seed):
    taxonomy = random_taxonomy(seed)
    rng = np.random.default_rng(seed)
    candidates = rng.choice(len(taxonomy), size=min(6, len(taxonomy)), replace=False)
    target = rng.choice(candidates)
    for k in (2, 3, len(candidates)):
        every = np.array(list(permutations(candidates, k)))
        score = hops(np.full(len(every), target), every, taxonomy, candidates, k=k, worst="largest")
        assert score.max() == pytest.approx(1)
        assert score.min() == pytest.approx(0, abs=1e-12)
        expected = np.sort(tiers(target, candidates, taxonomy))[:k]
        w = weights(np.sort(tiers(target, candidates, taxonomy)))[:k]
        lookup = dict(zip(candidates.tolist(), tiers(target, candidates, taxonomy).tolist(), strict=True))
        error = np.array([(w * np.abs(expected - [lookup[c] for c in row])).sum() for row in every.tolist()])
        np.testing.assert_allclose(score, 1 - error / error.max(), atol=1e-12)


def big_clade():
    rows = [("o", f"f{i // 9}", f"g{i // 3}", f"s{i}") for i in range(27)]
    rows += [("p", f"q{i // 9}", f"r{i // 3}", f"t{i}") for i in range(54)]
    return Taxonomy.from_lineages(rows, ranks=("order", "family", "genus", "species"))


def test_the_published_denominator_at_k_clips_where_ours_does_not():
    """Naming only strangers, or a sister first and then strangers: the published score of both is 0."""
    clade = big_clade()
    species = clade.leaves
    target = species[:1]
    strangers = species[-5:]
    nearly = np.r_[species[1:2], strangers[:4]]
    preds = np.stack([strangers, nearly])
    both = np.repeat(target, 2)
    np.testing.assert_array_equal(hops(both, preds, clade, species, k=5, worst="published"), [0, 0])
    ours = hops(both, preds, clade, species, k=5)
    assert ours[0] == 0 < ours[1]
    np.testing.assert_allclose(ours, hops(both, preds, clade, species, k=5, worst="largest"))


def test_only_the_order_of_tiers_counts_and_better_rankings_score_higher():
    clade = big_clade()
    species = clade.leaves
    rng = np.random.default_rng(0)
    distance = rank_height(species, np.broadcast_to(species, (81, 81)), clade)
    score = []
    for noise in (0, 2, 3, 10, 100):
        pred = species[np.argsort(distance + noise * rng.random(distance.shape), axis=1)]
        score.append(hops(species, pred, clade, species).mean())
    assert score[0] == 1
    assert (np.diff(score) < 0).all()


def test_undefined_and_missing_answers(monkeypatch):
    result = hops([CORVUS, -1, RAVEN], [SPECIES] * 3, BIRDS, SPECIES)
    np.testing.assert_array_equal(np.isnan(result), [True, True, False])
    assert np.isnan(hops([RAVEN], [[RAVEN]], BIRDS, [RAVEN]))
    assert hops([RAVEN], [[-1, -1]], BIRDS, SPECIES, k=2) == 0
    clade = big_clade()
    pred = np.random.default_rng(1).permuted(np.broadcast_to(clade.leaves, (81, 81)), axis=1)
    whole = hops(clade.leaves, pred, clade, clade.leaves)
    monkeypatch.setattr(sys.modules[hops.__module__], "_BLOCK", 200)
    np.testing.assert_array_equal(hops(clade.leaves, pred, clade, clade.leaves), whole)


def test_messages():
    with pytest.raises(ValueError, match="unknown worst 'best'; it must be reversal, largest or published"):
        hops([RAVEN], [SPECIES], BIRDS, SPECIES, worst="best")
    with pytest.raises(ValueError, match="k must be between 1 and the number of candidates, 4; got 5"):
        hops([RAVEN], [SPECIES], BIRDS, SPECIES, k=5)
    with pytest.raises(ValueError, match=r"pred must rank at least 4 candidates, shape \(n, 4\); got \(1, 2\)"):
        hops([RAVEN], [[RAVEN, CROW]], BIRDS, SPECIES)
    with pytest.raises(ValueError, match=f"candidates must hold each taxon once; taxon {CROW} is repeated"):
        hops([RAVEN], [[RAVEN, CROW]], BIRDS, [RAVEN, CROW, CROW], k=2)
    with pytest.raises(ValueError, match=f"pred holds taxon {CORVUS}, which is none of the candidates"):
        hops([RAVEN], [[CORVUS]], BIRDS, SPECIES, k=1)

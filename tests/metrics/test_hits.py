"""`rank_hits` against its definition, golden values, properties and messages."""

import numpy as np
import pytest
from hypothesis import given

from taxoeval import Taxonomy
from taxoeval.metrics import rank_hits
from tests.metrics.zoo import RANKS, at_rank, random_taxonomy, seeds

#   Corvidae                Paridae        (family)
#   ├── Corvus    Pica      └── Parus      (genus)
#   │   ├corax    └pica         └major     (species)
#   │   └corone
BIRDS = Taxonomy.from_lineages(
    [
        ("Corvidae", "Corvus", "Corvus corax"),
        ("Corvidae", "Corvus", "Corvus corone"),
        ("Corvidae", "Pica", "Pica pica"),
        ("Paridae", "Parus", "Parus major"),
    ],
    ranks=("family", "genus", "species"),
)
RAVEN, CROW, MAGPIE, TIT = BIRDS.ids(["Corvus corax", "Corvus corone", "Pica pica", "Parus major"])
CORVUS, CORVIDAE = BIRDS.ids(["Corvus", "Corvidae"])
NAN = np.nan


def test_golden():
    hits = rank_hits([RAVEN, RAVEN, RAVEN, RAVEN], [RAVEN, CROW, MAGPIE, TIT], BIRDS)
    np.testing.assert_array_equal(hits, [[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0]])


def test_a_partial_label_is_scored_down_to_its_rank():
    hits = rank_hits([CORVUS, CORVUS, CORVIDAE, -1], [CROW, TIT, MAGPIE, CROW], BIRDS)
    np.testing.assert_array_equal(hits, [[1, 1, NAN], [0, 0, NAN], [1, NAN, NAN], [NAN, NAN, NAN]])


def test_a_prediction_that_stops_early_is_wrong_below():
    np.testing.assert_array_equal(rank_hits([RAVEN, RAVEN], [CORVUS, -1], BIRDS), [[1, 1, 0], [0, 0, 0]])


def test_top_k_is_a_hit_if_any_answer_is():
    hits = rank_hits([RAVEN, TIT], [[MAGPIE, CROW], [RAVEN, CROW]], BIRDS)
    np.testing.assert_array_equal(hits, [[1, 1, 0], [0, 0, 0]])


def test_independent_answers_are_judged_each_at_its_rank():
    corvidae_then_parus = np.array([[[CORVIDAE], [BIRDS.ids(["Parus"])[0]], [RAVEN]]])
    np.testing.assert_array_equal(rank_hits([RAVEN], corvidae_then_parus, BIRDS), [[1, 0, 1]])


def test_homonyms_share_nothing():
    plants = Taxonomy.from_lineages(
        [("Beta", "vulgaris"), ("Thymus", "vulgaris")],
        ranks=("genus", "species"),
    )
    beet, thyme = plants.ids([("Beta", "vulgaris"), ("Thymus", "vulgaris")])
    np.testing.assert_array_equal(rank_hits([beet], [thyme], plants), [[0, 0]])


def test_two_holes_are_not_the_same_taxon():
    fishes = Taxonomy.from_lineages(
        [("Chordata", "", "Cypriniformes"), ("Chordata", "", "Perciformes")], ranks=("phylum", "class", "order")
    )
    carp, perch = fishes.ids(["Cypriniformes", "Perciformes"])
    np.testing.assert_array_equal(rank_hits([carp], [perch], fishes), [[1, NAN, 0]])


def naive(target, pred, taxonomy):
    rows = []
    for t, p in zip(target, pred, strict=True):
        truth = [at_rank(t, r, taxonomy) for r in range(taxonomy.n_ranks)]
        rows.append([NAN if x is None else float(x == at_rank(p, r, taxonomy)) for r, x in enumerate(truth)])
    return np.array(rows)


@given(seeds)
def test_equals_its_definition(seed):
    taxonomy = random_taxonomy(seed)
    rng = np.random.default_rng(seed)
    target, pred = rng.integers(len(taxonomy), size=(2, 20))
    np.testing.assert_array_equal(rank_hits(target, pred, taxonomy), naive(target, pred, taxonomy))
    both = np.stack([pred, pred[::-1]], axis=1)
    either = np.fmax(naive(target, pred, taxonomy), naive(target, pred[::-1], taxonomy))
    np.testing.assert_array_equal(rank_hits(target, both, taxonomy), either)


@given(seeds)
def test_a_miss_implies_misses_below(seed):
    taxonomy = random_taxonomy(seed)
    target, pred = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 30))
    for row in rank_hits(target, pred, taxonomy):
        known = row[~np.isnan(row)]
        assert (np.diff(known) <= 0).all()


def test_itself_is_right_wherever_known():
    taxonomy = random_taxonomy(3)
    everyone = np.arange(len(taxonomy))
    hits = rank_hits(everyone, everyone, taxonomy)
    np.testing.assert_array_equal(np.isnan(hits), taxonomy.ancestor < 0)
    assert np.nansum(hits) == (taxonomy.ancestor >= 0).sum()
    assert taxonomy.ranks == RANKS


@pytest.mark.parametrize(
    ("target", "pred", "message"),
    [
        ([0, 1], [0], r"pred must have one row per target: target has n = 2, pred has \(1,\)"),
        ([[0]], [0], r"target must have shape \(n,\)"),
        (["Corvus"], [0], r"target must hold taxon ids \(integers\).*taxonomy.ids\(names\)"),
        ([99], [0], r"target holds taxon 99, but the taxonomy has ids 0 to"),
        ([0], [[[0], [0]]], r"must be \(n, n_ranks, k\) with n_ranks = 3; got \(1, 2, 1\)"),
    ],
)
def test_messages(target, pred, message):
    with pytest.raises(ValueError, match=message):
        rank_hits(target, pred, BIRDS)

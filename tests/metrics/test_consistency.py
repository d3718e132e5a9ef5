"""Independent answers per rank: definitions, golden values, and the scripts they were published with."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from taxoeval import Taxonomy
from taxoeval.metrics import rank_hits
from taxoeval.metrics.consistency import (
    first_incoherent_rank,
    full_path_hits,
    point_overlap_ratio,
    tice,
    top_overlap_ratio,
)
from tests.metrics.test_hits import BIRDS, CORVIDAE, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import at_rank, climb, random_taxonomy, seeds

NAN = np.nan
PARIDAE, PARUS, PICA = BIRDS.ids(["Paridae", "Parus", "Pica"])

#                family    genus    species
ANSWERS = [
    [CORVIDAE, CORVUS, RAVEN],  # right
    [CORVIDAE, CORVUS, CROW],  # a path, but wrong at the end
    [CORVIDAE, PARUS, RAVEN],  # no path: the genus is not in the family, nor the species in the genus
    [PARIDAE, CORVUS, RAVEN],  # no path: the family alone is wrong
    [PARIDAE, PARUS, TIT],  # a path, all wrong
    [CORVIDAE, -1, TIT],  # no path, with a gap
]


def test_golden():
    target = [RAVEN] * 6
    np.testing.assert_array_equal(full_path_hits(target, ANSWERS, BIRDS), [1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(tice(ANSWERS, BIRDS), [0, 0, 1, 1, 0, 1])
    np.testing.assert_array_equal(first_incoherent_rank(ANSWERS, BIRDS), [NAN, NAN, 1, 1, NAN, 2])
    np.testing.assert_allclose(point_overlap_ratio(target, ANSWERS, BIRDS), [1, 2 / 3, 2 / 3, 2 / 3, 0, 1 / 3])
    strict = point_overlap_ratio(target, ANSWERS, BIRDS, strict=True)
    np.testing.assert_allclose(strict, [1, 2 / 3, 1 / 3, 0, 0, 1 / 3])
    np.testing.assert_allclose(top_overlap_ratio(target, ANSWERS, BIRDS), [1, 0.5, 0, 0.5, 0, 0])


def test_a_partial_label_is_judged_down_to_its_rank():
    answers = [[CORVIDAE, PARUS, TIT], [CORVIDAE, CORVUS, TIT], [CORVIDAE, CORVUS, RAVEN]]
    np.testing.assert_array_equal(full_path_hits([CORVIDAE, CORVUS, -1], answers, BIRDS), [1, 1, NAN])
    np.testing.assert_array_equal(point_overlap_ratio([CORVIDAE, CORVUS, -1], answers, BIRDS), [1, 1, NAN])
    np.testing.assert_array_equal(top_overlap_ratio([CORVIDAE, CORVUS, -1], answers, BIRDS), [NAN, 1, NAN])


def test_no_answer_contradicts_nothing_but_is_never_right():
    np.testing.assert_array_equal(tice([[-1, -1, -1], [-1, CORVUS, -1]], BIRDS), [NAN, 0])
    assert full_path_hits([RAVEN], [[CORVIDAE, -1, RAVEN]], BIRDS) == 0


def test_an_answer_is_judged_at_the_rank_of_its_column():
    np.testing.assert_array_equal(full_path_hits([RAVEN], [[RAVEN, CROW, RAVEN]], BIRDS), [1])
    assert tice([[CORVIDAE, CORVIDAE, RAVEN]], BIRDS) == 0  # a family is no answer for the genus


def test_a_hole_is_unknown_and_contradicts_only_through_what_stands_above_it():
    fishes = Taxonomy.from_lineages(
        [
            ("Chordata", "", "Cyprinus", "Cyprinus carpio"),
            ("Chordata", "Percidae", "Perca", "Perca fluviatilis"),
            ("Mollusca", "Helicidae", "Helix", "Helix pomatia"),
        ],
        ranks=("phylum", "family", "genus", "species"),
    )
    chordata, cyprinus, carp, percidae = fishes.ids(["Chordata", "Cyprinus", "Cyprinus carpio", "Percidae"])
    right, filled = [chordata, -1, cyprinus, carp], [chordata, percidae, cyprinus, carp]
    snail = fishes.ids(["Helicidae"])[0]
    np.testing.assert_array_equal(tice([right, filled], fishes), [0, 0])
    np.testing.assert_array_equal(tice([[-1, snail, cyprinus, carp]], fishes), [1])  # another phylum
    np.testing.assert_array_equal(full_path_hits([carp, carp], [right, filled], fishes), [1, 1])
    np.testing.assert_array_equal(top_overlap_ratio([carp, carp], [right, filled], fishes), [1, 1])


def random_answers(seed, taxonomy, n=30):
    """Answers at every rank: some of one leaf's path, some at random, some missing."""
    rng = np.random.default_rng(seed)
    table = taxonomy.ancestor[rng.integers(len(taxonomy), size=n)].astype(np.int64)
    for r in range(taxonomy.n_ranks):
        members = np.flatnonzero(taxonomy.rank == r)
        if len(members):
            table[:, r] = np.where(rng.random(n) < 0.3, rng.choice(members, size=n), table[:, r])
    table[rng.random(table.shape) < 0.1] = -1
    return rng.integers(len(taxonomy), size=n), table


@given(seeds)
def test_a_path_by_its_definition(seed):
    taxonomy = random_taxonomy(seed)
    _, answers = random_answers(seed, taxonomy)
    error, first = tice(answers, taxonomy), first_incoherent_rank(answers, taxonomy)

    def is_path(row):
        given_answers = [int(a) for a in row if a >= 0]
        named = [{int(taxonomy.rank[x]): x for x in climb(a, taxonomy)} for a in given_answers]
        return all(one[r] == two[r] for one in named for two in named for r in one.keys() & two.keys())

    for i, row in enumerate(answers):
        if (row < 0).all():
            assert np.isnan(error[i])
            continue
        assert error[i] == (not is_path(row))
        broken = [r for r in range(taxonomy.n_ranks) if (row[: r + 1] >= 0).any() and not is_path(row[: r + 1])]
        np.testing.assert_equal(first[i], broken[0] if broken else NAN)


@given(seeds)
def test_ratios_by_their_published_scripts(seed):
    """The loops of the authors' script over lists of labels, in which missing ranks are dropped from the truth."""
    taxonomy = random_taxonomy(seed)
    target, answers = random_answers(seed, taxonomy)
    por, strict, tor = [], [], []
    for t, row in zip(target, answers, strict=True):
        ranks = [r for r in range(taxonomy.n_ranks) if at_rank(t, r, taxonomy) is not None]
        same = [at_rank(t, r, taxonomy) == row[r] for r in ranks]
        por.append(sum(same) / len(same))
        strict.append((same.index(False) if False in same else len(same)) / len(same))
        pairs = [a and b for a, b in pairwise(same)]
        tor.append(sum(pairs) / len(pairs) if pairs else NAN)
    np.testing.assert_allclose(point_overlap_ratio(target, answers, taxonomy), por)
    np.testing.assert_allclose(point_overlap_ratio(target, answers, taxonomy, strict=True), strict)
    np.testing.assert_allclose(top_overlap_ratio(target, answers, taxonomy), tor)
    hits = rank_hits(target, answers[:, :, None], taxonomy)
    np.testing.assert_array_equal(full_path_hits(target, answers, taxonomy), np.nanmin(hits, axis=1))


@given(seeds)
def test_one_answer_for_all_ranks_agrees_with_itself(seed):
    taxonomy = random_taxonomy(seed)
    target, pred = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 25))
    assert (tice(pred, taxonomy) == 0).all()
    spread = np.repeat(pred[:, None], taxonomy.n_ranks, axis=1)
    np.testing.assert_array_equal(full_path_hits(target, pred, taxonomy), full_path_hits(target, spread, taxonomy))
    por, strict = (point_overlap_ratio(target, pred, taxonomy, strict=s) for s in (False, True))
    np.testing.assert_array_equal(por, strict)  # a miss implies misses below


def test_messages():
    with pytest.raises(
        ValueError, match=r"pred must be \(n, n_ranks\) with n_ranks = 3, one answer per rank, or \(n,\)"
    ):
        full_path_hits([RAVEN], [[RAVEN, CROW]], BIRDS)
    with pytest.raises(ValueError, match="pred must have one row per target: target has n = 2"):
        top_overlap_ratio([RAVEN, CROW], [[CORVIDAE, PICA, MAGPIE]], BIRDS)
    with pytest.raises(ValueError, match="pred holds taxon 99"):
        tice([[99, 0, 0]], BIRDS)

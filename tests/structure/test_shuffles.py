"""Shuffles keep what they promise, count their ways right and say when there are too few."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxoeval.structure.shuffles import Shuffle, free, of_species, p_value


@given(
    taxon=st.lists(st.integers(-1, 2), min_size=1, max_size=6),
    stratum=st.lists(st.integers(0, 1), min_size=6, max_size=6),
)
def test_ways_are_those_one_can_list(taxon, stratum):
    taxon, stratum = np.array(taxon), np.array(stratum[: len(taxon)])
    known = np.flatnonzero(taxon >= 0)

    def partition(taxa):
        return frozenset(frozenset(np.flatnonzero(taxa == t).tolist()) for t in set(taxa[taxa >= 0].tolist()))

    seen = set()
    for order in permutations(known.tolist()):
        if (stratum[list(order)] == stratum[known]).all():
            dealt = taxon.copy()
            dealt[known] = taxon[list(order)]
            seen.add(partition(dealt))
    assert Shuffle(taxon, stratum).ways == len(seen)


def test_a_draw_stays_in_its_stratum_and_keeps_the_unknown():
    taxon = np.array([1, 1, 2, -1, 3, 3, 4])
    stratum = np.array([0, 0, 0, 0, 1, 1, 1])
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        dealt = Shuffle(taxon, stratum).draw(rng)
        assert dealt[3] == -1
        assert sorted(dealt[:3]) == [1, 1, 2]
        assert sorted(dealt[4:]) == [3, 3, 4]
        seen.add(tuple(dealt))
    assert len(seen) == 9  # 3 x 3 of them


@pytest.mark.parametrize("strata", [1, 3])
def test_many_draws_are_those_of_one_after_the_other(strata):
    rng = np.random.default_rng(2)
    shuffle = Shuffle(rng.integers(-1, 5, 40), rng.integers(0, strata, 40) * 7 - 8)
    known = np.flatnonzero(shuffle.taxon >= 0)
    place = known[np.argsort(shuffle.stratum[known], kind="stable")]
    many, one = np.random.default_rng(5), np.random.default_rng(5)
    for dealt in np.concatenate(list(shuffle.deals(11, many, at_a_time=4))):
        expected = shuffle.taxon.copy()
        expected[place] = shuffle.taxon[known[np.lexsort((one.random(len(known)), shuffle.stratum[known]))]]
        np.testing.assert_array_equal(dealt, expected)
    assert many.random() == one.random()
    assert list(Shuffle(np.full(3, -1), np.zeros(3, dtype=int)).draw(one)) == [-1, -1, -1]
    assert not list(shuffle.deals(0, one))


def test_all_draws_are_equally_likely():
    shuffle = Shuffle(np.array([0, 0, 1, 1]), np.zeros(4, dtype=int))
    rng = np.random.default_rng(1)
    first = [tuple(shuffle.draw(rng)) for _ in range(3000)]
    counts = np.array([first.count(way) for way in set(first)])
    assert len(counts) == 6
    assert np.abs(counts - 500).max() < 4 * np.sqrt(500)


def test_species_change_places_with_those_known_to_the_same_ranks():
    lineage = np.array([[0, 1], [0, 2], [3, 4], [6, -1], [-1, 5], [7, -1], [3, -1]])
    shuffle = free(lineage, 0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        dealt = shuffle.draw(rng)
        assert sorted(dealt[:3]) == [0, 0, 3]
        assert sorted(dealt[[3, 5]]) == [6, 7]  # genera without a species
        assert dealt[4] == -1  # a species without a genus
        assert dealt[6] == -1  # a genus beside its own species


def test_images_change_places_where_species_cannot():
    lineage = np.array([[0, 1], [0, 2]])
    shuffle, part = of_species(lineage, 1, np.array([0, 0, 1]))
    assert shuffle.taxon.tolist() == [1, 1, 2]
    assert part.tolist() == [0, 1, 2]


def test_too_few_ways_are_told():
    assert Shuffle(np.array([0, 1]), np.zeros(2, dtype=int)).untested == "untested: shuffling changes nothing"
    three = Shuffle(np.array([0, 0, 1, 1]), np.zeros(4, dtype=int))
    assert three.untested == "untested: no more than 3 ways to deal the parts out"
    assert Shuffle(np.array([0, 0, 0, 1, 1, 1, 2]), np.zeros(7, dtype=int)).untested == ""
    assert Shuffle(np.arange(100) // 2, np.zeros(100, dtype=int)).ways == np.inf


@pytest.mark.parametrize(
    ("value", "null", "expected"), [(1.0, [0, 0, 0], 0.25), (0.0, [0, 1, 1], 1.0), (0.5, [0.5 + 1e-12, 0, 0], 0.5)]
)
def test_p_counts_the_observed_value_too(value, null, expected):
    assert p_value(value, np.array(null, dtype=float)) == expected


def test_p_is_undefined_where_its_parts_are():
    assert np.isnan(p_value(np.nan, np.array([0.0])))
    assert np.isnan(p_value(0.0, np.array([np.nan, 1.0])))
    assert np.isnan(p_value(0.0, np.array([])))

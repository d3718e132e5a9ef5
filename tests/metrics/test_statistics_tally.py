"""Tallies: exact, and the same whatever the shards and their order."""

import math
import pickle
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from taxoeval.metrics import statistics
from taxoeval.metrics.statistics import Tally, merge

NAN = np.nan

floats = st.one_of(st.just(NAN), st.floats(allow_nan=False, allow_infinity=False, width=64), st.floats(0, 1))
samples = st.integers(1, 40).flatmap(
    lambda n: st.tuples(arrays(np.float64, n, elements=floats), arrays(np.int64, n, elements=st.integers(-1, 3)))
)


def exact(values):
    """The exact sum, rounded once; infinite above the largest float."""
    whole = sum(map(Fraction, values.tolist()), Fraction(0))
    try:
        return float(whole)
    except OverflowError:
        return math.inf if whole > 0 else -math.inf


@given(samples)
def test_sums_are_the_exact_ones_rounded_once(sample):
    values, taxon = sample
    tally = Tally.of(values, taxon, n_taxa=4)
    for t in range(4):
        assert tally.totals()[t, 0] == exact(values[(taxon == t) & ~np.isnan(values)])
    np.testing.assert_array_equal(tally.count[:, 0], [((taxon == t) & ~np.isnan(values)).sum() for t in range(4)])


def same(one, two):
    return one.count.tobytes() == two.count.tobytes() and all(
        np.array_equal(one.digits.get(p, 0 * one.count), two.digits.get(p, 0 * two.count))
        for p in {*one.digits, *two.digits}
    )


@given(samples, st.integers(0, 100))
def test_shards_merge_to_the_whole_in_any_order_and_grouping(sample, seed):
    values, taxon = sample
    rng = np.random.default_rng(seed)
    whole = Tally.of(values, taxon, n_taxa=4)
    shard = rng.integers(3, size=len(values))
    a, b, c = (Tally.of(values[shard == s], taxon[shard == s], n_taxa=4) for s in range(3))
    assert same((a + b) + c, whole)
    assert same(a + (b + c), whole)
    assert same(merge([c, a, b]), whole)
    assert same(whole + Tally.empty(4), whole)


def shard(seed):
    rng = np.random.default_rng(seed)
    return Tally.of(rng.random((100 + seed, 2)), rng.integers(5, size=100 + seed), n_taxa=5)


def test_processes_give_the_figure_of_the_whole_set():
    with ProcessPoolExecutor(2) as pool:
        tallies = list(pool.map(shard, range(4)))
    rngs = [np.random.default_rng(seed) for seed in range(4)]
    parts = [(rng.random((100 + i, 2)), rng.integers(5, size=100 + i)) for i, rng in enumerate(rngs)]
    values, taxon = (np.concatenate(x) for x in zip(*parts, strict=True))
    merged, whole = merge(tallies), Tally.of(values, taxon, n_taxa=5)
    assert same(merged, whole)
    np.testing.assert_array_equal(merged.mean(), whole.mean())
    np.testing.assert_allclose(merged.mean(), statistics.mean(values), rtol=1e-14)
    np.testing.assert_allclose(merged.taxon_mean(), statistics.taxon_mean(values, taxon), rtol=1e-14)


def test_uneven_batches_weigh_by_their_samples():
    hits = np.array([1.0, 1.0, 1.0, 1.0, 0.0])  # a mean of batch means of 4 and 1 would give 0.5
    batches = [Tally.of(hits[:4], np.zeros(4, int), 1), Tally.of(hits[4:], np.zeros(1, int), 1)]
    assert merge(batches).mean() == [0.8]


def test_each_column_may_have_its_own_taxa():
    tally = Tally.of([[1.0, 0.0], [0.0, NAN]], taxon=[[0, 2], [1, 2]], n_taxa=3)
    np.testing.assert_array_equal(tally.count, [[1, 0], [1, 0], [0, 1]])
    np.testing.assert_array_equal(tally.means(), [[1, NAN], [0, NAN], [NAN, 0]])
    np.testing.assert_array_equal(tally.taxon_mean(), [0.5, 0])


def test_an_empty_tally_is_nan_and_survives_pickling():
    empty = pickle.loads(pickle.dumps(Tally.empty(3, 2)))  # noqa: S301 - our own bytes
    assert np.isnan(empty.mean()).all()
    assert np.isnan(empty.taxon_mean()).all()
    np.testing.assert_array_equal(empty.n(), [0, 0])


def test_messages():
    with pytest.raises(ValueError, match=r"values \(2,\) and taxon \(3,\)"):
        Tally.of([1, 2], [0, 0, 0], 1)
    with pytest.raises(ValueError, match="taxon must hold ids from -1 to 1; got int64 0"):
        Tally.of([1, 2], [0, 2], 2)
    with pytest.raises(ValueError, match="one is infinite"):
        Tally.of([np.inf], [0], 1)
    with pytest.raises(ValueError, match=r"tallies of \(2, 1\) and \(3, 1\) taxa"):
        Tally.empty(2) + Tally.empty(3)
    with pytest.raises(ValueError, match="nothing to merge"):
        merge([])

"""Runs of candidates at every rank, and pieces that rules share: against loops."""

import numpy as np
import pytest
from hypothesis import given

from taxoeval import Taxonomy
from taxoeval.decoding import DECODERS, rank_max, rank_mean, rank_sum, top_down
from taxoeval.decoding.base import best
from taxoeval.decoding.nodes import tree_over
from taxoeval.decoding.piece import Piece, shared
from taxoeval.decoding.runs import runs_over
from tests.metrics.zoo import random_taxonomy, seeds


def drawn(seed, n=5):
    """A random taxonomy with holes, some of its taxa in ascending order, and numbers with ties."""
    taxonomy, rng = random_taxonomy(seed), np.random.default_rng(seed)
    c = rng.integers(1, len(taxonomy) + 1)
    return taxonomy, np.sort(rng.choice(len(taxonomy), c, replace=False)), rng.integers(0, 5, (n, c)) / 8


@given(seeds)
def test_sums_and_maxima_equal_their_definitions(seed):
    taxonomy, taxa, probability = drawn(seed)
    runs = runs_over(taxa, taxonomy)
    sums, maxima = runs.sums(probability.T.copy()), runs.maxima(probability.T.copy())
    for r in range(taxonomy.n_ranks):
        members: dict[object, list[int]] = {}  # an unknown taxon is like no other
        for i, taxon in enumerate(taxonomy.ancestor[taxa, r].tolist()):
            members.setdefault(taxon if taxon >= 0 else ("unknown", i), []).append(i)
        assert runs.taxon[r].tolist() == [key if isinstance(key, int) else -1 for key in members]
        for run, inside in enumerate(members.values()):
            np.testing.assert_array_equal(sums[r][run], probability[:, inside].sum(axis=1))
            np.testing.assert_array_equal(maxima[r][run], probability[:, inside].max(axis=1))


@pytest.mark.parametrize("sizes", [(1,), (17,), (1, 9, 2, 8), (3, 1, 1)])
def test_runs_of_any_size(sizes):
    lineages = [(f"g{i}", f"s{i:02}{j:02}") for i, size in enumerate(sizes) for j in range(size)]
    taxonomy = Taxonomy.from_lineages(lineages, ranks=("genus", "species"))
    taxa = np.flatnonzero(taxonomy.rank == 1)
    values = np.random.default_rng(0).permutation(len(taxa)).astype(float)[:, None]
    ends = np.cumsum(sizes)
    genera, species = runs_over(taxa, taxonomy).maxima(values)
    assert genera[:, 0].tolist() == [part.max() for part in np.split(values[:, 0], ends[:-1])]
    assert species.tolist() == values.tolist()
    assert (
        runs_over(taxa, taxonomy).sums(values)[0][:, 0].tolist() == np.add.reduceat(values[:, 0], ends - sizes).tolist()
    )


@given(seeds)
def test_candidates_a_rank_below_their_next_relatives_are_unknown_there(seed):
    """A genus whose family is unknown: its species stand alone at family, and are one run at genus."""
    lineages = [("", "A", "a"), ("", "A", "b"), ("F", "B", "c"), ("F", "B", "d")]
    taxonomy = Taxonomy.from_lineages(lineages, ranks=("family", "genus", "species"))
    taxa = np.sort(taxonomy.ids(list("abcd")))
    values = np.random.default_rng(seed).random((4, 3))
    family, genus, _ = runs_over(taxa, taxonomy).maxima(values)
    of = {str(taxonomy.names[taxon]): row for taxon, row in zip(taxa, values, strict=True)}
    both = np.maximum(of["c"], of["d"])
    assert sorted(family.tolist()) == sorted([of["a"].tolist(), of["b"].tolist(), both.tolist()])
    assert sorted(genus.tolist()) == sorted([np.maximum(of["a"], of["b"]).tolist(), both.tolist()])


@given(seeds)
def test_paths_of_candidates_are_those_of_their_nodes(seed):
    taxonomy, taxa, probability = drawn(seed)
    tree = tree_over(taxa, taxonomy)
    mass = tree.mass(probability)
    np.testing.assert_array_equal(tree.along_candidate_paths(mass), tree.along_paths(mass)[tree.candidate])


@given(seeds)
def test_rules_that_share_answer_as_each_alone(seed):
    taxonomy, taxa, probability = drawn(seed)
    probability = probability.astype(np.float32)
    rules = (*DECODERS, rank_max, rank_mean)
    for k in (1, 3):
        alone = [rule(probability, taxa, taxonomy, k=k) for rule in rules]
        with shared(probability, taxa, taxonomy):
            together = [rule(probability, taxa, taxonomy, k=k) for rule in rules]
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one.taxon, other.taxon)
            np.testing.assert_array_equal(one.probability, other.probability)


def test_what_is_shared_is_that_of_the_same_objects_only():
    taxonomy, taxa, probability = drawn(7)
    other = probability[::-1].copy()
    alone = rank_sum(other, taxa, taxonomy, k=2)
    with shared(probability, taxa, taxonomy):
        found = rank_sum(probability, taxa, taxonomy, k=2)
        before = found.taxon.copy()
        found.taxon[:], found.probability[:] = 0, 0  # an answer is the caller's own
        np.testing.assert_array_equal(rank_sum(probability, taxa, taxonomy, k=2).taxon, before)
        np.testing.assert_array_equal(rank_sum(other, taxa, taxonomy, k=2).taxon, alone.taxon)
        with shared(other, taxa, taxonomy):
            np.testing.assert_array_equal(rank_sum(other, taxa, taxonomy, k=2).taxon, alone.taxon)
        np.testing.assert_array_equal(rank_sum(probability, taxa, taxonomy, k=2).taxon, before)
    with pytest.raises(ValueError, match="apply a softmax"), shared(-probability - 1, taxa, taxonomy):
        pass


def test_a_sum_is_computed_once(monkeypatch):
    taxonomy, taxa, probability = drawn(7)
    asked = []
    plain = Piece.best
    monkeypatch.setattr(Piece, "best", lambda self, values, k: asked.append(k) or plain(self, values, k))
    with shared(probability, taxa, taxonomy):
        rank_sum(probability, taxa, taxonomy, k=2)
        top_down(probability, taxa, taxonomy, k=2)
    assert asked == [2]


@pytest.mark.parametrize("k", [1, 2, 5, 8, 9, 20])
@pytest.mark.parametrize("columns", [1, 6, 300])
def test_the_k_best_are_those_of_a_full_sort(k, columns):
    rng = np.random.default_rng(k)
    for score in (
        rng.integers(0, 4, (40, columns)) / 4,
        rng.random((40, columns), dtype=np.float32),
        np.zeros((2, columns)),
    ):
        given = score.copy()
        order = np.argsort(-score, axis=1, kind="stable")[:, :k]
        expected = np.where(np.take_along_axis(score, order, axis=1) > 0, order, -1)
        expected = np.pad(expected, ((0, 0), (0, max(0, k - columns))), constant_values=-1)
        np.testing.assert_array_equal(best(score, k), expected)
        np.testing.assert_array_equal(score, given)

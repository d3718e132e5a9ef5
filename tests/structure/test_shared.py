"""What analyses share is made once, for the same images alone, and changes no result."""

import copy
import importlib
import threading
import time

import numpy as np
import pytest

from taxoeval.structure.centroids import centroids
from taxoeval.structure.clade_recall import clade_recall
from taxoeval.structure.cophenetic import cophenetic
from taxoeval.structure.dendrogram_purity import dendrogram_purity
from taxoeval.structure.joined import joined
from taxoeval.structure.shared import Memo, Shared
from taxoeval.structure.sums import taxon_sums
from tests.structure.planted import planted

sums = importlib.import_module("taxoeval.structure.sums")


@pytest.fixture
def counted(monkeypatch):
    """How often sums are made, and trees."""
    made = {"sums": 0, "trees": 0}
    joined_module = importlib.import_module("taxoeval.structure.joined")
    for name, module, function in (("sums", sums, "_taxon_sums"), ("trees", joined_module, "join")):
        plain = getattr(module, function)

        def counting(*given, name=name, plain=plain):
            made[name] += 1
            return plain(*given)

        monkeypatch.setattr(module, function, counting)
    return made


def test_sums_centroids_and_trees_are_made_once(counted):
    vectors, taxon, taxonomy = planted(zipf=True)
    shared = Shared(vectors, taxon, taxonomy)
    for analysis in (clade_recall, dendrogram_purity, cophenetic):
        plain = analysis(vectors, taxon, taxonomy, permutations=9)
        for one, other in zip(analysis(shared, taxon, taxonomy, permutations=9).rows, plain.rows, strict=True):
            for what in ("value", "low", "high", "null", "p", "n"):
                np.testing.assert_array_equal(getattr(one, what), getattr(other, what))
            assert one.reason == other.reason
    assert counted["sums"] == 1 + 3
    assert counted["trees"] == 22 + 22 + 22 + 21  # of all twice, for the names; cophenetic has its value of all


def test_other_images_are_not_taken_for_the_shared_ones():
    vectors, taxon, taxonomy = planted()
    shared = Shared(vectors, taxon, taxonomy)
    whole = taxon_sums(shared, taxon, taxonomy)
    assert taxon_sums(shared, taxon.copy(), taxonomy) is whole
    other = np.roll(taxon, 1)
    found = taxon_sums(shared, other, taxonomy)
    assert found is not whole
    np.testing.assert_array_equal(found.total, taxon_sums(vectors, other, taxonomy).total)
    centred = taxon_sums(shared, taxon, taxonomy, centre=np.ones(vectors.shape[1]))
    assert not np.array_equal(centred.total, whole.total)
    assert taxon_sums(shared, taxon, taxonomy, unit=False) is not whole
    with pytest.raises(ValueError, match="read-only"):
        whole.total[0] = 0


def test_much_is_not_kept(monkeypatch):
    monkeypatch.setattr(sums, "_KEPT", 8)
    for name in ("centroids", "joined"):
        monkeypatch.setattr(importlib.import_module(f"taxoeval.structure.{name}"), "KEPT", 8)
    vectors, taxon, taxonomy = planted()
    shared = Shared(vectors, taxon, taxonomy)
    assert taxon_sums(shared, taxon, taxonomy) is not taxon_sums(shared, taxon, taxonomy)
    found = centroids(shared, taxon, taxonomy)
    assert found is not centroids(shared, taxon, taxonomy)
    assert joined(found, "average") is not joined(found, "average")


def test_threads_that_ask_at_once_wait_for_one():
    memo, made, found = Memo(), [], []

    def make():
        time.sleep(0.02)
        made.append(0)
        return object()

    threads = [threading.Thread(target=lambda: found.append(memo.once("it", make))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len({id(one) for one in found}) == 1


def test_errors_are_not_kept_and_copies_begin_empty():
    memo = Memo()
    with pytest.raises(ZeroDivisionError):
        memo.once("it", lambda: 1 // 0)
    assert memo.once("it", lambda: 1) == 1
    assert copy.deepcopy(memo).once("it", lambda: 2) == 2

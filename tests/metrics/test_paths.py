"""Set-based hierarchical precision, recall and F against their definition, golden values and HiClass."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxoeval import Taxonomy, Tree
from taxoeval.metrics import lca_similarity
from taxoeval.metrics.paths import (
    hierarchical_f_beta,
    hierarchical_precision,
    hierarchical_recall,
    micro_precision_recall_f,
    path_overlap,
    sample_precision_recall_f,
)
from tests.metrics.test_hits import BIRDS, CORVIDAE, CORVUS, CROW, MAGPIE, RAVEN, TIT
from tests.metrics.zoo import climb, random_taxonomy, seeds

NAN = np.nan
ROOT = -1

switches = st.tuples(st.sampled_from(["root_out", "root_in"]), st.sampled_from(["self_in", "self_out"]))


def naive_set(taxon, taxonomy, root, itself):
    ancestors = {*climb(taxon, taxonomy), ROOT}
    return ancestors - ({ROOT} if root == "root_out" else set()) - ({taxon} if itself == "self_out" else set())


def test_golden():
    #   Corvidae ─ Corvus ─ {corax, corone}, Corvidae ─ Pica ─ pica, Paridae ─ Parus ─ major
    pred = [RAVEN, CROW, MAGPIE, TIT, CORVUS, CORVIDAE]
    target = [RAVEN] * 6
    np.testing.assert_allclose(hierarchical_precision(target, pred, BIRDS), [1, 2 / 3, 1 / 3, 0, 1, 1])
    np.testing.assert_allclose(hierarchical_recall(target, pred, BIRDS), [1, 2 / 3, 1 / 3, 0, 2 / 3, 1 / 3])
    np.testing.assert_allclose(hierarchical_f_beta(target, pred, BIRDS), [1, 2 / 3, 1 / 3, 0, 0.8, 0.5])
    np.testing.assert_allclose(hierarchical_precision([RAVEN], [TIT], BIRDS, root="root_in"), [1 / 4])
    np.testing.assert_allclose(hierarchical_precision([RAVEN], [CROW], BIRDS, itself="self_out"), [1])
    np.testing.assert_allclose(hierarchical_recall([CORVUS], [RAVEN], BIRDS), [1])


def test_no_answer_claims_nothing_and_finds_nothing():
    assert np.isnan(hierarchical_precision([RAVEN], [-1], BIRDS))
    assert hierarchical_recall([RAVEN], [-1], BIRDS) == 0
    assert hierarchical_f_beta([RAVEN], [-1], BIRDS) == 0
    assert hierarchical_precision([RAVEN], [-1], BIRDS, root="root_in") == 1
    assert hierarchical_recall([RAVEN], [-1], BIRDS, root="root_in") == 1 / 4


def test_no_target_is_undefined():
    overlap = path_overlap([-1, RAVEN], [RAVEN, RAVEN], BIRDS)
    np.testing.assert_array_equal(overlap.shared, [NAN, 3])
    assert micro_precision_recall_f(overlap).precision == 1
    nothing = micro_precision_recall_f(path_overlap([-1], [RAVEN], BIRDS))
    assert all(np.isnan(x) for x in nothing)


def test_micro_is_a_ratio_of_sums():
    overlap = path_overlap([RAVEN, RAVEN], [CORVIDAE, TIT], BIRDS)
    micro = micro_precision_recall_f(overlap)
    assert (micro.precision, micro.recall) == (1 / 4, 1 / 6)
    assert micro.f == pytest.approx(2 / (4 + 6))
    assert micro_precision_recall_f(overlap, beta=0).f == micro.precision
    assert micro_precision_recall_f(overlap, beta=1e6).f == pytest.approx(micro.recall)


def test_a_tree_of_one_root_is_rooted_there():
    tree = Tree([-1, 0, 1, 0], ["life", "a", "b", "c"])
    np.testing.assert_array_equal(hierarchical_recall([2, 2, 2], [1, 3, 0], tree), [1 / 2, 0, 0])
    np.testing.assert_array_equal(hierarchical_recall([2, 2, 2], [1, 3, -1], tree, root="root_in"), [2 / 3, 1 / 3, 0])


@given(seeds, switches)
def test_equals_its_definition(seed, switch):
    root, itself = switch
    taxonomy = random_taxonomy(seed)
    target, pred = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 25))
    pred[0] = -1
    overlap = path_overlap(target, pred, taxonomy, root=root, itself=itself)
    sets = [[naive_set(x, taxonomy, root, itself) for x in ids] for ids in (target, pred)]
    np.testing.assert_array_equal(overlap.shared, [len(y & p) for y, p in zip(*sets, strict=True)])
    np.testing.assert_array_equal(overlap.true, [len(y) for y in sets[0]])
    np.testing.assert_array_equal(overlap.predicted, [len(p) for p in sets[1]])


@given(seeds, switches)
def test_swapping_swaps_precision_and_recall_and_f_is_their_harmonic_mean(seed, switch):
    root, itself = switch
    taxonomy = random_taxonomy(seed)
    a, b = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 25))
    scores = sample_precision_recall_f(path_overlap(a, b, taxonomy, root=root, itself=itself))
    other = sample_precision_recall_f(path_overlap(b, a, taxonomy, root=root, itself=itself))
    np.testing.assert_array_equal(scores.precision, other.recall)
    shared = scores.precision > 0
    p, r = scores.precision[shared], scores.recall[shared]
    np.testing.assert_allclose(scores.f[shared], 2 * p * r / (p + r))
    if itself == "self_in":
        jaccard = lca_similarity(a, b, taxonomy, convention=f"jaccard_{root}")
        np.testing.assert_allclose(jaccard, scores.f / (2 - scores.f))


def test_the_k_best_keep_their_shape_and_blocks_change_nothing():
    taxonomy = random_taxonomy(5)
    rng = np.random.default_rng(5)
    target, pred = rng.integers(len(taxonomy), size=70_000), rng.integers(len(taxonomy), size=(70_000, 2))
    both = hierarchical_precision(target, pred, taxonomy)
    np.testing.assert_array_equal(both[:, 1], hierarchical_precision(target, pred[:, 1], taxonomy))


def test_shards_give_the_figure_of_the_whole():
    taxonomy = random_taxonomy(6)
    target, pred = np.random.default_rng(6).integers(len(taxonomy), size=(2, 101))
    parts = [path_overlap(target[i : i + 40], pred[i : i + 40], taxonomy) for i in (0, 40, 80)]
    joined = type(parts[0])(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("shared", "predicted", "true")))
    whole = path_overlap(target, pred, taxonomy)
    assert micro_precision_recall_f(joined) == micro_precision_recall_f(whole)


def unique_labels(ids, taxonomy):
    """Rows of whole paths as names, "" for holes: the labels for which sets of names are sets of taxa."""
    labels = []
    for taxon in ids:
        lineage = taxonomy.ancestor[taxon] if taxon >= 0 else [-1] * taxonomy.n_ranks
        labels.append([f"taxon {a}" if a >= 0 else "" for a in lineage])
    return np.array(labels, dtype=object)


@pytest.mark.filterwarnings("ignore:F-score is ill-defined")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hiclass_agrees_on_labels_that_are_unique_along_the_path(seed):
    hiclass = pytest.importorskip("hiclass.metrics")
    taxonomy = random_taxonomy(seed, n=40)
    target, pred = np.random.default_rng(seed).integers(len(taxonomy), size=(2, 300))
    y, p = unique_labels(target, taxonomy), unique_labels(pred, taxonomy)
    overlap = path_overlap(target, pred, taxonomy)
    micro, sample = micro_precision_recall_f(overlap), sample_precision_recall_f(overlap)
    assert hiclass.precision(y, p, average="micro") == pytest.approx(float(micro.precision))
    assert hiclass.recall(y, p, average="micro") == pytest.approx(float(micro.recall))
    assert hiclass.f1(y, p, average="micro") == pytest.approx(float(micro.f))
    assert hiclass.precision(y, p, average="macro") == pytest.approx(sample.precision.mean())
    assert hiclass.recall(y, p, average="macro") == pytest.approx(sample.recall.mean())
    assert hiclass.f1(y, p, average="macro") == pytest.approx(sample.f.mean())


def test_hiclass_counts_homonyms_as_shared_and_we_do_not():
    """Bare epithets meet across kingdoms: HiClass finds a third of a bird's path in thyme."""
    hiclass = pytest.importorskip("hiclass.metrics")
    rows = [("Aves", "Turdus", "vulgaris"), ("Plantae", "Thymus", "vulgaris")]
    taxonomy = Taxonomy.from_lineages(rows, ranks=("class", "genus", "species"))
    bird, thyme = taxonomy.ids(rows)
    names = [np.array([row], dtype=object) for row in rows]
    assert hiclass.precision(*names, average="micro") == pytest.approx(1 / 3)
    assert hierarchical_precision([bird], [thyme], taxonomy) == 0
    same_name_at_two_ranks = [("A", "H", "G"), ("A", "G", "G")]
    taxonomy = Taxonomy.from_lineages(same_name_at_two_ranks, ranks=("family", "genus", "species"))
    one, other = taxonomy.ids(same_name_at_two_ranks)
    names = [np.array([row], dtype=object) for row in same_name_at_two_ranks]
    assert hiclass.recall(*names, average="micro") == pytest.approx(2 / 3)
    assert hierarchical_recall([one], [other], taxonomy) == pytest.approx(1 / 3)


def test_messages():
    with pytest.raises(ValueError, match="unknown root 'out'; it must be root_out or root_in"):
        path_overlap([RAVEN], [CROW], BIRDS, root="out")
    with pytest.raises(ValueError, match="unknown itself 'in'; it must be self_in or self_out"):
        path_overlap([RAVEN], [CROW], BIRDS, itself="in")
    with pytest.raises(ValueError, match="beta must be 0 or more and finite; got -1"):
        hierarchical_f_beta([RAVEN], [CROW], BIRDS, beta=-1)
    with pytest.raises(ValueError, match="pred must have one row per target"):
        path_overlap([RAVEN], [CROW, CROW], BIRDS)

"""Groups: near-copies of one observation make every task look perfect, until they are kept apart."""

from dataclasses import replace

import numpy as np
import pytest

from taxoeval import Taxonomy
from taxoeval.errors import UnsupportedError
from taxoeval.records import Embeddings
from taxoeval.tasks import Subject
from taxoeval.tasks.few_shot import FewShot
from taxoeval.tasks.groups import groups_of, one_of_each
from taxoeval.tasks.knn import Knn
from taxoeval.tasks.linear_probe import LinearProbe
from taxoeval.tasks.splits import leave_taxa_out, split_images
from taxoeval.tasks.unknown_taxa import UnknownTaxa
from tests.tasks.clades import RANKS, clade, value


def bursts(n_species=6, per_species=12, size=4, dimension=64):
    """Vectors that tell observations apart and nothing else: bursts of near-copies, whose species is drawn by lot."""
    rng = np.random.default_rng(0)
    lineages = [(f"F{s // 6}", f"G{s // 3}", f"G{s // 3} s{s}") for s in range(n_species)]
    taxonomy = Taxonomy.from_lineages(lineages, ranks=RANKS)
    species = rng.permutation(np.repeat(np.arange(n_species), per_species))
    seen = rng.normal(size=(len(species), dimension))
    vectors = np.repeat(seen, size, axis=0) + 0.01 * rng.normal(size=(len(species) * size, dimension))
    taxon = taxonomy.ids([lineages[s] for s in np.repeat(species, size)])
    sample = np.array([f"image{i:03d}" for i in range(len(taxon))])
    images = Embeddings(vectors.astype(np.float32), taxon, sample, "test")
    group = np.repeat([f"burst {i}" for i in range(len(species))], size)
    return Subject(images, taxonomy, [""] * len(taxonomy), sample), group


def accuracy(result, part="all"):
    return value(result, "rank_hits", "species", part=part).value


CHANCE = 1 / 6
FAR = 0.12  # more than three standard deviations of a share of 72 bursts


@pytest.mark.parametrize(("task", "least"), [(Knn(), 1.0), (Knn(k=3), 1.0), (Knn(gallery=0.5), 0.8)])
def test_knn_knows_copies_only(task, least):
    subject, group = bursts()
    assert accuracy(task(subject)) >= least
    apart = task(replace(subject, group=group))
    assert accuracy(apart) == pytest.approx(CHANCE, abs=FAR)
    assert apart.details["n_groups"] == 72
    assert apart.notes[0] == "images of one group are kept apart: 72 groups of 288 images"


def test_knn_leaves_out_the_group_and_nothing_else():
    subject = clade(spread=1.2)
    images = subject.embeddings
    group = np.random.default_rng(1).integers(0, 30, size=len(images.taxon)).astype(str)
    units = images.vectors / np.linalg.norm(images.vectors, axis=1, keepdims=True)
    cosine = units @ units.T
    cosine[group[:, None] == group[None]] = -2
    answers = Knn()(replace(subject, group=group)).predictions[0].taxon[:, -1, 0]
    np.testing.assert_array_equal(answers, images.taxon[cosine.argmax(axis=1)])


def test_a_taxon_in_one_group_has_nothing_to_find():
    subject, group = bursts(n_species=3, per_species=2)
    first = subject.embeddings.taxon == subject.embeddings.taxon[0]
    group = np.where(first, "all of it", group)
    result = Knn()(replace(subject, group=group))
    assert result.details["n_query_without_other_image"] == first.sum() == 8
    assert result.notes[1].startswith("8 of 24 queries have no image of their own taxon in another group to find")


def test_a_gallery_is_drawn_in_whole_groups():
    subject, group = bursts()
    numbers = groups_of(replace(subject, group=group))
    gallery, query = Knn(gallery=0.5)._split(subject.embeddings.taxon, numbers)
    assert not set(numbers[gallery]) & set(numbers[query])
    assert (len(gallery), len(query)) == (144, 144)
    np.testing.assert_array_equal(np.unique(subject.embeddings.taxon[gallery], return_counts=True)[1], 24)


def test_few_shot_tests_no_image_of_a_supporting_group():
    subject, group = bursts()
    grouped = FewShot(shots=(5,), folds=3)(replace(subject, group=group))
    alone = FewShot(shots=(5,), folds=3)(subject)
    np.testing.assert_array_equal(grouped.tables["splits"]["support"], alone.tables["splits"]["support"])
    assert accuracy(grouped, "5-shot") < accuracy(alone, "5-shot") - 0.15
    assert accuracy(grouped, "5-shot") == pytest.approx(CHANCE, abs=FAR)
    of = dict(zip(subject.embeddings.sample, group, strict=True))
    splits = grouped.tables["splits"]
    left_out = []
    for fold in range(3):
        support = {of[sample] for sample in splits["support"][splits["fold"] == fold]}
        tested = next(p.sample for p in grouped.predictions if p.slice == f"5-shot fold {fold}")
        assert not support & {of[sample] for sample in tested}
        left_out.append(288 - 30 - len(tested))
    assert grouped.details["5_shot"]["n_images_in_supporting_groups"] == left_out
    assert min(left_out) > 30


def test_few_shot_without_an_image_in_another_group():
    subject, _ = bursts(n_species=2, per_species=1)
    group = np.where(subject.embeddings.taxon == subject.embeddings.taxon[0], "a", "b")
    with pytest.raises(UnsupportedError, match="none with images in other groups"):
        FewShot(shots=(1,))(replace(subject, group=group))


def test_linear_probe_knows_copies_only():
    subject, group = bursts()
    probe = LinearProbe(solver="sklearn", validation=0)
    assert accuracy(probe(subject)) > 0.9
    apart = probe(replace(subject, group=group))
    assert accuracy(apart) == pytest.approx(CHANCE, abs=FAR)
    split = apart.tables["split"]
    parts = {name: set(split["part"][group == name]) for name in set(group)}
    assert all(len(part) == 1 for part in parts.values())
    assert set().union(*parts.values()) == {"train", "test"}
    assert apart.details["n_groups"] == 72


def test_unknown_taxa_keeps_groups_on_one_side():
    subject, group = bursts(n_species=12)
    task = UnknownTaxa(ranks=("species",), scorer="knn", k=1)
    assert accuracy(task(subject), "species seen") > 0.8
    apart = task(replace(subject, group=group))
    assert accuracy(apart, "species seen") == pytest.approx(1 / 10, abs=FAR)
    parts = {name: set(apart.tables["splits"]["part"][group == name]) for name in set(group)}
    assert all(len(part) == 1 for part in parts.values())


@pytest.mark.parametrize("seed", range(10))
def test_groups_of_several_taxa_are_split_whole_and_every_taxon_trains(seed):
    rng = np.random.default_rng(seed)
    taxon = np.repeat(np.arange(15) * 2, rng.integers(2, 12, size=15))
    group = np.unique(rng.integers(0, 25, size=len(taxon)), return_inverse=True)[1]
    split = split_images(taxon, validation=0.1, test=0.3, seed=seed, group=group)
    assert all(len(set(split.part[group == g])) == 1 for g in range(group.max() + 1))
    np.testing.assert_array_equal(np.unique(taxon[split.part == "train"]), np.unique(taxon))
    again = split_images(taxon, validation=0.1, test=0.3, seed=seed, group=group)
    np.testing.assert_array_equal(split.part, again.part)


def test_images_alone_in_their_group_are_split_as_without_groups():
    taxon = np.repeat([4, 7, 9], [6, 5, 1])
    for seed in range(5):
        plain = split_images(taxon, validation=0.2, test=0.25, seed=seed)
        single = split_images(taxon, validation=0.2, test=0.25, seed=seed, group=np.arange(12))
        np.testing.assert_array_equal(plain.part, single.part)


@pytest.mark.parametrize("seed", range(5))
def test_nobody_beside_a_hidden_image_is_used(seed):
    subject = clade(n_species=18, partial=20, seed=seed)
    taxon = subject.embeddings.taxon
    group = np.unique(np.random.default_rng(seed).integers(0, 60, len(taxon)), return_inverse=True)[1]
    split = leave_taxa_out(
        taxon, subject.taxonomy, rank="genus", share=0.2, validation=0.1, test=0.2, seed=seed, group=group
    )
    hidden = set(group[split.part == "hidden"])
    for part in ("train", "validation", "test"):
        assert not hidden & set(group[split.part == part])
    assert set(group[split.part == "beside"]) <= hidden
    assert any("in a group with an image of a hidden genus" in note for note in split.left_out("genus"))


def test_one_group_for_all_is_refused_and_blanks_are_not_one():
    subject, _ = bursts(n_species=2, per_species=2)
    n = len(subject.embeddings.taxon)
    for task in (Knn(), FewShot(), LinearProbe(), UnknownTaxa()):
        with pytest.raises(UnsupportedError, match=rf"all {n} images are of one group \('unknown'\)"):
            task(replace(subject, group=np.full(n, "unknown")))
    assert groups_of(replace(subject, group=np.full(n, ""))).tolist() == list(range(n))
    with pytest.raises(ValueError, match="got 2 for 16 images"):
        groups_of(replace(subject, group=np.array(["a", "b"])))


def test_a_group_is_drawn_as_its_rarest_taxon():
    group, taxon = np.array([0, 0, 1, 1, 1]), np.array([3, 3, 3, 8, 3])
    assert taxon[one_of_each(group, taxon)].tolist() == [3, 8]

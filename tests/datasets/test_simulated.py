"""The simulated dataset: same arguments, same bytes; unequal, holed and truncated labels; a truth that shows."""

import hashlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

from taxoeval.datasets import simulated
from taxoeval.datasets.clade import TRAITS, grow
from taxoeval.datasets.drawing import draw
from taxoeval.datasets.names import RANKS
from taxoeval.errors import TaxoevalError

SMALL = {"n_species": 20, "n_images": 60, "size": 48}


def digest(dataset, images=range(0, 60, 3)):
    h = hashlib.sha256()
    for i in images:
        h.update(dataset.source.content(i))
    return h.hexdigest()


def test_same_arguments_same_bytes_in_any_order_and_in_another_process():
    first, again = simulated.load(**SMALL), simulated.load(**SMALL)
    for i in reversed(range(60)):
        again.source.content(i)
    assert digest(first) == digest(again) == digest(pickle.loads(pickle.dumps(first)))  # noqa: S301
    code = (
        "import hashlib; from taxoeval.datasets import simulated as s; h = hashlib.sha256()\n"
        "d = s.load(n_species=20, n_images=60, size=48)\n"
        "[h.update(d.source.content(i)) for i in range(0, 60, 3)]; print(h.hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(first)


GOLDEN = "b1f66032dbb7cde0caf5c008a8a80fa7726ea346c840c0a610231106606f2c97"


def test_the_bytes_are_those_the_bundled_encoder_was_trained_on():
    """A change of the drawer makes the bundled encoder, and every number on record, obsolete: retrain if this fails."""
    assert digest(simulated.load(), range(0, 1500, 100)) == GOLDEN


def test_default_size_and_shape():
    dataset = simulated.load()
    assert len(dataset) == 1500
    assert dataset.source.image(7).size == (96, 96)
    assert dataset.source.image(7).mode == "RGB"
    assert len(dataset.source.content(7)) == 4 + 96 * 96 * 3
    assert (dataset.taxonomy.rank == 6).sum() == 60
    assert len(set(dataset.sample)) == 1500
    assert dataset.source.where(7) == "simulated clade (seed 0, individuals 0), picture 7"
    assert dataset.name == "simulated"
    assert simulated.load(seed=2, individuals=1, **SMALL).name == "simulated-seed2-individuals1"


def test_labels_are_the_true_species_or_its_genus():
    t, dataset = simulated.truth(), simulated.load()
    ranks = dataset.taxonomy.rank[dataset.taxon]
    assert np.array_equal(ranks == 5, t.to_genus)
    assert np.array_equal(ranks == 6, ~t.to_genus)
    assert 40 < t.to_genus.sum() < 120
    for i in (0, 1, 2, int(np.flatnonzero(t.to_genus)[0])):
        nodes = t.clade.lineage[t.species[i]]
        hidden = t.clade.hidden[t.species[i]]
        want = ["" if h else t.clade.names[node] for node, h in zip(nodes, hidden, strict=True)]
        if t.to_genus[i]:
            want[6] = ""
        assert list(dataset.taxonomy.lineage(int(dataset.taxon[i]))) == want
        assert dataset.label[i] == [name for name in want if name][-1]


def test_some_ranks_have_holes_and_only_species_have_common_names():
    dataset = simulated.load()
    taxonomy = dataset.taxonomy
    species = taxonomy.rank == 6
    assert (taxonomy.at("class")[species] == -1).sum() == 13
    assert (taxonomy.at("family")[species] == -1).sum() == 5
    assert (taxonomy.at("order")[species] >= 0).all()
    named = np.array([bool(name) for name in dataset.common_name])
    assert np.array_equal(named, species)


def test_classes_are_unequal_and_every_species_is_there():
    counts = np.bincount(simulated.truth().species, minlength=60)
    assert counts.sum() == 1500
    assert counts.min() >= 1
    assert counts.max() > 4 * counts.min()
    assert np.array_equal(counts, np.bincount(simulated.truth(individuals=5).species, minlength=60))


def test_draws_share_the_species_and_not_the_individuals():
    one, two = simulated.truth(individuals=0), simulated.truth(individuals=1)
    assert np.array_equal(one.clade.traits, two.clade.traits)
    assert not np.intersect1d(one.traits[:, 5], two.traits[:, 5]).size
    a, b = simulated.load(**SMALL), simulated.load(individuals=1, **SMALL)
    assert {a.source.content(i) for i in range(60)}.isdisjoint(b.source.content(i) for i in range(60))
    assert a.taxonomy == b.taxonomy


def test_individual_traits_are_species_plus_stage_plus_noise():
    t = simulated.truth()
    rest = t.traits - t.clade.traits[t.clade.species[t.species]]
    assert 0.55 < t.adult.mean() < 0.65
    shift = rest[~t.adult].mean(0) - rest[t.adult].mean(0)
    assert np.abs(shift - simulated.STAGE_SHIFT).max() < 0.04
    within = rest - np.where(t.adult[:, None], 0.0, simulated.STAGE_SHIFT)
    assert np.abs(within.var(0) - simulated.INDIVIDUAL_VARIANCE).max() < 0.004
    assert (within[:, TRAITS.index("radial")] == 0).all()


def test_nearer_relatives_look_more_alike():
    """Mean difference of two organisms drawn in one pose on one ground falls rank by rank on the way to species."""
    scene = simulated.random_scene(np.random.default_rng(8))
    by_shared: dict[int, list[float]] = {k: [] for k in range(7)}
    for seed in range(6):
        clade = grow(seed)
        pictures = [
            draw(dict(zip(TRAITS, row, strict=True)), scene, 32, np.random.default_rng(0)).astype(float).ravel()
            for row in clade.traits[clade.species].tolist()
        ]
        distance = np.abs(np.array(pictures)[:, None] - np.array(pictures)[None]).mean(2)
        shared = (clade.lineage[:, None] == clade.lineage[None]).sum(2)
        for k, values in by_shared.items():
            values.append(distance[shared == k].mean())
    genus, family, klass, none = (np.mean(by_shared[k]) for k in (6, 5, 3, 0))  # ranks in common
    assert genus < family < klass < none
    assert genus < 0.6 * none


def test_juveniles_are_smaller_and_differ_from_adults():
    t = simulated.truth()
    scene = simulated.random_scene(np.random.default_rng(8))
    base = np.full((3, 5, 5), 0.0, dtype=np.float32)
    plain = simulated.Scene(**{**scene.__dict__, "ground": base, "blades": (), "noise": 0, "blurred": False})
    areas = []
    for node in t.clade.species[:20]:
        both = []
        for shift in (np.zeros(len(TRAITS)), simulated.STAGE_SHIFT):
            traits = dict(zip(TRAITS, (t.clade.traits[node] + shift).tolist(), strict=True))
            both.append((draw(traits, plain, 64, np.random.default_rng(0)) > 3).any(2).sum())
        areas.append(both)
    adult, juvenile = np.array(areas).T
    assert (juvenile < adult).mean() >= 0.75
    assert juvenile.mean() < 0.9 * adult.mean()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 8}, "size=8: an organism needs at least 16 pixels"),
        ({"n_images": 30}, "n_images=30 is below n_species=60"),
        ({"seed": -1}, "must not be negative"),
    ],
)
def test_sizes_that_make_no_sense(arguments, message):
    with pytest.raises(TaxoevalError, match=message):
        simulated.load(**arguments)


def test_the_source_keeps_a_bounded_number_of_pictures(monkeypatch):
    monkeypatch.setattr(simulated, "_KEPT", 5)
    dataset = simulated.load(**SMALL)
    before = dataset.source.content(0)
    for i in range(20):
        dataset.source.content(i)
    assert len(dataset.source._drawn) == 5
    assert dataset.source.content(0) == before


def test_ranks_are_the_seven():
    assert simulated.load(**SMALL).taxonomy.ranks == RANKS

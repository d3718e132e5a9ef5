"""`LinearProbe` end to end on the clade, whose truth is known, with each solver, loss and kind of head."""

import numpy as np
import pytest
import torch

from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.metrics import rank_hits, statistics
from taxoeval.records import Embeddings
from taxoeval.tasks import Subject
from taxoeval.tasks.linear_probe import LinearProbe
from taxoeval.tasks.probe_answers import standardised
from taxoeval.tasks.probe_heads import heads
from tests.tasks.clades import clade, value

FAST = {"device": "cpu", "epochs": 30, "learning_rate": 0.01, "batch_size": 32}


@pytest.fixture(autouse=True)
def _one_thread():
    """Several threads on small matrices wait for each other, for minutes where the processors are taken."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("options", [{"solver": "sklearn"}, {}, {"loss": "hxe"}, {"loss": "soft_labels"}])
def test_learns_what_there_is_to_learn(options):
    easy, hard = (LinearProbe(**FAST, **options)(clade(spread=s, per_species=20)) for s in (0.3, 6.0))
    assert value(easy, "rank_hits", "species").value == 1
    assert value(easy, "rank_hits", "species").n == 72  # three tenths of 240
    assert value(hard, "rank_hits", "species").value < 0.6
    scored = value(hard, "rank_hits", "family")
    assert scored.low < scored.value < scored.high
    assert scored.chance == pytest.approx(0.5)
    shuffled = clade(spread=0.3, per_species=20)
    np.random.default_rng(0).shuffle(shuffled.embeddings.taxon)
    assert value(LinearProbe(**FAST, **options)(shuffled), "rank_hits", "species").value < 0.25


def test_tree_losses_make_better_mistakes():
    """Where species cannot be told apart, a loss that knows the tree keeps to the right genus more often."""
    subject = clade(n_species=36, per_species=12, spread=2.5, dimension=8)
    height = {
        loss: value(LinearProbe(loss=loss, beta=4, **FAST)(subject), "average_hierarchical_distance", "").value
        for loss in ("cross_entropy", "soft_labels")
    }
    assert height["soft_labels"] < height["cross_entropy"]


def test_the_split_is_kept_and_nothing_trained_is_tested():
    subject = clade()
    result = LinearProbe(**FAST)(subject)
    table = result.tables["split"]
    tested = set(table["sample"][table["part"] == "test"])
    assert set(result.predictions[0].sample) == tested
    assert len(table["sample"]) == len(subject.embeddings.taxon)
    assert result.details["images"] == {"train": 57, "validation": 10, "test": 29}
    assert 1 <= result.details["best_epoch"] <= result.details["epochs_trained"] <= 30
    again = LinearProbe(**FAST)(subject)
    np.testing.assert_array_equal(again.predictions[0].probability, result.predictions[0].probability)


@pytest.mark.parametrize("solver", ["sklearn", "lightning"])
def test_one_head_per_rank(solver):
    subject = clade(spread=2.0, partial=15, per_species=15)
    result = LinearProbe(heads="ranks", solver=solver, **FAST)(subject)
    assert [p.decoder for p in result.predictions][-1] == "per_rank"
    assert result.details["classes"] == {"family": 2, "genus": 4, "species": 12}
    alone = result.predictions[-1]
    # each rank's answers are those of a probe with that head alone, best first
    taxonomy = subject.taxonomy
    for r, rank in enumerate(taxonomy.ranks):
        single = LinearProbe(heads=rank, solver=solver, patience=30, **FAST)(subject).predictions[0]
        full = LinearProbe(heads="ranks", solver=solver, patience=30, **FAST)(subject).predictions[-1]
        same = full.taxon[:, r, 0] == single.taxon[:, r, 0]
        assert same.mean() > 0.9  # the epoch that is best for one head need not be the best for all
        assert (np.diff(np.nan_to_num(alone.probability[:, r], nan=-1), axis=1) <= 0).all()
    hits = statistics.mean(rank_hits(alone.target, alone.taxon[:, :, :1], taxonomy))
    for r, rank in enumerate(taxonomy.ranks):
        assert value(result, "rank_hits", rank, decoder="per_rank").value == pytest.approx(hits[r])
    if solver == "sklearn":
        assert value(result, "tice", "", decoder="per_rank").value > 0  # independent answers contradict each other


def test_a_head_of_one_rank_is_scored_down_to_it():
    result = LinearProbe(heads="genus", **FAST)(clade())
    assert value(result, "rank_hits", "genus").value == 1
    assert value(result, "rank_hits", "species").n == 0
    assert {s.metric for s in result.scores}.isdisjoint({"mistake_severity"})
    assert result.details["n_candidates"] == 4


@pytest.mark.parametrize("heads_", ["leaf", "family"])
def test_leave_taxa_out(heads_):
    subject = clade(n_species=24, per_species=10)
    taxonomy = subject.taxonomy
    result = LinearProbe(heads=heads_, leave_out="genus", share=0.25, solver="sklearn")(subject)
    assert result.details["n_hidden_taxa"] == len(result.tables["hidden"]["hidden"]) == 2
    hidden = next(p for p in result.predictions if p.slice == "genus unseen")
    assert len(hidden.sample) == 60  # whole genera of three species
    if heads_ == "leaf":
        assert not np.isin(taxonomy.at("genus")[hidden.target], taxonomy.at("genus")[hidden.candidates]).any()
    family = value(result, "rank_hits", "family", part="genus unseen")
    assert family.n == 60
    assert family.value > 0.6  # a family's direction is in all its genera; chance is a quarter
    assert value(result, "rank_hits", "genus", part="genus unseen").n == 0
    assert value(result, "knowable_hits", "", part="genus unseen").value == family.value
    deeper = value(result, "over_specialisation", "", part="genus unseen").value
    assert deeper == (1.0 if heads_ == "leaf" else 0.0)
    seen = value(result, "rank_hits", "family", part="genus seen")
    assert seen.value >= family.value
    assert "2 taxa of rank genus are hidden, with their 60 images" in result.notes[0]
    table = result.tables["split"]
    assert set(table["sample"][table["part"] == "hidden"]) == set(hidden.sample)


def test_resumes_from_its_folder(tmp_path):
    subject = clade(spread=2.0)
    plain = LinearProbe(**FAST)(subject)
    kept = LinearProbe(**FAST, folder=str(tmp_path / "probes"))
    assert kept(subject).details["resumed_epoch"] == 0
    (file,) = (tmp_path / "probes").iterdir()
    again = kept(subject)
    assert again.details["resumed_epoch"] == again.details["epochs_trained"] == plain.details["epochs_trained"]
    np.testing.assert_array_equal(again.predictions[0].probability, plain.predictions[0].probability)
    for other in (clade(spread=2.1), subject):  # other vectors, other settings: a probe of their own
        settings = FAST | ({"c": 0.5} if other is subject else {})
        assert LinearProbe(**settings, folder=str(tmp_path / "probes"))(other).details["resumed_epoch"] == 0
    assert len(list((tmp_path / "probes").iterdir())) == 3
    file.write_bytes(b"no checkpoint")
    with pytest.raises(TaxoevalError, match="cannot be read as a checkpoint"):
        kept(subject)


def test_labels_above_the_classes_teach_a_leaf_head():
    """Images labelled by genus only still say which species they are not."""
    subject = clade(partial=40)
    result = LinearProbe(**FAST)(subject)
    assert any("labelled above the classes of the finest head" in note for note in result.notes)
    assert value(result, "rank_hits", "genus").value > 0.9
    assert value(result, "rank_hits", "genus").n > value(result, "rank_hits", "species").n


def test_standardised_by_the_training_images_alone():
    rng = np.random.default_rng(0)
    vectors = rng.normal(3, 2, size=(50, 4)).astype(np.float32)
    vectors[:, 3] = 0.1
    found = standardised(vectors, np.arange(40))
    np.testing.assert_allclose(found[:40, :3].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(found[:40, :3].std(axis=0), 1, rtol=1e-5)
    np.testing.assert_array_equal(found[:, 3], 0)


def test_leaf_classes_are_the_finest_labels():
    subject = clade(partial=30)
    (head,) = heads(subject.embeddings.taxon, subject.taxonomy, "leaf")
    assert len(head.classes) == 12
    assert (head.labels(subject.embeddings.taxon) == subject.embeddings.taxon).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "mse"}, r"task\.linear_probe\.loss='mse' is not one of cross_entropy, soft_labels, hxe"),
        ({"heads": "tribe"}, r"heads='tribe' is not one of leaf, ranks, family, genus, species"),
        ({"solver": "sklearn", "loss": "hxe"}, "solver=sklearn knows loss=cross_entropy only"),
        ({"leave_out": "family"}, r"leave_out='family' must have a rank above it.*genus, species"),
        ({"validation": 0.5, "test": 0.5}, r"together below 1; got .*test=0\.5"),
        ({"epochs": 0}, "at least 1; got .*epochs=0"),
        ({"share": 1.0}, r"share=1\.0 must lie between 0 and 1"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(TaxoevalError, match=message):
        LinearProbe(**options)(clade())


def test_too_little_data():
    with pytest.raises(UnsupportedError, match="needs two taxa to tell apart"):
        LinearProbe()(clade(n_species=1))
    with pytest.raises(UnsupportedError, match="no image left to test"):
        LinearProbe()(clade(per_species=1))
    with pytest.raises(UnsupportedError, match="cannot leave out a genus"):
        LinearProbe(leave_out="genus")(clade(n_species=3))
    few = LinearProbe(validation=0, **FAST)(clade())
    assert "no image is left for validation: the probe was trained for all epochs" in few.notes
    assert few.details["validation_loss"] is None


def test_a_vector_of_nan_is_named():
    subject = clade()
    vectors = subject.embeddings.vectors.copy()
    vectors[5, 2] = np.nan
    images = subject.embeddings
    broken = Embeddings(vectors, images.taxon, images.sample, "test")
    with pytest.raises(ValueError, match="vector 5 holds NaN"):
        LinearProbe()(Subject(broken, subject.taxonomy, subject.common_name, subject.label))

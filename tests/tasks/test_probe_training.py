"""Training against scikit-learn's solution of the same problem; interrupted and resumed; silent; no litter."""

import os
import pickle
import signal
import warnings

import numpy as np
import pytest
import torch

from taxoeval.errors import TaxoevalError
from taxoeval.tasks import probe_sklearn
from taxoeval.tasks.probe_answers import standardised
from taxoeval.tasks.probe_heads import heads
from taxoeval.tasks.probe_layer import Examples, Settings
from taxoeval.tasks.probe_training import train
from tests.tasks.clades import clade

NOTHING = Examples(np.zeros((0, 16), dtype=np.float32), np.zeros(0, dtype=np.int64))
QUICK = Settings(epochs=6, batch_size=32, device="cpu")


@pytest.fixture(autouse=True)
def _one_thread():
    """Several threads on small matrices wait for each other, for minutes where the processors are taken."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def examples(which="leaf", **options):
    """Training and validation examples of a clade, and the heads over them."""
    subject = clade(**({"spread": 1.5} | options))
    taxon = subject.embeddings.taxon
    vectors = standardised(subject.embeddings.vectors, np.arange(len(taxon)))
    held = np.arange(len(taxon)) % 4 == 0
    found = heads(taxon[~held], subject.taxonomy, which)
    return Examples(vectors[~held], taxon[~held]), Examples(vectors[held], taxon[held]), found


def probability(trained, vectors):
    return [torch.softmax(torch.from_numpy(vectors @ w.T + b), dim=1).numpy() for w, b in trained.heads]


@pytest.mark.parametrize(("which", "balance", "partial"), [("leaf", False, 0), ("ranks", True, 25)])
def test_reaches_scikit_learns_solution(which, balance, partial):
    training, _, found = examples(which, partial=partial)
    settings = Settings(epochs=400, batch_size=1000, learning_rate=0.05, c=0.5, balance=balance, device="cpu")
    ours = train(training, NOTHING, found, settings)
    theirs = probe_sklearn.fit(training.vectors, training.taxon, found, c=0.5, balance=balance)
    assert len(found) == (3 if which == "ranks" else 1)
    for a, b, head in zip(*(probability(t, training.vectors) for t in (ours, theirs)), found, strict=True):
        np.testing.assert_allclose(a, b, atol=5e-3)
        assert 0.02 < b.max(axis=1).min() < 0.99, head.rank  # the penalty is felt: not a problem solved by extremes
    assert theirs.unfinished == []


class StopError(Exception):
    """Ends a training from within."""


def stopping_after(epochs):
    def stop(_):
        stop.left -= 1
        if stop.left == 0:
            raise StopError

    stop.left = epochs
    return stop


@pytest.mark.parametrize("loss", ["cross_entropy", "soft_labels", "hxe"])
def test_an_interrupted_training_ends_as_if_it_had_not_been(tmp_path, loss):
    training, validation, found = examples("ranks", partial=10)
    settings = Settings(epochs=6, batch_size=32, loss=loss, device="cpu")
    whole = train(training, validation, found, settings)
    file = tmp_path / "new folder" / "probe.ckpt"
    for epochs in (2, 1):
        with pytest.raises(StopError):
            train(training, validation, found, settings, checkpoint=file, on_epoch=stopping_after(epochs))
    seen = []
    resumed = train(training, validation, found, settings, checkpoint=file, on_epoch=seen.append)
    assert resumed.resumed_epoch == 3
    assert len(seen) == 3
    assert (resumed.epochs, resumed.best_epoch, resumed.validation_loss) == whole[1:4]
    for (weight, bias), (weight_whole, bias_whole) in zip(resumed.heads, whole.heads, strict=True):
        np.testing.assert_array_equal(weight, weight_whole)
        np.testing.assert_array_equal(bias, bias_whole)
    assert [path.name for path in file.parent.iterdir()] == ["probe.ckpt"]
    again = train(training, validation, found, settings, checkpoint=file, on_epoch=seen.append)
    assert len(seen) == 3  # finished: nothing left to train
    np.testing.assert_array_equal(again.heads[0][0], whole.heads[0][0])


def test_ctrl_c_reaches_the_caller_and_training_goes_on_later(tmp_path):
    training, validation, found = examples()

    def press(_):
        os.kill(os.getpid(), signal.SIGINT)

    outside = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            train(training, validation, found, QUICK, checkpoint=tmp_path / "a.ckpt", on_epoch=press)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, outside)
    resumed = train(training, validation, found, QUICK, checkpoint=tmp_path / "a.ckpt")
    assert resumed.resumed_epoch == 1
    np.testing.assert_array_equal(resumed.heads[0][0], train(training, validation, found, QUICK).heads[0][0])


def test_early_stopping_takes_the_best_epoch():
    training, validation, found = examples(spread=4.0, n_species=6, per_species=8)
    settings = Settings(epochs=200, batch_size=8, learning_rate=0.1, c=1e6, patience=3, device="cpu")
    trained = train(training, validation, found, settings)
    assert trained.epochs == trained.best_epoch + 3 < 200

    def loss(found_weights):
        (p,) = probability(found_weights, validation.vectors)
        return -np.log(p[np.arange(len(p)), np.searchsorted(found[0].classes, validation.taxon)]).mean()

    assert loss(trained) == pytest.approx(trained.validation_loss, rel=1e-5)
    late = train(training, NOTHING, found, Settings(**{**vars(settings), "epochs": 20}))
    assert loss(late) > trained.validation_loss


class Evil:
    """A pickle that writes a file when it is loaded as code."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.mkdir, (str(self.file),)


def test_a_checkpoint_is_never_run_as_code(tmp_path):
    training, validation, found = examples()
    (tmp_path / "evil.ckpt").write_bytes(pickle.dumps(Evil(tmp_path / "done"), protocol=2))
    torch.save({"callbacks": Evil(tmp_path / "done")}, tmp_path / "torch.ckpt")
    torch.save({"something": 1}, tmp_path / "other.ckpt")
    train(training, validation, found, QUICK, checkpoint=tmp_path / "good.ckpt")
    (tmp_path / "half.ckpt").write_bytes((tmp_path / "good.ckpt").read_bytes()[:1000])
    for name in ("evil", "torch", "other", "half"):
        with pytest.raises(TaxoevalError, match=f"{name}.ckpt: cannot be read as a checkpoint.*delete it"):
            train(training, validation, found, QUICK, checkpoint=tmp_path / f"{name}.ckpt")
    assert not (tmp_path / "done").exists()


def test_silent_and_leaves_no_files(tmp_path, monkeypatch, capfd, caplog):
    monkeypatch.chdir(tmp_path)
    state = torch.random.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(*examples(), QUICK)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_loss_that_is_no_number_is_told():
    training, validation, found = examples()
    huge = Examples(training.vectors * 1e30, training.taxon)
    with pytest.raises(TaxoevalError, match=r"no longer a number in epoch 1; lower learning_rate"):
        train(huge, validation, found, Settings(epochs=3, learning_rate=1e10, device="cpu"))


def test_two_classes_and_one():
    """scikit-learn fits one vector for two classes, and refuses one class."""
    training, _, found = examples("ranks", n_species=6, per_species=20)  # one family, two genera
    fitted = probe_sklearn.fit(training.vectors, training.taxon, found, c=0.1, balance=False)
    ours = train(training, NOTHING, found, Settings(epochs=500, batch_size=1000, learning_rate=0.05, c=0.1))
    family, genus, _ = probability(fitted, training.vectors)
    np.testing.assert_array_equal(family, 1)
    np.testing.assert_allclose(probability(ours, training.vectors)[1], genus, atol=5e-3)

"""Extraction: each image once, in order, resumed after a kill, quiet, and clear about what is wrong."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from taxoeval.embedding import EmbeddingStore, embed_images
from taxoeval.embedding.loading import choose_workers, hash_images
from taxoeval.embedding.predict import choose_device
from taxoeval.embedding.progress import progress_bar
from taxoeval.errors import TaxoevalError
from tests.embedding import fakes
from tests.embedding.fakes import Toy, arrays, count, dataset, direct

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tmp_path: Path) -> EmbeddingStore:
    return EmbeddingStore(tmp_path / "store")


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path / "log")


def spoiled(images: list[Any], i: int, value: int) -> list[Any]:
    images[i] = np.full((4, 4, 3), value, np.uint8)
    return images


def test_vectors_are_the_encoders_own_and_computed_once(store: EmbeddingStore, toy: Toy) -> None:
    images = arrays(21)
    first = embed_images(toy, dataset(images), store, batch_size=8, device="cpu")
    assert np.array_equal(first.vectors, direct(toy, images))
    assert first.vectors.dtype == np.float32
    assert first.taxon.tolist() == list(range(21))
    assert count(toy.log) == 21
    again = embed_images(toy, dataset(images), store)
    assert np.array_equal(first.vectors, again.vectors)
    assert first.source == again.source
    assert count(toy.log) == 21


def test_loader_processes_give_the_same_bits(store: EmbeddingStore, toy: Toy) -> None:
    images = arrays(21)
    found = embed_images(toy, dataset(images), store, batch_size=4, workers=2, device="cpu")
    assert np.array_equal(found.vectors, direct(toy, images))


def test_copies_are_computed_once_and_order_is_the_datasets(store: EmbeddingStore, toy: Toy) -> None:
    a, b, c = arrays(3)
    found = embed_images(toy, dataset([b, a, b, c, a, b]), store, batch_size=2)
    assert count(toy.log) == 3
    assert np.array_equal(found.vectors, direct(toy, [b, a, b, c, a, b]))
    other = embed_images(toy, dataset([c, b, a]), store)
    assert count(toy.log) == 3
    assert np.array_equal(other.vectors, direct(toy, [c, b, a]))
    assert other.source != found.source


def test_only_missing_images_are_computed(store: EmbeddingStore, toy: Toy) -> None:
    images = arrays(10)
    embed_images(toy, dataset(images[3:7]), store)
    found = embed_images(toy, dataset(images), store)
    assert count(toy.log) == 10
    assert np.array_equal(found.vectors, direct(toy, images))


def test_another_fingerprint_computes_again(store: EmbeddingStore, toy: Toy) -> None:
    images = arrays(4)
    first = embed_images(toy, dataset(images), store)
    other = Toy(toy.log, weights=1)
    second = embed_images(other, dataset(images), store)
    assert count(toy.log) == 8
    assert np.array_equal(second.vectors, direct(other, images))
    assert first.source != second.source


@pytest.mark.filterwarnings("ignore:.*damaged part")
def test_a_damaged_part_is_computed_again(store: EmbeddingStore, toy: Toy) -> None:
    images = arrays(16)
    before = embed_images(toy, dataset(images), store, batch_size=4, shard_size=4)
    part = sorted((store.folder(toy) / "images").iterdir())[0]
    part.write_bytes(part.read_bytes()[:100])
    after = embed_images(toy, dataset(images), store, batch_size=4, shard_size=4)
    assert count(toy.log) == 20
    assert np.array_equal(before.vectors, after.vectors)


def test_a_killed_extraction_resumes_and_redoes_at_most_one_shard(store: EmbeddingStore, toy: Toy) -> None:
    n, shard = 128, 8
    call = "import sys; from tests.embedding.fakes import slow_extraction as f; f(*sys.argv[1:])"
    process = subprocess.Popen([sys.executable, "-c", call, str(store.root), str(toy.log), str(n)], cwd=REPOSITORY)
    folder = store.folder(toy) / "images"
    deadline = time.monotonic() + 60
    while len(list(folder.glob("part-*.parquet"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    computed = count(toy.log)
    images = arrays(n)
    rows = int(EmbeddingStore(store.root).shelf(toy, "images").gather(hash_images(fakes.Arrays(images)))[1].sum())
    assert 3 * shard <= rows <= computed < n
    assert computed - rows <= shard
    resumed = embed_images(toy, dataset(images), store, batch_size=4, shard_size=shard)
    assert count(toy.log) == computed + n - rows
    whole = embed_images(toy, dataset(images), EmbeddingStore(store.root / "whole"), batch_size=4, shard_size=shard)
    assert np.array_equal(resumed.vectors, whole.vectors)
    assert resumed.source == whole.source


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_image_is_one_line_and_what_came_before_stays(store: EmbeddingStore, toy: Toy, workers: int) -> None:
    images = spoiled(arrays(12), 7, fakes.BAD)
    with pytest.raises(TaxoevalError) as caught:
        embed_images(toy, dataset(images), store, batch_size=3, workers=workers)
    assert str(caught.value) == "labels.csv, row 9: 7.png: truncated; replace it"
    good = images[:7] + images[8:9]  # the rest of its batch was kept as well
    before = count(toy.log)
    assert np.array_equal(embed_images(toy, dataset(good), store).vectors, direct(toy, good))
    assert count(toy.log) == before


def test_what_pillow_raises_is_told_with_file_and_row(store: EmbeddingStore, toy: Toy) -> None:
    images = spoiled(arrays(2), 0, fakes.DIES)
    with pytest.raises(TaxoevalError, match=r"^labels\.csv, row 2: 0\.png: not a readable image \(image file is trunc"):
        embed_images(toy, dataset(images), store, batch_size=1)


def test_a_file_that_cannot_be_read_is_named(store: EmbeddingStore, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(fakes.Arrays, "content", gone)
    with pytest.raises(TaxoevalError, match=r"^labels\.csv, row 2: 0\.png: cannot be read \(Permission denied\)"):
        embed_images(toy, dataset(arrays(2)), store)


def test_nan_is_refused_with_the_sample_and_what_came_before_stays(store: EmbeddingStore, toy: Toy) -> None:
    images = spoiled(arrays(9), 5, fakes.NAN)
    with pytest.raises(TaxoevalError, match=r"^labels\.csv, row 7: 5\.png: toy/net gave NaN or infinity"):
        embed_images(toy, dataset(images), store, batch_size=3)
    before = count(toy.log)
    embed_images(toy, dataset(images[:3]), store)
    assert count(toy.log) == before


def test_a_full_disk_ends_the_run_and_keeps_finished_parts(
    store: EmbeddingStore, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, images = os.replace, arrays(12)

    def fills_up(source: Path, target: Path) -> None:
        if len(list(Path(target).parent.glob("part-*"))) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fills_up)
    with pytest.raises(TaxoevalError, match="no space left on the disk; free some space or choose another"):
        embed_images(toy, dataset(images), store, batch_size=2, shard_size=2)
    monkeypatch.undo()
    assert len(list((store.folder(toy) / "images").iterdir())) == 2
    embed_images(toy, dataset(images[:4]), store)
    assert count(toy.log) == 6


def test_nothing_is_said_and_no_file_left(
    store: EmbeddingStore, toy: Toy, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name, value in {
        "SLURM_JOB_ID": "1",
        "SLURM_NTASKS": "4",
        "SLURM_JOB_NAME": "x",
        "SLURM_NTASKS_PER_NODE": "4",
    }.items():
        monkeypatch.setenv(name, value)
    embed_images(toy, dataset(arrays(40)), store, batch_size=4, workers=1)
    assert capfd.readouterr() == ("", "")
    assert list(Path().iterdir()) == []


def test_an_interrupt_reaches_the_caller_and_keeps_what_was_finished(store: EmbeddingStore, toy: Toy) -> None:
    class Interrupted(Toy):
        def embed_images(self, batch: torch.Tensor) -> torch.Tensor:
            if count(self.log) >= 8:
                raise KeyboardInterrupt
            return super().embed_images(batch)

    handler, images = signal.getsignal(signal.SIGINT), arrays(12)
    with pytest.raises(KeyboardInterrupt):
        embed_images(Interrupted(toy.log), dataset(images), store, batch_size=4)
    assert signal.getsignal(signal.SIGINT) is handler
    embed_images(toy, dataset(images), store)
    assert count(toy.log) == 12


def test_threads_and_random_numbers_are_left_as_they_were(store: EmbeddingStore, toy: Toy) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    embed_images(toy, dataset(arrays(9)), store)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_an_encoder_without_a_network_runs_on_the_cpu(store: EmbeddingStore, toy: Toy) -> None:
    class Pixels(Toy):
        def embed_images(self, batch: torch.Tensor) -> torch.Tensor:
            return batch.flatten(1)[:, :5]

    pixels = Pixels(toy.log)
    pixels.module = None
    images = arrays(5)
    found = embed_images(pixels, dataset(images), store)
    assert np.array_equal(found.vectors, np.stack(images).reshape(5, -1)[:, :5])


def test_choices_of_device_and_workers() -> None:
    assert choose_device("auto", has_module=False) == "cpu"
    with pytest.raises(TaxoevalError, match="device='gpu' is not one of auto, cpu, cuda, mps"):
        choose_device("gpu", has_module=True)
    if not torch.cuda.is_available():
        with pytest.raises(TaxoevalError, match="device=cuda: torch sees no such device"):
            choose_device("cuda", has_module=True)
    assert choose_workers("auto", 127, 32, "cpu", weightless=False) == 0
    assert 0 <= choose_workers("auto", 128, 32, "cpu", weightless=False) <= 4
    with pytest.raises(ValueError, match="workers must be 0 or more"):
        choose_workers(-1, 1, 1, "cpu", weightless=False)


@pytest.mark.parametrize("sizes", [{"batch_size": 0}, {"shard_size": 0}])
def test_sizes_below_one_are_the_programmers_error(store: EmbeddingStore, toy: Toy, sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        embed_images(toy, dataset(arrays(1)), store, **sizes)


def test_the_bar_is_for_terminals(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for shown, terminal in ((False, True), (True, False), (True, True)):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        with progress_bar("encoding", 4, "images", shown=shown) as advance:
            advance(4)
        assert ("encoding" in capsys.readouterr().err) == (shown and terminal)


def test_a_bar_within_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_bar("alone", 4, "images") as advance:
        advance(4)
    assert capsys.readouterr().err == ""
    with progress_bar("outer", 2, "tasks", shown=True) as outer:
        for shown in (None, True, False):
            with progress_bar(f"inner {shown}", 4, "images", shown=shown) as advance:
                advance(4)
                outer(1)
    told = capsys.readouterr().err
    assert "outer" in told
    assert ("inner None" in told, "inner True" in told, "inner False" in told) == (True, True, False)
    with progress_bar("after", 4, "images") as advance:
        advance(4)
    assert capsys.readouterr().err == ""


def test_real_encoder_on_a_real_dataset(store: EmbeddingStore) -> None:
    from taxoeval.datasets import simulated
    from taxoeval.encoders import timm

    encoder = timm.load("test_resnet", pretrained=False, seed=0)
    clade = simulated.load(n_species=5, n_images=20, size=48)
    found = embed_images(encoder, clade, store, batch_size=8, device="cpu")
    pixels = torch.stack([encoder.transform(clade.source.image(i)) for i in range(20)])
    expected = encoder.embed_images(pixels).numpy()
    np.testing.assert_allclose(found.vectors, expected, atol=1e-5 * np.abs(expected).max())
    assert found.sample.tolist() == clade.sample.tolist()

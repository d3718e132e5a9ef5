"""Batches in pieces: the right order, and smaller pieces where memory is short."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch

from taxoeval.embedding import EmbeddingStore, embed_images
from taxoeval.embedding.streams import memory_order, on_device
from taxoeval.errors import TaxoevalError
from tests.embedding.fakes import Toy, arrays, count, dataset, direct

CUDA = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore on it.")
CPU = RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate")


class Small(Toy):
    """A toy for a device with room for ``most`` images."""

    most = 3
    error: Exception = CUDA

    def embed_images(self, batch: torch.Tensor) -> torch.Tensor:
        if len(batch) > self.most:
            raise self.error
        return super().embed_images(batch)


def limited(most: int, sizes: list[int]) -> Callable[[torch.Tensor], torch.Tensor]:
    def embed(batch: torch.Tensor) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > most:
            raise CUDA
        return 2 * batch

    return embed


def test_a_smaller_piece_is_found_told_once_and_remembered() -> None:
    sizes: list[int] = []
    with on_device(limited(3, sizes), "cuda", 4) as embed:
        with pytest.warns(
            UserWarning, match=r"CUDA out of memory\. Tried to allocate 2\.00 GiB\.\): the network gets 2 "
        ):
            assert embed(torch.arange(9)).tolist() == list(range(0, 18, 2))
        assert sizes == [9, 4, 2, 2, 2, 2, 1]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert embed(torch.arange(5)).tolist() == [0, 2, 4, 6, 8]
    assert sizes[7:] == [2, 2, 1]


def test_a_batch_that_fits_is_met_whole() -> None:
    sizes: list[int] = []
    with on_device(limited(9, sizes), "cuda", 4) as embed:
        batch = torch.arange(9)
        assert embed(batch).tolist() == (2 * batch).tolist()
        assert embed(batch[:2]).tolist() == [0, 2]
    assert sizes == [9, 2]


@pytest.mark.parametrize("error", [CUDA, CPU], ids=["cuda", "cpu"])
def test_extraction_backs_off_and_gives_the_same_vectors(tmp_path, error: Exception) -> None:
    toy, store, images = Small(tmp_path / "log"), EmbeddingStore(tmp_path / "store"), arrays(30)
    toy.error = error
    with pytest.warns(UserWarning, match="memory did not suffice"):
        found = embed_images(toy, dataset(images), store, batch_size=8, device="cpu", workers=0)
    assert np.array_equal(found.vectors, direct(toy, images))
    # the first pieces may have been computed beside one that failed; nothing else is computed twice
    assert 30 <= count(toy.log) <= 38


def test_one_image_that_does_not_fit_is_an_error_and_what_was_stored_stays(tmp_path) -> None:
    toy, store, images = Small(tmp_path / "log"), EmbeddingStore(tmp_path / "store"), arrays(12)
    embed_images(toy, dataset(images[:3]), store, batch_size=3, device="cpu", workers=0)
    toy.most = 0
    with pytest.raises(TaxoevalError, match="not enough memory for the network and one image; end other programs"):
        embed_images(toy, dataset(images), store, batch_size=3, device="cpu", workers=0)
    before = count(toy.log)
    embed_images(toy, dataset(images[:3]), store)
    assert count(toy.log) == before


def test_another_error_is_not_taken_for_one_of_memory() -> None:
    def wrong(batch: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    for device in ("cpu", "cuda"):
        with on_device(wrong, device, 2) as embed, pytest.raises(RuntimeError, match="mat1 and mat2"):
            embed(torch.arange(4))


def test_only_networks_that_gain_get_another_memory_order() -> None:
    convolution = torch.nn.Conv2d(3, 4, 3)
    normalised = torch.nn.Sequential(convolution, torch.nn.BatchNorm2d(4)).eval()
    pixels = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = normalised(pixels)
        for module, device, changed in (
            (normalised, "cpu", True),
            (normalised, "cuda", False),
            (torch.nn.Sequential(convolution), "cpu", False),
            (None, "cpu", False),
        ):
            with memory_order(module, device):
                assert convolution.weight.is_contiguous(memory_format=torch.channels_last) == changed
                torch.testing.assert_close(normalised(pixels), expected)
            assert convolution.weight.is_contiguous()

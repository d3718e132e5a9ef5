"""Batches through the network in pieces: several at once on a CPU, and smaller ones where memory is short."""

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal

import torch

from taxoeval.embedding.memory import freed_memory_kept

# More streams than this would wait for Python's lock; beyond it each stream gets several threads.
MOST_STREAMS = 8

Embed = Callable[[Any], torch.Tensor]


@contextmanager
def on_device(embed: Embed, device: str, piece: int) -> Iterator[Embed]:
    """Embed batches: on a CPU several small pieces at the same time, elsewhere each batch as it is.

    Threads that share one operation must wait for each other hundreds of times per batch, and if other programs use
    the machine each wait costs a scheduler's turn: a fifth of the speed or less was measured. Streams wait for
    each other once per batch. Small pieces also stay in the processor's cache: four images at a time were several
    times as fast as 32 through MobileNetV2, with the same bits.

    Where a piece does not fit into memory, it is halved until it does, and stays so.

    Parameters
    ----------
    embed
        Piece to vectors; called from several threads at once.
    device
        Where the network is.
    piece
        How many items of a batch a piece holds.

    Yields
    ------
    Callable
        Batch (anything that can be sliced) to the vectors of the whole batch.

    Examples
    --------
    >>> with on_device(lambda numbers: 2 * numbers, "cpu", piece=2) as double:
    ...     double(torch.arange(5)).tolist()
    [0, 2, 4, 6, 8]
    """
    if device != "cpu":
        yield _halving(lambda pieces: list(map(embed, pieces)), None)
        return
    threads = torch.get_num_threads()
    streams = min(threads, MOST_STREAMS)

    def one(some: Any) -> torch.Tensor:
        with torch.inference_mode():  # a mode of the thread, not of the process
            return embed(some)

    try:
        # For new threads, and for this one: it may be transforming images meanwhile.
        torch.set_num_threads(threads // streams)
        with freed_memory_kept(), ThreadPoolExecutor(streams) as pool:
            yield _halving(lambda pieces: list(pool.map(one, pieces)), piece)
    finally:
        torch.set_num_threads(threads)


@contextmanager
def memory_order(module: torch.nn.Module | None, device: str) -> Iterator[None]:
    """Let a convolutional network on a CPU keep the channels of a pixel together while the block runs.

    Networks with batch normalisation were 1.2 to 1.3 times as fast so, with vectors that agree to rounding; others have
    an order of their own (ConvNeXt) or hardly a convolution (ViT) and gained nothing. On a GPU it was not measured.

    Parameters
    ----------
    module
        The network, which has its usual order again afterwards; None where there is none.
    device
        Where it computes.

    Yields
    ------
    None

    Examples
    --------
    >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    >>> with memory_order(network, "cpu"):
    ...     network[0].weight.stride()
    (27, 1, 9, 3)
    >>> network[0].weight.stride()
    (27, 9, 3, 1)
    """
    if (
        module is None
        or device != "cpu"
        or not any(isinstance(part, torch.nn.BatchNorm2d) for part in module.modules())
    ):
        yield
        return
    try:
        module.to(memory_format=torch.channels_last)
        yield
    finally:
        module.to(memory_format=torch.contiguous_format)


def choose_batch_size(batch_size: int | Literal["auto"], device: str) -> int:
    """How many images are read, and on a GPU computed, at a time.

    Parameters
    ----------
    batch_size
        A number, or ``"auto"``.
    device
        Where the network is.

    Returns
    -------
    int
        A number that keeps the device busy; where it does not fit into memory, `on_device` cuts the batch.

    Examples
    --------
    >>> choose_batch_size("auto", "cpu"), choose_batch_size("auto", "cuda"), choose_batch_size(7, "cuda")
    (32, 256, 7)
    """
    return {"cuda": 256, "mps": 64}.get(device, 32) if batch_size == "auto" else batch_size


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device had no memory left; the CPU and Apple's GPUs have no exception of their own for it.

    Examples
    --------
    >>> is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory")), is_out_of_memory(RuntimeError("wrong shape"))
    (True, False)
    """
    words = ("not enough memory", "DefaultCPUAllocator: can't allocate memory", "MPS backend out of memory")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    )


def _halving(embed_all: Callable[[list[Any]], list[torch.Tensor]], piece: int | None) -> Embed:
    """Embed a batch in pieces of so many items, None for one piece, or of fewer once these did not fit."""

    def embed_batch(batch: Any) -> torch.Tensor:
        nonlocal piece
        size, failed = min(piece or len(batch), len(batch)), None
        while True:
            try:
                found = embed_all([batch[low : low + size] for low in range(0, len(batch), size)])
                break
            except (RuntimeError, MemoryError) as error:
                if size == 1 or not is_out_of_memory(error):
                    raise
                failed = str(error).splitlines()[0]
            size //= 2
            _free_cache()  # after the block: its error holds on to what was computed
        if failed:
            piece = size
            warnings.warn(
                f"memory did not suffice ({failed}): the network gets {size} at a time from now on; batch_size={size} "
                "spares the next run the attempt",
                stacklevel=2,
            )
        return found[0] if len(found) == 1 else torch.cat(found)

    return embed_batch


def _free_cache() -> None:
    """Give back what torch keeps for later, which in other sizes would not fit."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()

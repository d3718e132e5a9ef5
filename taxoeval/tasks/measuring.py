"""Times, arithmetic and memory of a network on this machine."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch


class Measured(NamedTuple):
    """A quantity, each of its measurements, and which direction is better (None: neither)."""

    metric: str
    values: list[float]
    higher_is_better: bool | None


def seconds(work: Callable[[], object], repeats: int, warm_up: int) -> list[float]:
    """How long each of some repetitions took, after others that do not count.

    Examples
    --------
    >>> len(seconds(lambda: None, 3, 1))
    3
    """
    for _ in range(warm_up):
        work()
    found = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return found


def rate(n: int, times: list[float]) -> list[float]:
    """How many a second.

    Examples
    --------
    >>> rate(10, [2.0, 5.0])
    [5.0, 2.0]
    """
    return [n / max(one, 1e-9) for one in times]


def parameters(module: "torch.nn.Module | None") -> int:
    """How many weights a network has, those shared by two layers once; 0 without a network.

    Examples
    --------
    >>> import torch
    >>> parameters(torch.nn.Linear(3, 2)), parameters(None)
    (8, 0)
    """
    return 0 if module is None else sum(weight.numel() for weight in module.parameters())


def flops(encoder: Any, image: "torch.Tensor") -> float:
    """Floating-point operations of one image, multiplications and additions apart; NaN without a network.

    Counted are matrix products, convolutions and attention, as torch's counter does; the rest is little beside them.

    Parameters
    ----------
    encoder
        Its module and ``embed_images`` are used.
    image
        ``(1, 3, height, width)``, prepared.
    """
    if encoder.module is None:
        return float("nan")
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    where = next(encoder.module.parameters()).device
    # written out as products: what runs inside a fused kernel is not seen on every device
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        encoder.embed_images(image.to(where))
    return float(counter.get_total_flops())


def peak_memory(work: Callable[[], object], module: "torch.nn.Module | None", device: str) -> float:
    """Bytes that a network and its work need at most; NaN where the system does not tell.

    On a GPU what torch has allocated at the peak; on a CPU the weights and the growth of the process's memory, whose
    peak Linux can be asked to forget before.
    """
    import torch

    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        work()
        return float(torch.cuda.max_memory_allocated())
    weights = 0 if module is None else sum(w.numel() * w.element_size() for w in module.parameters())
    before = _resident("VmRSS")
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return float("nan")
    work()
    return weights + max(0.0, _resident("VmHWM") - before)


def _resident(what: str) -> float:
    """A line of this process's memory record, in bytes; NaN where the system keeps none."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return float("nan")
    return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith(what)), float("nan"))

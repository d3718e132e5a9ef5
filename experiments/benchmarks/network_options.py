"""Would another memory order, a compiled network or bf16 make extraction on a CPU faster?

    python experiments/benchmarks/network_options.py [--data ../shared/data] [--images 128] [--repeats 7] [NETWORK ...]

Birds through MobileNetV2 (its weights) and a ViT-S/16 (random weights), through our streams of four images, as
`embed_images` calls the network. All variants take turns in one process; speeds are medians over the repeats, and the
ratio to the plain network is the median of the ratios within one repeat, with the smallest and the largest. Beside it
the largest difference of a vector from the plain one, as a cosine distance.

Found (torch 2.15, two cores of an AMD EPYC with AVX-512 and bf16, other programs running; ratio to plain with range):

    variant                    MobileNetV2                    ViT-S/16
    channels last              1.37 [0.97, 1.58]              1.02 [0.96, 1.36]
    compiled                   1.54 [1.19, 2.44]              1.02 [0.61, 1.52]
    channels last, compiled    1.64 [1.03, 2.02]              0.87 [0.50, 1.38]
    bf16 autocast              1.88 [1.02, 2.53]  2.5e-3      2.67 [1.24, 3.76]  4.4e-5 from the plain vectors
    precision=bf16             2.27 [1.26, 3.54]  3.1e-3      2.19 [1.33, 7.35]  9.5e-5

Channels last is adopted where there is batch normalisation: with the network alone ResNet-18 gained 1.30 [1.11, 2.21],
EfficientNet-B0 1.19 [1.08, 1.30]; ConvNeXt-Atto 0.93 [0.68, 1.57] and ViT-Ti/16 1.02 [0.77, 1.15], whose bits did not
change, did not. All of `embed_images`, 256 birds through MobileNetV2: 1.27 [0.95, 1.52]. Compiling took 9 to 46 s, what
it saves in 10,000 images, and wants a C++ compiler: left out. bf16 moves vectors by more than rounding, so it stays
what it is, the encoder's option ``precision=bf16``, which the fingerprint knows; between that and autocast these ranges
tell no difference. None of it was measured on a GPU, where nothing of it is switched on.
"""

import argparse
import contextlib
import copy
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from taxoeval.datasets import table
from taxoeval.embedding.extract import _PIECE
from taxoeval.embedding.streams import on_device
from taxoeval.encoders import timm

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
PLAIN = "plain"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("networks", nargs="*", help="further ones of timm, with random weights, such as resnet18")
    arguments = parser.parse_args()
    encoders = {
        "mobilenetv2": timm.load(f"local-dir:{arguments.data / 'weights' / 'mobilenetv2_inat_bird'}"),
        **{name: timm.load(name, pretrained=False, seed=0) for name in ("vit_small_patch16_224", *arguments.networks)},
    }
    dataset = table.load(arguments.data / "images" / "birds" / "labels.csv", limit=arguments.images)
    for name, encoder in encoders.items():
        pixels = torch.stack([encoder.transform(dataset.source.image(i)) for i in range(len(dataset))])
        report(name, pixels, *measure(encoder.module.eval(), pixels, arguments.repeats))


def variants(module: torch.nn.Module) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    last = copy.deepcopy(module).to(memory_format=torch.channels_last)
    compiled, both = torch.compile(module), torch.compile(last)
    half = copy.deepcopy(module).to(torch.bfloat16)

    def autocast(network: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return network(batch)

    return {
        PLAIN: module,
        "channels last": lambda batch: last(batch.contiguous(memory_format=torch.channels_last)),
        "compiled": compiled,
        "channels last, compiled": lambda batch: both(batch.contiguous(memory_format=torch.channels_last)),
        "bf16 autocast": lambda batch: autocast(module, batch),
        "precision=bf16": lambda batch: half(batch.bfloat16()),
    }


@contextlib.contextmanager
def streamed(network: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[Callable[[torch.Tensor], torch.Tensor]]:
    with on_device(network, "cpu", _PIECE) as embed:
        yield lambda pixels: torch.cat([embed(batch).float() for batch in pixels.split(32)])


def measure(module: torch.nn.Module, pixels: torch.Tensor, repeats: int) -> tuple[Any, Any, Any]:
    found: dict[str, np.ndarray] = {}
    seconds: dict[str, list[float]] = {}
    first: dict[str, float] = {}
    networks = variants(module)
    for turn in range(repeats + 1):
        for name, network in networks.items():
            begin = time.perf_counter()
            with streamed(network) as embed:
                found[name] = embed(pixels[:32] if turn == 0 else pixels).numpy()
            passed = time.perf_counter() - begin
            if turn == 0:  # compiling, and what every first call costs
                first[name] = passed
            else:
                seconds.setdefault(name, []).append(passed)
    return found, seconds, first


def report(name: str, pixels: torch.Tensor, found: Any, seconds: Any, first: Any) -> None:
    print(f"{name}: {len(pixels)} images, {torch.get_num_threads()} threads, load average {os.getloadavg()[0]:.1f}")
    for variant, times in seconds.items():
        ratios = [plain / own for plain, own in zip(seconds[PLAIN], times, strict=True)]
        a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (found[PLAIN], found[variant]))
        far = float((1 - (a * b).sum(1, dtype=np.float64)).max())
        speed, ratio = len(pixels) / statistics.median(times), statistics.median(ratios)
        print(
            f"  {variant:24s} {speed:7.1f} images/s   x {ratio:.2f} "
            f"[{min(ratios):.2f}, {max(ratios):.2f}]   first 32 images {first[variant]:5.1f} s   distance {far:.1e}"
        )


if __name__ == "__main__":
    main()

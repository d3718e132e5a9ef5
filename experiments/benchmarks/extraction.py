"""Does extraction keep up with the slower of its two ingredients, the network alone and reading images alone?

    python experiments/benchmarks/extraction.py [--data ../shared/data] [--images 320] [--repeats 5]

Birds through MobileNetV2 on the CPU, images per second. All measurements take turns in one process, so that what else
the machine does weighs on each alike; the table gives medians over the repeats, with the smallest and the largest.
"ours" is everything: hashing the files, starting loader processes, reading, transforming, the network, writing parts
and reading them back, into a fresh store each time. The peers do one thing only, with all images in memory before the
clock starts (forward) or no network at all (read and transform). Forward in batches of 4, and with our streams, say how
much of the difference is the way the network is called.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from taxoeval.datasets import table
from taxoeval.embedding import EmbeddingStore, embed_images
from taxoeval.embedding.extract import _PIECE
from taxoeval.embedding.streams import on_device
from taxoeval.encoders import timm

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
OURS, FORWARD, READ = "ours", "bare forward", "bare read and transform"
PIECES, STREAMS = "bare forward, batches of 4", "bare forward, our streams"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32)
    arguments = parser.parse_args()

    encoder = timm.load(f"local-dir:{arguments.data / 'weights' / 'mobilenetv2_inat_bird'}")
    dataset = table.load(arguments.data / "images" / "birds" / "labels.csv", limit=arguments.images)
    found, seconds = measure(encoder, dataset, arguments.repeats, arguments.batch_size)

    n, threads = len(dataset), torch.get_num_threads()
    print(f"{n} images, batches of {arguments.batch_size}, {arguments.repeats} repeats, {threads} threads", end=", ")
    print(f"load average {os.getloadavg()[0]:.1f}")
    rate = {name: n / statistics.median(times) for name, times in seconds.items()}
    for name, times in seconds.items():
        print(f"{name:28s} {rate[name]:8.1f} images/s   [{n / max(times):.1f}, {n / min(times):.1f}]")
    # Ratios within one repeat, whose measurements met about the same load.
    slower = [max(pair) for pair in zip(seconds[FORWARD], seconds[READ], strict=True)]
    ratio = statistics.median(peer / own for peer, own in zip(slower, seconds[OURS], strict=True))
    print(f"ratio ours / the slower of {FORWARD} and {READ}: {ratio:.2f} (wanted: at least 0.95)")
    for peer in (PIECES, STREAMS):
        own = statistics.median(a / b for a, b in zip(seconds[peer], seconds[OURS], strict=True))
        print(f"ratio ours / {peer}: {own:.2f}")
    difference = np.abs(found[OURS] - found[FORWARD]).max() / np.abs(found[FORWARD]).max()
    print(f"largest difference of a vector entry, relative to the largest entry: {difference:.1e}")


def measure(encoder: Any, dataset: Any, repeats: int, batch_size: int) -> tuple[dict[str, Any], dict[str, list[float]]]:
    pixels = torch.stack([encoder.transform(dataset.source.image(i)) for i in range(len(dataset))])

    def ours() -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            store = EmbeddingStore(folder)
            return embed_images(encoder, dataset, store, batch_size=batch_size, device="cpu").vectors

    def forward(size: int) -> np.ndarray:
        with torch.inference_mode():
            return torch.cat([encoder.embed_images(batch) for batch in pixels.split(size)]).numpy()

    def streams() -> None:
        with on_device(encoder.embed_images, "cpu", _PIECE) as embed:
            for batch in pixels.split(batch_size):
                embed(batch)

    def read() -> None:
        for i in range(len(dataset)):
            encoder.transform(dataset.source.image(i))

    jobs: dict[str, Callable[[], Any]] = {
        OURS: ours,
        FORWARD: lambda: forward(batch_size),
        READ: read,
        PIECES: lambda: forward(4),
        STREAMS: streams,
    }
    found: dict[str, Any] = {}
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    ours()  # imports, and the operating system's file cache
    for _ in range(repeats):
        for name, job in jobs.items():
            begin = time.perf_counter()
            found[name] = job()
            seconds[name].append(time.perf_counter() - begin)
    return found, seconds


if __name__ == "__main__":
    main()

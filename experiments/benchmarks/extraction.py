"""Does extraction keep up with the slower of its two ingredients, the network alone and reading images alone?

    python experiments/benchmarks/extraction.py [--data ../shared/data] [--images 320] [--repeats 5]
    python experiments/benchmarks/extraction.py --encoder vit_b_32 --images 96 --repeats 3

Birds through MobileNetV2, or a ViT-B/32 with random weights, on the CPU, images per second. All measurements take turns
in one process, so that what else the machine does weighs on each alike; the table gives medians over the repeats, with
the smallest and the largest. "ours" is everything: hashing the files, starting loader processes, reading, transforming,
the network, writing parts and reading them back, into a fresh store each time. The peers do one thing only, with all
images in memory before the clock starts (forward) or no network at all (read and transform). Forward in batches of 4,
and with our streams, say how much of the difference is the way the network is called.

The loops of three other tools are reproduced in a few lines with the same network and transform, as they run by
themselves: one process that reads and computes in turn, nothing compiled, nothing stored. CLIP_benchmark (its zero-shot
loop) takes batches of a DataLoader and normalises; pybioclip opens and transforms a list of pictures, stacks them and
normalises; thingsvision takes batches of a DataLoader, catches the output of a layer by a hook and joins flat arrays.
All get our batch size, so that only the loop differs.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import normalize

from taxoeval.datasets import table
from taxoeval.embedding import EmbeddingStore, embed_images
from taxoeval.embedding.extract import _PIECE
from taxoeval.embedding.streams import on_device
from taxoeval.encoders import open_clip, timm

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
OURS, FORWARD, READ = "ours", "bare forward", "bare read and transform"
CLIP_BENCHMARK, PYBIOCLIP, THINGSVISION = "CLIP_benchmark's loop", "pybioclip's loop", "thingsvision's loop"
PIECES, STREAMS = "bare forward, batches of 4", "bare forward, our streams"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--encoder", choices=["mobilenetv2", "vit_b_32"], default="mobilenetv2")
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32)
    arguments = parser.parse_args()

    if arguments.encoder == "vit_b_32":
        encoder = random_vit()
    else:
        encoder = timm.load(f"local-dir:{arguments.data / 'weights' / 'mobilenetv2_inat_bird'}")
    dataset = table.load(arguments.data / "images" / "birds" / "labels.csv", limit=arguments.images)
    found, seconds = measure(encoder, dataset, arguments.repeats, arguments.batch_size)

    n, threads = len(dataset), torch.get_num_threads()
    print(f"{arguments.encoder}: {n} images, batches of {arguments.batch_size}, {arguments.repeats} repeats", end=", ")
    print(f"{threads} threads", end=", ")
    print(f"load average {os.getloadavg()[0]:.1f}")
    rate = {name: n / statistics.median(times) for name, times in seconds.items()}
    for name, times in seconds.items():
        print(f"{name:28s} {rate[name]:8.1f} images/s   [{n / max(times):.1f}, {n / min(times):.1f}]")
    # Ratios within one repeat, whose measurements met about the same load.
    slower = [max(pair) for pair in zip(seconds[FORWARD], seconds[READ], strict=True)]
    ratio = statistics.median(peer / own for peer, own in zip(slower, seconds[OURS], strict=True))
    print(f"ratio ours / the slower of {FORWARD} and {READ}: {ratio:.2f} (wanted: at least 0.95)")
    for peer in (CLIP_BENCHMARK, PYBIOCLIP, THINGSVISION, PIECES, STREAMS):
        own = statistics.median(a / b for a, b in zip(seconds[peer], seconds[OURS], strict=True))
        print(f"ratio ours / {peer}: {own:.2f}")
    difference = np.abs(found[OURS] - found[FORWARD]).max() / np.abs(found[FORWARD]).max()
    print(f"largest difference of a vector entry, relative to the largest entry: {difference:.1e}")


def random_vit() -> Any:
    """ViT-B/32 as open_clip builds it, with random weights, through a folder as all weights come."""
    import open_clip as library
    from safetensors.torch import save_file

    torch.manual_seed(0)
    state = {key: value.contiguous() for key, value in library.create_model("ViT-B-32").state_dict().items()}
    config = {"model_cfg": library.get_model_config("ViT-B-32"), "preprocess_cfg": {}}
    with tempfile.TemporaryDirectory() as folder:
        save_file(state, Path(folder) / "open_clip_model.safetensors")
        (Path(folder) / "open_clip_config.json").write_text(json.dumps(config))
        return open_clip.load(f"local-dir:{folder}", name="vit_b_32")


class Pictures(torch.utils.data.Dataset[torch.Tensor]):
    """What the others' loaders are given: one transformed picture at a time."""

    def __init__(self, encoder: Any, dataset: Any) -> None:
        self.encoder, self.dataset = encoder, dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.encoder.transform(self.dataset.source.image(i))


def clip_benchmark(encoder: Any, dataset: Any, batch_size: int) -> np.ndarray:
    loader = torch.utils.data.DataLoader(Pictures(encoder, dataset), batch_size)
    with torch.no_grad():
        return torch.cat([normalize(network(encoder)(batch), dim=-1).cpu() for batch in loader]).numpy()


def pybioclip(encoder: Any, dataset: Any, batch_size: int) -> np.ndarray:
    found = []
    for start in range(0, len(dataset), batch_size):
        pictures = [dataset.source.image(i) for i in range(start, min(start + batch_size, len(dataset)))]
        batch = torch.stack([encoder.transform(picture) for picture in pictures])
        with torch.no_grad():
            found.append(normalize(network(encoder)(batch), dim=-1))
    return torch.cat(found).numpy()


def thingsvision(encoder: Any, dataset: Any, batch_size: int) -> np.ndarray:
    caught: list[torch.Tensor] = []
    layer = getattr(encoder.module, "visual", encoder.module)
    hook = layer.register_forward_hook(lambda _, __, output: caught.append(output.detach()))
    found = []
    try:
        with torch.no_grad():
            for batch in torch.utils.data.DataLoader(Pictures(encoder, dataset), batch_size):
                network(encoder)(batch)
                found.append(caught.pop().flatten(1).cpu().numpy())
    finally:
        hook.remove()
    return np.vstack(found)


def network(encoder: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    return getattr(encoder.module, "encode_image", encoder.module)


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
        CLIP_BENCHMARK: lambda: clip_benchmark(encoder, dataset, batch_size),
        PYBIOCLIP: lambda: pybioclip(encoder, dataset, batch_size),
        THINGSVISION: lambda: thingsvision(encoder, dataset, batch_size),
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

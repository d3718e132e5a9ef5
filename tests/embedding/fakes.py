"""Tiny images and encoders that count what is asked of them, also across processes."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from taxoeval.errors import TaxoevalError

BAD = 255  # an image that starts with this value cannot be read
NAN = 254  # one that starts with this value gets a NaN vector
DIES = 253  # one that starts with this value raises as Pillow does


class Arrays:
    """An image source over arrays."""

    def __init__(self, arrays: Sequence[NDArray[np.uint8]]) -> None:
        self.arrays = list(arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def content(self, i: int) -> bytes:
        return self.arrays[i].tobytes()

    def image(self, i: int) -> Image.Image:
        first = self.arrays[i][0, 0, 0]
        if first == BAD:
            raise TaxoevalError(f"{self.where(i)}: truncated; replace it")
        if first == DIES:
            raise OSError("image file is truncated")
        return Image.fromarray(self.arrays[i])

    def where(self, i: int) -> str:
        return f"labels.csv, row {i + 2}: {i}.png"


def arrays(n: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(seed).integers(0, 250, (n, 4, 4, 3), dtype=np.uint8))


def dataset(images: Sequence[NDArray[np.uint8]]) -> Any:
    """What extraction reads of a dataset."""
    n = len(images)
    return SimpleNamespace(source=Arrays(images), taxon=np.arange(n), sample=np.array([f"{i}.png" for i in range(n)]))


def to_tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image).astype(np.float32))


def _counted(log: Path, n: int) -> None:
    with log.open("a") as stream:
        stream.write(f"{n}\n")


def count(log: Path) -> int:
    """How many items an encoder with this log was asked for."""
    return sum(int(line) for line in log.read_text().split()) if log.exists() else 0


@dataclass
class Toy:
    """A linear image-text encoder that writes down how many items it embeds."""

    log: Path
    name: str = "toy/net"
    dimension: int = 5
    weights: int = 0
    seconds: float = 0.0
    has_text: bool = True
    transform: Any = to_tensor
    module: Any = field(init=False)

    def __post_init__(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(self.weights)
            self.module = torch.nn.Linear(48, self.dimension)

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {"family": "toy", "weights": self.weights, "normalised": False, "seed": None}

    def apply(self, rows: torch.Tensor) -> torch.Tensor:
        # Not a matrix product, whose last bits depend on how many rows it meets at once.
        return (rows[:, None] * self.module.weight).sum(-1) + self.module.bias

    def embed_images(self, batch: torch.Tensor) -> torch.Tensor:
        assert not self.module.training
        assert torch.is_inference_mode_enabled()
        _counted(self.log, len(batch))
        time.sleep(self.seconds * len(batch))
        vectors = self.apply(batch.flatten(1))
        vectors[batch[:, 0, 0, 0] == NAN] = torch.nan
        return vectors

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        _counted(self.log, len(texts))
        rows = [np.frombuffer(text.encode().ljust(48)[:48], np.uint8) for text in texts]
        return self.apply(torch.tensor(np.array(rows), dtype=torch.float32))


def direct(encoder: Toy, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """The vectors without store, batches or Lightning."""
    with torch.inference_mode():
        pixels = torch.stack([to_tensor(Image.fromarray(image)) for image in images])
        return encoder.apply(pixels.flatten(1)).numpy()


def slow_extraction(root: str, log: str, n: str) -> None:
    """What the process does that a test kills."""
    from taxoeval.embedding import EmbeddingStore, embed_images

    encoder = Toy(Path(log), seconds=0.02)
    embed_images(encoder, dataset(arrays(int(n))), EmbeddingStore(root), batch_size=4, shard_size=8, workers=0)


def shared_extraction(root: str, log: str, n: str, trouble: str = "") -> None:
    """What each process of a launch does in a test; ``trouble`` befalls the second of them."""
    from taxoeval.embedding import EmbeddingStore, embed_images, processes

    launch = processes.launched()
    number = launch.number if launch else 0
    encoder = Toy(Path(f"{log}{number}"), seconds=0.01)
    images = arrays(int(n), seed=1 if trouble == "other images" and number else 0)
    if trouble == "bad image" and number:
        encoder.transform = refuse
    if trouble == "killed" and number:
        encoder.transform = kill
    with processes.group():
        for encoder.weights in (0, 0, 1):  # of the second nothing is missing
            with processes.step():
                found = embed_images(
                    encoder, dataset(images), EmbeddingStore(root), batch_size=4, shard_size=8, workers=0
                )
    np.save(f"{log}{number}.npy", found.vectors)
    threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    assert not any("gloo" in name for name in threads)  # what outlives its group may abort when the process ends


def refuse(image: Image.Image) -> torch.Tensor:
    raise TaxoevalError("7.png: truncated; replace it")


def kill(image: Image.Image) -> torch.Tensor:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError

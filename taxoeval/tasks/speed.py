"""What an encoder costs beside what it knows: images per second, size, arithmetic, memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.records import Score
from taxoeval.tasks.base import Subject, TaskResult
from taxoeval.tasks.measuring import Measured, flops, parameters, peak_memory, rate, seconds

if TYPE_CHECKING:
    import torch

NAN = float("nan")


@dataclass(frozen=True)
class Speed:
    """Times an encoder on this machine, on images of the dataset.

    Every time is the median over repeats, its interval the quartiles: what the machine does in between shows there.
    ``images_per_second`` is from file to vector in one process, which reads and prepares images and then runs the
    network, on a CPU in several streams as an extraction does; both halves are given, too: with processes that read
    beside a fast GPU it is the network's rate that counts. An encoder without a network works while it prepares.

    Attributes
    ----------
    images, texts
        How many of each are timed; images are repeated where the dataset has fewer.
    batch_size
        Images at a time.
    repeats, warm_up
        Timed and untimed passes.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises
    ------
    UnsupportedError
        If the vectors came from a file, or there are no images.
    TaxoevalError
        If a number is below 1.
    """

    images: int = 64
    texts: int = 64
    batch_size: int = 32
    repeats: int = 5
    warm_up: int = 1
    device: str = "auto"
    name: str = "speed"

    needs_vectors = False
    of_this_machine = True

    def __call__(self, subject: Subject) -> TaskResult:
        """Evaluate one encoder on one dataset."""
        if min(self.images, self.texts, self.batch_size, self.repeats) < 1 or self.warm_up < 0:
            raise TaxoevalError(f"task.{self.name}: images, texts, batch_size and repeats must be at least 1")
        encoder, source = subject.encoder, subject.source
        if encoder is None:
            raise UnsupportedError("these vectors came from a file or from nowhere: there is no encoder to be timed")
        if source is None:
            raise UnsupportedError("the labels came without images: there is nothing to time an encoder on")
        import torch

        from taxoeval.embedding.predict import choose_device

        device = choose_device(self.device, has_module=encoder.module is not None)
        order = np.arange(self.images) % len(subject.label)
        once = np.unique(order)

        def read() -> list["torch.Tensor"]:
            return [encoder.transform(source.image(int(i))) for i in once]

        prepared = read()
        batch = torch.stack([prepared[i] for i in order])
        reading = [one / len(once) for one in seconds(read, self.repeats, 0)]
        running, network = self._network(encoder, batch, device)
        both = [a + b / len(batch) for a, b in zip(reading, running, strict=True)]
        found = [
            Measured("images_per_second", rate(1, both), True),
            Measured("read_and_prepare_images_per_second", rate(1, reading), True),
            *network,
            Measured("parameters_millions", [parameters(encoder.module) / 1e6], False),
            Measured("gflops_per_image", [flops(encoder, batch[:1]) / 1e9], False),
            Measured("dimension", [float(encoder.dimension)], None),
            Measured("bytes_per_vector", [4.0 * encoder.dimension], False),
        ]
        if encoder.module is not None:
            encoder.module.to("cpu")
        notes = ("times are medians with quartiles, of this machine and what else it does: compare within one sweep",)
        details: dict[str, Any] = {
            "device": device,
            "threads": torch.get_num_threads(),
            "images": self.images,
            "batch_size": self.batch_size,
            "repeats": self.repeats,
        }
        return TaskResult(tuple(self._score(one) for one in found if one.values), (), notes, details)

    def _network(self, encoder: Any, batch: "torch.Tensor", device: str) -> tuple[list[float], list[Measured]]:
        """Seconds for all images; throughput, latency, peak memory, and texts per second of a text tower."""
        import torch

        from taxoeval.embedding.streams import memory_order, on_device

        if encoder.module is not None:
            encoder.module.to(device)
        pieces = torch.split(batch.to(device), self.batch_size)
        wait: Callable[[], object] = torch.cuda.synchronize if device == "cuda" else lambda: None

        def alone() -> None:
            encoder.embed_images(batch[:1].to(device))
            wait()

        with memory_order(encoder.module, device), on_device(encoder.embed_images, device, 4) as embed:

            def all_images() -> None:
                for piece in pieces:
                    embed(piece)
                wait()

            running = seconds(all_images, self.repeats, self.warm_up)
            memory = peak_memory(lambda: embed(pieces[0]), encoder.module, device)
        latency = [1000 * one for one in seconds(alone, 4 * self.repeats, self.warm_up)]
        found = [
            Measured("network_images_per_second", rate(len(batch), running), True),
            Measured("ms_per_image_alone", latency, False),
            Measured("peak_memory_mib", [memory / 2**20], False),
        ]
        if encoder.has_text:
            texts = [f"a photo of taxon {i}" for i in range(self.texts)]

            def all_texts() -> None:
                encoder.embed_texts(texts)
                wait()

            found.append(Measured("texts_per_second", rate(len(texts), seconds(all_texts, self.repeats, 1)), True))
        return running, found

    def _score(self, one: Measured) -> Score:
        values = np.array(one.values)
        low, high = np.percentile(values, (25, 75)) if len(values) > 1 else (NAN, NAN)
        reason = "" if np.isfinite(values).all() else "cannot be counted or measured here"
        return Score(
            metric=one.metric,
            value=float(np.median(values)),
            n=len(values),
            rank="",
            k=1,
            low=float(low),
            high=float(high),
            chance=NAN,
            majority=NAN,
            higher_is_better=one.higher_is_better,
            task=self.name,
            decoder="",
            reason=reason,
        )

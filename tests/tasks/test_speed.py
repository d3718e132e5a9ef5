"""What an encoder costs: what is counted is exact, what is timed is there, and nothing is passed off for another's."""

import platform
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from taxoeval.datasets import simulated
from taxoeval.encoders import weightless
from taxoeval.errors import TaxoevalError, UnsupportedError
from taxoeval.records import Embeddings
from taxoeval.reports.cell_key import task_settings
from taxoeval.tasks import Subject
from taxoeval.tasks.knn import Knn
from taxoeval.tasks.measuring import flops, peak_memory
from taxoeval.tasks.speed import Speed


class Net(torch.nn.Module):
    """A convolution and a linear layer: 3 -> 4 channels with kernels of 3, on 8 x 8; then 256 -> 5."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.linear = torch.nn.Linear(4 * 64, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.convolution(x).flatten(1))


@dataclass(frozen=True, eq=False)
class Toy:
    """A network with a text tower that counts letters."""

    module: torch.nn.Module
    has_text: bool = True
    name: str = "toy"
    dimension: int = 5

    def transform(self, image) -> torch.Tensor:
        return torch.from_numpy(np.asarray(image.resize((8, 8)), dtype=np.float32)).permute(2, 0, 1)

    @torch.inference_mode()
    def embed_images(self, batch: torch.Tensor) -> torch.Tensor:
        return self.module(batch)

    def embed_texts(self, texts) -> torch.Tensor:
        return torch.tensor([[float(len(text))] * 5 for text in texts])


def subject(encoder) -> Subject:
    data = simulated.load(n_species=4, n_images=6, size=16)
    vectors = np.ones((6, 5), dtype=np.float32)
    return Subject(
        Embeddings(vectors, data.taxon, data.sample, "t"), data.taxonomy, data.common_name, data.label,
        encoder=encoder, source=data.source,
    )  # fmt: skip


def test_counts_are_exact():
    toy = Toy(Net())
    result = Speed(images=5, texts=3, batch_size=2, repeats=3, device="cpu")(subject(toy))
    rows = {score.metric: score for score in result.scores}
    assert rows["parameters_millions"].value == (3 * 4 * 9 + 4 * 64 * 5 + 5) / 1e6
    assert rows["gflops_per_image"].value == pytest.approx(2 * (64 * 4 * 3 * 9 + 4 * 64 * 5) / 1e9)
    assert (rows["dimension"].value, rows["bytes_per_vector"].value) == (5, 20)
    whole, read, network = (
        rows[name].value
        for name in ("images_per_second", "read_and_prepare_images_per_second", "network_images_per_second")
    )
    assert 0.2 < whole * (1 / read + 1 / network) < 5  # medians of sums are near the sum of medians
    for name in ("images_per_second", "read_and_prepare_images_per_second", "texts_per_second", "ms_per_image_alone"):
        row = rows[name]
        assert 0 < row.low <= row.value <= row.high
        assert row.higher_is_better == (name != "ms_per_image_alone")
        assert row.n == (12 if name == "ms_per_image_alone" else 3)
    assert rows["dimension"].higher_is_better is None
    assert result.details["device"] == "cpu"
    assert "within one sweep" in result.notes[0]


def test_attention_is_counted():
    attention = torch.nn.MultiheadAttention(8, 2, batch_first=True, bias=False)

    class Attending(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = attention

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = x.flatten(2).transpose(1, 2)[..., :1].expand(-1, -1, 8)  # 64 tokens of 8
            return self.attention(tokens, tokens, tokens, need_weights=False)[0].mean(1)

    toy = Toy(Attending().eval())
    products = 64 * 8 * 24 + 64 * 8 * 8  # into queries, keys and values, and out of the heads
    scores = 2 * (64 * 64 * 4) * 2  # two heads of 4: likeness, then mixing
    assert flops(toy, torch.ones(1, 3, 8, 8)) == 2 * (products + scores)


def test_without_a_network_what_is_not_there_has_a_reason():
    rows = {score.metric: score for score in Speed(images=4, repeats=1)(subject(weightless.pixels())).scores}
    assert rows["parameters_millions"].value == 0
    assert np.isnan(rows["gflops_per_image"].value)
    assert rows["gflops_per_image"].reason == "cannot be counted or measured here"
    assert "texts_per_second" not in rows


def test_memory_of_a_large_array():
    peak = peak_memory(lambda: np.ones(1 << 25).sum(), None, "cpu")  # 256 MiB
    assert np.isnan(peak) or 0.9 * 2**28 < peak < 1.5 * 2**28


def test_what_cannot_be_timed():
    whole = subject(Toy(Net()))
    with pytest.raises(UnsupportedError, match="came from a file or from nowhere"):
        Speed()(replace(whole, encoder=None))
    with pytest.raises(UnsupportedError, match="labels came without images"):
        Speed()(replace(whole, source=None))
    with pytest.raises(TaxoevalError, match="repeats must be at least 1"):
        Speed(repeats=0)(whole)


def test_numbers_of_another_machine_are_others(monkeypatch: pytest.MonkeyPatch):
    config = {"task": {"speed": {"images": 64}, "knn": {"k": 1}}}
    here = task_settings(config, "speed", Speed()), task_settings(config, "knn", Knn())
    monkeypatch.setattr(platform, "node", lambda: "elsewhere")
    there = task_settings(config, "speed", Speed()), task_settings(config, "knn", Knn())
    assert here[0] != there[0]
    assert here[1] == there[1]

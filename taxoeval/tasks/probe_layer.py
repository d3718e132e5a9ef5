"""The linear layer of a probe as Lightning trains it: all heads side by side, and the batches it sees."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as lightning
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from taxoeval.tasks.probe_heads import Head, Ints
from taxoeval.tasks.probe_losses import Loss, Terms, run_loss, soft_label_loss, terms

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """How heads are trained; the attributes are those of `taxoeval.tasks.linear_probe.LinearProbe`."""

    loss: Loss = "cross_entropy"
    alpha: float = 0.1
    beta: float = 10.0
    balance: bool = False
    c: float = 1.0
    learning_rate: float | None = None
    batch_size: int = 256
    epochs: int = 100
    patience: int = 5
    seed: int = 0
    device: str = "auto"


class Examples(NamedTuple):
    """Standardised vectors ``(n, d)`` and the taxon ``(n,)`` of each."""

    vectors: Floats
    taxon: Ints


class Rows(Dataset[Any]):
    """Vectors and, per head, the row of each label among its terms; indexed by a whole batch at a time."""

    def __init__(self, vectors: Floats, labels: Ints) -> None:
        self.vectors, self.labels = torch.from_numpy(vectors), torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, rows: Any) -> tuple[Tensor, Tensor]:
        return self.vectors[rows], self.labels[rows]


class Shuffled(Sampler[Any]):
    """Batches of positions, in an order of its own for every epoch; in their own order without a seed.

    Which epoch it is, is asked of the caller: Lightning tells a sampler too late in the first epoch after a resumption.
    """

    def __init__(self, n: int, size: int, seed: int | None, epoch: Callable[[], int]) -> None:
        self.n, self.size, self.seed, self.epoch = n, size, seed, epoch

    def __len__(self) -> int:
        return math.ceil(self.n / self.size)

    def __iter__(self) -> Iterator[Tensor]:
        order = np.arange(self.n)
        if self.seed is not None:
            order = np.random.default_rng([self.seed, self.epoch()]).permutation(self.n)
        return iter(torch.split(torch.from_numpy(order), self.size))


def loader(rows: Rows, batches: Shuffled) -> "DataLoader[Any]":
    """Whole batches at a time, without touching the random state of the process."""
    return DataLoader(rows, sampler=batches, batch_size=None, generator=torch.Generator())


class Layer(lightning.LightningModule):
    """All heads as one linear layer; the loss is the sum of theirs."""

    def __init__(self, training: Examples, validation: Examples, heads: Sequence[Head], settings: Settings) -> None:
        super().__init__()
        sizes = [len(head.classes) for head in heads]
        self.width = sum(sizes)
        self.weight = torch.nn.Parameter(torch.zeros(self.width, training.vectors.shape[1]))
        self.bias = torch.nn.Parameter(torch.zeros(self.width))
        self._settings = settings
        # each entry's first step is the rate: a logit changes by the rate x the sum of d absolute values of about 0.8
        self._rate = settings.learning_rate or 2 / training.vectors.shape[1]
        self._slices = [slice(end - size, end) for size, end in zip(sizes, np.cumsum(sizes).tolist(), strict=True)]
        self._terms: list[Terms] = []
        self._balance: list[Tensor] = []
        self._known: list[tuple[int, int]] = []  # images each head learns from, and is validated on
        columns = [self._labels(head, training.taxon, validation.taxon) for head in heads]
        self.training_rows = Rows(training.vectors, np.stack([learnt for learnt, _ in columns], axis=1))
        self.validation_rows = Rows(validation.vectors, np.stack([held for _, held in columns], axis=1))
        self._sums = torch.zeros(len(heads))

    def _labels(self, head: Head, learnt: Ints, held: Ints) -> tuple[Ints, Ints]:
        """Row of each image's label among the terms of the head, -1 for none."""
        learnt, held = head.labels(learnt), head.labels(held)
        labels, count = np.unique(learnt[learnt >= 0], return_counts=True)
        settings = self._settings
        self._terms.append(terms(head, labels, settings.loss, alpha=settings.alpha, beta=settings.beta))
        even = count.sum() / (len(count) * count)
        self._balance.append(torch.from_numpy(even if settings.balance else np.ones(len(count))).float())

        def row(taxa: Ints) -> Ints:
            return np.where(np.isin(taxa, labels), np.searchsorted(labels, taxa), -1)

        rows = row(learnt), row(held)
        self._known.append((int((rows[0] >= 0).sum()), int((rows[1] >= 0).sum())))
        return rows

    @property
    def training_share(self) -> list[float]:
        """Share of the training images each head learns from."""
        return [known / len(self.training_rows) for known, _ in self._known]

    def setup(self, stage: str) -> None:
        """Put the tables beside the weights."""
        self._terms = [Terms(*(part.to(self.device) for part in found)) for found in self._terms]
        self._balance = [found.to(self.device) for found in self._balance]

    def _sum(self, head: int, logits: Tensor, labels: Tensor) -> Tensor:
        """Sum of the weighted losses of one head over the images of a batch that it knows a label of."""
        known = labels >= 0
        own, rows = logits[:, self._slices[head]], labels
        if not bool(known.all()):
            own, rows = own[known], labels[known]
        loss = soft_label_loss if self._settings.loss == "soft_labels" else run_loss
        return (self._balance[head][rows] * loss(own, self._terms[head].of(rows))).sum()

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Sum over heads of the mean loss and the penalty."""
        vectors, labels = batch
        logits = torch.nn.functional.linear(vectors, self.weight, self.bias)
        loss = torch.zeros((), device=self.device)
        for head, (share, part) in enumerate(zip(self.training_share, self._slices, strict=True)):
            loss = loss + self._sum(head, logits, labels[:, head]) / (share * len(labels))
            penalty = self.weight[part].square().sum()
            loss = loss + penalty / (2 * self._settings.c * self._known[head][0])
        return loss

    def on_validation_epoch_start(self) -> None:
        """Begin to add up."""
        self._sums = torch.zeros(len(self._slices), device=self.device)

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        """Add up the losses of one batch, without the penalty."""
        vectors, labels = batch
        logits = torch.nn.functional.linear(vectors, self.weight, self.bias)
        self._sums += torch.stack([self._sum(h, logits, labels[:, h]) for h in range(len(self._slices))])

    def validation_loss(self) -> float:
        """Sum over heads of the mean loss on the validation images; NaN without any."""
        means = [float(s) / n for s, (_, n) in zip(self._sums, self._known, strict=True) if n]
        return sum(means) if means else float("nan")

    def on_train_batch_start(self, batch: Any, index: int) -> None:
        """Lower the learning rate along a cosine, to 0 at the end of the last epoch."""
        batches = math.ceil(len(self.training_rows) / self._settings.batch_size)
        done = (self.current_epoch + index / batches) / self._settings.epochs
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = self._rate * (1 + math.cos(math.pi * done)) / 2

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, in one pass over the weights where there is such a kernel."""
        fused = self.device.type in ("cpu", "cuda")
        return torch.optim.Adam(self.parameters(), lr=self._rate, fused=fused)

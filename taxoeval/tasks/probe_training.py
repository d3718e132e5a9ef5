"""Training the linear heads of a probe with Lightning: early stopping, and a checkpoint to go on from."""

import math
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as lightning
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from torch import Tensor

from taxoeval.embedding.predict import _quiet, choose_device
from taxoeval.embedding.progress import progress_bar
from taxoeval.errors import TaxoevalError
from taxoeval.tasks.probe_heads import Head
from taxoeval.tasks.probe_layer import Examples, Floats, Layer, Settings, Shuffled, loader

_VALIDATION = 1 << 24  # logits held at a time: 64 MiB


class Trained(NamedTuple):
    """Weight ``(c, d)`` and bias ``(c,)`` of each head, and how they came about."""

    heads: list[tuple[Floats, Floats]]
    epochs: int
    best_epoch: int
    validation_loss: float
    resumed_epoch: int


def train(
    training: Examples,
    validation: Examples,
    heads: Sequence[Head],
    settings: Settings,
    *,
    checkpoint: Path | None = None,
    on_epoch: Callable[[int], object] = lambda epoch: None,
) -> Trained:
    """Train all heads at once, as one linear layer.

    Parameters
    ----------
    training, validation
        Examples; the validation set may be empty: then all epochs are run and the last weights are kept.
    heads
        The heads.
    settings
        The settings.
    checkpoint
        Where to keep the state after every epoch. If the file exists, training goes on from there, and ends as if it
        had never been interrupted; the caller names it after all that the result depends on.
    on_epoch
        Called with 1 after every epoch.

    Returns
    -------
    trained
        `Trained`, of the epoch with the lowest validation loss.

    Raises
    ------
    TaxoevalError
        If the loss is no longer a number, or the checkpoint cannot be read.

    Notes
    -----
    Each head minimises its mean loss plus the sum of its squared weights over ``2 c n``, n the number of images it
    learns from: scikit-learn's objective. Heads share nothing, so they train as well together as alone. Weights start
    at zero and the order of images follows from seed and epoch: the result does not depend on the process's random
    state.

    Examples
    --------
    >>> from taxoeval import Taxonomy
    >>> taxonomy = Taxonomy.from_lineages([("Corvus",), ("Pica",)], ranks=("genus",))
    >>> examples = Examples(np.array([[1, 0], [0, 1]], dtype=np.float32), np.array([0, 1]))
    >>> trained = train(examples, examples, [Head(np.array([0, 1]), 0, taxonomy)], Settings(epochs=2, device="cpu"))
    >>> weight, bias = trained.heads[0]
    >>> (examples.vectors @ weight.T + bias).argmax(axis=1), trained.epochs
    (array([0, 1]), 2)
    """
    layer = Layer(training, validation, heads, settings)
    keeper = _Keeper(settings.patience, checkpoint, on_epoch)
    state = _read(checkpoint)
    resumed = 0
    if state is not None:
        keeper.load_state_dict(state["callbacks"][keeper.state_key])
        resumed = keeper.epoch
    if not keeper.finished(settings.epochs):
        _fit(layer, keeper, settings, checkpoint if state is not None else None, len(training.taxon))
    ends = np.cumsum([len(head.classes) for head in heads])[:-1]
    weight, bias = (keeper.best[name].numpy() for name in ("weight", "bias"))
    return Trained(
        heads=list(zip(np.split(weight, ends), np.split(bias, ends), strict=True)),
        epochs=keeper.epoch,
        best_epoch=keeper.best_epoch,
        validation_loss=keeper.lowest,
        resumed_epoch=resumed,
    )


def _fit(layer: "Layer", keeper: "_Keeper", settings: Settings, resume: Path | None, n: int) -> None:
    on_interrupt = signal.getsignal(signal.SIGINT)
    with _quiet(), progress_bar("training the probe", settings.epochs, "epochs") as advance:
        trainer = lightning.Trainer(
            accelerator=choose_device(settings.device, has_module=True),
            devices=1,
            plugins=[LightningEnvironment()],
            max_epochs=settings.epochs,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            callbacks=[keeper, _Advance(advance)],
        )
        batches = Shuffled(n, settings.batch_size, settings.seed, lambda: keeper.epoch)
        held = len(layer.validation_rows)
        in_order = Shuffled(held, max(1, _VALIDATION // layer.width), None, lambda: 0)
        try:
            trainer.fit(
                layer,
                loader(layer.training_rows, batches),
                loader(layer.validation_rows, in_order) if held else None,
                ckpt_path=resume,
                weights_only=True,
            )
        except SystemExit as stop:
            if not isinstance(stop.__context__, KeyboardInterrupt):
                raise
            # Lightning makes an exit of Ctrl-C and stays deaf to the next one; a notebook must survive both.
            signal.signal(signal.SIGINT, on_interrupt)
            raise KeyboardInterrupt from None


class _Advance(lightning.Callback):
    """Moves a bar on after each epoch."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance

    def on_train_epoch_end(self, *_: Any) -> None:
        self._advance(1)


def _read(checkpoint: Path | None) -> dict[str, Any] | None:
    """What a checkpoint holds, None where there is none; read as tensors and plain values, never as code."""
    if checkpoint is None or not checkpoint.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
        _ = state["callbacks"][_Keeper.state_key]["best"], state["loops"], state["optimizer_states"]
    except Exception as error:
        raise TaxoevalError(
            f"{checkpoint}: cannot be read as a checkpoint of a probe ({' '.join(str(error).split())[:200]}); delete "
            "it to train from the start"
        ) from None
    return state


class _Keeper(lightning.Callback):
    """Keeps the best weights, stops when they get no better, and writes a checkpoint after every epoch."""

    state_key = "taxoeval_probe"

    def __init__(self, patience: int, checkpoint: Path | None, on_epoch: Callable[[int], object]) -> None:
        self.epoch, self.best_epoch, self.lowest = 0, 0, float("nan")
        self.best: dict[str, Tensor] = {}
        self._patience, self._checkpoint, self._on_epoch = patience, checkpoint, on_epoch

    def finished(self, epochs: int) -> bool:
        """Whether there is nothing left to do."""
        return self.epoch >= epochs or (not math.isnan(self.lowest) and self.epoch - self.best_epoch >= self._patience)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self.epoch += 1
        value = pl_module.validation_loss()
        weights = {name: tensor.detach().cpu().clone() for name, tensor in pl_module.state_dict().items()}
        if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
            raise TaxoevalError(
                f"the probe's loss is no longer a number in epoch {self.epoch}; lower learning_rate, or look for huge "
                "values in the vectors"
            )
        if math.isnan(value) or not value >= self.lowest:
            self.best, self.best_epoch, self.lowest = weights, self.epoch, value
        trainer.should_stop = self.finished(trainer.max_epochs)
        if self._checkpoint is not None:
            self._checkpoint.parent.mkdir(parents=True, exist_ok=True)
            written = self._checkpoint.with_suffix(".writing")
            trainer.save_checkpoint(written)
            written.replace(self._checkpoint)
        self._on_epoch(1)

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "best_epoch": self.best_epoch, "lowest": self.lowest, "best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epoch, self.best_epoch = int(state_dict["epoch"]), int(state_dict["best_epoch"])
        self.lowest, self.best = float(state_dict["lowest"]), dict(state_dict["best"])

"""Running a network over batches with Lightning, without its noise and without the files it likes to leave."""

import logging
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as lightning
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities.warnings import PossibleUserWarning
from pytorch_lightning.strategies import DDPStrategy
from torch.utils.data import DataLoader

from taxoeval.embedding.processes import Launch, joined
from taxoeval.embedding.streams import is_out_of_memory, memory_order
from taxoeval.errors import TaxoevalError

_NOISY = ("pytorch_lightning", "lightning_fabric", "lightning_utilities", "lightning")


def predict(
    module: torch.nn.Module | None,
    embed: Callable[[Any], torch.Tensor],
    loader: "DataLoader[Any]",
    device: str,
    on_batch: Callable[[torch.Tensor, Any], None],
) -> None:
    """Embed every batch of a loader on one device, in evaluation and inference mode.

    The processes of a group call it together, each with batches of its own, or none.

    Parameters
    ----------
    module
        The network, moved to the device for the time of the call; None where there is none.
    embed
        Batch to vectors.
    loader
        The batches, in order.
    device
        ``"cpu"``, ``"cuda"`` or ``"mps"``, see :func:`choose_device`.
    on_batch
        Called with vectors and batch after each; an error it raises ends the run and reaches the caller as it is.

    Examples
    --------
    >>> loader = DataLoader([1.0, 2.0, 3.0], batch_size=2)
    >>> predict(None, lambda batch: 2 * batch, loader, "cpu", lambda vectors, batch: print(vectors.tolist()))
    [2.0, 4.0]
    [6.0]
    """
    on_interrupt = signal.getsignal(signal.SIGINT)
    with _quiet(), memory_order(module, device):
        trainer = lightning.Trainer(
            accelerator=device,
            **_places(device),
            use_distributed_sampler=False,  # leases cut the work
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            callbacks=[_Receiver(on_batch)],
        )
        try:
            trainer.predict(_Network(module, embed), dataloaders=loader, return_predictions=False)
        except (RuntimeError, MemoryError) as error:
            raise _explained(error) from error
        except SystemExit as stop:
            if not isinstance(stop.__context__, KeyboardInterrupt):
                raise
            # Lightning makes an exit of Ctrl-C and stays deaf to the next one; a notebook must survive both.
            signal.signal(signal.SIGINT, on_interrupt)
            raise KeyboardInterrupt from None


def choose_device(device: str, *, has_module: bool) -> str:
    """The device to compute on.

    Parameters
    ----------
    device
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    has_module
        Whether there is a network at all; without one everything happens on the CPU.

    Returns
    -------
    str
        ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Raises
    ------
    TaxoevalError
        If the device is unknown or this machine has none.

    Examples
    --------
    >>> choose_device("cpu", has_module=True), choose_device("auto", has_module=False)
    ('cpu', 'cpu')
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device not in ("auto", *present):
        raise TaxoevalError(f"device={device!r} is not one of auto, cpu, cuda, mps")
    if device != "auto" and not present[device]:
        raise TaxoevalError(
            f"device={device}: torch sees no such device on this machine; use device=auto or device=cpu"
        )
    if not has_module:
        return "cpu"
    return next(name for name, there in present.items() if there) if device == "auto" else device


class _Network(lightning.LightningModule):
    def __init__(self, module: torch.nn.Module | None, embed: Callable[[Any], torch.Tensor]) -> None:
        super().__init__()
        self.network = module  # registered, so that Lightning moves it to the device
        self._embed = embed
        self.allow_zero_length_dataloader_with_multiple_devices = True

    def predict_step(self, batch: Any) -> torch.Tensor:
        return self._embed(batch)


class _Receiver(lightning.Callback):
    def __init__(self, on_batch: Callable[[torch.Tensor, Any], None]) -> None:
        self._on_batch = on_batch

    def on_predict_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, *_: Any) -> None:
        self._on_batch(outputs, batch)


class _Placed(LightningEnvironment):
    """A launch in Lightning's words: each process stands for a machine with one device, which it chose itself."""

    creates_processes_externally = True

    def __init__(self, launch: Launch) -> None:
        super().__init__()
        self._launch = launch

    def world_size(self) -> int:
        return self._launch.count

    def global_rank(self) -> int:
        return self._launch.number

    def node_rank(self) -> int:
        return self._launch.number

    def local_rank(self) -> int:
        return 0

    def teardown(self) -> None:
        pass  # the variables of the launcher stay as they are


def _places(device: str) -> dict[str, Any]:
    """Where Lightning computes: on one device, which among the processes of a launch is each one's own."""
    launch = joined()
    if launch is None:
        # Named, so that inside a SLURM job Lightning neither checks the job's task count nor takes its signals.
        return {"devices": 1, "plugins": [LightningEnvironment()]}
    return {
        "devices": [launch.local % torch.cuda.device_count()] if device == "cuda" else 1,
        "num_nodes": launch.count,
        "strategy": DDPStrategy(process_group_backend="gloo"),
        "plugins": [_Placed(launch)],
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep advice on accelerators, loggers and loader processes off the terminal; the encoder's warnings pass."""
    levels = {name: logging.getLogger(name).level for name in _NOISY}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=PossibleUserWarning)
        warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric|torch\.utils\.data")
        try:
            for name in levels:
                logging.getLogger(name).setLevel(logging.ERROR)
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def _explained(error: RuntimeError | MemoryError) -> Exception:
    text = str(error)
    if is_out_of_memory(error):
        return TaxoevalError(
            "not enough memory for the network and one image; end other programs that use the device, or use device=cpu"
        )
    if "DataLoader worker" in text and ("exited unexpectedly" in text or "killed by signal" in text):
        return TaxoevalError("a process that reads images died (out of memory, or /dev/shm too small); use workers=0")
    return error

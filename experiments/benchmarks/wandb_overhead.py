"""What W&B adds to a job when it is kept offline: the same evaluation with no logger and with W&B, in turn.

    python experiments/benchmarks/wandb_overhead.py [--rounds N] [OVERRIDE ...]

Everything that can be stored is stored before the clock starts, so that the evaluation is short and the same each time;
the two are run in pairs, and their order changes from pair to pair, as the machine may be busier at one time than at
another. Prints the seconds of each pair, the median difference and its range, and the seconds of the logger alone.
"""

import argparse
import contextlib
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import hydra
from omegaconf import OmegaConf

from taxoeval.__main__ import config_folder
from taxoeval.evaluation import evaluate
from taxoeval.reports import Run
from taxoeval.reports.no_logger import NoLogger
from taxoeval.reports.run import LogOutcome
from taxoeval.reports.wandb import WandbLogger


class Timed:
    """W&B offline, and how long each call took."""

    def __init__(self) -> None:
        self.log, self.seconds = WandbLogger(mode="offline"), []

    def __call__(self, run: Run, folder: Path) -> LogOutcome:
        start = time.perf_counter()
        outcome = self.log(run, folder)
        self.seconds.append(time.perf_counter() - start)
        assert outcome.status == "offline", outcome
        return outcome


def evaluation(overrides: list[str]) -> Callable[..., None]:
    """The evaluation that the command line would run, as a function of logger and folder."""
    with hydra.initialize_config_dir(str(config_folder()), version_base="1.3"):
        cfg = hydra.compose("config", overrides)
    plain = OmegaConf.to_container(cfg, resolve=True)

    def build(node: object) -> object:
        return hydra.utils.instantiate(node, _convert_="all")

    def run(logger: object, folder: Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            evaluate(
                encoders={role: lambda role=role: build(cfg[role]) for role in ("encoder", "control") if cfg.get(role)},
                dataset=lambda: build(cfg.dataset),
                decoding=build(cfg.decoding),
                tasks={key: build(node) for key, node in cfg.task.items()},
                logger=logger,
                runtime=build(cfg.runtime),
                folder=folder,
                name=None,
                group=None,
                config=plain,
            )

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("overrides", nargs="*")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        stored = [f"runtime.store={home}/store", f"runtime.cells={home}/cells", "runtime.progress=false"]
        run = evaluation([*told.overrides, *stored])
        wandb = Timed()
        run(NoLogger(), home / "warm")
        run(wandb, home / "warm too")
        wandb.seconds.clear()
        added = []
        for i in range(told.rounds):
            seconds = {}
            for name in ("none", "wandb") if i % 2 == 0 else ("wandb", "none"):
                start = time.perf_counter()
                run(wandb if name == "wandb" else NoLogger(), home / f"{i}_{name}")
                seconds[name] = time.perf_counter() - start
            added.append(seconds["wandb"] - seconds["none"])
            print(f"none {seconds['none']:.2f} s, W&B offline {seconds['wandb']:.2f} s, more {added[-1]:.2f} s")
        print(f"W&B offline adds {statistics.median(added):.2f} s ({min(added):.2f} to {max(added):.2f})")
        print(f"the logger alone {statistics.median(wandb.seconds):.2f} s, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

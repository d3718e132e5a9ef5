"""Several processes of one launch: one set of vectors, one run folder, and one end if anything is wrong."""

import os
import socket
import subprocess
import sys
import uuid
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from taxoeval.embedding import EmbeddingStore, embed_images, processes
from taxoeval.embedding.processes import Launch, launched
from taxoeval.errors import TaxoevalError
from tests.embedding.fakes import Toy, arrays, count, dataset, direct

REPOSITORY = Path(__file__).resolve().parents[2]
CALL = "import sys; from tests.embedding.fakes import shared_extraction as f; f(*sys.argv[1:])"
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
STEP = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_STEP_NODELIST": "node[03-04,9]", "SLURM_LOCALID": "1"}


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"} | more


def torchrun(folder: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TORCHRUN, *arguments], cwd=folder, env=environment(**more), capture_output=True, text=True, timeout=240
    )


def two_tasks(tmp_path: Path, trouble: str) -> list[tuple[int, str]]:
    """Exit status and standard error of two processes that believe that ``srun`` started them."""
    job = {**STEP, "SLURM_JOB_ID": uuid.uuid4().hex, "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_STEP_NUM_TASKS": "2"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CALL, str(tmp_path / "store"), str(tmp_path / "log"), "96", trouble],
            cwd=REPOSITORY,
            env=environment(**job, SLURM_PROCID=str(number)),
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in (0, 1)
    ]
    told = [process.communicate(timeout=120)[1] for process in started]
    return [(process.returncode, text) for process, text in zip(started, told, strict=True)]


def test_who_is_in_a_launch() -> None:
    elastic = {"TORCHELASTIC_RUN_ID": "x", "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}
    elastic |= {"MASTER_ADDR": "a", "MASTER_PORT": "29500"}
    assert launched(elastic) == Launch(5, 8, 1, "a", 29500)
    assert launched({**elastic, "WORLD_SIZE": "1", "RANK": "0"}) is None
    task = {**STEP, "SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "4"}
    here = launched(task)
    assert here is not None
    assert (here.number, here.count, here.local, here.address) == (2, 4, 1, "node03")
    other = launched({**task, "SLURM_STEP_ID": "1"})
    assert other is not None
    assert other.port != here.port  # two steps of a job at the same time
    assert launched({**elastic, **task}) == launched(elastic)  # torchrun in a step
    assert launched({**task, "SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "4"}) is None  # one of several steps
    batch = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
    assert launched(batch) is None  # a batch script that starts no step


def test_alone_nobody_is_asked() -> None:
    assert processes.is_first()
    with processes.group(), processes.step():
        assert processes.joined() is None
        assert processes.any_of_us(True)
        assert not processes.any_of_us(False)
    with pytest.raises(OSError, match="as it is"), processes.step():
        raise OSError("as it is")


@pytest.mark.parametrize("number", [0, 1])
def test_who_comes_alone_waits_for_a_while_only(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MEETING", timedelta(seconds=1))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TaxoevalError, match=f"not all of the 2 processes of this launch came to 127.0.0.1:{port}"):
        processes._store(Launch(number, 2, 0, "127.0.0.1", port))


def test_two_processes_encode_every_image_once_and_agree_with_one(tmp_path: Path) -> None:
    n = 96
    run = torchrun(
        REPOSITORY, "--no-python", sys.executable, "-c", CALL, *map(str, (tmp_path / "store", tmp_path / "log", n))
    )
    assert run.returncode == 0, run.stderr
    counts = [count(tmp_path / f"log{number}") for number in (0, 1)]
    assert sum(counts) == 2 * n  # two encoders
    assert min(counts) > 0
    toy = Toy(tmp_path / "log", weights=0)
    alone = embed_images(toy, dataset(arrays(n)), EmbeddingStore(tmp_path / "alone"), batch_size=4, workers=0)
    for number in (0, 1):
        assert np.array_equal(np.load(tmp_path / f"log{number}.npy"), alone.vectors)
    assert np.array_equal(alone.vectors, direct(toy, arrays(n)))


@pytest.mark.parametrize(
    ("trouble", "first", "second"),
    [
        ("bad image", "process 1 of this launch failed: 7.png: truncated; replace it", "7.png: truncated; replace it"),
        ("killed", "another process of this launch ended or is stuck", ""),
        ("other images", "do different things: start all with the same arguments", "do different things"),
    ],
)
def test_if_one_fails_all_end(tmp_path: Path, trouble: str, first: str, second: str) -> None:
    (status, told), (other_status, other_told) = two_tasks(tmp_path, trouble)
    assert status not in (0, -6), told
    assert other_status == -9 if trouble == "killed" else other_status not in (0, -6), other_told
    assert first in told
    assert second in other_told


def test_one_run_folder_and_one_table(tmp_path: Path) -> None:
    given = ("dataset.n_images=60", "task=[knn]", "logger=none", "~encoder@control")
    more = {"TAXOEVAL_STORE": str(tmp_path / "store"), "TAXOEVAL_CELLS": str(tmp_path / "cells")}
    run = torchrun(tmp_path, "-m", "taxoeval", *given, "hydra.run.dir=run", **more)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("results: ") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells", "run", "store"]
    again = torchrun(tmp_path, "-m", "taxoeval", *given, "hydra.run.dir=run", "runtime.overwrite=never", **more)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("holds a finished run") == 1


def test_a_run_that_fails_in_both_processes_ends_with_a_failure(tmp_path: Path) -> None:
    run = torchrun(tmp_path, "-m", "taxoeval", "dataset=table", "dataset.labels=absent.csv", "logger=none")
    assert run.returncode == 1
    assert "absent.csv" in run.stderr


def test_a_sweep_of_a_launch(tmp_path: Path) -> None:
    given = ("-m", "encoder=mini_clip,pixels", "task=[knn]", "logger=none", "dataset.n_images=60", "~encoder@control")
    more = {"TAXOEVAL_STORE": str(tmp_path / "store"), "TAXOEVAL_CELLS": str(tmp_path / "cells")}
    run = torchrun(tmp_path, "-m", "taxoeval", *given, "hydra.sweep.dir=sweep", **more)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("sweep: 2 jobs: 2 ok") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells", "store", "sweep"]
    assert len(list(tmp_path.glob("sweep/*/run.json"))) == 2

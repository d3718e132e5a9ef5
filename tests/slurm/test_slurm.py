"""Sweeps on a real scheduler: all results, and the truth about jobs that are killed, requeued or out of time.

Run with ``make slurm-test``: a one-node cluster on loopback is started from the scripts beside the checkout.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slurm

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT.parent / "shared" / "slurm"
PATIENCE = 600.0


@pytest.fixture(scope="module")
def cluster():
    """Environment of a client of a cluster that lives as long as these tests."""
    if not (SCRIPTS / "up.sh").is_file():
        pytest.skip("the scripts that start a cluster are not beside this checkout")
    missing = [name for name in ("sbatch", "slurmctld", "slurmdbd", "mariadbd", "munged") if not _installed(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: apt-get install slurm-wlm slurmdbd munge mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="cluster"))
    folder.chmod(0o755)  # the database runs as a user of its own, who may not look into the folders of a test
    environment = os.environ | {"SLURM_DIR": str(folder)}
    with (folder / "up.log").open("w") as log:
        up = subprocess.run(
            ["bash", SCRIPTS / "up.sh"], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    client = {"SLURM_CONF": str(folder / "slurm.conf")}
    if up.returncode or not _idle(client):
        subprocess.run(["bash", SCRIPTS / "down.sh"], env=environment, check=False)
        pytest.fail(f"the cluster did not start: {(folder / 'up.log').read_text()[-2000:]}")
    yield client
    subprocess.run(["scancel", "--user", "root"], env=os.environ | client, check=False)
    subprocess.run(["bash", SCRIPTS / "down.sh"], env=environment, check=False)
    shutil.rmtree(folder, ignore_errors=True)


def _idle(client: dict[str, str], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        nodes = subprocess.run(["sinfo", "-h", "-o", "%T"], env=os.environ | client, capture_output=True, text=True)
        if "idle" in nodes.stdout:
            return True
        time.sleep(1)
    return False


def _installed(name: str) -> bool:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is not None


class Sweep:
    """A sweep of a test: where it runs, and how it is launched."""

    def __init__(self, folder: Path, client: dict[str, str]) -> None:
        self.folder, self.sweep, self.client = folder, folder / "sweep", client

    def start(self, *arguments: str, slurm: bool = True) -> "subprocess.Popen[str]":
        launcher = [
            "hydra/launcher=submitit_slurm",
            "hydra.launcher.cpus_per_task=1",
            "hydra.launcher.mem_gb=2",
            "hydra.launcher.signal_delay_s=5",
        ]
        own = [sys.executable, "-m", "taxoeval", "-m", "logger=none", "runtime.progress=false", "task=[knn]"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "SLURM"))} | self.client
        environment |= {"PYTHONPATH": str(ROOT), "TAXOEVAL_STORE": str(self.folder / "store"), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [*own, f"hydra.sweep.dir={self.sweep}", *arguments, *(launcher if slurm else [])],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, slurm: bool = True) -> tuple[int, str]:
        process = self.start(*arguments, slurm=slurm)
        out, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, out

    def runs(self) -> dict[int, dict]:
        found = sorted(self.sweep.glob("*/run.json"))
        return {int(path.parent.name.split("_")[0]): json.loads(path.read_text()) for path in found}

    def job(self, number: int) -> str:
        """Id of one job of the array, once it is there."""
        return str(_wait(lambda: [p.name for p in self.sweep.glob(f".submitit/*_{number}")])[0])

    def shards(self) -> list[Path]:
        return list((self.folder / "store").glob("mini_clip-*/images/*.parquet"))

    def ask(self, *command: str) -> str:
        done = subprocess.run(command, env=os.environ | self.client, capture_output=True, text=True, check=True)
        return done.stdout


def _wait(what, seconds: float = PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"nothing came of {what} within {seconds} s")


def numbers(folder: Path) -> list[dict[str, str]]:
    """The comparison without what must differ between two sweeps."""
    with (folder / "comparison.csv").open() as file:
        return [{k: v for k, v in row.items() if k not in ("started", "changed_since")} for row in csv.DictReader(file)]


def test_an_array_gives_the_same_table_as_one_process(tmp_path: Path, cluster):
    grid = ("encoder=mini_clip,pixels,colour_texture", "dataset.n_images=80,100", "~encoder@control")
    array, plain = Sweep(tmp_path / "array", cluster), Sweep(tmp_path / "plain", cluster)
    for sweep in (array, plain):
        sweep.folder.mkdir()
    status, out = array.run(*grid)
    assert status == 0, out
    assert "sweep: 6 jobs: 6 ok" in out
    assert plain.run(*grid, slurm=False)[0] == 0
    assert len(array.runs()) == 6
    assert numbers(array.sweep) == numbers(plain.sweep)


def test_a_killed_job_is_named_and_only_it_is_computed_again(tmp_path: Path, cluster):
    sweep = Sweep(tmp_path, cluster)
    grid = ("dataset.n_images=90,2500,80", "~encoder@control")
    process = sweep.start(*grid)
    job = sweep.job(1)
    _wait(sweep.shards)
    sweep.ask("scancel", "--signal=KILL", "--full", job)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, out
    assert "sweep: 3 jobs: 2 ok, 1 missing" in out
    assert "1_simulated__mini_clip: missing: no result was written: killed" in out
    assert set(sweep.runs()) == {0, 2}
    kept = {path: path.stat().st_mtime_ns for path in sweep.shards()}
    status, out = sweep.run(*grid)
    assert status == 0, out
    assert {number: [cell["cached"] for cell in run["cells"]] for number, run in sweep.runs().items()} == {
        0: [True],
        1: [False],
        2: [True],
    }
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())  # what was encoded was not encoded again


def test_a_requeued_job_goes_on_from_its_shards(tmp_path: Path, cluster):
    sweep = Sweep(tmp_path, cluster)
    process = sweep.start("dataset.n_images=2500,80", "~encoder@control")
    job = sweep.job(0)
    _wait(lambda: any(pq.read_metadata(path).num_rows > 100 for path in sweep.shards()))
    first = {path for path in sweep.shards() if pq.read_metadata(path).num_rows > 100}
    sweep.ask("scontrol", "requeue", job)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out
    assert sweep.ask("sacct", "-n", "-X", "-D", "-j", job, "-o", "state").count("REQUEUED") == 1
    assert first <= set(sweep.shards())
    assert set(sweep.runs()) == {0, 1}
    contents = [c for path in sweep.shards() for c in pq.read_table(path, columns=["content"])["content"].to_pylist()]
    assert len(contents) == len(set(contents))  # every image was encoded once


def test_a_job_out_of_time_is_told(tmp_path: Path, cluster):
    sweep = Sweep(tmp_path, cluster)
    status, out = sweep.run("dataset.n_images=80,60000", "~encoder@control", "hydra.launcher.timeout_min=1")
    assert status == 1, out
    assert "sweep: 2 jobs: 1 ok, 1 " in out
    assert {number: run["status"] for number, run in sweep.runs().items() if run["status"] == "ok"} == {0: "ok"}
    assert "timed-out" in out or "killed, or out of memory or time" in out


def test_interrupting_the_sweep_leaves_what_is_finished(tmp_path: Path, cluster):
    sweep = Sweep(tmp_path, cluster)
    process = sweep.start("dataset.n_images=80,2500", "~encoder@control")
    _wait(lambda: sweep.runs())
    process.send_signal(signal.SIGKILL)
    process.wait()
    sweep.ask("scancel", "--user", "root")
    status, out = sweep.run("dataset.n_images=80,2500", "~encoder@control")
    assert status == 0, out
    assert sweep.runs()[0]["cells"][0]["cached"]


def test_tasks_of_one_step_make_one_run(tmp_path: Path, cluster):
    given = ("dataset.n_images=200", "task=[knn]", "logger=none", "runtime.cells=null", "hydra.run.dir=run")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "SLURM"))} | cluster
    environment |= {"PYTHONPATH": str(ROOT), "TAXOEVAL_STORE": str(tmp_path / "store"), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        ["srun", "-n", "2", sys.executable, "-m", "taxoeval", *given],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("results: ") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "store"]
    shards = list((tmp_path / "store").glob("mini_clip-*/images/*.parquet"))
    contents = [c for path in shards for c in pq.read_table(path, columns=["content"])["content"].to_pylist()]
    assert len(contents) == len(set(contents)) == 200

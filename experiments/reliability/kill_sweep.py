"""Does a sweep that is killed again and again end in the same table, and is anything computed twice?

    python experiments/reliability/kill_sweep.py [--kills 20] [--seed 0]

Eight cells: two encoders without weights on four simulated clades, one task, in folders of their own. The sweep is run
once undisturbed. Then it is begun anew with empty stores and its whole process group killed (SIGKILL) after a random
part of that time; the same command is given again until it ends by itself, and its table is compared with the
undisturbed one, cell by cell. That is repeated until there were enough kills. After every kill the files of finished
cells are noted: a cell that is written again has another time of change or another inode, and is counted.
"""

import argparse
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

GRID = [
    "encoder=pixels,colour_texture",
    "~encoder@control",
    "dataset.seed=0,1,2,3",
    "dataset.n_images=400",
    "task=[knn]",
]

Marks = dict[Path, tuple[int, int]]


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """The sweep, in a process group of its own, with stores inside the folder."""
    command = [sys.executable, "-m", "taxoeval", "-m", *GRID, "logger=none", f"hydra.sweep.dir={folder}/sweep"]
    stores = {"TAXOEVAL_STORE": str(folder / "store"), "TAXOEVAL_CELLS": str(folder / "cells")}
    folder.mkdir(exist_ok=True)
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(command, env=os.environ | stores, stdout=log, stderr=log, start_new_session=True)


def table(folder: Path) -> list[dict[str, str]]:
    """The comparison at the end, without the times of its runs."""
    with (folder / "sweep" / "comparison.csv").open(encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k != "started"} for row in csv.DictReader(file)]


def finished(folder: Path) -> Marks:
    """Time of change and inode of every finished cell."""
    files = (folder / "cells").rglob("cell.json")
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in files if ".part" not in str(path)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    with tempfile.TemporaryDirectory() as place:
        plain, begun = Path(place) / "plain", time.perf_counter()
        status = start(plain).wait()
        whole, wanted = time.perf_counter() - begun, table(plain)
        print(
            f"undisturbed: {whole:.1f} s, exit status {status}, {len(finished(plain))} cells, {len(wanted)} rows",
            flush=True,
        )
        kills = rounds = twice = 0
        while kills < chosen.kills:
            folder, seen = Path(place) / f"round{rounds}", Marks()
            while True:
                process, after = start(folder), rng.uniform(0.0, whole)
                try:
                    status = process.wait(timeout=after)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    kills += 1
                    status = None
                now = finished(folder)
                twice += sum(now.get(path) != mark for path, mark in seen.items())
                seen |= now
                if status is not None:
                    break
                print(f"round {rounds}: killed after {after:5.1f} s, {len(seen)} of 8 cells finished", flush=True)
            same = table(folder) == wanted
            print(
                f"round {rounds}: ended, exit status {status}, table {'the same' if same else 'DIFFERENT'}", flush=True
            )
            rounds += 1
        print(f"{kills} kills in {rounds} rounds; cells computed again after they had finished: {twice}")


if __name__ == "__main__":
    main()

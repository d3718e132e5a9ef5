"""Does an extraction that is killed lose anything? Killed with -9 at random moments, resumed, compared bit by bit.

    python experiments/reliability/kill_extraction.py [--kills 50] [--images 600]

An untrained network encodes simulated organisms. A process of its own does it, writes down each batch it encodes and is
killed after a random time, until one of them comes to its end; then with an empty store again, until there were enough
kills. Each finished store must hold the vectors of an undisturbed one, bit by bit, in parts that are whole; images
encoded more than once are what the kills cost.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

BATCH, SHARD = 16, 32


@dataclass(frozen=True, eq=False)
class Noting:
    """An encoder that writes down how many images it encodes."""

    encoder: Any
    log: Path
    begun: list[bool] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.encoder, name)

    def embed_images(self, batch: Any) -> Any:
        if not self.begun:
            self.begun.append(True)
            print("begins", flush=True)
        with self.log.open("a") as stream:
            stream.write(f"{len(batch)}\n")
        return self.encoder.embed_images(batch)


def work(store: Path, log: Path, images: int) -> np.ndarray:
    import torch

    from taxoeval.datasets import simulated
    from taxoeval.embedding import EmbeddingStore, embed_images
    from taxoeval.encoders import weightless

    torch.set_num_threads(1)
    encoder = Noting(weightless.random_network(), log)
    clade = simulated.load(n_species=30, n_images=images, size=64)
    found = embed_images(
        encoder, clade, EmbeddingStore(store), batch_size=BATCH, shard_size=SHARD, workers=0, progress=False
    )
    return found.vectors


def encoded(log: Path) -> int:
    return sum(int(line) for line in log.read_text().split()) if log.exists() else 0


def stored(store: Path) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(part).num_rows for part in store.rglob("part-*.parquet"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--work", nargs=2, type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        work(*chosen.work, chosen.images)
        return
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place:
        whole = work(Path(place, "whole"), Path(place, "whole.log"), chosen.images)
        begun = time.perf_counter()
        work(Path(place, "timed"), Path(place, "timed.log"), chosen.images)  # everything is imported now
        lasts = time.perf_counter() - begun
        kept = stored(Path(place, "whole"))
        print(f"undisturbed: {len(whole)} images, {kept} of them different and stored, in {lasts:.1f} s", flush=True)
        kills, rounds, worst, redone = 0, 0, 0, 0
        while kills < chosen.kills:
            store, log = Path(place, f"store{rounds}"), Path(place, f"log{rounds}")
            before = 0
            while True:
                command = [sys.executable, __file__, "--images", str(chosen.images), "--work", str(store), str(log)]
                process = subprocess.Popen(command, stdout=subprocess.PIPE)
                assert process.stdout is not None
                process.stdout.readline()
                try:
                    process.wait(timeout=float(rng.uniform(0.0, lasts / 4)))
                    break
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    kills += 1
                lost = encoded(log) - before - stored(store)  # what was encoded since, and is not there
                worst, redone = max(worst, lost), redone + lost
                before = encoded(log) - stored(store)
            rounds += 1
            assert worst <= SHARD, f"{worst} images were encoded again after one kill, a shard holds {SHARD}"
            assert process.returncode == 0, "the last process failed"
            again = work(store, Path(place, "again.log"), chosen.images)
            assert not Path(place, "again.log").exists(), "something was not stored"
            assert again.tobytes() == whole.tobytes(), "other bits"
            assert stored(store) == stored(Path(place, "whole")), "something is stored twice"
            print(
                f"{kills} kills, {rounds} stores: equal bit by bit; {redone} images encoded again, most {worst}",
                flush=True,
            )
        print(f"a shard holds {SHARD} images; at most {worst / SHARD:.2f} shards were encoded again after a kill")


if __name__ == "__main__":
    main()

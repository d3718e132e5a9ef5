"""What does a run cost whose vectors are stored already: 10,000 images of 1,000 species, every task, with intervals?

    python experiments/benchmarks/second_run.py [--images 10000] [--tasks knn,few_shot]

Vectors of 768 dimensions and Zipf's counts as in `structure_sums.py`, written as Parquet beside a table of labels; then
the command line as a user would type it, `encoder=precomputed`, with every cell computed. Tasks that need a text tower,
or a file of the user's, have no place in it. Prints the seconds of each task and those of the whole process; what is
between the two is start, reading, files and page.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from structure_sums import labels, vectors

TASKS = "knn,few_shot,linear_probe,retrieval,unknown_taxa,structure"


def write(folder: Path, n: int) -> int:
    """Vectors and labels as files; returns how many species there are."""
    taxon, taxonomy = labels(n)
    held = vectors(taxon, taxonomy).astype(np.float32)
    names = [f"{i:06d}" for i in range(n)]
    matrix = pa.FixedSizeListArray.from_arrays(pa.array(held.ravel()), held.shape[1])
    pq.write_table(pa.table({"id": names, "vector": matrix}), folder / "vectors.parquet")
    lineages = [taxonomy.lineage(int(t)) for t in taxon]
    ranks = {rank: [line[r] for line in lineages] for r, rank in enumerate(taxonomy.ranks)}
    pc.write_csv(pa.table({"id": names, **ranks}), folder / "labels.csv")
    return len(taxonomy.leaves)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--tasks", default=TASKS)
    parser.add_argument("overrides", nargs="*", help="further settings of the run")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        species = write(folder, chosen.images)
        command = [sys.executable, "-m", "taxoeval", "encoder=precomputed", f"encoder.vectors={folder}/vectors.parquet"]
        command += ["dataset=table", f"dataset.labels={folder}/labels.csv", "dataset.annotations_only=true"]
        command += [f"task=[{chosen.tasks}]", "logger=none", "runtime.overwrite=always", "runtime.console=quiet"]
        command += [f"runtime.cells={folder}/cells", f"hydra.run.dir={folder}/run", *chosen.overrides]
        begun = time.perf_counter()
        subprocess.run(command, check=True)
        took = time.perf_counter() - begun
        run = json.loads((folder / "run" / "run.json").read_text())
    for cell in run["cells"]:
        print(f"{cell['task']:<14}{cell['seconds']:7.2f} s  {cell['status']}  {cell['reason']}".rstrip())
    for step, seconds in run["timings"].items():
        print(f"  {step:<26}{seconds:7.2f} s")
    print(f"{chosen.images:,} images, {species:,} species: {took:.1f} s for the whole process")
    print(f"{os.cpu_count()} processors, {os.getloadavg()[0]:.1f} busy")


if __name__ == "__main__":
    main()

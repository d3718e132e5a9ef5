"""What does the whole task `structure`, without the maps that must be named, cost at 20,000 images of 1,000 species?

    python experiments/benchmarks/structure_task.py [--images 20000]

Vectors as in `structure_sums.py`: seven ranks, Zipf's counts, 768 dimensions, in memory. Prints the seconds of each
analysis, their sum, and the growth of the peak memory over what the vectors and the imports take.
"""

import argparse
import os
import resource
import time

import numpy as np
from structure_sums import labels, vectors

from taxoeval.prompts import Prompts
from taxoeval.records import Embeddings
from taxoeval.tasks import Subject
from taxoeval.tasks.structure import Structure


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    n = parser.parse_args().images
    taxon, taxonomy = labels(n)
    embeddings = Embeddings(vectors(taxon, taxonomy), taxon, np.arange(n).astype(str), "synthetic")
    subject = Subject(embeddings, taxonomy, [""] * len(taxonomy), np.full(n, "test"))
    before, begun = peak(), time.perf_counter()
    result = Structure(prompts=Prompts("sci", "none"))(subject)
    took = time.perf_counter() - begun
    for name, seconds in sorted(result.details["seconds"].items(), key=lambda item: -item[1]):
        print(f"{name:<32}{seconds:7.2f} s")
    print(f"{n:,} images, {len(taxonomy.leaves):,} species: {took:.1f} s, {peak():.2f} GB ({peak() - before:.2f} more)")
    print(f"{os.cpu_count()} processors, {os.getloadavg()[0]:.1f} busy")


if __name__ == "__main__":
    main()

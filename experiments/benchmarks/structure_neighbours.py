"""What do silhouettes at all ranks and the graph of nearest neighbours cost, beside scikit-learn and faiss?

    python experiments/benchmarks/structure_neighbours.py [--images 20000] [--species 1000] [--k 20] [--rounds 3]

Vectors of 768 dimensions drawn from a simulated clade: each of seven ranks adds a direction of its taxon, each image
noise. Every job runs in a process of its own, after a small job of the same kind, so that imports and buffers are in
neither time nor memory: wall time and processor time, the least of some rounds, and what the peak memory grew by. Ours
with everything it gives (all seven ranks, by image, by taxon and among siblings, with intervals); the peers give one
rank. Values are compared with the peers'. faiss is optional: ``pip install faiss-cpu``; one thread by default
(``OMP_NUM_THREADS``), in an environment where torch is not imported.
"""

import argparse
import importlib.util
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from taxoeval import Taxonomy
from taxoeval.taxonomy import RANKS

D = 768
Job = Callable[[np.ndarray, np.ndarray, Taxonomy, int], float]


def clade(images: int, species: int) -> tuple[np.ndarray, np.ndarray, Taxonomy]:
    """Two images of each species and the rest at random; effects of equal size at every rank."""
    rng, place = np.random.default_rng(0), np.arange(species)
    ids = [place // size for size in (500, 250, 100, 40, 12, 4, 1)]
    lineages = [tuple(f"{rank} {i[s]}" for rank, i in zip(RANKS, ids, strict=True)) for s in place]
    taxonomy = Taxonomy.from_lineages(lineages)
    taxa = taxonomy.ids(lineages)
    effect = 0.5 * rng.standard_normal((len(taxonomy), D), dtype=np.float32)
    of = np.r_[place, place, rng.integers(0, species, size=images - 2 * species)]
    vectors = 4 * rng.standard_normal((images, D), dtype=np.float32)
    vectors += effect[taxonomy.ancestor[taxa]].sum(axis=1)[of]
    return vectors, taxa[of], taxonomy


def silhouettes(vectors: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy, k: int) -> float:
    from taxoeval.structure.silhouette import silhouette

    return float(silhouette(vectors, taxon, taxonomy, permutations=0).rows[0].value[-1])


def silhouettes_tested(vectors: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy, k: int) -> float:
    from taxoeval.structure.silhouette import silhouette

    return float(silhouette(vectors, taxon, taxonomy, permutations=199).rows[0].value[-1])


def silhouette_sklearn(vectors: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy, k: int) -> float:
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(vectors, taxonomy.at("species")[taxon], metric="cosine"))


def purity_of(neighbour: np.ndarray, taxon: np.ndarray) -> float:
    return float((taxon[neighbour] == taxon[:, None]).mean())


def graph(vectors: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy, k: int) -> float:
    from taxoeval.structure.knn_graph import knn_graph

    return purity_of(knn_graph(vectors, k).neighbour, taxon)


def graph_sklearn(vectors: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy, k: int) -> float:
    from sklearn.neighbors import NearestNeighbors

    fitted = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(vectors)
    return purity_of(fitted.kneighbors(return_distance=False), taxon)


def graph_faiss(vectors: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy, k: int) -> float:
    import faiss

    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    index = faiss.IndexFlatIP(D)
    index.add(units)
    _, found = index.search(units, k + 1)
    own = found == np.arange(len(units))[:, None]  # an image comes first among its own neighbours, or is a duplicate
    own[~own.any(axis=1), -1] = True
    return purity_of(found[~own].reshape(-1, k), taxon)


def everything(vectors: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy, k: int) -> float:
    from taxoeval.structure.neighbours import neighbours

    return float(neighbours(vectors, taxon, taxonomy, k=k).rows[0].value[-1])


def dimension(vectors: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy, k: int) -> float:
    from taxoeval.structure.intrinsic_dimension import intrinsic_dimension

    return float(intrinsic_dimension(vectors, taxon, taxonomy, images=15).rows[0].value[0])


def clustered(vectors: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy, k: int) -> float:
    from taxoeval.structure.clusters import clusters

    return float(clusters(vectors, taxon, taxonomy).rows[0].value[-1])


JOBS: dict[str, tuple[Job, str]] = {
    "silhouette, 7 ranks, intervals": (silhouettes, ""),
    "the same, 199 permutations": (silhouettes_tested, ""),
    "scikit-learn silhouette_score, species": (silhouette_sklearn, "silhouette, 7 ranks, intervals"),
    "graph of neighbours": (graph, ""),
    "scikit-learn NearestNeighbors": (graph_sklearn, "graph of neighbours"),
    "faiss IndexFlatIP": (graph_faiss, "graph of neighbours"),
    "neighbours, 7 ranks, 199 permutations": (everything, ""),
    "intrinsic dimension, 15 images": (dimension, ""),
    "clusters, 2,000 images, 99 permutations": (clustered, ""),
}


def measure(name: str, images: int, species: int, k: int) -> None:
    """Print wall time, processor time, growth of the peak in MB and the value of one job."""
    job = JOBS[name][0]
    vectors, taxon, taxonomy = clade(images, species)
    small, of, tree = clade(2_000, 100)
    job(small, of, tree, k)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    value = job(vectors, taxon, taxonomy, k)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(wall, cpu, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--species", type=int, default=1_000)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--job", choices=list(JOBS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        measure(arguments.job, arguments.images, arguments.species, arguments.k)
        return
    threads = os.environ["OMP_NUM_THREADS"]
    print(
        f"{arguments.images:,} x {D}, {arguments.species:,} species, k = {arguments.k}, {threads} thread(s)", end=", "
    )
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"{'':42s}{'wall s':>8s}{'cpu s':>8s}{'MB':>8s}{'value':>10s}{'ours, cpu':>11s}{'ours, MB':>10s}")
    found: dict[str, np.ndarray] = {}
    for name, (_, ours) in JOBS.items():
        if "faiss" in name and importlib.util.find_spec("faiss") is None:
            print(f"{name:42s}  not installed")
            continue
        command = [sys.executable, __file__, "--job", name, "--images", str(arguments.images)]
        command += ["--species", str(arguments.species), "--k", str(arguments.k)]
        runs = [
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            for _ in range(arguments.rounds)
        ]
        found[name] = np.array(runs, dtype=float).min(axis=0)
        wall, cpu, memory, value = found[name]
        print(f"{name:42s}{wall:8.2f}{cpu:8.2f}{memory:8.0f}{value:10.5f}", end="")
        if ours:
            print(f"{cpu / found[ours][1]:10.1f}x{memory / max(1.0, found[ours][2]):9.1f}x", end="")
            assert abs(value - found[ours][3]) < 1e-4, "the peer has another value"
        print(flush=True)


if __name__ == "__main__":
    main()

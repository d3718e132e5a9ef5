"""How long does a linear probe with one head per rank train, against scikit-learn's solver at the same accuracy?

    python experiments/benchmarks/probe.py [--images 50000] [--dimension 768] [--species 1000] [--epochs 1 3 10]

Vectors are drawn from a simulated clade: each of seven ranks adds a direction of its taxon, each image noise, so that
species are confused with those of their genus first. Both solvers minimise the same objective (mean cross-entropy of
each head plus the penalty of ``c``) over the same standardised vectors; accuracy is that of each head on images that
neither saw. Ours trains for the numbers of epochs given, the learning rate falling to 0 at the end of each; the table
says how long one epoch takes and which number of epochs reaches scikit-learn's accuracy less 0.3 points, about its
standard error, at every rank. Reading vectors, splitting and scoring are in neither time.
"""

import argparse
import os
import time

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from taxoeval import Taxonomy
from taxoeval.tasks import probe_sklearn
from taxoeval.tasks.probe_answers import standardised
from taxoeval.tasks.probe_heads import Head, heads
from taxoeval.tasks.probe_layer import Examples, Settings
from taxoeval.tasks.probe_training import train
from taxoeval.taxonomy import RANKS

TEST = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--species", type=int, default=1000)
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 3, 10])
    parser.add_argument("--noise", type=float, default=4.0)
    parser.add_argument("--c", type=float, default=0.01)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--batch-size", type=int, default=Settings().batch_size)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--without-sklearn", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    vectors, taxon, taxonomy = simulated(arguments)
    train_rows = np.arange(arguments.images)
    vectors = standardised(vectors, train_rows)
    training = Examples(vectors[train_rows], taxon[train_rows])
    nothing = Examples(vectors[:0], taxon[:0])
    test = Examples(vectors[arguments.images :], taxon[arguments.images :])
    found = heads(training.taxon, taxonomy, "ranks")
    print(
        f"{len(training.taxon)} images x {arguments.dimension}, c={arguments.c}, {arguments.threads} threads", end=", "
    )
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"{'':30s}{'seconds':>9s}{'a step':>9s}   " + " ".join(f"{head.rank[:7]:>7s}" for head in found))
    print(f"{'classes':51s}" + " ".join(f"{len(head.classes):7d}" for head in found))

    best = np.zeros(len(found))
    if not arguments.without_sklearn:
        begin = time.perf_counter()
        with threadpool_limits(arguments.threads):
            plain = probe_sklearn.fit(training.vectors, training.taxon, found, c=arguments.c, balance=False)
        seconds = time.perf_counter() - begin
        best = accuracy(plain.heads, found, test)
        row("scikit-learn, L-BFGS", seconds, seconds / max(1, sum(plain.iterations)), best)
        print(f"  iterations: {plain.iterations}")
    for epochs in arguments.epochs:
        settings = Settings(
            epochs=epochs,
            c=arguments.c,
            learning_rate=arguments.learning_rate,
            batch_size=arguments.batch_size,
            device=arguments.device,
        )
        begin = time.perf_counter()
        trained = train(training, nothing, found, settings)
        seconds = time.perf_counter() - begin
        reached = accuracy(trained.heads, found, test)
        equal = "" if arguments.without_sklearn else ("  equal" if (reached >= best - 0.003).all() else "  below")
        row(f"lightning, {epochs} epochs{equal}", seconds, seconds / epochs, reached)


def row(name: str, seconds: float, step: float, values: np.ndarray) -> None:
    print(f"{name:30s}{seconds:9.1f}{step:9.2f}   " + " ".join(f"{100 * value:7.2f}" for value in values), flush=True)


def simulated(arguments: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, Taxonomy]:
    rng = np.random.default_rng(0)
    n = arguments.images + TEST
    place = np.arange(arguments.species)
    ids = [place // size for size in (500, 250, 100, 40, 12, 4, 1)]  # 2, 4, 10, 25, 84, 250, 1000 taxa of a thousand
    lineages = [tuple(f"{rank} {i[s]}" for rank, i in zip(RANKS, ids, strict=True)) for s in place]
    # each taxon is a path, so a genus that crosses a border of families becomes one genus in each
    taxonomy = Taxonomy.from_lineages(lineages)
    species = np.r_[place, place, rng.integers(0, arguments.species, size=n - 2 * len(place))]
    centre = np.zeros((len(place), arguments.dimension), dtype=np.float32)
    for path in range(len(RANKS)):
        taxa = taxonomy.ancestor[taxonomy.ids(lineages), path]
        _, column = np.unique(taxa, return_inverse=True)
        directions = rng.standard_normal((column.max() + 1, arguments.dimension), dtype=np.float32)
        centre += directions[column] * 0.5
    vectors = rng.standard_normal((n, arguments.dimension), dtype=np.float32)
    vectors *= np.float32(arguments.noise)
    vectors += centre[species]
    return vectors, taxonomy.ids(lineages)[species], taxonomy


def accuracy(fitted: list[tuple[np.ndarray, np.ndarray]], found: list[Head], test: Examples) -> np.ndarray:
    hits = []
    for (weight, bias), head in zip(fitted, found, strict=True):
        answers = head.classes[(test.vectors @ weight.T + bias).argmax(axis=1)]
        hits.append((answers == head.labels(test.taxon)).mean())
    return np.array(hits)


if __name__ == "__main__":
    main()

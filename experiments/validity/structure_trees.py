"""Do the tests of trees see a taxonomy that is not there, and do their intervals hold? See structure_trees.md."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from taxoeval import Taxonomy
from taxoeval.structure.clade_recall import clade_recall
from taxoeval.structure.cophenetic import cophenetic
from taxoeval.structure.dendrogram_purity import dendrogram_purity
from taxoeval.structure.jackknife import Jackknife
from taxoeval.structure.mantel import mantel
from taxoeval.structure.record import ByRank
from taxoeval.structure.triplets import triplets

RANKS = ("class", "order", "family", "genus", "species")
LEVELS = (0.01, 0.05, 0.10)
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Sample = tuple[Floats, Ints, Taxonomy]


def taxonomy_of(rng: np.random.Generator, species: int, holes: float) -> Taxonomy:
    """Two classes, about six orders, 24 families, 40 genera; some with a single child, some cells empty."""
    lineages = []
    for s in range(species):
        order, family, genus = rng.integers(6), rng.integers(4), rng.choice(3, p=(0.6, 0.3, 0.1))
        names = [f"C{order % 2}", f"O{order}", f"F{order}{family}", f"G{order}{family}{genus}", f"s{s}"]
        lineages.append(["" if place < 4 and rng.random() < holes else name for place, name in enumerate(names)])
    return Taxonomy.from_lineages(lineages, ranks=RANKS)


def sample(
    rng: np.random.Generator,
    species: int = 60,
    dimension: int = 24,
    effects: dict[str, float] | None = None,
    own: float = 1.0,
    holes: float = 0.0,
    counts: str = "equal",
    common: float = 0.0,
    spread: float = 1.0,
) -> Sample:
    """Species at random (with effects of the taxa of some ranks, if given), and images around them."""
    taxonomy = taxonomy_of(rng, species, holes)
    finest = np.flatnonzero(taxonomy.rank == len(RANKS) - 1)
    axes = np.linspace(1, spread, dimension)
    centre = own * rng.normal(size=(species, dimension)) * axes + common
    for rank, size in (effects or {}).items():
        shared = taxonomy.at(rank)[finest]
        of_taxon = size * rng.normal(size=(len(taxonomy), dimension)) * axes
        centre += np.where(shared[:, None] >= 0, of_taxon[shared], size * rng.normal(size=(species, dimension)))
    if counts == "zipf":
        n = np.maximum(1, rng.permutation(60 // np.arange(1, species + 1)))
    elif counts == "by class":
        n = np.where(taxonomy.at("class")[finest] == 0, 1, 12)
    else:
        n = np.full(species, 3)
    taxon = np.repeat(finest, n)
    return np.repeat(centre, n, axis=0) + rng.normal(size=(len(taxon), dimension)), taxon, taxonomy


DESIGNS: dict[str, Callable[[np.random.Generator], Sample]] = {
    "noise": sample,
    "noise, species alike": lambda rng: sample(rng, own=0.0),
    "noise, Zipf counts, holes": lambda rng: sample(rng, counts="zipf", holes=0.1),
    "noise, uneven axes, common mean": lambda rng: sample(rng, common=3.0, spread=8.0),
    "only genera differ": lambda rng: sample(rng, effects={"genus": 2.0}),
    "counts by class, common mean": lambda rng: sample(rng, counts="by class", common=1.0),
}


def rows(x: Floats, taxon: Ints, taxonomy: Taxonomy, permutations: int, seed: int) -> Iterator[ByRank]:
    """Every row that the functions under test give."""
    draws = {"permutations": permutations, "seed": seed}
    yield from mantel(x, taxon, taxonomy, **draws).rows
    yield from triplets(x, taxon, taxonomy, per_pair=2000, **draws).rows
    yield from clade_recall(x, taxon, taxonomy, **draws).rows
    yield from dendrogram_purity(x, taxon, taxonomy, **draws).rows
    for row in dendrogram_purity(x, taxon, taxonomy, of="images", most=150, **draws).rows:
        yield ByRank.of(
            f"{row.quantity}, images", row.ranks, row.value, n=row.n, unit=row.unit, p=row.p,
            low=row.low, high=row.high, reason=row.reason
        )  # fmt: skip
    yield from cophenetic(x, taxon, taxonomy, clouds=39 if permutations else 0, **draws).rows


def without_intervals() -> None:
    """Most of the time goes into intervals; where only p is looked at they are left out."""
    for function in (mantel, triplets, clade_recall, dendrogram_purity, cophenetic):
        sys.modules[function.__module__].jackknife = lambda statistic, n, **_: Jackknife(
            *[np.full_like(statistic(np.ones(n, dtype=bool)), np.nan)] * 3
        )


def false_positives(sets: int, permutations: int) -> dict[str, dict[str, list[float]]]:
    """Per design, test and rank: how many p there were, and how many in % at or below each level."""
    without_intervals()
    found = {}
    for name, draw in DESIGNS.items():
        seen: dict[str, list[float]] = {}
        start = time.perf_counter()
        for trial in range(sets):
            rng = np.random.default_rng([7, trial])
            for row in rows(*draw(rng), permutations, trial):
                for rank, p in zip(row.ranks, row.p, strict=True):
                    if not np.isnan(p):
                        seen.setdefault(f"{row.quantity}: {rank}" if rank else row.quantity, []).append(float(p))
        print(f"\n{name} ({time.perf_counter() - start:.0f} s): n, false positives in % at 1 / 5 / 10 %", flush=True)
        found[name] = {}
        for test, ps in seen.items():
            figures = [round(100 * float(np.mean(np.array(ps) <= level + 1e-9)), 1) for level in LEVELS]
            found[name][test] = [len(ps), *figures]
            print(f"  {test:<52}{len(ps):>5}{figures[0]:>7}{figures[1]:>7}{figures[2]:>7}", flush=True)
    return found


def coverage(sets: int) -> dict[str, list[float]]:
    """Per number and rank: its mean over draws of species from a larger tree, its spread, and the share of intervals
    that hold the mean, in %."""
    rng = np.random.default_rng(11)
    x, taxon, taxonomy = sample(rng, species=1200, effects={"class": 0.7, "order": 1.0, "family": 1.0, "genus": 1.0})
    seen: dict[str, list[tuple[float, float, float]]] = {}
    for trial in range(sets):
        rng = np.random.default_rng([13, trial])
        kept = np.isin(taxon, rng.choice(np.unique(taxon), 120, replace=False))
        smaller, new = taxonomy.restrict(np.unique(taxon[kept]))
        for row in rows(x[kept], new[taxon[kept]], smaller, 0, trial):
            for rank, *figures in zip(row.ranks, row.value, row.low, row.high, strict=True):
                if not np.isnan(figures).any():
                    seen.setdefault(f"{row.quantity}: {rank}" if rank else row.quantity, []).append(tuple(figures))
    found = {}
    print(f"\n{sets} draws of 120 species of 1,200: mean, standard deviation, intervals that hold the mean in %")
    for name, figures in seen.items():
        value, low, high = np.array(figures).T
        mean = value.mean()
        found[name] = [
            *(round(float(v), 4) for v in (mean, value.std(ddof=1))),
            round(100 * float(np.mean((low <= mean) & (mean <= high))), 1),
        ]
        print(f"  {name:<52}{found[name][0]:>9}{found[name][1]:>9}{found[name][2]:>7}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=400)
    parser.add_argument("--permutations", type=int, default=99)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("structure_trees.json"))
    arguments = parser.parse_args()
    settings = {"sets": arguments.sets, "permutations": arguments.permutations, "draws": arguments.draws}
    found = {**settings, "coverage": coverage(arguments.draws)}
    found["false_positives"] = false_positives(arguments.sets, arguments.permutations)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

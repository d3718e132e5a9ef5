"""Do the tests of silhouettes, neighbours and clusters keep their level? See structure_neighbours.md.

python experiments/validity/structure_neighbours.py [--datasets 1000] [--clusters 300]
"""

import argparse
import os
from collections.abc import Callable, Iterator

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from taxoeval import Taxonomy
from taxoeval.structure.clusters import clusters
from taxoeval.structure.neighbours import neighbours
from taxoeval.structure.record import ByRank
from taxoeval.structure.silhouette import silhouette

RANKS = ("order", "family", "genus", "species")
DESIGNS = {  # effect of the order, family, genus and species of an image; what is 0 must not be found
    "nothing at all": (0.0, 0.0, 0.0, 0.0),
    "species alone": (0.0, 0.0, 0.0, 1.0),
    "all but genus": (1.0, 1.0, 0.0, 1.0),
    "all but family": (1.0, 0.0, 1.0, 1.0),
    "all but order": (0.0, 1.0, 1.0, 1.0),
    "all ranks": (1.0, 1.0, 1.0, 1.0),
}
PERMUTATIONS = 99
Data = tuple[np.ndarray, np.ndarray, Taxonomy]


def tree(rng: np.random.Generator, holes: bool) -> list[tuple[str, str, str, str]]:
    """Lineages of about 50 species: 1 to 4 parts of each taxon, so a third of them have a single one."""
    lineages = []
    for order in range(5):
        for family in range(rng.integers(1, 5)):
            for genus in range(rng.integers(1, 4)):
                hole = holes and rng.random() < 0.1
                of = f"F{order}.{family}"
                genus_name = f"G{order}.{family}.{genus}"
                lineages += [
                    (f"O{order}", "" if hole else of, genus_name, f"{genus_name}.{s}")
                    for s in range(rng.integers(1, 5))
                ]
    return lineages


def draw(rng: np.random.Generator, effects: tuple[float, ...], dimension: int = 16) -> Data:
    """Images of a new tree: 1 to 30 of a species, few of most; some known to genus only."""
    lineages = tree(rng, holes=True)
    count = np.minimum(30, np.ceil(rng.pareto(1.0, len(lineages)) + 0.5)).astype(int)
    species = np.repeat(np.arange(len(lineages)), count)
    centre: dict[str, np.ndarray] = {}
    for lineage in lineages:
        parts = lineage[-1][1:].split(".")
        for place in range(4):
            centre.setdefault(".".join(parts[: place + 1]), effects[place] * rng.normal(size=dimension))
    mean = np.stack([sum(centre[".".join(row[-1][1:].split(".")[: p + 1])] for p in range(4)) for row in lineages])
    labels = [(*lineages[s][:3], "") if rng.random() < 0.05 else lineages[s] for s in species]
    taxonomy, taxon = Taxonomy.from_columns([list(column) for column in zip(*labels, strict=True)], ranks=RANKS)
    return mean[species] + rng.normal(size=(len(species), dimension)), taxon, taxonomy


ANALYSES: dict[str, Callable[[Data, int], tuple[ByRank, ...]]] = {
    "silhouette": lambda data, seed: silhouette(*data, permutations=PERMUTATIONS, seed=seed).rows,
    "neighbours": lambda data, seed: neighbours(*data, k=10, permutations=PERMUTATIONS, seed=seed).rows[:2],
    "clusters": lambda data, seed: clusters(*data, permutations=PERMUTATIONS, seed=seed).rows[:-1],
}


def p_values(analysis: str, design: str, datasets: int) -> Iterator[tuple[str, np.ndarray]]:
    """Name of each quantity and its p ``(datasets, n_ranks)``."""
    found: dict[str, list[np.ndarray]] = {}
    for seed in range(datasets):
        data = draw(np.random.default_rng([seed, 1 + list(DESIGNS).index(design)]), DESIGNS[design])
        for row in ANALYSES[analysis](data, 10**6 + seed):
            found.setdefault(row.quantity, []).append(row.p)
    yield from ((name, np.stack(p)) for name, p in found.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=int, default=1000)
    parser.add_argument("--clusters", type=int, default=300)
    parser.add_argument("--analyses", nargs="+", default=list(ANALYSES), choices=list(ANALYSES))
    parser.add_argument("--designs", nargs="+", default=list(DESIGNS), choices=list(DESIGNS))
    arguments = parser.parse_args()
    print(f"| design | quantity | {' | '.join(RANKS)} | data sets |")
    print("|---" * 7 + "|")
    for analysis in arguments.analyses:
        datasets = arguments.clusters if analysis == "clusters" else arguments.datasets
        for design in arguments.designs:
            for name, p in p_values(analysis, design, datasets):
                tested = ~np.isnan(p)
                share = [float((p[t, r] <= 0.05).mean()) if t.any() else None for r, t in enumerate(tested.T)]
                shown = " | ".join("-" if s is None else f"{100 * s:.1f}" for s in share)
                print(f"| {design} | {name} | {shown} | {datasets} |", flush=True)


if __name__ == "__main__":
    main()

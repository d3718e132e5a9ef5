"""How often do the tests of CKA, neural collapse and hyperbolicity reject where there is nothing?

    python experiments/validity/structure_spaces.py [--datasets 200]

Prints the table of structure_spaces.md: vectors without any structure, of species whose lineages are drawn at random.
"""

import argparse

import numpy as np

from taxoeval import Taxonomy
from taxoeval.structure import hyperbolicity, neural_collapse, spaces_agree

RANKS = ("family", "genus", "species")


def draw(rng: np.random.Generator, n_species: int) -> tuple[Taxonomy, np.ndarray]:
    genus = rng.integers(0, n_species // 3, n_species)
    family = rng.integers(0, n_species // 9 + 2, n_species)
    lineages = [(f"F{family[g]}", f"G{g}", f"s{s}") for s, g in enumerate(genus)]
    taxonomy = Taxonomy.from_lineages(lineages, ranks=RANKS)
    return taxonomy, np.flatnonzero(taxonomy.rank == 2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--datasets", type=int, default=200)
    datasets = parser.parse_args().datasets
    found: dict[str, list[float]] = {}
    for seed in range(datasets):
        rng = np.random.default_rng([seed, 7])
        taxonomy, species = draw(rng, 40)
        x, y = rng.normal(size=(40, 12)), rng.normal(size=(40, 30))
        agree = spaces_agree({"x": x, "y": y}, species, taxonomy, permutations=99, seed=seed)
        for row in agree.rows:
            found.setdefault(row.quantity, []).append(row.p[0])
        count = np.minimum(20, np.ceil(rng.pareto(1.0, 40) + 0.5)).astype(int)
        taxon = np.repeat(species, count)
        for row in neural_collapse(rng.normal(size=(len(taxon), 60)), taxon, taxonomy, permutations=39, seed=seed).rows:
            for r in (0, 1):
                found.setdefault(f"{row.quantity}, {RANKS[r]}", []).append(row.p[r])
        p = hyperbolicity(rng.normal(size=(40, 10)), species, taxonomy, draws=19, seed=seed).rows[0].p[0]
        found.setdefault("relative hyperbolicity", []).append(p)
    print("| test | p <= 0.05, % | data sets |\n|---|---|---|")
    for name, p in found.items():
        tested = np.array(p)[~np.isnan(p)]
        print(f"| {name} | {100 * (tested <= 0.05).mean():.1f} | {len(tested)} |")


if __name__ == "__main__":
    main()

"""Are components, tests and intervals of the latent space what they say? See structure_variance.md.

    python experiments/validity/structure_variance.py [truth] [tests] [intervals]

Trees and effects are drawn from seeds; the tables of structure_variance.md are printed.
"""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from taxoeval import Taxonomy
from taxoeval.structure.alignment import alignment_by_rank
from taxoeval.structure.similarity import similarity_by_lca
from taxoeval.structure.spread import spread
from taxoeval.structure.variance import variance_by_rank
from taxoeval.taxonomy import RANKS

PLANTED = np.array([0.10, 0.05, 0.10, 0.15, 0.10, 0.10, 0.10, 0.30])
NOISE = np.array([0.0] * 7 + [1.0])
FIRST = 50_000
"""First seed of the sets: those below 13,000 were looked at while the methods were being chosen."""

GAPS = np.array([0.2, 0.0, 0.2, 0.0, 0.2, 0.0, 0.2, 0.2])
"""Nothing at phylum, order and genus, much at the ranks between: do these leak?"""


@dataclass(frozen=True)
class Clade:
    """Species in nested taxa: ``(species, 7)`` codes, and the same as a taxonomy with holes."""

    codes: np.ndarray
    taxonomy: Taxonomy
    ids: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, holes: np.ndarray | None = None) -> "Clade":
        unknown = np.zeros(codes.shape, dtype=bool) if holes is None else holes
        lineages = [
            tuple("" if gone else f"{rank} {code}" for rank, code, gone in zip(RANKS, row, gaps, strict=True))
            for row, gaps in zip(codes, unknown, strict=True)
        ]
        taxonomy = Taxonomy.from_lineages(lineages)
        return cls(codes, taxonomy, taxonomy.ids(lineages))


def tree(rng: np.random.Generator, sizes: tuple[int, ...]) -> np.ndarray:
    """Nested codes; each taxon has a part, the rest go to taxa of uneven attraction."""
    code = np.arange(sizes[-1])
    columns = [code]
    for parts, taxa in zip(sizes[:0:-1], sizes[-2::-1], strict=True):
        share = rng.dirichlet(np.ones(taxa))
        home = np.r_[np.arange(taxa), rng.choice(taxa, parts - taxa, p=share)]
        code = rng.permutation(home)[code]
        columns.append(code)
    return np.stack(columns[::-1], axis=1)


def with_holes(rng: np.random.Generator, codes: np.ndarray) -> np.ndarray:
    """No class for a third of the classes, no order or genus for a fifth of these, no species for a tenth."""
    holes = np.zeros(codes.shape, dtype=bool)
    for place, share in ((2, 0.33), (3, 0.2), (5, 0.2), (6, 0.1)):
        holes[:, place] = (rng.random(codes[:, place].max() + 1) < share)[codes[:, place]]
    return holes


def chains(codes: np.ndarray) -> np.ndarray:
    """The same with every second phylum a chain: one class, one order."""
    codes = codes.copy()
    chained = codes[:, 1] % 2 == 0
    for place in (2, 3):
        codes[chained, place] = codes[chained, 1] + codes.max() + 1
        codes[:, place] = np.unique(codes[:, place], return_inverse=True)[1]
    return codes


def means(rng: np.random.Generator, codes: np.ndarray, variance: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """True vector of each species; `scale` ``(d,)`` has squares that add up to one."""
    total = np.zeros((len(codes), len(scale)))
    for place in range(codes.shape[1]):
        effect = rng.standard_normal((codes[:, place].max() + 1, len(scale)))[codes[:, place]]
        total += effect * scale * np.sqrt(variance[place])
    return total


def images(rng: np.random.Generator, mean: np.ndarray, count: np.ndarray, variance: float, scale: np.ndarray):
    """Vectors of the images and the row of their species."""
    row = np.repeat(np.arange(len(mean)), count)
    return mean[row] + rng.standard_normal((len(row), len(scale))) * scale * np.sqrt(variance), row


def zipf(top: int) -> Callable[[np.random.Generator, np.ndarray], np.ndarray]:
    return lambda rng, codes: rng.permutation(np.maximum(1, top // np.arange(1, len(codes) + 1)))


def equal(rng: np.random.Generator, codes: np.ndarray) -> np.ndarray:
    return np.full(len(codes), 5)


def few(rng: np.random.Generator, codes: np.ndarray) -> np.ndarray:
    return rng.integers(1, 4, len(codes))


def by_order(rng: np.random.Generator, codes: np.ndarray) -> np.ndarray:
    """Some orders are photographed more than others."""
    return 1 + rng.poisson(4 * np.exp(rng.normal(0, 1, codes[:, 3].max() + 1))[codes[:, 3]])


def flat(d: int) -> np.ndarray:
    return np.full(d, d**-0.5)


def steep(d: int) -> np.ndarray:
    """Variances that fall as one over the number of the dimension, as those of encoders do."""
    share = 1 / np.arange(1, d + 1)
    return np.sqrt(share / share.sum())


def truth(sets: int) -> None:
    """Errors of the components against what was planted."""
    scale, sizes = flat(768), (3, 10, 25, 60, 180, 500, 1000)
    print("| counts | tree | planted | weights | bias, largest | RMSE: " + " | ".join([*RANKS, "within"]) + " |")
    print("|" + "---|" * 13)
    for counts, count in (("1 to 700, Zipf", zipf(700)), ("1 to 3", few)):
        for name in ("whole", "holes", "chains"):
            for what, variance in (("all ranks", PLANTED), ("noise", NOISE)):
                errors: dict[str, list[np.ndarray]] = {"species": [], "images": []}
                for seed in range(FIRST, FIRST + sets):
                    rng = np.random.default_rng(seed)
                    codes = tree(rng, sizes)
                    codes = chains(codes) if name == "chains" else codes
                    clade = Clade.of(codes, with_holes(rng, codes) if name == "holes" else None)
                    mean = means(rng, codes, variance, scale)
                    vectors, row = images(rng, mean, count(rng, codes), variance[-1], scale)
                    for weights in errors:
                        found = variance_by_rank(
                            vectors, clade.ids[row], clade.taxonomy, weights=weights, unit=False, permutations=0
                        )
                        errors[weights].append(found.component - variance)
                for weights, rows in errors.items():
                    error = np.array(rows)
                    rmse = " | ".join(f"{v:.4f}" for v in np.sqrt((error**2).mean(axis=0)))
                    worst = np.abs(error.mean(axis=0)).max()
                    print(f"| {counts} | {name} | {what} | {weights} | {worst:.4f} | {rmse} |", flush=True)


def tests(sets: int) -> None:
    """Share of p <= 0.05 where nothing is planted at the rank."""
    scale, sizes = flat(32), (3, 6, 12, 25, 45, 90, 150)
    print("| test | counts | tree | planted | " + " | ".join(RANKS) + " | p <= 0.05 over all, % |")
    print("|" + "---|" * 12)
    for counts, count in (("5 each", equal), ("1 to 150, Zipf", zipf(150)), ("by order", by_order)):
        for name in ("whole", "holes", "chains"):
            for what, variance in (("noise", NOISE), ("class, family, species", GAPS)):
                found = []
                for seed in range(FIRST, FIRST + sets):
                    rng = np.random.default_rng(seed)
                    codes = tree(rng, sizes)
                    codes = chains(codes) if name == "chains" else codes
                    clade = Clade.of(codes, with_holes(rng, codes) if name == "holes" else None)
                    mean = means(rng, codes, variance, scale)
                    vectors, row = images(rng, mean, count(rng, codes), variance[-1], scale)
                    of = variance_by_rank(vectors, clade.ids[row], clade.taxonomy, unit=False, seed=seed)
                    found.append(of.rows[0].p)
                line("restricted exchange", f"{counts} | {name} | {what}", np.array(found), variance[:-1] == 0)
    for counts, count in (("5 each", equal), ("1 to 150, Zipf", zipf(150)), ("by order", by_order)):
        found = []
        for seed in range(FIRST, FIRST + sets):
            rng = np.random.default_rng(seed)
            clade = Clade.of(tree(rng, sizes))
            mean = means(rng, clade.codes, np.r_[np.zeros(6), 0.5], scale)
            vectors, row = images(rng, mean, count(rng, clade.codes), 0.5, scale)
            found.append(similarity_by_lca(vectors, clade.ids[row], clade.taxonomy, seed=seed).p)
        for kind in range(4):
            label = ("cosine, images", "cosine, species", "centred, images", "centred, species")[kind]
            p = np.array(found)[:, kind]
            p = np.c_[p[:, 1:7], p[:, 0]]  # in the place of the species: pairs that share nothing
            line(label, f"{counts} | whole | species alone", p, np.ones(7, dtype=bool))


def line(test: str, design: str, p: np.ndarray, null: np.ndarray) -> None:
    rejected = [f"{100 * (v[~np.isnan(v)] <= 0.05).mean():.1f}" for v in p.T]
    shown = " | ".join(v if nothing else f"({v})" for v, nothing in zip(rejected, null, strict=True))
    every = p[:, null]
    print(f"| {test} | {design} | {shown} | {100 * (every[~np.isnan(every)] <= 0.05).mean():.1f} |", flush=True)


def quantities(vectors: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy, seed: int):
    """``(name, value, low, high)`` of all that has an interval."""
    of = variance_by_rank(vectors, taxon, taxonomy, permutations=0, seed=seed)
    yield "variance", *[np.r_[getattr(of.rows[0], a), getattr(of.rows[2], a)] for a in ("value", "low", "high")]
    near = similarity_by_lca(vectors, taxon, taxonomy, permutations=0, seed=seed)
    for kind, name in enumerate(near.kinds):
        yield name, near.value[kind], near.low[kind], near.high[kind]
    for row in alignment_by_rank(vectors, taxon, taxonomy, seed=seed).rows:
        yield row.quantity, row.value, row.low, row.high
    for row in spread(vectors, taxon, taxonomy, seed=seed).rows:
        yield row.quantity, row.value, row.low, row.high


def intervals(sets: int) -> None:
    """How often intervals at 95 % hold the value for all species of a world, and the components planted in worlds.

    What depends on how many of the species are sampled (alignment, since more pairs are of one species in a small
    sample; uniformity and effective dimension) is held against the mean of all samples instead.
    """
    scale = steep(128)
    world = np.random.default_rng(FIRST - 1)
    clade = Clade.of(tree(world, (3, 8, 20, 80, 300, 1200, 4000)))
    mean = means(world, clade.codes, PLANTED, scale)
    for counts, count in (("1 to 60, Zipf", zipf(60)), ("1 to 3", few), ("by order", by_order)):
        every = count(np.random.default_rng(FIRST - 2), clade.codes) if counts != "1 to 60, Zipf" else None
        if every is None:  # the same mix of counts as in the samples
            every = np.random.default_rng(FIRST - 2).choice(np.maximum(1, 60 // np.arange(1, 301)), len(mean))
        vectors, row = images(np.random.default_rng(FIRST - 3), mean, every, PLANTED[-1], scale)
        true = {name: value for name, value, *_ in quantities(vectors, clade.ids[row], clade.taxonomy, 0)}
        found: dict[str, list[list[np.ndarray]]] = {name: [] for name in true}
        for seed in range(FIRST, FIRST + sets):
            rng = np.random.default_rng(seed)
            chosen = np.sort(rng.choice(len(mean), 300, replace=False))
            vectors, row = images(rng, mean[chosen], every[chosen], PLANTED[-1], scale)
            for name, *numbers in quantities(vectors, clade.ids[chosen][row], clade.taxonomy, seed):
                found[name].append(numbers)
        for name, numbers in found.items():
            value, low, high = np.array(numbers).transpose(1, 0, 2)
            target = true[name] if "cosine" in name or name == "variance" else np.nanmean(value, axis=0)
            held = (low <= target) & (target <= high)
            print(
                f"| {counts} | {name} | " + " | ".join(f"{100 * v:.1f}" for v in held.mean(axis=0)) + " |", flush=True
            )
    for label, spectrum in (("flat", flat(128)), ("steep", steep(128))):
        rows = []
        for seed in range(FIRST, FIRST + sets):
            rng = np.random.default_rng(seed)
            clade = Clade.of(tree(rng, (3, 8, 15, 40, 90, 180, 300)))
            mean = means(rng, clade.codes, PLANTED, spectrum)
            vectors, row = images(rng, mean, zipf(60)(rng, clade.codes), PLANTED[-1], spectrum)
            of = variance_by_rank(vectors, clade.ids[row], clade.taxonomy, unit=False, permutations=0, seed=seed)
            low, high = (np.r_[getattr(of.rows[0], a), getattr(of.rows[2], a)] for a in ("low", "high"))
            rows.append((low <= PLANTED) & (high >= PLANTED))
        print(
            f"| other worlds, {label} | variance | "
            + " | ".join(f"{100 * v:.1f}" for v in np.mean(rows, axis=0))
            + " |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["truth", "tests", "intervals"])
    parser.add_argument("--sets", type=int)
    arguments = parser.parse_args()
    for name, run, sets in (("truth", truth, 20), ("tests", tests, 400), ("intervals", intervals, 400)):
        if name in arguments.what:
            print(f"\n## {name}\n")
            run(arguments.sets or sets)


if __name__ == "__main__":
    main()

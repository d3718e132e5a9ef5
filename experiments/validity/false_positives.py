"""How often do the tests see a difference where there is none? See README.md; `python .../false_positives.py`."""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics.statistics import (
    benjamini_hochberg,
    holm,
    mcnemar,
    paired_difference,
    sign_flip_test,
    student,
    tied_with_best,
)

LEVELS = (0.01, 0.05, 0.10)
Floats = NDArray[np.float64]


def equal_encoders(rng: np.random.Generator, species: int, images: int, encoders: int) -> tuple[Floats, NDArray]:
    """Hits of encoders that are equally good over all species there are, each with species it knows better or worse."""
    easy = rng.normal(1.0, 1.0, (species, 1))
    liking = rng.normal(0.0, 1.0, (species, encoders))
    skill = 1 / (1 + np.exp(-(easy + liking)))
    group = np.repeat(np.arange(species), images)
    hard = rng.normal(0.0, 1.0, (len(group), 1))
    chance = 1 / (1 + np.exp(-(np.log(skill / (1 - skill))[group] + hard)))
    return (rng.random(chance.shape) < chance).astype(float), group


def skewed_gaps(rng: np.random.Generator, species: int, images: int) -> tuple[Floats, NDArray]:
    """Two encoders of equal mean, the first slightly worse on most species and much better on a few."""
    group = np.repeat(np.arange(species), images)
    gap = (rng.exponential(1.0, species) - 1.0)[group] + rng.normal(0, 0.5, len(group))
    base = rng.normal(0, 1, species)[group]
    return np.stack([base + gap, base], axis=1), group


def severities(rng: np.random.Generator, species: int, images: int) -> tuple[Floats, NDArray]:
    """Heights of the mistakes of two equally good encoders, NaN where they are right: each has mistakes of its own."""
    group = np.repeat(np.arange(species), images)
    error = rng.beta(1, 2, (species, 2))[group]
    climbed = 1 + rng.binomial(6, error / 2)
    return np.where(rng.random(error.shape) < error, climbed, np.nan), group


def severity_difference(values: Floats, group: NDArray, trial: int, resamples: int) -> dict[str, list[bool]]:
    """Whether the interval of the difference of both severities excludes 0."""
    return {
        f"paired bootstrap over each, {method}": [
            outside(
                paired_difference(
                    *values.T, groups=group, over="each", method=method, resamples=resamples, level=1 - x, seed=trial
                )
            )
            for x in LEVELS
        ]
        for method in ("percentile", "bca", "studentised")
    }


def outside(interval) -> bool:
    return not interval.low <= 0 <= interval.high


def two_encoders(values: Floats, group: NDArray, trial: int, resamples: int, hits: bool) -> dict[str, list[bool]]:
    """Whether each test of two encoders sees a difference at each level."""
    a, b = values.T
    p = {
        "sign flips, groups": sign_flip_test(a, b, groups=group, permutations=resamples, seed=trial).p,
        "sign flips, images": sign_flip_test(a, b, permutations=resamples, seed=trial).p,
    }
    if hits:
        p["McNemar exact, images"] = mcnemar(a, b, method="exact").p
        p["McNemar mid-p, images"] = mcnemar(a, b).p
    found = {name: [value <= level for level in LEVELS] for name, value in p.items()}
    for method in ("percentile", "bca", "studentised"):
        found[f"paired bootstrap, {method}"] = [
            outside(paired_difference(a, b, groups=group, method=method, resamples=resamples, level=1 - x, seed=trial))
            for x in LEVELS
        ]
    found["student of the difference"] = [outside(student(a - b, groups=group, level=1 - x)) for x in LEVELS]
    return found


def families(values: Floats, group: NDArray, trial: int, resamples: int) -> dict[str, list[bool]]:
    """Whether any of several equal encoders is called worse than the one that happened to come first."""
    p = tied_with_best(values, groups=group, resamples=resamples, seed=trial).p
    best = int(values.mean(axis=0).argmax())
    others = [j for j in range(values.shape[1]) if j != best]
    flips = [
        sign_flip_test(values[:, best], values[:, j], groups=group, permutations=999, seed=trial).p for j in others
    ]
    return {
        "tied_with_best": [bool((p <= level).any()) for level in LEVELS],
        "sign flips against the best, Holm": [bool((holm(flips) <= level).any()) for level in LEVELS],
        "sign flips against the best, unadjusted": [bool(min(flips) <= level) for level in LEVELS],
    }


def many_tests(rng: np.random.Generator) -> dict[str, list[float]]:
    """Any false discovery (Holm), and the share of false ones (BH), of 20 tests with 5 true effects."""
    from scipy.special import ndtr

    z = np.abs(rng.normal(np.r_[np.full(5, 3.0), np.zeros(15)], 1.0))
    p = 2 * ndtr(-z)
    found_bh = [benjamini_hochberg(p) <= level for level in LEVELS]
    return {
        "Holm, any false one": [float((holm(p)[5:] <= level).any()) for level in LEVELS],
        "BH, share of false ones": [float(f[5:].sum() / max(1, f.sum())) for f in found_bh],
    }


def rates(datasets: int, resamples: int) -> dict[str, dict[str, list[float]]]:
    """False positives in % at each level, per design and test."""
    designs = {
        "40 species x 8, hits": lambda r, t: two_encoders(*equal_encoders(r, 40, 8, 2), t, resamples, True),
        "15 species x 8, hits": lambda r, t: two_encoders(*equal_encoders(r, 15, 8, 2), t, resamples, True),
        "300 species x 1, hits": lambda r, t: two_encoders(*equal_encoders(r, 300, 1, 2), t, resamples, True),
        "40 species x 8, skewed gaps": lambda r, t: two_encoders(*skewed_gaps(r, 40, 8), t, resamples, False),
        "40 species x 8, severity": lambda r, t: severity_difference(*severities(r, 40, 8), t, resamples),
        "3 equal encoders, 40 species x 8": lambda r, t: families(*equal_encoders(r, 40, 8, 3), t, resamples),
        "8 equal encoders, 40 species x 8": lambda r, t: families(*equal_encoders(r, 40, 8, 8), t, resamples),
        "20 p-values, 5 of them true effects": lambda r, _: many_tests(r),
    }
    found = {}
    for name, run in designs.items():
        seen: dict[str, Floats] = {}
        for trial in range(datasets):
            for test, wrong in run(np.random.default_rng([1, trial]), trial).items():
                seen[test] = seen.get(test, np.zeros(len(LEVELS))) + wrong
        found[name] = {test: (100 * count / datasets).round(1).tolist() for test, count in seen.items()}
        print(f"\n{name}: false positives in % at 1 / 5 / 10 %", flush=True)
        for test, figures in found[name].items():
            over = max(a - 100 * b for a, b in zip(figures, LEVELS, strict=True))
            verdict = "" if over <= 1 else f"{over:.1f} over"
            print(f"  {test:<42}{figures[0]:>7}{figures[1]:>7}{figures[2]:>7}   {verdict}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("false_positives.json"))
    arguments = parser.parse_args()
    found = rates(arguments.datasets, arguments.resamples)
    settings = {"datasets": arguments.datasets, "resamples": arguments.resamples, "numpy": np.__version__}
    arguments.out.write_text(json.dumps({**settings, "false_positives": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""How often do the intervals hold the true mean? See README.md; `python experiments/validity/intervals.py`."""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from designs import DESIGNS, Design

from taxoeval.metrics.statistics import student, wilson
from taxoeval.metrics.statistics._draws import resampled_means
from taxoeval.metrics.statistics._table import Table

LEVELS = (0.80, 0.90, 0.95)


def ends(design: Design, values, groups, average: str, seed: int, resamples: int) -> dict[str, dict[float, tuple]]:
    """Both ends of every interval at every level; intervals of one kind share their resamples, as levels may."""
    found: dict[str, dict[float, tuple]] = {}
    table = Table.of(values, groups, None, None, average)
    draws = resampled_means(table, stages=1, resamples=resamples, seed=seed)
    studentised = resampled_means(table, stages=1, resamples=resamples, seed=seed, errors=True)
    twice = resampled_means(table, stages=2, resamples=resamples // 2, seed=seed)
    found["percentile, one stage"] = {level: draws.ends("percentile", level) for level in LEVELS}
    found["bca, one stage"] = {level: draws.ends("bca", level) for level in LEVELS}
    found["studentised, one stage"] = {level: studentised.ends("studentised", level) for level in LEVELS}
    found["percentile, two stages"] = {level: twice.ends("percentile", level) for level in LEVELS}
    found["bca, two stages"] = {level: twice.ends("bca", level) for level in LEVELS}
    plain = [student(values, groups=groups, average=average, level=level) for level in LEVELS]
    found["student"] = {i.level: (i.low, i.high) for i in plain}
    if design.hits and average == "micro":
        for name, of in (("wilson, groups", groups), ("wilson, images alone", None)):
            found[name] = {level: (i.low, i.high) for level in LEVELS for i in [wilson(values, groups=of, level=level)]}
    if average == "micro":
        alone = resampled_means(Table.of(values, None, None, None, "micro"), stages=1, resamples=resamples, seed=seed)
        found["percentile, images alone"] = {level: alone.ends("percentile", level) for level in LEVELS}
    return found


def coverage(name: str, average: str, datasets: int, resamples: int, seed: int = 0) -> dict[str, list[float]]:
    """Share of data sets whose interval holds the truth, and the median width at 0.95, per interval."""
    design = DESIGNS[name]
    truth = design.truth()[average]
    inside: dict[str, np.ndarray] = {}
    width: dict[str, list[float]] = {}
    for trial in range(datasets):
        rng = np.random.default_rng([seed, trial])
        values, groups = design.draw(rng, design.species)
        for method, by_level in ends(design, values, groups, average, trial, resamples).items():
            held = [
                bool(low <= truth <= high)
                for low, high in ((float(np.ravel(a)[0]), float(np.ravel(b)[0])) for a, b in by_level.values())
            ]
            inside[method] = inside.get(method, np.zeros(len(LEVELS))) + held
            low, high = by_level[LEVELS[-1]]
            width.setdefault(method, []).append(float(np.ravel(high)[0] - np.ravel(low)[0]))
    return {m: [*(100 * inside[m] / datasets).round(1).tolist(), round(float(np.median(width[m])), 4)] for m in inside}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("intervals.json"))
    arguments = parser.parse_args()
    found = {}
    for name, design in DESIGNS.items():
        for average in design.averages:
            found[f"{name}, {average}"] = coverage(name, average, arguments.datasets, arguments.resamples)
            print(f"\n{name}, {average}: % that hold the truth at 80 / 90 / 95 %, and median width at 95 %", flush=True)
            for method, figures in found[f"{name}, {average}"].items():
                off = max(abs(a - 100 * b) for a, b in zip(figures, LEVELS, strict=False))
                verdict = "" if off <= 1.5 else f"off by {off:.1f}"
                print(
                    f"  {method:<26}{figures[0]:>7}{figures[1]:>7}{figures[2]:>7}   {figures[3]:<9}{verdict}",
                    flush=True,
                )
    settings = {"datasets": arguments.datasets, "resamples": arguments.resamples, "numpy": np.__version__}
    arguments.out.write_text(json.dumps({**settings, "coverage": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()

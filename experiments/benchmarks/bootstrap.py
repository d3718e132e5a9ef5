"""How fast is the bootstrap? Ours, its peers and their ratio, in one run.

    python experiments/benchmarks/bootstrap.py [--images 100000]

The values are hits at seven ranks of images of many species. Peers run a share of the resamples and are scaled up: a
loop of numpy means over the rows of the drawn clusters, and scipy.stats.bootstrap, which knows neither clusters nor NaN
nor columns of one resample, over the images alone. Wall time, best of the repeats (ours: 3; peers: 1); peak memory is
that of the whole process, read after ours and before the peers. The ends must agree within four Monte-Carlo errors.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from taxoeval.metrics import statistics

Floats = NDArray[np.float64]
RESAMPLES = 10_000
LEVEL = 0.95


def hits(images: int, species: int) -> tuple[Floats, NDArray[np.int64]]:
    """Hits ``(images, 7)`` that get rarer rank by rank, on species that are harder or easier, and the species."""
    rng = np.random.default_rng(0)
    group = np.r_[np.arange(species), rng.integers(species, size=images - species)]
    skill = rng.beta(2, 1, species)[group][:, None] ** np.array([0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0])
    return (rng.random((images, 1)) < skill).astype(float), group


def timed(run: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = run()
        times.append(time.perf_counter() - start)
    return min(times), answer


def loop(values: Floats, group: NDArray[np.int64], resamples: int, stages: int) -> Floats:
    """Means ``(resamples, 7)`` of the rows of drawn clusters, gathered; with two stages drawn anew within each."""
    rng = np.random.default_rng(1)
    order = np.argsort(group, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(group))[:-1])
    means = np.empty((resamples, values.shape[1]))
    for b in range(resamples):
        drawn = [members[i] for i in rng.integers(len(members), size=len(members))]
        if stages == 2:
            drawn = [rows[rng.integers(len(rows), size=len(rows))] for rows in drawn]
        means[b] = values[np.concatenate(drawn)].mean(axis=0)
    return means


def agree(ours: statistics.Interval, theirs: Floats, spread: Floats, resamples: int) -> float:
    """Largest gap between ends in Monte-Carlo errors; raises above 4."""
    share = (1 - LEVEL) / 2
    density = np.exp(-(1.96**2) / 2) / np.sqrt(2 * np.pi)
    error = spread * np.sqrt(share * (1 - share) * (1 / resamples + 1 / RESAMPLES)) / density
    gap = max(float((np.abs(np.array([ours.low, ours.high]) - theirs) / error).max()), 0.0)
    if gap > 4:
        raise SystemExit(f"ends differ by {gap:.1f} Monte-Carlo errors")
    return gap


def compare(
    what: str, ours: Callable[[], statistics.Interval], peer: Callable[[], Floats], run: int, name: str
) -> None:
    """Time both, check that they agree, print a row; ``peer`` gives means of ``run`` resamples."""
    wall, interval = timed(ours, 3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    theirs, means = timed(peer, 1)
    ends = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    gap = agree(interval, ends, means.std(axis=0), run)
    scaled = theirs * RESAMPLES / run
    print(
        f"{what:<34}{wall:>8.2f} s  {name:<22}{scaled:>9.1f} s{scaled / wall:>9.0f} x{gap:>8.1f}{peak:>9.2f}",
        flush=True,
    )


def scipys(values: Floats, run: int) -> Floats:
    """scipy.stats.bootstrap over the images, column by column as it would take them, in batches that fit memory."""
    from scipy.stats import bootstrap

    columns = []
    for column in values.T:
        result = bootstrap((column,), np.mean, n_resamples=run, batch=10, method="percentile", random_state=1)
        columns.append(result.bootstrap_distribution)
    return np.stack(columns, axis=1)


def clustered(values: Floats, group: NDArray[np.int64], species: int) -> None:
    """Ours against the loop, with one stage and with two; the loop runs few resamples where each takes long."""
    stages: Literal[1, 2]
    for stages, run in ((1, 100), (2, 20 if species > 1_000 else 100)):
        compare(
            f"{species:,} species, {'one stage' if stages == 1 else 'two stages'}",
            partial(statistics.bootstrap, values, groups=group, stages=stages, resamples=RESAMPLES),
            partial(loop, values, group, run, stages),
            run,
            "loop of numpy means",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    images = parser.parse_args().images
    statistics.bootstrap([0.0, 1.0, 1.0], resamples=10)
    print(f"{RESAMPLES:,} resamples, {images:,} images x 7 ranks, level {LEVEL}")
    print(f"{os.cpu_count()} processors, {os.getloadavg()[0]:.1f} busy with other work before the start")
    print(f"{'what':<34}{'ours':>10}  {'peer':<22}{'peer':>11}{'ratio':>11}{'apart':>8}{'peak GB':>9}")
    for species in (400, 1_000, 10_000):
        clustered(*hits(images, species), species)
    values, _ = hits(images, 1_000)
    compare(
        "images alone",
        lambda: statistics.bootstrap(values, resamples=RESAMPLES),
        lambda: scipys(values, 100),
        100,
        "scipy.stats.bootstrap",
    )
    print("apart: largest difference of an end from the peer's, in Monte-Carlo standard errors of that difference")


if __name__ == "__main__":
    main()

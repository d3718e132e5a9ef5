"""How fast are the decoders? Conditional risk beside the product with a table of all distances, and all rules in turn.

    python experiments/benchmarks/decoding.py [--data ../shared/data] [--only NAME]

10,000 samples, species of iNat21 as candidates, double precision, one thread each unless OPENBLAS_NUM_THREADS says
otherwise. The table of distances is made before the clock starts. Ours is the median of five runs, the product one run
between them (the median of five, too, where it is quick). Both must choose the same candidates; where rounding breaks a
tie in another way the two risks must be equal to 12 digits.
"""

import argparse
import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from taxoeval import Taxonomy
from taxoeval.decoding import (
    Climb,
    Crm,
    Darts,
    HfOptimal,
    Threshold,
    crm_nodes,
    decoder_name,
    hie_marginal,
    leaf_argmax,
    pareto_set,
    plurality,
    rank_max,
    rank_mean,
    rank_sum,
    top_down,
)

ROOT = Path(__file__).resolve().parents[2]
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
N = 10_000
Row = tuple[str, str, float, str]


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came back."""
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def inat(data: Path) -> Taxonomy:
    """The taxonomy of iNat21: 10,000 species at seven ranks."""
    return Taxonomy.from_table(data / "taxonomies" / "inat21_7rank.csv", ranks=RANKS)


def probabilities(taxonomy: Taxonomy, candidates: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Softmax of logits that follow the tree: a true species, its relatives the more likely the nearer they are."""
    rng = np.random.default_rng(seed)
    lineage = taxonomy.ancestor[candidates]
    found = np.empty((n, len(candidates)))
    for row, truth in zip(found, rng.integers(len(candidates), size=n), strict=True):
        row[:] = (lineage == lineage[truth]).sum(axis=1) + rng.gumbel(size=len(candidates))
        np.exp(row, out=row)
        row /= row.sum()
    return found


def table(taxonomy: Taxonomy, candidates: np.ndarray) -> np.ndarray:
    """Distance in ranks of all candidates from all candidates."""
    lineage = taxonomy.ancestor[candidates]
    distance = np.full((len(candidates), len(candidates)), float(taxonomy.n_ranks))
    for r in range(taxonomy.n_ranks):
        distance -= lineage[:, None, r] == lineage[None, :, r]
    return distance


def conditional_risk(data: Path, n_candidates: int) -> list[Row]:
    """Crm against the product of the probabilities with the table."""
    whole = inat(data)
    rng = np.random.default_rng(1)
    candidates = np.sort(rng.choice(whole.leaves, n_candidates, replace=False))
    probability = probabilities(whole, candidates, N)
    distance = table(whole, candidates)

    def product() -> np.ndarray:
        """A thousand rows at a time: the risks of all are as large as the probabilities."""
        return np.concatenate([(probability[i : i + 1000] @ distance).argmin(axis=1) for i in range(0, N, 1000)])

    def ours() -> np.ndarray:
        return Crm()(probability, candidates, whole).taxon[:, -1, 0]

    runs, peers = [timed(ours)[0]], []
    for _ in range(5 if n_candidates < 5000 else 1):
        seconds, theirs = timed(product)
        peers.append(seconds)
        runs.append(timed(ours)[0])
    while len(runs) < 5:
        runs.append(timed(ours)[0])
    chosen = ours()
    column = np.searchsorted(candidates, chosen)
    different = np.flatnonzero(column != theirs)
    risks = np.einsum(
        "nc,ncj->nj", probability[different], distance[:, np.stack([column, theirs], 1)[different]].swapaxes(0, 1)
    )
    assert np.allclose(risks[:, 0], risks[:, 1], rtol=1e-12), "the rules disagree"
    tracemalloc.start()
    ours()
    memory = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    label = f"crm, {N:,} x {n_candidates:,} ({len(different)} ties broken otherwise)"
    seconds = median(runs)
    return [
        (label, "ours", seconds, f"1 ({memory:.0f} MiB beside the probabilities)"),
        (
            "",
            "numpy product",
            median(peers),
            f"{median(peers) / seconds:.1f} (table {distance.nbytes / 2**20:,.0f} MiB)",
        ),
    ]


def every_rule(data: Path) -> list[Row]:
    """Each decoder once on 1,000 samples and all 10,000 species; the unit is the sum rank by rank."""
    taxonomy = inat(data)
    probability = probabilities(taxonomy, taxonomy.leaves, 1000)
    rules = [
        rank_sum,
        leaf_argmax,
        rank_max,
        rank_mean,
        top_down,
        plurality,
        Crm(),
        Crm("padded_height"),
        crm_nodes,
        hie_marginal,
        Threshold(0.5),
        Climb(0.5),
        Darts(3.0),
        HfOptimal(),
    ]
    rows, unit = [], 0.0
    for rule in rules:
        seconds = median(timed(lambda rule=rule: rule(probability, taxonomy.leaves, taxonomy))[0] for _ in range(3))
        unit = unit or seconds
        label = "" if rows else "1,000 x 10,000"
        rows.append((label, decoder_name(rule), seconds, f"{seconds / unit:.2f}"))
    seconds = timed(lambda: pareto_set(probability, taxonomy.leaves, taxonomy))[0]
    return [*rows, ("", "pareto_set", seconds, f"{seconds / unit:.2f}")]


JOBS: dict[str, Callable[[Path], list[Row]]] = {
    "crm_1010": lambda data: conditional_risk(data, 1_010),
    "crm_10000": lambda data: conditional_risk(data, 10_000),
    "every_rule": every_rule,
}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--only", choices=sorted(JOBS))
    options = parser.parse_args()
    print(f"{'job':<52}{'who':<20}{'seconds':>10}  x ours (or x rank_sum)")
    for name in [options.only] if options.only else JOBS:
        for job, who, seconds, ratio in JOBS[name](options.data):
            print(f"{job:<52}{who:<20}{seconds:>10.3f}  {ratio}", flush=True)


if __name__ == "__main__":
    main()

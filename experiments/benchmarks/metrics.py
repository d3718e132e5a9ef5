"""How fast are the metrics, beside what people use now? Ours, a peer, their ratio, in one run, equal values asserted.

    pip install hiclass networkx
    python experiments/benchmarks/metrics.py [--data ../shared/data] [--only NAME] [--large]

``--large`` adds the list of every per-sample metric on 10^7 predictions, each in a process of its own, with its memory.
Ours is the median of at least five runs, each peer one run between them. Peers that walk a tree pair by pair get fewer
pairs, and their time is scaled; the table says so.
"""

import argparse
import heapq
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from taxoeval import Taxonomy, metrics
from taxoeval.decoding.base import best
from taxoeval.metrics import paths, statistics

ROOT = Path(__file__).resolve().parents[2]
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
Row = tuple[str, str, float, float]


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came back."""
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def ours_beside(ours: Callable[[], Any], peers: dict[str, Callable[[], Any]]) -> tuple[float, Any, dict[str, Any]]:
    """Median seconds of ours, with the peers' runs between ours; and all results."""
    runs = [timed(ours) for _ in range(2)]
    found = {}
    for name, peer in peers.items():
        found[name] = timed(peer)
        runs.append(timed(ours))
    while len(runs) < 5:
        runs.append(timed(ours))
    return median(seconds for seconds, _ in runs), runs[0][1], found


def inat(data: Path) -> Taxonomy:
    """The taxonomy of iNat21: 10,000 species at seven ranks."""
    return Taxonomy.from_table(data / "taxonomies" / "inat21_7rank.csv", ranks=RANKS)


def path_scores(data: Path) -> list[Row]:
    """Precision, recall, F, micro and macro, 100,000 predictions of 10,000 species, against HiClass."""
    from hiclass import metrics as hiclass

    warnings.simplefilter("ignore")  # an all-wrong row is no news in a benchmark

    taxonomy = inat(data)
    rng = np.random.default_rng(0)
    species = taxonomy.leaves
    target = rng.choice(species, 100_000)
    pred = np.where(rng.random(100_000) < 0.5, target, rng.choice(species, 100_000))
    # HiClass compares strings: labels are made unique by writing the whole path, so that both mean the same
    label = np.array([str(i) for i in range(len(taxonomy))])
    y_true, y_pred = label[taxonomy.ancestor[target]], label[taxonomy.ancestor[pred]]

    def ours() -> list[float]:
        overlap = paths.path_overlap(target, pred, taxonomy)
        micro, each = paths.micro_precision_recall_f(overlap), paths.sample_precision_recall_f(overlap)
        return [*map(float, micro), *(float(statistics.mean(values)) for values in each)]

    peers = {
        f"HiClass {name} {average}": lambda score=score, average=average: score(y_true, y_pred, average=average)
        for average in ("micro", "macro")
        for name, score in (("precision", hiclass.precision), ("recall", hiclass.recall), ("F1", hiclass.f1))
    }
    seconds, values, found = ours_beside(ours, peers)
    for value, (_, theirs) in zip(values, found.values(), strict=True):
        assert abs(value - theirs) < 1e-9, (value, theirs)
    rows = [("P, R, F micro and macro, 100k x 7 ranks", "ours, all six", seconds, 1.0)]
    for name, (theirs, _) in found.items():
        rows.append(("", name, theirs, theirs / seconds))
    for average in ("micro", "macro"):
        whole = sum(theirs for name, (theirs, _) in found.items() if name.endswith(average))
        rows.append(("", f"HiClass P, R and F {average}", whole, whole / seconds))
    return rows


def top_20(data: Path) -> list[Row]:
    """Top-20 metrics from scores, 10,000 samples of 1,010 leaves, against a loop with heap and dictionary."""
    whole = inat(data)
    rng = np.random.default_rng(1)
    taxonomy, _ = whole.restrict(rng.choice(whole.leaves, 1_010, replace=False))
    leaves = taxonomy.leaves
    target_column = rng.integers(len(leaves), size=10_000)
    scores = rng.permuted(np.tile(np.arange(len(leaves), dtype=np.float32), (10_000, 1)), axis=1)  # no ties
    scores[np.arange(10_000), target_column] += 300.5
    target = leaves[target_column]
    names = [taxonomy.path(int(leaf)) for leaf in leaves]
    height = {
        (names[i], names[j]): int(h)
        for i in range(len(leaves))
        for j, h in enumerate(metrics.rank_height(np.full(len(leaves), leaves[i]), leaves, taxonomy))
    }

    def ours() -> list[float]:
        pred = leaves[best(scores, 20)]
        found = metrics.rank_height(target, pred, taxonomy)
        return [
            float(statistics.mean(metrics.rank_hits(target, pred[:, 0], taxonomy))[-1]),
            metrics.mistake_severity(found[:, 0]),
            *(metrics.average_hierarchical_distance(found[:, :k]) for k in (1, 5, 20)),
            float(statistics.mean(found.min(axis=1))),
        ]

    def loop() -> list[float]:
        right, severity, nearest = 0, [], []
        totals: dict[int, list[float]] = {1: [], 5: [], 20: []}
        for row, column in zip(scores, target_column, strict=True):
            ranked = heapq.nlargest(20, range(len(row)), key=row.__getitem__)
            distances = [height[names[column], names[p]] for p in ranked]
            right += ranked[0] == column
            if ranked[0] != column:
                severity.append(distances[0])
            for k, kept_values in totals.items():
                kept_values.append(sum(distances[:k]) / k)
            nearest.append(min(distances))
        n = len(scores)
        return [right / n, sum(severity) / len(severity), *(sum(v) / n for v in totals.values()), sum(nearest) / n]

    seconds, values, found = ours_beside(ours, {"heap and dictionary loop": loop})
    np.testing.assert_allclose(values, found["heap and dictionary loop"][1], rtol=1e-9)
    theirs = found["heap and dictionary loop"][0]
    return [
        ("top-20 metrics from scores, 10k x 1,010", "ours", seconds, 1.0),
        ("", "heap and dictionary loop", theirs, theirs / seconds),
    ]


def edges(data: Path) -> list[Row]:
    """Edge distance of 10^6 pairs of species on the tree of iNat21, against ete3, networkx and scikit-bio."""
    warnings.simplefilter("ignore")
    import io

    import networkx
    import skbio

    taxonomy = inat(data)
    rng = np.random.default_rng(2)
    target, pred = rng.choice(taxonomy.leaves, (2, 1_000_000))
    few = 1_000

    def ours() -> np.ndarray:
        return metrics.lca_distance(target, pred, taxonomy, convention="edge")

    graph = networkx.DiGraph((int(p), i) for i, p in enumerate(taxonomy.parent))  # -1 joins the kingdoms
    undirected = graph.to_undirected()
    from ete3 import Tree as EteTree

    nodes = {-1: EteTree(name="-1", dist=1.0)}
    for i, p in enumerate(taxonomy.parent):
        nodes[i] = nodes[int(p)].add_child(name=str(i), dist=1.0)
    newick = nodes[-1].write(format=1)
    sk_tree = skbio.TreeNode.read(io.StringIO(newick))
    tips = {int(tip.name): tip for tip in sk_tree.tips()}
    pairs = [(int(a), int(b)) for a, b in zip(target[:few], pred[:few], strict=True)]
    peers = {
        "ete3 get_distance": lambda: [nodes[a].get_distance(nodes[b]) for a, b in pairs],
        "networkx shortest_path_length": lambda: [
            networkx.bidirectional_shortest_path(undirected, a, b).__len__() - 1 for a, b in pairs
        ],
        "scikit-bio distance": lambda: [tips[a].distance(tips[b]) for a, b in pairs],
    }
    seconds, values, found = ours_beside(ours, peers)
    rows = [("edge distance of 10^6 pairs, iNat21 tree", "ours", seconds, 1.0)]
    for name, (theirs, answers) in found.items():
        np.testing.assert_array_equal(values[:few], answers)
        scaled = theirs * len(target) / few
        rows.append(("", f"{name} ({few:,} pairs, scaled)", scaled, scaled / seconds))
    return rows


JOBS = {"path_scores": path_scores, "top_20": top_20, "edges": edges}


def large_actions(data: Path, n: int) -> dict[str, Callable[[], Any]]:
    """Every per-sample metric of one answer per sample, by name."""
    from taxoeval.metrics import consistency, lca_scores, top_k

    taxonomy = inat(data)
    rng = np.random.default_rng(3)
    target, pred = rng.choice(taxonomy.leaves, (2, n))

    def at_every_rank() -> np.ndarray:
        return taxonomy.ancestor[pred][:, :, None].astype(np.int64)

    actions: dict[str, Callable[[], Any]] = {
        "rank_hits": lambda: metrics.rank_hits(target, pred, taxonomy),
        "path_overlap": lambda: paths.path_overlap(target, pred, taxonomy),
        "sample_precision_recall_f": lambda: paths.sample_precision_recall_f(
            paths.path_overlap(target, pred, taxonomy)
        ),
        "lca_precision_recall_f": lambda: lca_scores.lca_precision_recall_f(target, pred, taxonomy, weight="depth"),
        "lca_restricted_precision_recall_f": lambda: lca_scores.lca_restricted_precision_recall_f(
            target, pred, taxonomy
        ),
        "correct_depth": lambda: top_k.correct_depth(target, pred, taxonomy),
        "full_path_hits": lambda: consistency.full_path_hits(target, at_every_rank()[:, :, 0], taxonomy),
        "tice": lambda: consistency.tice(at_every_rank()[:, :, 0], taxonomy),
        "chance_hits": lambda: statistics.chance_hits(target, taxonomy.leaves, taxonomy),
        "taxon_mean": lambda: statistics.taxon_mean((target == pred).astype(float), target),
    }
    for convention in metrics.Convention:
        actions[f"lca_distance {convention}"] = lambda c=convention: metrics.lca_distance(
            target, pred, taxonomy, convention=c
        )
    for similarity in metrics.Similarity:
        actions[f"lca_similarity {similarity}"] = lambda c=similarity: metrics.lca_similarity(
            target, pred, taxonomy, convention=c
        )
    return actions


def one_large(data: Path, name: str, n: int) -> None:
    """Print the seconds and the peak memory of one metric on n predictions."""
    action = large_actions(data, n)[name]
    seconds, _ = timed(action)
    print(f"{seconds:.2f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f}")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--only", choices=sorted(JOBS))
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--n", type=int, default=10_000_000, help="predictions for --large")
    options = parser.parse_args()
    if options.one:
        one_large(options.data, options.one, options.n)
        return
    print(f"{'job':<44}{'who':<46}{'seconds':>10}{'x ours':>10}")
    for name in [options.only] if options.only else JOBS:
        for job, who, seconds, ratio in JOBS[name](options.data):
            print(f"{job:<44}{who:<46}{seconds:>10.4f}{ratio:>10,.0f}", flush=True)
    if options.large:
        print(f"\n{options.n:,} predictions of 10,000 species{'':<17}{'seconds':>10}{'peak GB':>10}")
        for name in large_actions(options.data, 10):
            command = [sys.executable, __file__, "--data", str(options.data), "--one", name, "--n", str(options.n)]
            seconds, gigabytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            print(f"{name:<46}{seconds:>14}{gigabytes:>10}", flush=True)


if __name__ == "__main__":
    main()

"""How fast are trees and taxonomies built and asked? Ours, a peer and their ratio, in one run.

    python experiments/benchmarks/taxonomy.py [--data ../shared/data]

Every measurement runs in a process of its own, with its imports done before the clock starts, and reports the best of
its repeats (ours: 5; peers: 1) in wall time, the processor time of that repeat over all threads, the wall time of the
first repeat, and the peak memory of the process. "x ours" compares wall times.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
TREE = Path("taxonomies") / "megatrees_tree_plant_Carruthers.nwk.gz"
PAIRS = {"ours": 1_000_000, "ete3": 2_000, "scikit-bio": 2_000}


def write_lineages(path: Path, n: int = 1_000_000) -> None:
    """One row per species of a random taxonomy, shuffled: as many taxa as rows, the hardest case."""
    rng = np.random.default_rng(0)
    sizes = [6, 60, 300, 1_500, 10_000, 150_000, n]
    above = [rng.integers(0, few, many) for few, many in itertools.pairwise(sizes)]
    columns = [np.arange(n)]
    for parents in reversed(above):
        columns.append(parents[columns[-1]])
    rows = np.stack(columns[::-1], axis=1)[rng.permutation(n)]
    with path.open("w") as stream:
        stream.write(",".join(RANKS) + "\n")
        stream.writelines(
            f"Kingdom{k},Phylum{p},Class{c},Order{o},Familiidae{f},Genus{g},Genus{g} epithet{s}\n"
            for k, p, c, o, f, g, s in rows.tolist()
        )


def lineages_ours(path: Path) -> Callable[[], int]:
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    from taxoeval.taxonomy import read_table

    return lambda: read_table(path).taxonomy.n


def lineages_pandas(path: Path) -> Callable[[], int]:
    import pandas

    def build() -> int:
        table = pandas.read_csv(path, dtype=str)
        codes = [table.groupby(list(RANKS[: k + 1]), dropna=False).ngroup() for k in range(len(RANKS))]
        return sum(int(code.max()) + 1 for code in codes)

    return build


def lineages_python(path: Path) -> Callable[[], int]:
    import csv

    def build() -> int:
        with path.open(newline="") as stream:
            rows = csv.reader(stream)
            next(rows)
            ids: dict[tuple[int, str], int] = {}
            for row in rows:
                node = -1
                for name in row:
                    node = ids.setdefault((node, name), len(ids))
        return len(ids)

    return build


def newick_ours(path: Path) -> Callable[[], int]:
    from taxoeval.taxonomy import Tree

    return lambda: Tree.from_newick(path).n


def newick_ete3(path: Path) -> Callable[[], int]:
    import gzip

    import ete3

    def read() -> int:
        with gzip.open(path, "rt") as stream:
            return sum(1 for _ in ete3.Tree(stream.read(), format=1).traverse())

    return read


def newick_skbio(path: Path) -> Callable[[], int]:
    import gzip

    import skbio

    def read() -> int:
        with gzip.open(path, "rt") as stream:
            return int(skbio.TreeNode.read(stream, format="newick", convert_underscores=False).count())

    return read


def pairs(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, n, (2, PAIRS["ours"]))


def lca_ours(path: Path) -> Callable[[], list[int]]:
    from taxoeval.taxonomy import Tree

    tree = Tree.from_newick(path)
    a, b = pairs(tree.n)
    start = time.perf_counter()
    tree.lca(0, 0)
    print(f"our table for constant-time answers: {time.perf_counter() - start:.3f} s, once a tree", file=sys.stderr)
    return lambda: tree.lca(a, b)[: PAIRS["ete3"]].tolist()


def lca_ete3(path: Path) -> Callable[[], list[int]]:
    from taxoeval.taxonomy import Tree

    tree = Tree.from_newick(path)
    theirs = tree.to_ete()
    nodes = list(theirs.traverse("preorder"))
    number = {node: i for i, node in enumerate(nodes)}
    some = pairs(tree.n)[:, : PAIRS["ete3"]].T.tolist()
    return lambda: [number[nodes[a].get_common_ancestor(nodes[b])] if a != b else a for a, b in some]


def lca_skbio(path: Path) -> Callable[[], list[int]]:
    import gzip

    import skbio

    with gzip.open(path, "rt") as stream:
        theirs = skbio.TreeNode.read(stream, format="newick", convert_underscores=False)
    nodes = list(theirs.preorder())
    number = {id(node): i for i, node in enumerate(nodes)}
    some = pairs(len(nodes))[:, : PAIRS["scikit-bio"]].T.tolist()
    return lambda: [number[id(theirs.lca([nodes[a], nodes[b]]))] for a, b in some]


JOBS: dict[str, tuple[Callable[[Path], Callable[[], Any]], int]] = {
    "lineages/ours": (lineages_ours, 5),
    "lineages/pandas": (lineages_pandas, 1),
    "lineages/plain Python": (lineages_python, 1),
    "newick/ours": (newick_ours, 5),
    "newick/ete3": (newick_ete3, 1),
    "newick/scikit-bio": (newick_skbio, 1),
    "lca/ours": (lca_ours, 5),
    "lca/ete3": (lca_ete3, 1),
    "lca/scikit-bio": (lca_skbio, 1),
}


def measure(job: str, path: Path) -> None:
    """Run one job in this process and print what it took."""
    prepare, repeats = JOBS[job]
    run = prepare(path)
    times = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        answer = run()
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    (wall, cpu), first = min(times), times[0][0]
    print(json.dumps({"wall": wall, "cpu": cpu, "first": first, "gb": memory, "answer": answer}))


def results(data: Path, lineages: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for job in JOBS:
        path = lineages if job.startswith("lineages") else data / TREE
        command = [sys.executable, __file__, "--job", job, "--path", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        sys.stderr.write(done.stderr if done.returncode or job == "lca/ours" else "")
        if done.returncode == 0:
            yield job, json.loads(done.stdout.splitlines()[-1])


def report(data: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lineages = Path(folder) / "lineages.csv"
        write_lineages(lineages)
        print(f"1,000,000 lineages, {lineages.stat().st_size / 1e6:.0f} MB of CSV; Newick and LCA: {TREE.name}")
        print(f"{os.cpu_count()} processors, {os.getloadavg()[0]:.1f} busy with other work before the start")
        print(f"{'what':<10}{'who':<15}{'wall':>12}{'processor':>12}{'first':>12}{'peak GB':>9}{'x ours':>10}")
        found = dict(results(data, lineages))
    for job, result in found.items():
        what, who = job.split("/")
        ours = found[f"{what}/ours"]
        if result["answer"] != ours["answer"]:
            raise SystemExit(f"{job} gives another answer than ours")
        scale = 1e6 / PAIRS[who] if what == "lca" else 1.0
        unit = "us/pair" if what == "lca" else "s"
        cells = "".join(f"{result[key] * scale:>9.3f} {unit[:2]:<2}" for key in ("wall", "cpu", "first"))
        ratio = result["wall"] * scale / ours["wall"]
        print(f"{what:<10}{who:<15}{cells}{result['gb']:>9.2f}{ratio:>10.1f}")
    print(f"lca: microseconds a pair, ours over {PAIRS['ours']:,} pairs, the others over the first {PAIRS['ete3']:,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder of real data")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        measure(arguments.job, arguments.path)
    else:
        report(arguments.data)


if __name__ == "__main__":
    main()

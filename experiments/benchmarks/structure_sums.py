"""What do variance by rank, similarity by rank and silhouette cost, at 20,000 images and at a million?

    python experiments/benchmarks/structure_sums.py [small] [million] [--folder /var/tmp]

Vectors of 1,000 species in nested taxa, 768 dimensions, counts by Zipf's law. *small*: 20,000 images in memory against
the full cosine matrix, split by rank of the lowest common ancestor in blocks of 1,000 rows as one would write it.
*million*: a memory map of 3 GB in `--folder`, made first and deleted at the end. Each measurement runs in a process of
its own, with its imports done before the clock starts: wall time, processor time over all threads, and the growth of
the peak memory (pages of the map that the system keeps in its cache count as well). Threads: as the environment says.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from taxoeval import Taxonomy
from taxoeval.taxonomy import RANKS

SIZES = (3, 10, 25, 60, 180, 500, 1000)
D = 768


def lineages(rng: np.random.Generator) -> list[tuple[str, ...]]:
    code = np.arange(SIZES[-1])
    columns = [code]
    for parts, taxa in zip(SIZES[:0:-1], SIZES[-2::-1], strict=True):
        home = np.r_[np.arange(taxa), rng.choice(taxa, parts - taxa, p=rng.dirichlet(np.ones(taxa)))]
        code = rng.permutation(home)[code]
        columns.append(code)
    return [
        tuple(f"{rank} {c}" for rank, c in zip(RANKS, row, strict=True)) for row in zip(*columns[::-1], strict=True)
    ]


def labels(n: int) -> tuple[np.ndarray, Taxonomy]:
    rng = np.random.default_rng(0)
    rows = lineages(rng)
    taxonomy = Taxonomy.from_lineages(rows)
    share = 1 / np.arange(1, len(rows) + 1)
    species = np.r_[np.arange(len(rows)), rng.choice(len(rows), n - len(rows), p=share / share.sum())]
    return rng.permutation(taxonomy.ids(rows)[species]), taxonomy


def vectors(taxon: np.ndarray, taxonomy: Taxonomy, path: Path | None = None) -> np.ndarray:
    """Independent effects at every rank, an offset, and noise; float32, written to `path` in blocks if given."""
    rng = np.random.default_rng(1)
    effect = rng.standard_normal((len(taxonomy), D), dtype=np.float32) * np.float32(0.5)
    effect = np.where((taxonomy.ancestor >= 0)[:, :, None], effect[taxonomy.ancestor], 0).sum(axis=1) + np.float32(1)
    shape = (len(taxon), D)
    out = np.empty(shape, np.float32) if path is None else np.memmap(path, np.float32, "w+", shape=shape)
    for first in range(0, len(taxon), 10_000):
        of = effect[taxon[first : first + 10_000]]
        out[first : first + 10_000] = of + rng.standard_normal(of.shape, dtype=np.float32)
    return out


def cosine_matrix(x: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
    """Mean cosine by level of the lowest common ancestor, every pair looked at."""
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    taxa, code = np.unique(taxon, return_inverse=True)
    met = taxonomy.lca(taxa[:, None], taxa[None])
    level = np.where(met < 0, 0, taxonomy.rank[met] + 1).astype(np.int8)
    total, pairs = np.zeros(taxonomy.n_ranks + 1), np.zeros(taxonomy.n_ranks + 1)
    for first in range(0, len(x), 1000):
        near = x[first : first + 1000] @ x.T
        at = level[code[first : first + 1000][:, None], code[None]]
        near[np.arange(len(near)), np.arange(first, first + len(near))] = 0
        total += np.bincount(at.ravel(), near.ravel(), minlength=len(total))
        pairs += np.bincount(at.ravel(), minlength=len(total))
        pairs[-1] -= len(near)
    return total / pairs


def jobs() -> dict[str, Callable[..., object]]:
    from taxoeval.structure.lca_levels import LcaLevels
    from taxoeval.structure.lca_pairs import LcaPairs
    from taxoeval.structure.silhouette import silhouette
    from taxoeval.structure.similarity import similarity_by_lca
    from taxoeval.structure.sums import taxon_sums
    from taxoeval.structure.variance import variance_by_rank

    def cosine(x: np.ndarray, taxon: np.ndarray, taxonomy: Taxonomy) -> np.ndarray:
        """One of the four means of similarity_by_lca, without null and interval: what the full matrix gives."""
        sums = taxon_sums(x, taxon, taxonomy)
        tree, n = LcaLevels.of(LcaPairs.of(sums.taxon, taxonomy, strict=False)), sums.count.astype(float)
        total, pairs = tree.sums(sums.total / n[:, None], n), tree.sums(np.ones((len(n), 1)), n)
        total[-1] += (sums.total**2).sum() - sums.square.sum()
        pairs[-1] += (n * (n - 1)).sum()
        return total / pairs

    return {
        "similarity, one mean": cosine,
        "similarity, four means, intervals": lambda x, t, tree: similarity_by_lca(x, t, tree, permutations=0).value[0],
        "similarity, and 199 permutations": lambda x, t, tree: similarity_by_lca(x, t, tree).value[0],
        "full cosine matrix": cosine_matrix,
        "variance, 199 permutations": lambda x, t, tree: variance_by_rank(x, t, tree).share,
        "silhouette": lambda x, t, tree: silhouette(x, t, tree).rows[0].value,
    }


def measured(job: str, n: int, path: str) -> dict[str, object]:
    taxon, taxonomy = labels(n)
    x = np.memmap(path, np.float32, "r", shape=(n, D)) if path else vectors(taxon, taxonomy)
    run = jobs()[job]
    import scipy.sparse
    import scipy.stats  # noqa: F401

    before, processor, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time(), time.time()
    value = run(x, taxon, taxonomy)
    seconds, worked = time.time() - start, time.process_time() - processor
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"wall": seconds, "cpu": worked, "grown": grown / 1e6, "value": np.asarray(value).round(4).tolist()}


def apart(job: str, n: int, path: str = "") -> dict[str, object]:
    """One measurement in a process of its own."""
    command = [sys.executable, __file__, "--job", job, "--images", str(n), "--path", path]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(
        f"{job:<36}{n:>10,}{found['wall']:>9.2f}{found['cpu']:>9.2f}{found['grown']:>9.2f}   {found['value']}",
        flush=True,
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["small", "million"])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--path", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        print(json.dumps(measured(arguments.job, arguments.images, arguments.path)))
        return
    print(f"{os.cpu_count()} processors, {os.getloadavg()[0]:.1f} busy with other work before the start")
    print(f"{'what':<36}{'images':>10}{'wall s':>9}{'cpu s':>9}{'GB more':>9}   value by level")
    if "small" in arguments.what:
        found = {job: apart(job, 20_000) for job in jobs()}
        for job in (job for job in found if job.startswith("similarity")):
            ratio = found["full cosine matrix"]["wall"] / found[job]["wall"]
            print(f"{job}: {ratio:.0f} x faster than the full cosine matrix")
        ours, theirs = (found[job]["value"] for job in ("similarity, one mean", "full cosine matrix"))
        assert np.allclose(ours, theirs, atol=2e-4), "the two disagree"
    if "million" in arguments.what:
        path = arguments.folder / "taxoeval-structure-sums.f32"
        try:
            vectors(*labels(arguments.images), path)
            for job in jobs():
                if job != "full cosine matrix":
                    apart(job, arguments.images, str(path))
        finally:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()

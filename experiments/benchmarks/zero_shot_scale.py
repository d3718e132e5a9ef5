"""Zero-shot among 867,000 candidates: what do seven rank sums with their five best cost beside the bare product?

    python experiments/benchmarks/zero_shot_scale.py [--data ../shared/data] [--images 512] [--threads 1] [--half]

Random unit vectors of 768 dimensions; the taxonomy is that of iNat21 with every family copied 87 times below its order,
cut to the number of candidates: 3 kingdoms, 13 phyla, 51 classes, 273 orders, about 96,000 families and 425,000 genera,
more taxa than the real tree of life has for as many species, which is the harder case. The texts lie in a file that is
mapped into memory. Five runs of the product and of ours alternate; answers are checked against the decoders on a few
images. The taxonomy is read in a process of its own, so that the memory of reading it is not counted here.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from taxoeval import Taxonomy
from taxoeval.decoding import leaf_argmax, rank_sum
from taxoeval.tasks.base import softmax
from taxoeval.tasks.rank_scores import _TEXTS, rank_scores

ROOT = Path(__file__).resolve().parents[2]
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


def copied(data: Path, candidates: int) -> Taxonomy:
    """The taxonomy of iNat21 with its families copied."""
    whole = Taxonomy.from_table(data / "taxonomies" / "inat21_7rank.csv", ranks=RANKS)
    names = np.append(whole.names, "")[whole.ancestor[whole.leaves]]
    copies = -(-candidates // len(names))
    columns = []
    for r in range(len(RANKS)):
        suffix = [""] if r < 4 else [f" {i}" for i in range(copies)]
        columns.append([f"{name}{end}" for end in (suffix * copies)[:copies] for name in names[:, r]][:candidates])
    return Taxonomy.from_columns(columns, ranks=RANKS)[0]


def read_elsewhere(data: Path, candidates: int, folder: Path) -> Taxonomy:
    """The same, from arrays that another process left."""
    subprocess.run(
        [sys.executable, __file__, "--write", str(folder), "--data", str(data), "--candidates", str(candidates)],
        check=True,
    )
    names = (folder / "names.txt").read_text().split("\n")
    with np.load(folder / "arrays.npz") as arrays:
        return Taxonomy(arrays["parent"], names, arrays["rank"], RANKS)


def write_arrays(taxonomy: Taxonomy, folder: Path) -> None:
    (folder / "names.txt").write_text("\n".join(taxonomy.names))
    np.savez(folder / "arrays.npz", parent=taxonomy.parent, rank=taxonomy.rank)


def write_units(path: Path, n: int, d: int, dtype: str) -> None:
    """Random unit vectors written piece by piece, so that they never need memory."""
    rng = np.random.default_rng(0)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=(n, d))
    for start in range(0, n, 1 << 14):
        rows = rng.standard_normal((min(1 << 14, n - start), d), dtype=np.float32)
        out[start : start + len(rows)] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    out.flush()


def status(key: str) -> float:
    """A line of the process's status in GB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024 / 1e9


def bare(images: np.ndarray, texts: np.ndarray, *, in_pieces: bool) -> float:
    """Seconds of the product, all in one or in the pieces that ours takes."""
    x = torch.from_numpy(images.T.copy())
    size = _TEXTS["cpu"] if in_pieces else len(texts)
    out = torch.empty(size, x.shape[1])
    start = time.perf_counter()
    for first in range(0, len(texts), size):
        rows = torch.from_numpy(np.asarray(texts[first : first + size])).float()
        torch.mm(rows, x, out=out[: len(rows)])
    return time.perf_counter() - start


def loop(
    images: np.ndarray, texts: np.ndarray, taxonomy: Taxonomy, taxa: np.ndarray, scale: float
) -> tuple[float, list]:
    """Softmax summed per path in a dictionary, image by image; the paths are made beforehand."""
    paths = [
        [tuple(row[: r + 1]) if row[r] >= 0 else None for r in range(len(RANKS))]
        for row in taxonomy.ancestor[taxa].tolist()
    ]
    start = time.perf_counter()
    answers = []
    for image in images:
        logits = scale * (texts @ image)
        probability = np.exp(logits - logits.max())
        probability /= probability.sum()
        best = []
        for r in range(len(RANKS)):
            sums: dict = {}
            for path, p in zip(paths, probability.tolist(), strict=True):
                key = path[r]
                sums[key] = sums.get(key, 0.0) + p
            best.append(sorted(sums.items(), key=lambda item: -item[1])[:5])
        answers.append(best)
    return time.perf_counter() - start, answers


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--candidates", type=int, default=867_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--half", action="store_true", help="texts as float16")
    parser.add_argument("--loop", type=int, default=2, help="images for the loop in Python")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        write_arrays(copied(args.data, args.candidates), args.write)
        return
    torch.set_num_threads(args.threads)
    rng = np.random.default_rng(1)
    images = rng.standard_normal((args.images, 768), dtype=np.float32)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as folder:
        print(f"python with torch and {args.images} images: {status('VmRSS'):.2f} GB")
        taxonomy = read_elsewhere(args.data, args.candidates, Path(folder))
        taxa = taxonomy.leaves
        print(f"with {taxonomy}: {status('VmRSS'):.2f} GB")
        path = Path(folder) / "texts.npy"
        write_units(path, len(taxa), 768, "float16" if args.half else "float32")
        texts = np.load(path, mmap_mode="r")
        for row in memory(images, texts, taxa, taxonomy):
            print(row)
        ours, pieces, one = [], [], []
        few = images[: min(len(images), 128)]
        for _ in range(5):
            pieces.append(bare(images, texts, in_pieces=True))
            start = time.perf_counter()
            found = rank_scores(images, texts, taxa, taxonomy, scale=100.0)
            ours.append(time.perf_counter() - start)
            if not args.half:
                one.append(bare(few, texts, in_pieces=False) / len(few) * len(images))
        n = len(images)
        print(f"{n} images, {len(taxa)} candidates, {texts.dtype}, {args.threads} threads; ms per image, of five runs:")
        for name, seconds in (("product, in pieces", pieces), ("product, in one call", one), ("ours", ours)):
            if seconds:
                print(f"  {name:22s}" + " ".join(f"{1000 * s / n:8.2f}" for s in sorted(seconds)))
        print(f"  ours / product in pieces: {sorted(a / b for a, b in zip(ours, pieces, strict=True))[2]:.3f}")
        if one:
            print(f"  ours / product in one call: {sorted(a / b for a, b in zip(ours, one, strict=True))[2]:.3f}")
        check(images[:2], texts, taxa, taxonomy, found)
        if args.loop and not args.half:
            seconds, _ = loop(images[: args.loop], texts, taxonomy, taxa, 100.0)
            each = 1000 * seconds / args.loop
            print(f"  loop in Python: {each:8.0f} ms per image, {each / (1000 * sorted(ours)[2] / n):.0f} x ours")


def memory(images: np.ndarray, texts: np.ndarray, taxa: np.ndarray, taxonomy: Taxonomy):
    """Peak of the call, above what the process held before, less the texts."""
    matrix = texts.nbytes / 1e9
    before = status("RssAnon")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    rank_scores(images, texts, taxa, taxonomy, scale=100.0)
    peak = status("VmHWM")
    yield (
        f"the call: {before:.2f} GB held before, peak {peak:.2f} GB with the {matrix:.2f} GB of texts in the file: "
        f"{peak - matrix:.2f} GB beside them"
    )


def check(images: np.ndarray, texts: np.ndarray, taxa: np.ndarray, taxonomy: Taxonomy, found) -> None:
    probability = softmax(np.float32(100.0) * (images @ np.asarray(texts, dtype=np.float32).T))
    want, leaf = rank_sum(probability, taxa, taxonomy, k=5), leaf_argmax(probability, taxa, taxonomy)
    n = len(images)
    same = (found.rank_sum.taxon[:n] == want.taxon).mean()
    gap = np.nanmax(np.abs(found.rank_sum.probability[:n] / want.probability - 1))
    same_leaf = (found.leaf_argmax.taxon[:n] == leaf.taxon).mean()
    print(
        f"  same answers as rank_sum: {same:.3f}, leaf_argmax: {same_leaf:.3f}; largest relative difference {gap:.1e}"
    )


if __name__ == "__main__":
    main()

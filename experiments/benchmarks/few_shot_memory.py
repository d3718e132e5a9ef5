"""Few-shot on as many images and classes as NABirds has: how much memory, where a plain broadcast would need 76 GiB?

    python experiments/benchmarks/few_shot_memory.py [--images 48562] [--classes 555] [--dimension 768] [--shots 1]

Random vectors; one fold. The published code subtracts every centroid from every query in one array of images x classes
x dimensions in float32; here its size is computed, not made. Peaks are of the process, less what it held before.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from taxoeval import Taxonomy
from taxoeval.records import Embeddings
from taxoeval.tasks import Subject
from taxoeval.tasks.few_shot import FewShot


def status(key: str) -> float:
    """A line of the process's status in GiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=48_562)
    parser.add_argument("--classes", type=int, default=555)
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--shots", type=int, default=1)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    taxonomy, taxon = Taxonomy.from_columns(
        {
            "genus": [f"G{i // 5}" for i in range(args.classes)],
            "species": [f"G{i // 5} s{i}" for i in range(args.classes)],
        },
        ranks=("genus", "species"),
    )
    label = np.r_[np.arange(args.classes), rng.integers(0, args.classes, args.images - args.classes)]
    vectors = rng.standard_normal((args.images, args.dimension), dtype=np.float32)
    sample = np.array([f"{i:06d}" for i in range(args.images)])
    subject = Subject(Embeddings(vectors, taxon[label], sample, "random"), taxonomy, [""] * len(taxonomy), sample)
    FewShot(shots=(1,), folds=1)(small(subject, args.classes))  # everything is imported
    before, held = status("VmRSS"), vectors.nbytes / 2**30
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    start = time.perf_counter()
    FewShot(shots=(args.shots,), folds=1)(subject)
    seconds, peak = time.perf_counter() - start, status("VmHWM")
    queries = args.images - args.shots * args.classes
    broadcast = queries * args.classes * args.dimension * 4 / 2**30
    more = peak - before
    print(f"{args.images} images x {args.classes} classes x {args.dimension}, {args.shots}-shot, one fold")
    print(f"vectors {held:.2f} GiB; the process held {before:.2f} GiB with them, at most {peak:.2f}: {more:.2f} more")
    print(f"the broadcast difference alone: {broadcast:.1f} GiB, {broadcast / more:.0f} times as much; {seconds:.0f} s")


def small(subject: Subject, classes: int) -> Subject:
    """The same with few images."""
    images, n = subject.embeddings, 4 * classes
    few = Embeddings(images.vectors[:n], images.taxon[:n], images.sample[:n], images.source)
    return Subject(few, subject.taxonomy, subject.common_name, subject.label[:n])


if __name__ == "__main__":
    main()

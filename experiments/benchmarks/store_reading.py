"""A million vectors from a file: what does reading them as a memory map cost, beside numpy alone and beside Parquet?

    python experiments/benchmarks/store_reading.py [--vectors 1000000] [--dimension 768] [--rounds 3] [--folder /tmp]

Random float32, 3 GB, written twice: as npy and as uncompressed Parquet without dictionaries, which is Parquet at its
fastest. Ours maps the file and looks at every number, since a NaN would poison every mean; as an encoder its SHA-256 is
taken as well, for the fingerprint. Everything is in the page cache; the ways of reading alternate, and the median is
given, with the memory that the process then has to itself (a map takes none). All must give the same sum of some rows.
Asked: ours within a second.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from taxoeval.encoders import precomputed, vector_files

BLOCK = 50_000
Vectors = NDArray[np.float32]


def write(folder: Path, n: int, dimension: int) -> tuple[Path, Path]:
    """The same random vectors as npy and as Parquet."""
    npy, parquet = folder / "vectors.npy", folder / "vectors.parquet"
    held = np.lib.format.open_memmap(npy, "w+", np.float32, (n, dimension))
    schema = pa.schema([("id", pa.string()), ("vector", pa.list_(pa.float32(), dimension))])
    rng = np.random.default_rng(0)
    with pq.ParquetWriter(parquet, schema, compression="none", use_dictionary=False) as writer:
        for first in range(0, n, BLOCK):
            block = rng.standard_normal((min(BLOCK, n - first), dimension), dtype=np.float32)
            held[first : first + len(block)] = block
            names = [f"{i:07d}" for i in range(first, first + len(block))]
            cells = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), dimension)
            writer.write_table(pa.table({"id": names, "vector": cells}, schema=schema))
    held.flush()
    return npy, parquet


def from_parquet(path: Path) -> Vectors:
    """Parquet as pyarrow reads it."""
    cells = pq.read_table(path, columns=["vector"])["vector"].combine_chunks()
    flat: Vectors = cells.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(cells), -1)


def touched(path: Path) -> Vectors:
    """A bare map of which every page is used once."""
    vectors: Vectors = np.load(path, mmap_mode="r")
    vectors.sum()
    return vectors


def own_memory() -> float:
    """What the process has to itself, in GiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the temporary files go")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as place:
        npy, parquet = write(Path(place), args.vectors, args.dimension)
        ways: dict[str, Callable[[], Vectors]] = {
            "ours: map, every number checked": lambda: vector_files.read(npy).vectors,
            "ours: as an encoder, hashed too": lambda: precomputed.load(str(npy)).vectors,
            "np.load as a map, nothing read": lambda: np.load(npy, mmap_mode="r"),
            "np.load as a map, summed": lambda: touched(npy),
            "np.load into memory": lambda: np.load(npy),
            "pyarrow from Parquet": lambda: from_parquet(parquet),
            "ours: from Parquet, checked": lambda: vector_files.read(parquet).vectors,
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        memory = dict.fromkeys(ways, 0.0)
        sums = set()
        for _ in range(args.rounds + 1):  # the first round fills the page cache and imports
            for way, read in ways.items():
                pa.default_memory_pool().release_unused()
                before, start = own_memory(), time.perf_counter()
                vectors = read()
                seconds[way].append(time.perf_counter() - start)
                memory[way] = own_memory() - before
                sums.add(
                    (vectors.shape, float(np.asarray(vectors[:: max(1, args.vectors // 997)]).sum(dtype=np.float64)))
                )
                del vectors
        assert len(sums) == 1, sums
    median = {way: statistics.median(found[1:]) for way, found in seconds.items()}
    print(f"{args.vectors:,} vectors of {args.dimension}, {args.vectors * args.dimension * 4 / 2**30:.2f} GiB")
    ours = median["ours: map, every number checked"]
    for way in ways:
        low, high = min(seconds[way][1:]), max(seconds[way][1:])
        spread = f"({low:.2f} to {high:.2f})"
        print(f"{way:<34}{median[way]:7.2f} s  {spread:<16}{median[way] / ours:6.1f} x ours {memory[way]:6.2f} GiB")
    print(f"{os.cpu_count()} processors, {os.getloadavg()[0]:.1f} busy")


if __name__ == "__main__":
    main()

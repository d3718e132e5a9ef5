"""What does each option of an encoder change? Three trained networks, one option at a time, the same photographs.

    python experiments/encoder_options/run.py [--limit 600] [--folder outputs/encoder_options]

Every line is one call of the program, as a user would type it; the table is read from the files of the runs. It holds
the key of each run's vectors: two lines of one key are one setting, said in two ways.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

NETWORKS = {"birds": "mobilenetv2_inat_bird", "insects": "mobilenetv2_inat_insect", "objects": "mobilenetv2_imagenet"}
OPTIONS = {
    "as it is": [],
    "resize=squash": ["encoder.resize=squash"],
    "resize=crop": ["encoder.resize=crop"],
    "image_size=160": ["encoder.image_size=160"],
    "pooling=mean": ["encoder.pooling=mean"],
    "greyscale": ["encoder.greyscale=true"],
    "normalise": ["encoder.normalise=true"],
    "precision=bf16": ["encoder.precision=bf16"],
    "precision=fp16": ["encoder.precision=fp16"],
}


def run(weights: str, own: list[str], folder: Path, limit: int) -> dict[str, str]:
    """One line of the table."""
    command = [
        sys.executable,
        "-m",
        "taxoeval",
        "encoder=timm",
        f"encoder.model=local-dir:../shared/data/weights/{weights}",
    ]
    command += ["dataset=table", "dataset.labels=../shared/data/images/birds/labels.csv", f"dataset.limit={limit}"]
    command += ["task=knn", "~encoder@control", "logger=none", "runtime.console=quiet", f"hydra.run.dir={folder}", *own]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"species": "–", "order": "–", "key": " ".join((done.stderr or done.stdout).split())[:160]}
    record = json.loads((folder / "run.json").read_text())
    rows = pq.read_table(folder / "scores.parquet").to_pylist()
    hits = {
        row["rank"]: row["value"]
        for row in rows
        if (row["metric"], row["k"], row["decoder"]) == ("rank_hits", 1, "leaf_argmax")
    }
    share = {rank: f"{100 * hits[rank]:.1f}" for rank in ("species", "order")}
    return {**share, "key": record["hashes"]["vectors"]["encoder"][:12]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=600)
    parser.add_argument("--folder", type=Path, default=Path("outputs/encoder_options"))
    chosen = parser.parse_args()
    for network, weights in NETWORKS.items():
        print(f"| {network} | species | order | vectors |\n|:--|--:|--:|:--|", flush=True)
        for option, own in OPTIONS.items():
            found = run(
                weights, own, chosen.folder / f"{network}_{option}".translate(str.maketrans(" =", "__")), chosen.limit
            )
            print(f"| {option} | {found['species']} | {found['order']} | {found['key']} |", flush=True)


if __name__ == "__main__":
    main()

"""Write what a classifier of 965 bird classes says of a set of photographs, in the form that taxoeval reads.

Usage: ``python experiments/inat_bird_classifier/save_scores.py WEIGHTS_FOLDER LABELS_CSV OUTPUT_FOLDER``

It stands for "any other system": the scores are computed with timm alone. The images are listed by taxoeval's reader,
so that the sample ids agree; any program that writes the same three files would do.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import timm
import torch
from pyarrow import csv
from timm.data import create_transform, resolve_model_data_config

from taxoeval.datasets import table

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
BATCH = 32


def main(weights: Path, labels: Path, output: Path) -> None:
    """Save ``scores.npy`` (n, 965), ``samples.txt`` (n ids) and ``candidates.csv`` (965 lineages)."""
    torch.set_num_threads(1)
    dataset = table.load(labels)
    model = timm.create_model(f"local-dir:{weights}", pretrained=True).eval()
    transform = create_transform(**resolve_model_data_config(model), is_training=False)
    scores = np.empty((len(dataset), model.num_classes), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(dataset), BATCH):
            rows = range(start, min(start + BATCH, len(dataset)))
            images = torch.stack([transform(dataset.source.image(i)) for i in rows])
            scores[rows.start : rows.stop] = model(images).softmax(dim=1).numpy()
    classes = csv.read_csv(weights / "labels_taxonomy.csv")
    if classes["index"].to_pylist() != list(range(model.num_classes)):
        sys.exit("the lineages must stand in the order of the network's outputs")
    output.mkdir(parents=True, exist_ok=True)
    np.save(output / "scores.npy", scores)
    (output / "samples.txt").write_text("\n".join(dataset.sample.tolist()) + "\n", encoding="utf-8")
    csv.write_csv(pa.table({rank: classes[rank] for rank in RANKS}), output / "candidates.csv")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))

"""Which part of a caption does the model trained on lineages read? Birds it has seen, their fifth photograph.

    python experiments/mini_bioclip/parts.py outputs/mini_bioclip

Asks the model that ``train.py`` wrote with the name alone, with the ancestors alone, and with the ancestors of one bird
put in front of all names, which leaves the names where they stood in training but says nothing of them.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from captions import ABOVE_GENUS, write
from measure import OBJECTS, RANKS, trained_reading
from model import PER_SPECIES, folds, network, photographs, see
from safetensors.torch import load_file
from train import FOLD


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    dataset, rows, vectors = photographs(OBJECTS)
    taxon = dataset.taxon[rows]
    every = np.unique(taxon)
    species = every[folds(dataset, every, "genus", "family", seed=0) != FOLD]
    model = network(OBJECTS, 0)
    model.load_state_dict(load_file(folder / "taxon" / "open_clip_model.safetensors"))
    asked = np.isin(taxon, species) & (np.arange(len(rows)) % PER_SPECIES == PER_SPECIES - 1)
    image = see(model.eval(), vectors[rows[asked]])

    def accuracy(texts: list[str]) -> np.ndarray:
        best = species[(image @ trained_reading(model, texts).T).argmax(1)]
        at = [dataset.taxonomy.at(rank) for rank in RANKS]
        return np.array([100 * (one[best] == one[taxon[asked]]).mean() for one in at])

    whole, names = write(dataset, species, "taxon"), write(dataset, species, "sci")
    ancestors = [" ".join(text.split(" ")[:ABOVE_GENUS]) for text in whole]
    others = [accuracy([f"{one} {name}" for name in names]) for one in sorted(set(ancestors))]
    print(f"| caption | {' | '.join(RANKS)} |\n|---|{'---|' * len(RANKS)}")
    for told, found in (
        ("as trained", accuracy(whole)),
        ("name alone", accuracy(names)),
        ("ancestors alone", accuracy(ancestors)),
        (f"ancestors of one bird for all, mean of {len(others)}", np.mean(others, axis=0)),
    ):
        print(f"| {told} | {' | '.join(f'{value:.1f}' for value in found)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Figures of the bundled encoder as it is shipped: zero-shot and nearest-neighbour accuracy at every rank.

    python experiments/mini_clip/evaluate.py

Reads the two files through open_clip, writes ``figures.json`` beside this file, and prints the tables of the README.
"""

import json
from pathlib import Path

import numpy as np
import open_clip
import torch
from train import SIZE, accuracy, captions, held_out

from taxoeval.datasets.names import RANKS
from taxoeval.datasets.simulated import DrawnImages, Truth, truth

HERE = Path(__file__).parent
MODEL = HERE.parents[1] / "taxoeval" / "encoders" / "mini_clip"
TEXT_TYPES = ("sci", "taxon", "com", "sci_com", "taxon_com")


@torch.inference_mode()
def vectors(model: torch.nn.Module, transform: object, seed: int) -> tuple[Truth, torch.Tensor, np.ndarray]:
    """Truth, unit vectors and raw pixels of the evaluation draw of one clade."""
    t = truth(seed, 0)
    source = DrawnImages(t.traits, seed, 0, SIZE)
    images = [source.image(i) for i in range(len(t.species))]
    batches = [torch.stack([transform(image) for image in images[i : i + 250]]) for i in range(0, len(images), 250)]
    image = torch.cat([model.encode_image(batch) for batch in batches])
    pixels = np.stack([source.pixels(i).astype(np.float32)[::6, ::6].ravel() for i in range(len(images))])
    return t, torch.nn.functional.normalize(image, dim=1), pixels


@torch.inference_mode()
def zero_shot(model: torch.nn.Module, tokenizer: object, t: Truth, image: torch.Tensor, text_type: str) -> np.ndarray:
    texts = [captions(t.clade, s, False)[TEXT_TYPES.index(text_type)] for s in range(len(t.clade.species))]
    text = torch.nn.functional.normalize(model.encode_text(tokenizer(texts)), dim=1)
    return (image @ text.T).argmax(1).numpy()


def nearest_neighbour(t: Truth, vector: np.ndarray) -> np.ndarray:
    """Species of the nearest other picture by cosine."""
    unit = vector / np.linalg.norm(vector, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -2)
    return t.species[similarity.argmax(1)]


def main() -> None:
    torch.set_num_threads(1)
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{MODEL}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{MODEL}")
    model.eval()
    found: dict[str, dict[str, float]] = {}
    for seed in (0, 1, 4):
        t, image, pixels = vectors(model, transform, seed)
        every = np.ones(len(t.species), dtype=bool)
        new = np.isin(t.species, held_out(t.clade)) if seed == 0 else ~every
        for text_type in TEXT_TYPES if seed == 0 else ("taxon_com",):
            pred = zero_shot(model, tokenizer, t, image, text_type)
            parts = {"": every, ", species seen": ~new, ", species held out": new} if seed == 0 else {"": every}
            for part, of in parts.items():
                found[f"clade {seed}, zero-shot {text_type}{part}"] = accuracy(t, pred, of)
        found[f"clade {seed}, 1-NN"] = accuracy(t, nearest_neighbour(t, image.numpy()), every)
        found[f"clade {seed}, 1-NN on raw pixels"] = accuracy(t, nearest_neighbour(t, pixels), every)
        pairs = t.clade.lineage[t.species].T
        shared = [float(np.mean([(rank == taxon).mean() for taxon in rank])) for rank in pairs]
        found[f"clade {seed}, two pictures at random"] = dict(zip(RANKS, np.round(shared, 3).tolist(), strict=True))
    (HERE / "figures.json").write_text(json.dumps(found, indent=1) + "\n")
    print(f"| accuracy | {' | '.join(RANKS)} |\n|---|{'---|' * len(RANKS)}")
    for name, values in found.items():
        print(f"| {name} | {' | '.join(f'{values[rank]:.3f}' for rank in RANKS)} |")


if __name__ == "__main__":
    main()

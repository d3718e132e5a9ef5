"""Train on the lineages of four fifths of the genera, and write the model and the tables of birds to evaluate it on.

    python experiments/mini_bioclip/train.py --out outputs/mini_bioclip

Writes a folder per way of writing captions, in open_clip's format, and ``unseen.csv`` and ``seen.csv``: the photographs
of genera that no caption of the training named, and the left-out photographs of the other species.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import open_clip
import torch
from captions import write
from model import DATA, PER_SPECIES, folds, photographs, read, save_model, see, tokens, train

FOLD = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", default="mobilenetv2_imagenet")
    parser.add_argument("--captions", nargs="+", default=["taxon", "sci"])
    args = parser.parse_args()
    torch.set_num_threads(1)
    dataset, rows, vectors = photographs(args.weights)
    taxon = dataset.taxon[rows]
    species = np.unique(taxon)
    new = folds(dataset, species, "genus", "family", seed=0) == FOLD
    left_out = np.arange(len(rows)) % PER_SPECIES == PER_SPECIES - 1
    shown = [vectors[rows[(taxon == s) & ~left_out]] for s in species[~new]]
    for kind in args.captions:
        texts = write(dataset, species[~new], kind)
        model = train(args.weights, shown, texts, seed=0)
        save_model(args.out / kind, model, args.weights)
        check(args.out / kind, texts, see(model, vectors[:1]), dataset)
        print(f"{args.out / kind}: {len(texts)} captions such as {texts[0]!r}", flush=True)
    unseen = np.isin(taxon, species[new])
    with (DATA / "images" / "birds" / "labels.csv").open(newline="") as file:
        reader = csv.DictReader(file)
        labels = list(reader)
    for name, chosen in (("unseen", rows[unseen]), ("seen", rows[~unseen & left_out])):
        with (args.out / f"{name}.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, reader.fieldnames or [])
            table.writeheader()
            table.writerows(labels[i] for i in chosen)
        print(f"{args.out / name}.csv: {len(chosen)} photographs of {len(np.unique(dataset.taxon[chosen]))} species")


def check(folder: Path, texts: list[str], first: np.ndarray, dataset: object) -> None:
    """What open_clip reads from the folder must see and read as what was trained."""
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    model.eval()
    ids = open_clip.get_tokenizer(f"local-dir:{folder}")(texts[:4])
    with torch.inference_mode():
        torch.testing.assert_close(model.encode_text(ids, normalize=True), read(model, tokens(texts[:4])))
        seen = model.encode_image(transform(dataset.source.image(0))[None], normalize=True)
    torch.testing.assert_close(seen, torch.from_numpy(first), rtol=0, atol=1e-3)


if __name__ == "__main__":
    main()

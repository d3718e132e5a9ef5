"""Trains the bundled image-text encoder on simulated clades and writes it in open_clip's format.

    python experiments/mini_clip/train.py --out taxoeval/encoders/mini_clip

The figures it prints on the way are zero-shot accuracies on the individuals of draw 0, which it never trains on, for
all species and for the species held out of training altogether; ``evaluate.py`` measures the files it writes.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.torch import save
from torch import nn

from taxoeval.datasets.clade import Clade
from taxoeval.datasets.names import RANKS
from taxoeval.datasets.simulated import DrawnImages, Truth, truth

SIZE = 96
CLADES = {0: range(1, 9), 1: range(1, 4), 2: range(1, 4), 3: range(1, 4)}  # seed of the clade: its draws of individuals
HELD_OUT = 9  # species of clade 0 no image or name of which is seen in training
TEMPLATES = ("{}", "a photo of {}.", *(t("{}") for t in open_clip.OPENAI_IMAGENET_TEMPLATES))
MODEL = {
    "embed_dim": 64,
    "vision_cfg": {"layers": [1, 1, 1, 1], "width": 12, "image_size": SIZE, "patch_size": None},
    "text_cfg": {"context_length": 64, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2},
}


def held_out(clade: Clade) -> np.ndarray:
    """Species to leave out: one of each of nine genera that keep another, so that their genus is known."""
    genus = clade.lineage[:, RANKS.index("genus")]
    rng = np.random.default_rng(0)
    first = [rng.choice(np.flatnonzero(genus == g)) for g in np.unique(genus) if (genus == g).sum() > 1]
    return np.sort(rng.permutation(first)[:HELD_OUT])


def captions(clade: Clade, species: int, to_genus: bool) -> list[str]:
    """The five text types of the BioCLIP family for one label; a hidden rank leaves no trace in the path."""
    nodes = clade.lineage[species]
    path = [clade.names[n] for n, hidden in zip(nodes[:-1], clade.hidden[species], strict=False) if not hidden]
    if to_genus:
        return [path[-1], " ".join(path)]
    binomial, common = clade.names[nodes[-1]], clade.common_names[nodes[-1]]
    taxon = " ".join([*path, binomial.split()[1]])
    return [binomial, taxon, common, f"{binomial} with common name {common}", f"{taxon} with common name {common}"]


def draws(seed: int, individuals: int, leave_out: np.ndarray) -> tuple[np.ndarray, list[list[str]], np.ndarray]:
    """Pictures of one draw, the captions each may have, and a number that is equal for equal labels."""
    t = truth(seed, individuals)
    keep = np.flatnonzero(~np.isin(t.species, leave_out))
    source = DrawnImages(t.traits, seed, individuals, SIZE)
    pictures = np.stack([source.pixels(int(i)) for i in keep])
    texts = [captions(t.clade, int(t.species[i]), bool(t.to_genus[i])) for i in keep]
    genus = t.clade.lineage[t.species, RANKS.index("genus")]
    node = np.where(t.to_genus, genus, t.clade.species[t.species])[keep]
    return pictures, texts, 1000 * seed + node


def normalise(pictures: np.ndarray, mean: np.ndarray, std: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(((pictures / np.float32(255) - mean) / std).transpose(0, 3, 1, 2).astype(np.float32))


def shifted(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move each picture by up to 6 pixels; the edge is repeated."""
    padded = np.pad(pictures, ((0, 0), (6, 6), (6, 6), (0, 0)), mode="edge")
    corners = rng.integers(0, 13, (len(pictures), 2))
    return np.stack([p[y : y + SIZE, x : x + SIZE] for p, (y, x) in zip(padded, corners, strict=True)])


def contrastive(image: torch.Tensor, text: torch.Tensor, scale: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """CLIP's loss where every caption of the same label in the batch is right, not only the picture's own."""
    logits = scale * nn.functional.normalize(image, dim=1) @ nn.functional.normalize(text, dim=1).T
    same = (label[:, None] == label[None, :]).float()
    same = same / same.sum(1, keepdim=True)
    return (nn.functional.cross_entropy(logits, same) + nn.functional.cross_entropy(logits.T, same)) / 2


@torch.inference_mode()
def zero_shot(model: nn.Module, t: Truth, pictures: torch.Tensor, tokenizer: object) -> list[np.ndarray]:
    """``(n,)`` the species each picture is taken for, by one caption per species, for each text type."""
    model.eval()
    image = torch.cat([model.encode_image(part) for part in pictures.split(250)])
    found = []
    for text_type in range(5):
        texts = [captions(t.clade, s, False)[text_type] for s in range(len(t.clade.species))]
        text = nn.functional.normalize(model.encode_text(tokenizer(texts)), dim=1)
        found.append((image @ text.T).argmax(1).numpy())
    model.train()
    return found


def accuracy(t: Truth, pred: np.ndarray, of: np.ndarray) -> dict[str, float]:
    """Share of right answers at each rank among the pictures ``of``."""
    right = t.clade.lineage[pred] == t.clade.lineage[t.species]
    return {rank: round(float(right[of, r].mean()), 3) for r, rank in enumerate(RANKS)}


def write(folder: Path, model: nn.Module, used: np.ndarray, mean: np.ndarray, std: np.ndarray) -> None:
    """Half precision, token rows never seen in training set to zero, each file put in place in one step."""
    state = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in model.state_dict().items()}
    state["token_embedding.weight"] = state["token_embedding.weight"] * torch.from_numpy(used).half()[:, None]
    config = {
        "model_cfg": MODEL,
        "preprocess_cfg": {
            "mean": mean.round(4).tolist(),
            "std": std.round(4).tolist(),
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("open_clip_model.safetensors", save(state, metadata={"format": "pt"})),
        ("open_clip_config.json", (json.dumps(config, indent=2) + "\n").encode()),
    ):
        (folder / f".{name}.part").write_bytes(content)
        (folder / f".{name}.part").replace(folder / name)


def report(model: nn.Module, tokenizer: object, mean: np.ndarray, std: np.ndarray, leave_out: np.ndarray) -> dict:
    """Zero-shot accuracy on the evaluation draw by text type, rank, and seen or held-out species."""
    t = truth(0, 0)
    source = DrawnImages(t.traits, 0, 0, SIZE)
    pictures = normalise(np.stack([source.pixels(i) for i in range(len(t.species))]), mean, std)
    new = np.isin(t.species, leave_out)
    found = {}
    preds = zero_shot(model, t, pictures, tokenizer)
    for text_type, pred in zip(("sci", "taxon", "com", "sci_com", "taxon_com"), preds, strict=True):
        parts = (("all", np.ones_like(new)), ("seen", ~new), ("held_out", new))
        found[text_type] = {part: accuracy(t, pred, of) for part, of in parts}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the two files")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=3e-3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)

    leave_out = held_out(truth(0, 0).clade)
    parts = [draws(s, k, leave_out if s == 0 else leave_out[:0]) for s, ks in CLADES.items() for k in ks]
    pictures, label = np.concatenate([p[0] for p in parts]), np.concatenate([p[2] for p in parts])
    texts = [text for p in parts for text in p[1]]
    mean = (pictures[::50] / 255.0).mean((0, 1, 2)).astype(np.float32)
    std = (pictures[::50] / 255.0).std((0, 1, 2)).astype(np.float32)
    tokenizer = open_clip.get_tokenizer("ViT-B-32", context_length=MODEL["text_cfg"]["context_length"])
    model = open_clip.CLIP(**MODEL).train()
    model.visual = model.visual.to(memory_format=torch.channels_last)  # with bfloat16 twice as fast on a CPU
    used = np.zeros(MODEL["text_cfg"]["vocab_size"], dtype=np.float32)

    no_decay = [p for p in model.parameters() if p.ndim < 2] + [model.token_embedding.weight]
    decay = [p for p in model.parameters() if not any(p is q for q in no_decay)]
    groups = [{"params": decay, "weight_decay": 0.05}, {"params": no_decay, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98))
    began, running = time.time(), 0.0
    queue = np.empty(0, dtype=np.int64)
    print(f"{len(pictures)} pictures, {sum(p.numel() for p in model.parameters())} parameters", flush=True)
    for step in range(args.steps):
        if len(queue) < args.batch:
            queue = np.concatenate([queue, rng.permutation(len(pictures))])
        batch, queue = queue[: args.batch], queue[args.batch :]
        chosen = [str(rng.choice(texts[i])) for i in batch]
        dressed = [TEMPLATES[0 if rng.random() < 0.5 else rng.integers(len(TEMPLATES))].format(c) for c in chosen]
        tokens = tokenizer(dressed)
        used[np.unique(tokens.numpy())] = 1
        for group in optimiser.param_groups:
            group["lr"] = args.rate * min((step + 1) / 100, 0.5 + 0.5 * math.cos(math.pi * step / args.steps))
        pixels = normalise(shifted(pictures[batch], rng), mean, std).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            image = model.encode_image(pixels)
        loss = contrastive(
            image.float(), model.encode_text(tokens), model.logit_scale.exp(), torch.from_numpy(label[batch])
        )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        model.logit_scale.data.clamp_(0, math.log(100))
        running += loss.item()
        if step % 100 == 99:
            print(f"step {step + 1} loss {running / 100:.3f} {time.time() - began:.0f} s", flush=True)
            running = 0.0
        if step % 500 == 499 or step + 1 == args.steps:
            write(args.out, model, used, mean, std)
            found = report(model, tokenizer, mean, std, leave_out)
            print(json.dumps({k: v for k, v in found.items() if k in ("sci", "taxon_com")}), flush=True)


if __name__ == "__main__":
    main()

"""A small text tower on a frozen MobileNetV2: photographs as stored vectors, CLIP's loss, open_clip's format.

The image side is the network and a projection onto the main axes of the training vectors (128 of 1,280, centred). It is
computed, not trained, and so one and the same whatever captions a run has: what differs between runs is the text.
"""

import json
import math
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.torch import load_file, save
from torch import nn

from taxoeval.datasets import table
from taxoeval.datasets.base import ImageDataset
from taxoeval.embedding import EmbeddingStore, embed_images
from taxoeval.encoders import timm

DATA = Path(os.environ.get("TAXOEVAL_DATA", "../shared/data"))
CONTEXT, WIDTH, DIMENSION = 48, 64, 128
STEPS, RATE, WARM_UP = 100, 1e-3, 20
PER_SPECIES = 5  # photographs; the last of them is left out of training


def photographs(weights: str) -> tuple[ImageDataset, np.ndarray, np.ndarray]:
    """Dataset, rows of the images that are known to species, and the vectors of all images."""
    dataset = table.load(DATA / "images" / "birds" / "labels.csv")
    encoder = timm.load(f"local-dir:{DATA / 'weights' / weights}")
    store = EmbeddingStore(Path(os.environ.get("TAXOEVAL_STORE", "~/.cache/taxoeval/embeddings")).expanduser())
    vectors = embed_images(encoder, dataset, store).vectors
    return dataset, np.flatnonzero(dataset.taxonomy.rank[dataset.taxon] == dataset.taxonomy.n_ranks - 1), vectors


def folds(dataset: ImageDataset, species: np.ndarray, held_out: str, known: str, seed: int, k: int = 5) -> np.ndarray:
    """``(s,)`` the fold in which each species is new; -1: never, its ``known`` taxon has no second ``held_out`` one.

    The taxa to hold out are dealt out within each taxon that must stay known, so that every fold leaves it others.
    """
    unit, above = dataset.taxonomy.at(held_out)[species], dataset.taxonomy.at(known)[species]
    fold, dealt, rng = np.full(len(species), -1), 0, np.random.default_rng(seed)
    for clade in np.unique(above):
        taxa = rng.permutation(np.unique(unit[above == clade]))
        for taxon in taxa if len(taxa) > 1 else ():
            fold[unit == taxon] = dealt % k
            dealt += 1
    return fold


def network(weights: str, seed: int) -> nn.Module:
    """open_clip's CLIP, its text tower drawn from the seed, its image tower that of the weights."""
    torch.manual_seed(seed)
    model = open_clip.CLIP(**configuration(weights))
    state = load_file(DATA / "weights" / weights / "model.safetensors")
    missing, extra = model.visual.trunk.load_state_dict(state, strict=False)
    assert not missing, missing
    assert all(name.startswith("classifier.") for name in extra), extra
    model.visual.eval().requires_grad_(False)
    return model


def configuration(weights: str) -> dict:
    return {
        "embed_dim": DIMENSION,
        # By folder, since its config.json pads as the weights were trained; the name mobilenetv2_100 would not.
        "vision_cfg": {
            "timm_model_name": f"local-dir:{DATA / 'weights' / weights}",
            "timm_pool": "avg",
            "timm_proj": "linear",
            "timm_proj_bias": True,
            "image_size": 224,
        },
        "text_cfg": {"context_length": CONTEXT, "vocab_size": 49408, "width": WIDTH, "heads": 4, "layers": 2},
    }


@cache
def tokenizer() -> Callable[[list[str]], torch.Tensor]:
    return open_clip.get_tokenizer("ViT-B-32", context_length=CONTEXT + 1)


def tokens(captions: list[str]) -> torch.Tensor:
    """Token ids without the padding behind the longest. No caption may be cut."""
    ids = tokenizer()(captions)
    length = int((ids != 0).sum(1).max())
    assert length <= CONTEXT, length
    return ids[:, :length]


def read(model: nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """Unit vectors of texts: ``encode_text`` for less than the full number of tokens.

    Each token sees those before it and the vector is taken at the last one, so that padding changes nothing.
    """
    x = model.token_embedding(ids) + model.positional_embedding[: ids.shape[1]]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[: ids.shape[1], : ids.shape[1]]))
    return nn.functional.normalize(x[torch.arange(len(ids)), ids.argmax(1)] @ model.text_projection, dim=1)


def set_projection(model: nn.Module, vectors: np.ndarray) -> None:
    """Main axes of the training vectors, around their mean."""
    mean = vectors.mean(0)
    axes = np.linalg.svd(vectors - mean, full_matrices=False)[2][:DIMENSION]
    model.visual.head.proj.weight.data = torch.from_numpy(axes.astype(np.float32))
    model.visual.head.proj.bias.data = torch.from_numpy((-axes @ mean).astype(np.float32))


@torch.inference_mode()
def see(model: nn.Module, vectors: np.ndarray) -> np.ndarray:
    """Unit vectors of photographs from those of the frozen network."""
    return nn.functional.normalize(model.visual.head(torch.from_numpy(vectors)), dim=1).numpy()


def train(weights: str, vectors: list[np.ndarray], captions: list[str], seed: int, steps: int = STEPS) -> nn.Module:
    """CLIP's loss on batches of one photograph of every species and its caption.

    ``vectors`` holds, for each caption, those of the photographs that it belongs to.
    """
    model, rng = network(weights, seed), np.random.default_rng(seed)
    set_projection(model, np.concatenate(vectors))
    images = [torch.from_numpy(see(model, one)) for one in vectors]
    ids, right = tokens(captions), torch.arange(len(captions))
    learnt = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learnt if p.ndim > 1], "weight_decay": 0.1},
        {"params": [p for p in learnt if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98))
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min((step + 1) / WARM_UP, 0.5 + 0.5 * math.cos(math.pi * step / steps))
        batch = torch.stack([image[int(rng.integers(len(image)))] for image in images])
        logits = model.logit_scale.exp() * batch @ read(model, ids).T
        loss = (nn.functional.cross_entropy(logits, right) + nn.functional.cross_entropy(logits.T, right)) / 2
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learnt, 1.0)
        optimiser.step()
        model.logit_scale.data.clamp_(0, math.log(100))
    return model.eval().requires_grad_(False)


def save_model(folder: Path, model: nn.Module, weights: str) -> None:
    """The two files that open_clip reads from a folder, each put in place in one step."""
    preprocessing = {
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "interpolation": "bilinear",
        "resize_mode": "shortest",
    }
    config = {"model_cfg": configuration(weights), "preprocess_cfg": preprocessing}
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("open_clip_model.safetensors", save(state, metadata={"format": "pt"})),
        ("open_clip_config.json", (json.dumps(config, indent=2) + "\n").encode()),
    ):
        (folder / f".{name}.part").write_bytes(content)
        (folder / f".{name}.part").replace(folder / name)

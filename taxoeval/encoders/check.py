"""Does an encoder do what it should? One finding per question that has gone wrong silently somewhere."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from taxoeval.encoders.base import TextEncoder, fingerprint_key
from taxoeval.errors import TaxoevalError

COLOURS = ("red", "green", "blue", "yellow")
NEAR = 1e-3
"""Cosine distance up to which two vectors of one picture count as the same."""
ROUGH = 2e-2
"""The same for half precision."""


@dataclass(frozen=True)
class Finding:
    """One question and its answer.

    Attributes
    ----------
    question
        What was looked at.
    ok
        False where something is wrong; None where there was nothing to look at.
    told
        What was found.
    """

    question: str
    ok: bool | None
    told: str


def probes() -> list[Image.Image]:
    """A few pictures drawn by the program, each dominated by a colour, with shapes and noise in them.

    Examples
    --------
    >>> [picture.size for picture in probes()]
    [(160, 120), (120, 160), (160, 120), (120, 160)]
    """
    found = []
    for i, colour in enumerate(COLOURS):
        size = (160, 120) if i % 2 == 0 else (120, 160)
        picture = Image.new("RGB", size, colour)
        draw = ImageDraw.Draw(picture)
        draw.ellipse((20, 20, 70, 60 + 10 * i), fill="white")
        draw.rectangle((80, 70, 110, 100), fill="black")
        noise = np.random.default_rng(i).integers(-12, 12, (size[1], size[0], 3))
        found.append(Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)))
    return found


def check(encoder: Any, load: Callable[..., Any] | None = None) -> Iterator[Finding]:
    """Look at everything there is to look at.

    Parameters
    ----------
    encoder
        As its maker gave it, on the CPU.
    load
        Makes it again with keywords such as ``precision="bf16"``; without it half precision is not measured.

    Yields
    ------
    finding
        One per question.
    """
    pictures = probes()
    yield _preprocessing(encoder, pictures)
    yield _mode(encoder)
    batch = torch.stack([encoder.transform(picture) for picture in pictures])
    vectors = encoder.embed_images(batch)
    yield _shape(encoder, vectors, len(pictures))
    yield _same("the same picture twice", vectors, encoder.embed_images(batch), 1e-6)
    alone = torch.cat([encoder.embed_images(one[None]) for one in batch])
    yield _same("one picture alone and in a batch", vectors, alone, NEAR)
    yield _length(encoder, vectors)
    yield _colour(encoder, pictures, vectors)
    if encoder.has_text and isinstance(encoder, TextEncoder):
        yield _quick_gelu(encoder)
        yield _padding(encoder)
        yield _together(encoder, vectors)
    yield _half(encoder, vectors, batch, load)


def _preprocessing(encoder: Any, pictures: list[Image.Image]) -> Finding:
    question = "preprocessing"
    wide, high = (encoder.transform(picture) for picture in pictures[:2])
    if wide.shape != high.shape or (wide.ndim == 3 and wide.shape[0] != 3):
        return Finding(question, False, f"a wide picture becomes {tuple(wide.shape)}, a high one {tuple(high.shape)}")
    if wide.ndim != 3:
        return Finding(question, None, f"gives {wide.numel()} numbers, no picture")
    said = _declared(encoder)
    if not said:
        return Finding(
            question, None, f"{wide.shape[1]} x {wide.shape[2]} px; the model says nothing of mean and spread"
        )
    size, mean, std = said
    if size and tuple(wide.shape[1:]) != size:
        return Finding(question, False, f"{tuple(wide.shape[1:])} px, and the model was trained at {size}")
    white = encoder.transform(Image.new("RGB", (64, 64), "white")).mean(dim=(1, 2)).double()
    expected = (1 - torch.tensor(mean, dtype=torch.float64)) / torch.tensor(std, dtype=torch.float64)
    if (white - expected).abs().max() > 0.05:
        shown = ", ".join(f"{v:.2f}" for v in white)
        return Finding(question, False, f"white becomes ({shown}), and with the model's mean and spread would be "
                       f"({', '.join(f'{v:.2f}' for v in expected)})")  # fmt: skip
    return Finding(question, True, f"{wide.shape[1]} x {wide.shape[2]} px, mean and spread as the model says")


def _declared(encoder: Any) -> "tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]] | None":
    """Input size, mean and standard deviation that a network of open_clip or timm declares."""
    network = getattr(encoder.module, "network", encoder.module)
    published = getattr(getattr(network, "visual", network), "preprocess_cfg", None)
    if published:
        size = published.get("size") or ()
        size = (size, size) if isinstance(size, int) else tuple(size)
        return size, tuple(published["mean"]), tuple(published["std"])
    published = getattr(network, "pretrained_cfg", None)
    if published and "mean" in published:
        return (), tuple(published["mean"]), tuple(published["std"])
    return None


def _mode(encoder: Any) -> Finding:
    question = "evaluation mode"
    if encoder.module is None:
        return Finding(question, None, "no network")
    training = [name or type(part).__name__ for name, part in encoder.module.named_modules() if part.training]
    return Finding(
        question, not training, f"{training[0]} is in training mode: call eval()" if training else "all of it"
    )


def _shape(encoder: Any, vectors: torch.Tensor, n: int) -> Finding:
    shape, expected = tuple(vectors.shape), (n, encoder.dimension)
    if shape != expected:
        return Finding("vectors", False, f"{shape}, and the encoder says {expected}")
    if vectors.dtype != torch.float32 or not torch.isfinite(vectors).all():
        return Finding("vectors", False, f"{vectors.dtype}, {int((~torch.isfinite(vectors)).sum())} not finite")
    return Finding("vectors", True, f"{encoder.dimension} numbers, float32, finite")


def _same(question: str, one: torch.Tensor, other: torch.Tensor, limit: float) -> Finding:
    far = float(distance(one, other).max())
    return Finding(
        question, far <= limit, f"cosine distance {far:.1e}" + ("" if far <= limit else f", at most {limit:g}")
    )


def distance(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """One minus the cosine of each pair of rows.

    Examples
    --------
    >>> distance(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])).tolist()
    [1.0]
    """
    return 1 - torch.nn.functional.cosine_similarity(one.double(), other.double(), dim=-1)


def _length(encoder: Any, vectors: torch.Tensor) -> Finding:
    said = encoder.fingerprint.get("normalised")
    unit = bool((vectors.norm(dim=-1) - 1).abs().max() < NEAR)
    if said is True and not unit:
        return Finding("length of vectors", False, "said to be 1, and it is not")
    low, high = float(vectors.norm(dim=-1).min()), float(vectors.norm(dim=-1).max())
    return Finding("length of vectors", True, "1" if unit else f"{low:.2f} to {high:.2f}, not brought to 1")


def _colour(encoder: Any, pictures: list[Image.Image], vectors: torch.Tensor) -> Finding:
    """Whether colour matters, and does not where the encoder says that it removes it."""
    plain = [picture.convert("L").convert("RGB") for picture in pictures]
    far = float(distance(vectors, encoder.embed_images(torch.stack([encoder.transform(p) for p in plain]))).max())
    if encoder.fingerprint.get("greyscale"):
        return Finding("colour", far <= NEAR, "removed" if far <= NEAR else f"said to be removed, and moves {far:.1e}")
    if far <= 1e-6:
        return Finding("colour", False, "a grey copy has the same vector: is colour lost on the way?")
    return Finding("colour", True, f"a grey copy is at cosine distance {far:.1e}")


def _quick_gelu(encoder: Any) -> Finding:
    question = "activation"
    kinds = {type(part).__name__ for part in encoder.module.modules()}
    quick = "QuickGELU" in kinds or "QuickGELUActivation" in kinds
    tag = str(encoder.fingerprint.get("id", ""))
    needed = tag.endswith(("/openai", "/dfn2b", "/metaclip_400m", "/metaclip_fullcc"))
    if needed and not quick:
        return Finding(question, False, f"{tag} was trained with QuickGELU, and the network has none")
    return Finding(question, True, "QuickGELU" if quick else "GELU or another of the network's own")


def _padding(encoder: Any) -> Finding:
    """Whether a text's vector depends on the texts beside it, which padding to the longest would make it."""
    long = "a photograph of a very large and old bird with a long tail that sits on a high branch"
    alone, beside = encoder.embed_texts(["a bird"]), encoder.embed_texts(["a bird", long])[:1]
    return _same("one text alone and beside a long one", alone, beside, NEAR)


def _together(encoder: Any, vectors: torch.Tensor) -> Finding:
    """Whether images find the text of their colour: hardly more than a sign of life, but a wrong tokenizer fails it."""
    texts = encoder.embed_texts([f"a {colour} picture" for colour in COLOURS])
    if texts.shape[1] != vectors.shape[1]:
        return Finding("images and texts", False, f"{vectors.shape[1]} and {texts.shape[1]} dimensions")
    if float(distance(texts[:1], texts[1:]).max()) < 1e-6:
        others = encoder.embed_texts(["a", "two of a kind", "a bird with a long tail on a high branch"])
        blind = float(distance(texts[:1], others).max()) < 1e-6
        told = "all texts have one vector: are they tokenised?" if blind else "this text tower knows no colours"
        return Finding("images and texts", False if blind else None, told)
    units = [torch.nn.functional.normalize(rows.double(), dim=-1) for rows in (vectors, texts)]
    right = int(((units[0] @ units[1].T).argmax(dim=1) == torch.arange(len(COLOURS))).sum())
    scale = encoder.logit_scale
    if not (math.isfinite(scale) and scale > 0):
        return Finding("images and texts", False, f"the learnt scale is {scale}")
    return Finding("images and texts", True, f"{right} of {len(COLOURS)} colours named, scale {scale:.1f}")


def _half(encoder: Any, vectors: torch.Tensor, batch: torch.Tensor, load: Callable[..., Any] | None) -> Finding:
    question = "bf16 beside fp32"
    if load is None or encoder.fingerprint.get("dtype") != "fp32":
        return Finding(question, None, "not measured")
    try:
        other = load(precision="bf16")
    except TypeError:
        return Finding(question, None, "no such option")
    return _same(question, vectors, other.embed_images(batch), ROUGH)


def reference(encoder: Any) -> dict[str, Any]:
    """What to compare an encoder with later: its key, and the vectors of the probes.

    Returns
    -------
    dict
        Plain values for JSON.
    """
    batch = torch.stack([encoder.transform(picture) for picture in probes()])
    return {
        "key": fingerprint_key(encoder.fingerprint),
        "fingerprint": dict(encoder.fingerprint),
        "vectors": encoder.embed_images(batch).double().tolist(),
    }


def against(encoder: Any, path: Path) -> Finding:
    """Compare with values saved before.

    Raises
    ------
    TaxoevalError
        If the file cannot be read.
    """
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        vectors = torch.tensor(saved["vectors"], dtype=torch.float64)
        before = dict(saved["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TaxoevalError(f"{path}: no reference values ({error}); make it with --save") from None
    now = reference(encoder)
    changed = [key for key in {**before, **now["fingerprint"]} if before.get(key) != now["fingerprint"].get(key)]
    found = torch.tensor(now["vectors"], dtype=torch.float64)
    if found.shape != vectors.shape:
        return Finding(
            "beside the reference", False, f"{tuple(found.shape)} vectors, and {tuple(vectors.shape)} were saved"
        )
    same = _same("beside the reference", vectors, found, NEAR)
    told = same.told + (f"; other now: {', '.join(sorted(changed))}" if changed else "")
    return Finding(same.question, same.ok, told)

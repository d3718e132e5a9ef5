"""Image and image-text encoders that transformers loads: CLIP, SigLIP, BLIP-2, DINOv2, ViT and what else has a tower.

A model with image and text vectors in one space becomes an image-text encoder; of any other model the image tower is
taken and its tokens are pooled.
"""

import threading
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image

from taxoeval.encoders.base import (
    ImageTransform,
    canonical_json,
    display_name,
    library_versions,
    stable_repr,
    text_sha256,
    weights_sha256,
)
from taxoeval.encoders.hub import one_line
from taxoeval.encoders.open_clip_source import location_free
from taxoeval.encoders.towers import PRECISIONS, ImageTextTowers, ImageTower, check_options, variations
from taxoeval.encoders.transformers_inputs import load_processor, load_tokenizer
from taxoeval.encoders.transformers_source import load_module, refuse_missing, resolve
from taxoeval.encoders.transformers_towers import (
    BLIP2_TEMPERATURE,
    POOLINGS,
    choose_pooling,
    image_tower,
    is_blip2,
    pooled,
    shared_image_vectors,
    shared_text_vectors,
    shares_space,
)
from taxoeval.errors import TaxoevalError

_TOKENIZING = threading.Lock()  # a tokenizer keeps its padding and truncation between calls, and is not to be shared


@dataclass(frozen=True, eq=False)
class TransformersEncoder(ImageTower):
    """The image tower of a model, whose tokens are pooled.

    Attributes
    ----------
    pooling
        ``cls``, ``mean``, ``cls+mean`` or ``pooler``.
    prefix
        How many class and register tokens come before the patches.
    """

    pooling: str = field(kw_only=True)
    prefix: int = field(kw_only=True)

    def _image_vectors(self, batch: torch.Tensor) -> torch.Tensor:
        return pooled(self.module(pixel_values=batch.to(self._weight)), self.pooling, self.prefix)


@dataclass(frozen=True, eq=False)
class TransformersTextEncoder(ImageTextTowers):
    """A model with both towers.

    Attributes
    ----------
    tokenizer
        Texts to token ids.
    context_length
        How many tokens the text tower reads.
    reads_padding
        Whether the text tower was trained to read the padding too, as SigLIP was: it gets no mask then.
    """

    tokenizer: Any = field(repr=False, kw_only=True)
    context_length: int = field(kw_only=True)
    reads_padding: bool = field(kw_only=True)
    pooling: str = "shared"

    def _image_vectors(self, batch: torch.Tensor) -> torch.Tensor:
        return shared_image_vectors(self.module, batch.to(self._weight))

    def _text_vectors(self, texts: list[str]) -> torch.Tensor:
        with _TOKENIZING:
            whole = self.tokenizer(texts, padding=False, truncation=False, verbose=False)["input_ids"]
            # Padded to the full length always: a vector then does not depend on the texts beside it.
            found = self.tokenizer(
                texts, padding="max_length", truncation=True, max_length=self.context_length, return_tensors="pt"
            )
        self._warn_of_cut(texts, [len(ids) <= self.context_length for ids in whole], self.context_length)
        keys = ("input_ids",) if self.reads_padding else ("input_ids", "attention_mask")
        return shared_text_vectors(self.module, {key: found[key].to(self._weight.device) for key in keys})


def load(
    model: str,
    pooling: str = "auto",
    resize: str | None = None,
    precision: str = "fp32",
    normalise: bool = False,
    greyscale: bool = False,
    name: str | None = None,
) -> TransformersEncoder | TransformersTextEncoder:
    """Load a transformers model as an encoder, with its own preprocessing and tokenizer.

    Parameters
    ----------
    model
        ``owner/name`` of the hub, with ``@revision`` if need be (the fingerprint names the commit), or
        ``local-dir:FOLDER`` with ``config.json``, weights, ``preprocessor_config.json`` and, for texts, the
        tokenizer's files.
    pooling
        ``shared``: the space that images and texts share. Of the image tower alone, without texts: ``cls`` the class
        token, ``mean`` the patches' mean (class and register tokens left out), ``cls+mean`` both, ``pooler`` the
        model's own. ``auto``: ``shared`` where there is such a space, else what the model itself hands on.
    resize
        ``"squash"``: the whole picture is pressed into the input; ``"crop"``: its middle is taken. None: the model's
        own.
    precision
        ``"fp32"``, ``"fp16"`` or ``"bf16"`` arithmetic; vectors are float32 in any case.
    normalise
        Bring image vectors to length 1.
    greyscale
        Remove colour before preprocessing.
    name
        Name in tables; from the id if not given.

    Returns
    -------
    TransformersEncoder
        In evaluation mode, on the CPU; a `TransformersTextEncoder` where texts share the space.

    Raises
    ------
    TaxoevalError
        If the id is wrong, a file is missing and cannot be fetched, a weight is missing, the model takes no pictures
        of one size, or there is no such pooling.

    Notes
    -----
    No code of a repository is run, and of pickled weights only tensors are read.
    """
    check_options(precision, resize, pooling, POOLINGS)
    source = resolve(model).pinned()
    module, missing = load_module(source, model)
    n_weights = len(module.state_dict())
    transform = ImageTransform(load_processor(source, model, resize), greyscale)
    shared = pooling == "shared" or (pooling == "auto" and shares_space(module))
    if shared and not shares_space(module):
        raise TaxoevalError(f"{model}: images and texts share no space; pooling=auto takes its image tower")
    whole, prefix, asked = module, 0, pooling
    if not shared:
        module = image_tower(module, model)
    blank = _blank(transform, model)
    with one_line(model), torch.inference_mode():
        if shared:
            pooling, dimension = "shared", shared_image_vectors(module, blank).shape[1]
        else:
            output = module(pixel_values=blank)
            pooling, prefix = choose_pooling(module, pooling, output, _patches(module, blank), model)
            dimension = pooled(output, pooling, prefix).shape[1]
    refuse_missing(model, [key for key in missing if shared or _matters(key, module, whole, pooling)], n_weights)
    module = module.to(PRECISIONS[precision])
    known: Any = module.config
    config = {k: v for k, v in known.to_dict().items() if k not in _NOT_OF_THE_MODEL}
    fingerprint: dict[str, str | int | float | bool | None] = {
        "family": "transformers",
        "id": location_free(model),
        "weights_sha256": weights_sha256(module.state_dict()),
        "config_sha256": text_sha256(canonical_json(config)),
        "transform": stable_repr(transform.preprocess),
        "pooling": pooling,
        "normalised": normalise or ("each query" if shared and is_blip2(module) else False),
        "dtype": precision,
        "greyscale": greyscale,
        **({} if source.revision is None else {"revision": source.revision}),
        **library_versions("torch", "torchvision", "transformers", "Pillow"),
    }
    name = name or display_name(model.partition("@")[0], *variations(resize, asked, precision, normalise, greyscale))
    tower = (transform, module, normalise)
    if not shared:
        return TransformersEncoder(name, dimension, fingerprint, *tower, pooling=pooling, prefix=prefix)
    tokenizer = load_tokenizer(source, model)
    texts = _texts(module, tokenizer)
    fingerprint |= {
        "tokenizer": type(tokenizer).__name__,
        "context_length": texts["context_length"],
        "padding_side": tokenizer.padding_side,
        "reads_padding": texts["reads_padding"],
    }
    return TransformersTextEncoder(name, dimension, fingerprint, *tower, tokenizer=tokenizer, **texts)


_NOT_OF_THE_MODEL = ("_name_or_path", "transformers_version", "torch_dtype", "dtype")


def _blank(transform: ImageTransform, model: str) -> torch.Tensor:
    """A blank picture as the model takes it, after a check that it takes pictures of one size."""
    with one_line(model):
        wide, high = (transform(Image.new("RGB", size)) for size in ((96, 64), (64, 96)))
    if wide.ndim != 3 or wide.shape != high.shape:
        raise TaxoevalError(
            f"{model} turns a wide picture into numbers of shape {tuple(wide.shape)}, a high one into "
            f"{tuple(high.shape)}: it takes no pictures of one size; choose a sibling that does"
        )
    return wide[None]


def _patches(tower: Any, blank: torch.Tensor) -> int:
    """Into how many patches a tower cuts a picture; 0 if it says nothing of patches."""
    size = getattr(tower.config, "patch_size", None)
    if not isinstance(size, int | list | tuple):
        return 0
    rows, columns = (size, size) if isinstance(size, int) else (size[0], size[-1])
    return int(blank.shape[-2] // rows * (blank.shape[-1] // columns))


def _matters(key: str, tower: torch.nn.Module, whole: torch.nn.Module, pooling: str) -> bool:
    """Whether a missing weight changes the vector: the text tower does not, nor a pooler that is not used."""
    if tower is not whole:
        if not key.startswith("vision_model."):
            return False
        key = key.removeprefix("vision_model.")
    return pooling == "pooler" or not key.startswith("pooler.")


def _texts(module: torch.nn.Module, tokenizer: Any) -> dict[str, Any]:
    """How a model reads texts, and its scale and bias."""
    net: Any = module
    blip2 = is_blip2(module)
    config = net.config.qformer_config if blip2 else net.config.text_config
    bias = getattr(net, "logit_bias", None)
    return {
        "context_length": int(min(tokenizer.model_max_length, config.max_position_embeddings)),
        "reads_padding": str(net.config.model_type).startswith("siglip"),
        "logit_scale": 1 / BLIP2_TEMPERATURE if blip2 else float(net.logit_scale.detach().float().exp()),
        "logit_bias": 0.0 if bias is None else float(bias.detach().float()),
    }

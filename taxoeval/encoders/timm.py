"""Image encoders that timm loads: MobileNet, DINOv2 and some thousand others, without a text tower.

The vector is what the network gives to its own classifier: the classifier is taken off, the pooling is the model's own
(average for MobileNet, the class token for DINOv2), and so is the preprocessing that its weights were published with.
"""

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data.config import resolve_model_data_config
from timm.data.transforms_factory import create_transform
from timm.models import split_model_name_tag

from taxoeval.encoders.base import (
    Fingerprint,
    ImageTransform,
    display_name,
    library_versions,
    stable_repr,
    text_sha256,
    weights_sha256,
)
from taxoeval.encoders.hub import hub_files, nearest, one_line, snapshot
from taxoeval.encoders.towers import PRECISIONS, ImageTower, check_options, token_vector, variations
from taxoeval.errors import TaxoevalError

CONFIG_FILE = "config.json"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


def load(
    model: str,
    pretrained: bool = True,
    pooling: str = "auto",
    resize: str | None = None,
    precision: str = "fp32",
    normalise: bool = False,
    greyscale: bool = False,
    image_size: int | None = None,
    seed: int | None = None,
    name: str | None = None,
) -> ImageTower:
    """Load a timm network as an image encoder.

    Parameters
    ----------
    model
        A timm id, with or without a tag (``mobilenetv2_100.ra_in1k``), ``hf-hub:owner/name[@revision]``, or
        ``local-dir:FOLDER`` with ``config.json`` and ``model.safetensors``; a relative folder starts at the working
        directory.
    pretrained
        Load weights. False needs a ``seed`` and gives timm's own random initialisation.
    pooling
        ``auto``: the model's own. Of the tokens that a transformer hands to its own pooling: ``cls`` the class token,
        ``mean`` the patches' mean (class and register tokens left out), ``cls+mean`` both.
    resize
        ``"squash"``: the whole picture is pressed into the input; ``"crop"``: its middle is taken. None: the model's
        own.
    precision
        ``"fp32"``, ``"fp16"`` or ``"bf16"`` arithmetic; vectors are float32 in any case.
    normalise
        Bring vectors to length 1.
    greyscale
        Remove colour before preprocessing.
    image_size
        Side of the input in pixels where it should not be the one the weights were published with; position
        embeddings are interpolated. For convolutional networks only the preprocessing changes.
    seed
        Seed of a random network; only with ``pretrained=False``.
    name
        Name in tables; from the id if not given.

    Returns
    -------
    ImageTower
        In evaluation mode, on the CPU.

    Raises
    ------
    TaxoevalError
        If the id or tag is unknown, a file is missing and cannot be fetched, or weights and network do not fit, or
        there are no tokens to pool.

    Notes
    -----
    The network is built with its classifier and loses it after loading. Asking timm for a network without one makes
    it load the rest loosely as well: a layer absent from the file would keep random weights without a word.

    Examples
    --------
    >>> encoder = load("test_resnet", pretrained=False, seed=0)
    >>> encoder.name, encoder.dimension, encoder.has_text
    ('test_resnet-seed0', 96, False)
    """
    check_options(precision, resize, pooling)
    if pretrained == (seed is not None):
        raise TaxoevalError("a seed belongs to a random network: give pretrained=false and a seed, or neither")
    with _access(model, pretrained), one_line(model), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed or 0)
        module = timm.create_model(model, pretrained=pretrained)
        if module.num_classes:
            module.reset_classifier(0)  # type: ignore[operator]
    return encoder_of(
        module,
        model,
        pooling=pooling,
        resize=resize,
        precision=precision,
        normalise=normalise,
        greyscale=greyscale,
        image_size=image_size,
        seed=seed,
        name=name,
    )


def encoder_of(
    module: torch.nn.Module,
    model: str,
    *,
    pooling: str = "auto",
    resize: str | None = None,
    precision: str = "fp32",
    normalise: bool = False,
    greyscale: bool = False,
    image_size: int | None = None,
    seed: int | None = None,
    name: str | None = None,
) -> ImageTower:
    """Wrap a timm network that has no classifier any more, with the preprocessing of its own data config.

    Parameters
    ----------
    module
        The network; it is put into evaluation mode.
    model
        Where it came from, for the fingerprint and the name.
    pooling, resize, precision, normalise, greyscale, image_size, seed, name
        As for :func:`load`.

    Returns
    -------
    ImageTower
        Its dimension is what a pass through the network gives, not what its configuration says.

    Examples
    --------
    >>> encoder_of(timm.create_model("test_vit", num_classes=0), "test_vit", image_size=64).dimension
    64
    """
    module.eval().requires_grad_(False)
    arguments: dict[str, Any] = {}
    if image_size is not None:
        arguments["input_size"] = (3, image_size, image_size)
        if hasattr(module, "set_input_size"):
            with one_line(f"{model} at {image_size} pixels"):
                module.set_input_size(img_size=(image_size, image_size))  # type: ignore[operator]
    config = resolve_model_data_config(module, args=arguments)  # type: ignore[no-untyped-call]
    if resize is not None:
        config["crop_mode"] = {"squash": "squash", "crop": "center"}[resize]
    if resize == "squash":
        config["crop_pct"] = 1.0  # else the edges of the pressed picture would be cut off
    preprocess = create_transform(**config, is_training=False)
    published: dict[str, Any] = module.pretrained_cfg  # type: ignore[assignment]
    tag = published.get("tag") or ""
    own = getattr(module, "global_pool", "model")
    own = own if isinstance(own, str) else stable_repr(own)
    network = module if pooling == "auto" else token_vector(module, pooling, model)
    with one_line(model):
        dimension = _output_dimension(network, config["input_size"])
    module.to(PRECISIONS[precision])
    commit = snapshot(model.removeprefix("hf-hub:"), CONFIG_FILE) if model.startswith("hf-hub:") else None
    fingerprint: Fingerprint = {
        "family": "timm",
        "id": f"local-dir:{Path(model).name}" if model.startswith("local-dir:") else model,
        "architecture": published.get("architecture", "") + (f".{tag}" if tag else ""),
        "weights_sha256": weights_sha256(module.state_dict()),
        "module_sha256": text_sha256(stable_repr(module)),
        "transform": stable_repr(preprocess),
        "pooling": own if pooling == "auto" else f"tokens: {pooling}",
        "normalised": normalise,
        "dtype": precision,
        "greyscale": greyscale,
        "seed": seed,
        **({"revision": commit.name} if commit else {}),
        **library_versions("torch", "torchvision", "timm", "Pillow"),
    }
    if name is None:
        size = "" if image_size is None else f"{image_size}px"
        options = variations(resize, pooling, precision, normalise, greyscale)
        name = display_name(model, size, "" if seed is None else f"seed{seed}", *options)
    return ImageTower(name, dimension, fingerprint, ImageTransform(preprocess, greyscale), network, normalise)


def _output_dimension(module: torch.nn.Module, input_size: tuple[int, int, int]) -> int:
    """Length of the vector, from a pass on the meta device, which has shapes but does no arithmetic."""
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    meta = {key: value.to("meta") for key, value in state.items()}
    output = torch.func.functional_call(module, meta, torch.empty(1, *input_size, device="meta"))
    if not isinstance(output, torch.Tensor) or output.ndim != 2:
        raise ValueError("the network gives no single vector per image")
    return int(output.shape[1])


def _access(model: str, pretrained: bool) -> AbstractContextManager[None]:
    """Block in which timm finds the files of ``model``, after a check that there are such files."""
    scheme, colon, rest = model.partition(":")
    if scheme == "local-dir":
        _check_folder(Path(rest), pretrained)
        return nullcontext()
    wanted: list[tuple[str, ...]] = [WEIGHT_FILES] if pretrained else []
    local = f"model=local-dir:FOLDER with {CONFIG_FILE} and {WEIGHT_FILES[0]}"
    if scheme == "hf-hub":
        return hub_files([(rest, names) for names in ((CONFIG_FILE,), *wanted)], local=local)
    if colon or "/" in model:
        raise TaxoevalError(f"model={model}: write a timm id, hf-hub:OWNER/NAME or local-dir:FOLDER")
    published = _published(model)
    if not pretrained:
        return nullcontext()
    if not (published.has_weights if published else False):
        with_weights = ", ".join(timm.list_pretrained(f"{model}*")) or "none"
        raise TaxoevalError(
            f"timm has no weights for {model} (with weights: {with_weights}); or pretrained=false seed=0"
        )
    if not published.hf_hub_id:
        return nullcontext()
    wanted = [(published.hf_hub_filename,)] if published.hf_hub_filename else wanted
    return hub_files([(published.hf_hub_id, names) for names in wanted], local=local)


def _published(model: str) -> Any:
    """What timm says about the weights of an id; errors for ids and tags that it does not know."""
    architecture, tag = split_model_name_tag(model)
    if not timm.is_model(architecture):
        like = nearest(architecture, timm.list_models())
        hint = f"nearest ids: {like}" if like else "timm.list_models() lists them"
        raise TaxoevalError(f"timm knows no model {architecture!r}; {hint}; a folder is local-dir:FOLDER")
    tags = [found.partition(".")[2] for found in timm.list_models(f"{architecture}.*", include_tags=True)]
    if tag and tag not in tags:
        raise TaxoevalError(
            f"{architecture} has no weights {tag!r}; its tags: {', '.join(filter(None, tags)) or 'none'}"
        )
    return timm.get_pretrained_cfg(model)


def _check_folder(folder: Path, pretrained: bool) -> None:
    if not folder.is_dir():
        raise TaxoevalError(f"local-dir:{folder} is not a folder (looked for {folder.absolute()})")
    config = folder / CONFIG_FILE
    if not config.is_file():
        raise TaxoevalError(f"local-dir:{folder} holds no {CONFIG_FILE}, which names the timm architecture")
    try:
        architecture = json.loads(config.read_text(encoding="utf-8"))["architecture"]
    except (ValueError, KeyError, TypeError) as error:
        raise TaxoevalError(f"{config} names no 'architecture' ({type(error).__name__}): not a timm folder") from None
    if not timm.is_model(architecture):
        raise TaxoevalError(f"{config}: timm {timm.__version__} knows no architecture {architecture!r}")
    if pretrained and not any(found for end in ("safetensors", "bin", "pth") for found in folder.glob(f"*.{end}")):
        raise TaxoevalError(f"local-dir:{folder} holds no weights: put {WEIGHT_FILES[0]} beside {CONFIG_FILE}")

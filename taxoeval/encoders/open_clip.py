"""Image-text encoders that open_clip loads: CLIP, BioCLIP, BioCLIP 2, SigLIP and their kin.

One maker for every source of weights: a name with a tag (``ViT-B-32`` + ``openai``), a hub repository
(``hf-hub:imageomics/bioclip-2``), a folder (``local-dir:FOLDER``), or the small encoder that comes with the package
(``bundled:mini_clip``). The four differ only in where the files lie.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from taxoeval.encoders.base import (
    Fingerprint,
    ImageTransform,
    canonical_json,
    display_name,
    library_versions,
    short_name,
    stable_repr,
    text_sha256,
    weights_sha256,
)
from taxoeval.encoders.hub import one_line, snapshot
from taxoeval.encoders.open_clip_source import (
    CONFIG_FILE,
    load_tokenizer,
    location_free,
    require_transformers,
    resolve,
    weights_access,
)
from taxoeval.encoders.towers import ImageTextTowers, ImageTower, check_options, token_vector, variations
from taxoeval.errors import TaxoevalError


@dataclass(frozen=True, eq=False)
class OpenClipEncoder(ImageTextTowers):
    """A loaded open_clip model.

    Attributes
    ----------
    tokenizer
        Texts to token ids, padded to the length the text tower was trained with.
    input_dtype
        Number format that the image tower takes.
    """

    tokenizer: Callable[..., torch.Tensor] = field(repr=False, kw_only=True)
    input_dtype: torch.dtype | None = field(default=None, kw_only=True)

    def _image_vectors(self, batch: torch.Tensor) -> torch.Tensor:
        output = self.module.encode_image(batch.to(device=self._weight.device, dtype=self.input_dtype))  # type: ignore[operator]
        # The forks of BioCLIP 2 and BioCAP return (features, features for continual training).
        features: torch.Tensor = output[0] if isinstance(output, (tuple, list)) else output
        return features

    def _text_vectors(self, texts: list[str]) -> torch.Tensor:
        tokens = self.tokenizer(texts)
        if not getattr(self.tokenizer, "tokenizer_mode", ""):  # a class token at the very end moves with the length
            self._warn_of_cut(texts, self._fits(texts, tokens), tokens.shape[1])
        return self.module.encode_text(tokens.to(self._weight.device))  # type: ignore[operator, no-any-return]

    def _fits(self, texts: list[str], tokens: torch.Tensor) -> list[bool]:
        # One token more: what fits is only padded further, on the one side or the other; what was cut gains a word.
        longer = self.tokenizer(["", *texts], context_length=tokens.shape[1] + 1)
        blank, longer = longer[0], longer[1:]
        fits_left = (longer[:, :-1] == tokens).all(1) & (longer[:, -1] == blank[-1])
        fits_right = (longer[:, 1:] == tokens).all(1) & (longer[:, 0] == blank[0])
        fits: list[bool] = (fits_left | fits_right).tolist()
        return fits


def load(
    model: str,
    pretrained: str | None = None,
    pooling: str = "auto",
    resize: str | None = None,
    precision: str = "fp32",
    normalise: bool = False,
    greyscale: bool = False,
    name: str | None = None,
) -> OpenClipEncoder | ImageTower:
    """Load an image-text model with its own preprocessing and tokenizer.

    Parameters
    ----------
    model
        A name that open_clip knows (``ViT-B-32``), ``hf-hub:owner/name[@revision]``, ``local-dir:FOLDER`` or
        ``bundled:mini_clip``. A folder or repository holds ``open_clip_config.json`` and the weights.
    pretrained
        With a name only: the tag of the weights, or the path of a checkpoint. A bare checkpoint says nothing of its
        preprocessing: that of the model's published weights is taken where they all agree, else CLIP's.
    pooling
        ``auto``: the vector that shares a space with texts. Of the image tower's tokens, without texts: ``cls`` the
        class token, ``mean`` the patches' mean, ``cls+mean`` both.
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
    OpenClipEncoder
        In evaluation mode, on the CPU.

    Raises
    ------
    TaxoevalError
        If the name or tag is unknown, a file is missing and cannot be fetched, or the files do not fit together.

    Notes
    -----
    Weights published with OpenAI's activation (QuickGELU) get it even under the plain model name, where open_clip
    itself only warns. Pickled code is never run: checkpoints are safetensors or are read as bare tensors.

    Examples
    --------
    >>> encoder = load("bundled:mini_clip")
    >>> encoder.name, encoder.embed_texts(["Corvus corax"]).shape == (1, encoder.dimension)
    ('mini_clip', True)
    """
    check_options(precision, resize, pooling)
    source, forced = resolve(model, pretrained)
    commit = pinned = None
    if source.startswith("hf-hub:"):
        with weights_access(source, pretrained):
            commit = snapshot(source.removeprefix("hf-hub:"), CONFIG_FILE)
        if commit and "@" in source:  # open_clip itself knows no revisions
            source, pinned = f"local-dir:{commit}", source.removeprefix("hf-hub:")
    with weights_access(source, pretrained), one_line(model):
        config = open_clip.get_model_config(source)
        if config is None:
            raise TaxoevalError(f"{model}: no model configuration found")
        require_transformers(model, config)
        module = open_clip.create_model(source, pretrained, precision=precision, require_pretrained=True, **forced)
    with one_line(f"the tokenizer of {model}"):
        tokenizer = load_tokenizer(source, config, pinned)
    module.eval().requires_grad_(False)
    published = dict(module.visual.preprocess_cfg)
    if resize is not None:
        published["resize_mode"] = {"squash": "squash", "crop": "shortest"}[resize]
    preprocess = image_transform_v2(PreprocessCfg(**published), is_train=False)
    fingerprint: Fingerprint = {
        "family": "open_clip",
        "id": location_free(model) + (f"/{Path(pretrained).name}" if pretrained else ""),
        "weights_sha256": weights_sha256(module.state_dict()),
        "config_sha256": text_sha256(canonical_json(config)),
        "module_sha256": text_sha256(stable_repr(module)),
        "tokenizer": type(tokenizer).__name__,
        "context_length": int(tokenizer.context_length),
        "transform": stable_repr(preprocess),
        "pooling": "model" if pooling == "auto" else pooling,
        "normalised": normalise,
        "dtype": precision,
        "greyscale": greyscale,
        **({"revision": commit.name} if commit else {}),
        **library_versions("torch", "torchvision", "open_clip_torch", "timm", "Pillow"),
    }
    tag = short_name(Path(pretrained).stem) if pretrained else ""
    shown = name or display_name(model, tag, *variations(resize, pooling, precision, normalise, greyscale))
    picture = ImageTransform(preprocess, greyscale)
    if pooling != "auto":  # its vectors are in no space of texts any more
        with one_line(model):
            tower = token_vector(module.visual, pooling, model)
            blank = picture(Image.new("RGB", (64, 64)))[None].to(next(tower.parameters()))
            with torch.inference_mode():
                dimension = tower(blank).shape[1]
        return ImageTower(shown, dimension, fingerprint, picture, tower, normalise)
    return OpenClipEncoder(
        name=shown,
        dimension=int(config["embed_dim"]),
        fingerprint=fingerprint,
        transform=picture,
        module=module,
        tokenizer=tokenizer,
        logit_scale=module.logit_scale.detach().float().exp().item(),
        logit_bias=0.0 if module.logit_bias is None else module.logit_bias.detach().float().item(),
        input_dtype=open_clip.get_input_dtype(precision),
        normalise=normalise,
    )

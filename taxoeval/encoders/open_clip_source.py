"""Where the files of an open_clip model are, checked before open_clip looks for them.

open_clip falls back in silence where this project wants an error: no weights in a folder or repository give a random
network, an unknown id gives CLIP's tokenizer, OpenAI's weights run with the wrong activation.
"""

import json
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import open_clip
from open_clip.tokenizer import HFTokenizer

from taxoeval.downloads import download
from taxoeval.encoders.hub import hub_files, nearest
from taxoeval.errors import TaxoevalError

CONFIG_FILE = "open_clip_config.json"
WEIGHT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model")
TOKENIZER_PATTERNS = ["tokenizer*", "vocab*", "merges.txt", "*.model", "special_tokens_map.json", "added_tokens.json"]


def resolve(model: str, pretrained: str | None) -> tuple[str, dict[str, Any]]:
    """The id as open_clip wants it, and what it must be told because it would not find out by itself.

    Parameters
    ----------
    model, pretrained
        As the user gives them to :func:`taxoeval.encoders.open_clip.load`.

    Returns
    -------
    source : str
        A known name, ``hf-hub:...`` or ``local-dir:...``.
    forced : dict
        Keyword arguments for ``open_clip.create_model``.

    Raises
    ------
    TaxoevalError
        If there is no such model, tag, folder or bundled encoder.

    Examples
    --------
    >>> resolve("ViT-B/32", "openai")
    ('ViT-B-32', {'force_quick_gelu': True})
    """
    scheme, colon, rest = model.partition(":")
    if not colon:
        return _resolve_name(model, pretrained)
    if pretrained:
        raise TaxoevalError(f"pretrained={pretrained} has no meaning beside model={model}: leave one of them out")
    if scheme == "bundled":
        folder = Path(__file__).parent / rest
        if not (folder / CONFIG_FILE).is_file():
            there = ", ".join(
                f"bundled:{found.parent.name}" for found in Path(__file__).parent.glob(f"*/{CONFIG_FILE}")
            )
            raise TaxoevalError(f"no encoder {model} comes with taxoeval; there is: {there or 'none'}")
        return f"local-dir:{folder}", {}
    if scheme == "local-dir":
        return f"local-dir:{_checked_folder(rest)}", {}
    if scheme == "hf-hub":
        return model, {}
    raise TaxoevalError(f"model={model}: write a name, hf-hub:OWNER/NAME, local-dir:FOLDER or bundled:mini_clip")


def _resolve_name(model: str, pretrained: str | None) -> tuple[str, dict[str, Any]]:
    known = model.replace("/", "-")  # open_clip's model maker accepts ViT-B/32, its tokenizer maker does not
    if known not in open_clip.list_models():
        like = nearest(known, open_clip.list_models())
        hint = f"nearest names: {like}" if like else "open_clip.list_models() lists them"
        raise TaxoevalError(f"open_clip knows no model {model!r}; {hint}; a hub repository is hf-hub:OWNER/NAME")
    tags = open_clip.list_pretrained_tags_by_model(known)
    published = [open_clip.get_pretrained_cfg(known, tag) for tag in tags]
    if pretrained is None:
        raise TaxoevalError(f"{model} needs pretrained=TAG, one of: {', '.join(tags)}; or the path of a checkpoint")
    if config := open_clip.get_pretrained_cfg(known, pretrained):
        return known, {"force_quick_gelu": bool(config.get("quick_gelu", False))}
    if not Path(pretrained).is_file():
        raise TaxoevalError(f"{model} has no weights {pretrained!r}, nor is that a file; its tags: {', '.join(tags)}")
    keys = ("mean", "std", "interpolation", "resize_mode")
    preprocessing = {tuple(config[key] for key in keys) for config in published}
    if len(preprocessing) != 1:
        return known, {}
    return known, {"force_preprocess_cfg": dict(zip(keys, preprocessing.pop(), strict=True))}


def _checked_folder(folder: str) -> Path:
    path = Path(folder)
    if not path.is_dir():
        raise TaxoevalError(f"local-dir:{folder} is not a folder (looked for {path.absolute()})")
    config = path / CONFIG_FILE
    if not config.is_file():
        raise TaxoevalError(f"local-dir:{folder} holds no {CONFIG_FILE}, which says what the weights are for")
    try:
        complete = "model_cfg" in json.loads(config.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TaxoevalError(f"{config} is not JSON: {error}") from None
    if not complete:
        raise TaxoevalError(f"{config} has no 'model_cfg': it is not the configuration of an open_clip model")
    if not any(found for pattern in ("*.safetensors", "*.bin", "*.pth") for found in path.glob(pattern)):
        raise TaxoevalError(f"local-dir:{folder} holds no weights: put {WEIGHT_FILES[0]} beside {CONFIG_FILE}")
    return path


def weights_access(source: str, pretrained: str | None) -> AbstractContextManager[None]:
    """Block in which open_clip finds configuration and weights of a resolved source.

    Examples
    --------
    >>> with weights_access("local-dir:anywhere", None):
    ...     "a folder needs nothing from the hub"
    'a folder needs nothing from the hub'
    """
    if source.startswith("hf-hub:"):
        local = f"model=local-dir:FOLDER with {CONFIG_FILE} and {WEIGHT_FILES[0]}"
        repo = source.removeprefix("hf-hub:")
        return hub_files([(repo, (CONFIG_FILE,)), (repo, WEIGHT_FILES)], local=local)
    if pretrained and not source.startswith("local-dir:"):
        place = open_clip.get_pretrained_cfg(source, pretrained).get("hf_hub", "")
        if place:
            repo, _, filename = place.rpartition("/")
            names = (Path(filename).with_suffix(".safetensors").name, filename) if filename else WEIGHT_FILES
            return hub_files([(repo, names)], local="pretrained=PATH of the checkpoint")
    return nullcontext()


def load_tokenizer(source: str, config: dict[str, Any], pinned: str | None = None) -> Any:
    """The tokenizer that a model's configuration names.

    Parameters
    ----------
    source
        As :func:`resolve` gives it.
    config
        The model's configuration.
    pinned
        ``owner/name@revision`` where the source is the folder of that revision in the cache: a tokenizer of the same
        repository is taken at the same revision.

    Raises
    ------
    TaxoevalError
        If it cannot be had, or should be in the model's folder and is not.

    Examples
    --------
    >>> load_tokenizer("ViT-B-32", {"text_cfg": {}})(["raven"]).shape  # CLIP's own comes with open_clip
    torch.Size([1, 77])
    """
    text = config["text_cfg"]
    name = text.get("hf_tokenizer_name")
    repo, _, revision = (pinned or "").partition("@")
    in_folder = bool(name) and source.startswith("local-dir:") and (pinned is None or name == repo)
    if in_folder:
        if pinned:
            download(repo, revision, only=TOKENIZER_PATTERNS)
        folder = Path(source.removeprefix("local-dir:"))
        if not any((folder / file).is_file() for file in TOKENIZER_FILES):
            raise TaxoevalError(f"{pinned or source} holds no tokenizer: put {TOKENIZER_FILES[0]} there, of {name}")
    wanted: list[tuple[str, tuple[str, ...]]] = []
    if source.startswith("hf-hub:"):
        wanted.append((source.removeprefix("hf-hub:"), (CONFIG_FILE,)))  # open_clip reads it once more
    if name and not in_folder:
        wanted.append((name, TOKENIZER_FILES))
    with hub_files(wanted, local="model=local-dir:FOLDER with the tokenizer's files in it"):
        if pinned and name and not in_folder:  # open_clip would look into the model's folder
            length, mode = text.get("context_length", 77), text.get("tokenizer_mode")
            return HFTokenizer(name, length, tokenizer_mode=mode, **text.get("tokenizer_kwargs", {}))
        return open_clip.get_tokenizer(source)


def require_transformers(model: str, config: dict[str, Any]) -> None:
    """Say which extra is missing where a tokenizer or text tower comes from transformers.

    Examples
    --------
    >>> require_transformers("ViT-B-32", {"text_cfg": {"width": 512}})
    """
    text = config.get("text_cfg", {})
    if (text.get("hf_tokenizer_name") or text.get("hf_model_name")) and find_spec("transformers") is None:
        raise TaxoevalError(f"the text side of {model} needs transformers: pip install 'taxoeval[transformers]'")


def location_free(model: str) -> str:
    """Id without the place of a folder: where it lies does not change its vectors.

    Examples
    --------
    >>> location_free("local-dir:/somewhere/net"), location_free("hf-hub:owner/net")
    ('local-dir:net', 'hf-hub:owner/net')
    """
    return f"local-dir:{Path(model.removeprefix('local-dir:')).name}" if model.startswith("local-dir:") else model

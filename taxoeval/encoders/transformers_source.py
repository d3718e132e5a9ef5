"""Where the files of a transformers model are, and loading them without transformers' silent fallbacks.

transformers gives random weights to whatever a checkpoint lacks and only logs it, and takes the number format
of the file. Here the first is an error and the second is fixed.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from taxoeval.encoders.hub import hub_files, in_cache, nearest, one_line, snapshot
from taxoeval.errors import TaxoevalError

CONFIG_FILE = "config.json"
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model", "vocab.json")


@dataclass(frozen=True)
class Source:
    """A model by its place.

    Attributes
    ----------
    place
        Folder, or repository of the hub.
    revision
        Branch, tag or commit of the repository.
    local
        Whether it is a folder.
    """

    place: str
    revision: str | None = None
    local: bool = False

    def access(self, *wanted: tuple[str, ...]) -> AbstractContextManager[None]:
        """Block in which files of the model are found; each file by its acceptable names."""
        if self.local:
            return nullcontext()
        repo = f"{self.place}@{self.revision}" if self.revision else self.place
        return hub_files(
            [(repo, names) for names in wanted], local="model=local-dir:FOLDER with the repository's files"
        )

    def pinned(self) -> "Source":
        """The same at the commit that its revision is now, after a check that configuration and weights are there.

        A branch may move between the first file and the last; every file is then asked for by the commit.
        """
        if self.local:
            return self
        repo = f"{self.place}@{self.revision}" if self.revision else self.place
        with self.access((CONFIG_FILE,), WEIGHT_FILES):
            folder = snapshot(repo, CONFIG_FILE)
        if folder is None:
            return self
        source = Source(self.place, folder.name)
        index = next((folder / name for name in WEIGHT_FILES if (folder / name).is_file()), folder)
        if index.suffix == ".json":  # the weights are in several files, which it names
            parts = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
            with source.access(*[(name,) for name in parts]):
                pass
        return source

    @property
    def arguments(self) -> dict[str, Any]:
        """What every ``from_pretrained`` is told: the revision, and to run no code out of a repository."""
        found: dict[str, Any] = {"trust_remote_code": False}
        return {**found, "revision": self.revision} if self.revision else found


def resolve(model: str) -> Source:
    """The place that an id names.

    Parameters
    ----------
    model
        ``owner/name``, ``hf-hub:owner/name``, either with ``@revision``, or ``local-dir:FOLDER``.

    Raises
    ------
    TaxoevalError
        If it is none of these, the folder lacks a file, or transformers is not installed.

    Examples
    --------
    >>> resolve("hf-hub:facebook/dinov2-base@main")
    Source(place='facebook/dinov2-base', revision='main', local=False)
    """
    if find_spec("transformers") is None:
        raise TaxoevalError(f"{model} needs transformers: pip install 'taxoeval[transformers]'")
    scheme, colon, rest = model.partition(":")
    if scheme == "local-dir" and colon:
        return Source(str(_checked_folder(Path(rest))), local=True)
    repo, _, revision = (rest if scheme == "hf-hub" and colon else model).partition("@")
    if repo.count("/") != 1 or ":" in repo:
        like = nearest(repo, in_cache())
        hint = f"; nearest ids in the cache: {like}" if like else ""
        raise TaxoevalError(f"model={model}: write OWNER/NAME of the hub, or local-dir:FOLDER{hint}")
    return Source(repo, revision or None)


def _checked_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise TaxoevalError(f"local-dir:{folder} is not a folder (looked for {folder.absolute()})")
    try:
        known = "model_type" in json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TaxoevalError(f"local-dir:{folder} holds no {CONFIG_FILE}, which says what the weights are for") from None
    except (ValueError, TypeError) as error:
        raise TaxoevalError(f"{folder / CONFIG_FILE} is not JSON: {error}") from None
    if not known:
        raise TaxoevalError(
            f"{folder / CONFIG_FILE} has no 'model_type': it is no transformers model; try encoder=timm"
        )
    for what, names in (("weights", WEIGHT_FILES), ("picture processor", PROCESSOR_FILES)):
        if not any((folder / name).is_file() for name in names):
            raise TaxoevalError(f"local-dir:{folder} holds no {what}: put {names[0]} beside {CONFIG_FILE}")
    return folder


def load_module(source: Source, model: str) -> tuple[torch.nn.Module, list[str]]:
    """The model in evaluation mode in float32, and the names of the weights that its files lack.

    Parameters
    ----------
    source
        Its place.
    model
        Its id, for messages.

    Raises
    ------
    TaxoevalError
        If it cannot be loaded. Pickled code is refused: weights are safetensors, or bare tensors in a pickle.
    """
    from transformers import AutoConfig, AutoModel, Blip2ForImageTextRetrieval

    with source.access((CONFIG_FILE,), WEIGHT_FILES), one_line(model), quiet():
        config = AutoConfig.from_pretrained(source.place, **source.arguments)
        maker: Any = Blip2ForImageTextRetrieval if config.model_type == "blip-2" else AutoModel
        module, told = maker.from_pretrained(
            source.place,
            config=config,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are told of, and refused below with their shapes
            weights_only=True,
            **source.arguments,
        )
    wrong = sorted(told["mismatched_keys"])
    if wrong:
        named = "; ".join(f"{key} ({_shape(file)}) for ({_shape(net)})" for key, file, net in wrong[:3])
        raise TaxoevalError(f"{model}: {len(wrong)} weights are not of the architecture in {CONFIG_FILE}: {named}")
    return module.eval().requires_grad_(False).float(), sorted(told["missing_keys"])


def _shape(sizes: Iterable[int]) -> str:
    return ", ".join(map(str, sizes))


def refuse_missing(model: str, missing: list[str], n_weights: int) -> None:
    """Stop where weights that the vector depends on would be random.

    Parameters
    ----------
    model
        Its id.
    missing
        Names of weights that the files lack.
    n_weights
        How many there should be.

    Raises
    ------
    TaxoevalError
        If there are any.

    Examples
    --------
    >>> refuse_missing("net", ["pooler.bias"], 200)
    Traceback (most recent call last):
    ...
    taxoeval.errors.TaxoevalError: net: its files lack 1 of 200 weights (pooler.bias); they would be random
    """
    if missing:
        named = ", ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
        raise TaxoevalError(
            f"{model}: its files lack {len(missing)} of {n_weights} weights ({named}); they would be random"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from printing tables and bars while it loads; what matters is checked here.

    Examples
    --------
    >>> with quiet():
    ...     pass
    """
    from transformers.utils import logging as told

    logging: Any = told
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()

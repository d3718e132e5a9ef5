"""What an encoder is, and the fingerprint that says when two encoders give the same vectors.

A vector may be reused only if everything that could change it is the same: the weights that were really loaded
(not the name they were asked by), the picture transform, the pooling, the number format, greyscale, the libraries.
All of it is written into the encoder's *fingerprint*, and the key of the fingerprint names the folder of its vectors.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from PIL import Image

Fingerprint = Mapping[str, str | int | float | bool | None]


@runtime_checkable
class Encoder(Protocol):
    """Images in, vectors out: the whole interface that extraction and tasks rely on."""

    @property
    def name(self) -> str:
        """Short name for tables and folders, for example ``"mini_clip"``."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def fingerprint(self) -> Fingerprint:
        """Everything that changes vectors, as plain values that JSON can hold."""
        ...

    @property
    def has_text(self) -> bool:
        """Whether the encoder is also a :class:`TextEncoder`."""
        ...

    @property
    def transform(self) -> "Callable[[Image.Image], torch.Tensor]":
        """One RGB picture to one tensor; small and picklable, so that loaders can have it without the weights."""
        ...

    @property
    def module(self) -> "torch.nn.Module | None":
        """The network, which the caller moves to a device; None where there is none."""
        ...

    def embed_images(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Vectors ``(b, dimension)`` float32, not normalised, of a batch of transformed pictures."""
        ...


@runtime_checkable
class TextEncoder(Encoder, Protocol):
    """An encoder with a text tower, whose texts and images share one space."""

    @property
    def logit_scale(self) -> float:
        """Factor on the cosine of image and text, already exponentiated."""
        ...

    @property
    def logit_bias(self) -> float:
        """What is added after the factor; 0 where the model has none."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> "torch.Tensor":
        """Vectors ``(m, dimension)`` float32, not normalised, of ``m`` texts."""
        ...


@dataclass(frozen=True)
class ImageTransform:
    """An encoder's own preprocessing, after an optional loss of colour.

    Greyscale is the luminance of the picture put back into three channels *before* anything else, so that the
    encoder sees a photograph without colour prepared exactly as a photograph with colour would be.

    Attributes
    ----------
    preprocess
        Picture to tensor, as the encoder wants it.
    greyscale
        Whether colour is removed first.

    Examples
    --------
    >>> from PIL import Image
    >>> import numpy as np
    >>> red = Image.new("RGB", (1, 1), (255, 0, 0))
    >>> ImageTransform(np.asarray, greyscale=True)(red).tolist()
    [[[76, 76, 76]]]
    """

    preprocess: "Callable[[Image.Image], torch.Tensor]"
    greyscale: bool = False

    def __call__(self, image: "Image.Image") -> "torch.Tensor":
        """Tensor of one picture."""
        return self.preprocess(image.convert("L").convert("RGB") if self.greyscale else image.convert("RGB"))


def canonical_json(value: object) -> str:
    """One and only one JSON text for a value: sorted keys, no blanks, no NaN.

    Parameters
    ----------
    value
        Anything that JSON can hold.

    Returns
    -------
    str
        ASCII text.

    Raises
    ------
    ValueError
        If a number is NaN or infinite: it would not be read back as the same number everywhere.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fingerprint_key(fingerprint: Fingerprint) -> str:
    """Key of a fingerprint: equal keys mean vectors that may be used for one another.

    Parameters
    ----------
    fingerprint
        Plain values by name; their order does not matter.

    Returns
    -------
    str
        64 hexadecimal digits (SHA-256 of the canonical JSON).

    Examples
    --------
    >>> fingerprint_key({"a": 1, "b": 2}) == fingerprint_key({"b": 2, "a": 1})
    True
    >>> fingerprint_key({"a": 1})[:12]
    '015abd7f5cc5'
    """
    return text_sha256(canonical_json(dict(fingerprint)))


def text_sha256(text: str) -> str:
    """SHA-256 of a text in UTF-8, as 64 hexadecimal digits.

    Examples
    --------
    >>> text_sha256("Corvus corax")[:8]
    '9c715f30'
    """
    return hashlib.sha256(text.encode()).hexdigest()


def weights_sha256(state: "Mapping[str, torch.Tensor]") -> str:
    """Hash of the weights that are really in memory, whatever file or name they came from.

    Each tensor is hashed by itself (several at once, the hashing releases Python's lock), then the sorted list of
    name, dtype, shape and hash is. Renaming, reshaping, casting or changing one number changes the result.

    Parameters
    ----------
    state
        Tensors by name, as ``module.state_dict()`` gives them.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> import torch
    >>> state = {"weight": torch.zeros(2, 3)}
    >>> weights_sha256(state) == weights_sha256({"weight": torch.zeros(2, 3)})
    True
    >>> weights_sha256(state) == weights_sha256({"weight": torch.zeros(3, 2)})
    False
    """
    names = sorted(state)
    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(lambda name: _tensor_sha256(state[name]), names))
    rows = [[n, str(state[n].dtype), list(state[n].shape), d] for n, d in zip(names, digests, strict=True)]
    return text_sha256(canonical_json(rows))


def _tensor_sha256(tensor: "torch.Tensor") -> str:
    import torch

    # Bytes rather than numbers: numpy has no bfloat16, and -0.0 and NaN payloads are bytes too.
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return hashlib.sha256(flat.view(torch.uint8).numpy().data).hexdigest()


def stable_repr(thing: object) -> str:
    """``repr`` without memory addresses, so that it is the same in every process.

    Examples
    --------
    >>> class Crop: ...
    >>> stable_repr([Crop(), 3]) == stable_repr([Crop(), 3])
    True
    """
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(thing))


def library_versions(*distributions: str) -> dict[str, str]:
    """Installed versions, as fingerprint entries, without importing anything.

    The local part of a version (``+cpu``, ``+cu130``) names how a library was built and is left out: vectors
    made on one machine must stay usable on another.

    Parameters
    ----------
    distributions
        Names as pip knows them.

    Returns
    -------
    dict
        ``{"version.NAME": "1.2.3"}``.

    Examples
    --------
    >>> list(library_versions("numpy"))
    ['version.numpy']
    """
    return {f"version.{name}": version(name).split("+")[0] for name in distributions}


def short_name(identifier: str) -> str:
    """Name for tables and folders from an encoder id: its last part, safe in a file name.

    Examples
    --------
    >>> short_name("hf-hub:imageomics/bioclip-2"), short_name("local-dir:../weights/my net/")
    ('bioclip-2', 'my-net')
    """
    last = re.split(r"[/\\:]", identifier.rstrip("/\\"))[-1]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip("-.") or "encoder"


def display_name(identifier: str, *variations: str) -> str:
    """Name of an encoder that was given none: its short id and what sets it apart from the usual one.

    Two variants of one network must not share a row of a table.

    Parameters
    ----------
    identifier
        The encoder's id.
    variations
        Words to append; empty ones are left out.

    Examples
    --------
    >>> display_name("hf-hub:imageomics/bioclip-2", "grey", ""), display_name("bundled:mini_clip")
    ('bioclip-2-grey', 'mini_clip')
    """
    return "-".join([short_name(identifier), *filter(None, variations)])

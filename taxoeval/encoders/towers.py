"""What the families of encoders share: one vector out of an image tower's tokens, its number format and its length."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from taxoeval.encoders.base import Fingerprint, ImageTransform
from taxoeval.errors import TaxoevalError

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
RESIZES = (None, "squash", "crop")
POOLINGS = ("auto", "cls", "mean", "cls+mean")


@dataclass(frozen=True, eq=False)
class ImageTower:
    """A network from pixels to one vector, behind the :class:`~taxoeval.encoders.base.Encoder` protocol.

    Attributes
    ----------
    name, dimension, fingerprint, transform, module
        See :class:`~taxoeval.encoders.base.Encoder`.
    normalise
        Whether vectors are brought to length 1.
    """

    name: str
    dimension: int
    fingerprint: Fingerprint = field(repr=False)
    transform: ImageTransform = field(repr=False)
    module: torch.nn.Module = field(repr=False)
    normalise: bool = False
    has_text: bool = False

    @torch.inference_mode()
    def embed_images(self, batch: torch.Tensor) -> torch.Tensor:
        """Image vectors, on the module's device.

        Parameters
        ----------
        batch
            ``(b, 3, height, width)`` transformed pictures.

        Returns
        -------
        torch.Tensor
            ``(b, dimension)`` float32, of length 1 only if `normalise`.
        """
        return finished(self._image_vectors(batch), self.normalise)

    def _image_vectors(self, batch: torch.Tensor) -> torch.Tensor:
        """What the network gives, in its own number format."""
        vectors: torch.Tensor = self.module(batch.to(self._weight))
        return vectors

    @property
    def _weight(self) -> torch.Tensor:
        """One of the weights: their device and number format."""
        return next(self.module.parameters())


@dataclass(frozen=True, eq=False)
class ImageTextTowers(ImageTower, ABC):
    """A network with two towers, behind the :class:`~taxoeval.encoders.base.TextEncoder` protocol.

    Attributes
    ----------
    logit_scale, logit_bias
        See :class:`~taxoeval.encoders.base.TextEncoder`.
    """

    logit_scale: float = field(kw_only=True)
    logit_bias: float = field(kw_only=True)
    has_text: bool = True

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Text vectors, on the module's device. Texts that the model must cut are warned about.

        Parameters
        ----------
        texts
            ``m`` texts, used as they are.

        Returns
        -------
        torch.Tensor
            ``(m, dimension)`` float32, not normalised.
        """
        if not texts:
            return torch.empty(0, self.dimension, device=self._weight.device)
        return self._text_vectors(list(texts)).float()

    @abstractmethod
    def _text_vectors(self, texts: list[str]) -> torch.Tensor:
        """What the text tower gives; how texts become tokens is the family's business."""

    def _warn_of_cut(self, texts: Sequence[str], fits: Sequence[bool], length: int) -> None:
        cut = [text for text, whole in zip(texts, fits, strict=True) if not whole]
        if cut:
            warnings.warn(
                f"{self.name} reads {length} tokens: {len(cut)} of {len(texts)} texts are longer and lose their end, "
                f"the first being {cut[0]!r}",
                stacklevel=5,
            )


class TokenVector(torch.nn.Module):
    """An image tower and what is made of its tokens.

    Parameters
    ----------
    network
        The tower.
    tokens
        Function of the tower and pixels giving tokens ``(b, t, d)``; of a module's level, so that it can be pickled.
    pooling, prefix
        See :func:`pool_tokens`.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        tokens: Callable[[Any, torch.Tensor], torch.Tensor],
        pooling: str,
        prefix: int,
    ) -> None:
        super().__init__()
        self.network, self.tokens, self.pooling, self.prefix = network, tokens, pooling, prefix

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Vectors ``(b, d)``, or ``(b, 2 d)``."""
        return pool_tokens(self.tokens(self.network, pixels), self.pooling, self.prefix)

    def extra_repr(self) -> str:
        """The pooling, for the fingerprint."""
        return f"pooling={self.pooling}, prefix={self.prefix}"


def pool_tokens(tokens: torch.Tensor, pooling: str, prefix: int) -> torch.Tensor:
    """One vector per image out of tokens.

    Parameters
    ----------
    tokens
        ``(b, t, d)``: the class token, register tokens, patches.
    pooling
        ``cls`` the first token; ``mean`` the mean over the patches; ``cls+mean`` both, one behind the other.
    prefix
        How many class and register tokens come before the patches.

    Examples
    --------
    >>> tokens = torch.tensor([[[1.0], [50.0], [2.0], [4.0]]])  # class token, a register, two patches
    >>> [pool_tokens(tokens, how, prefix=2).tolist() for how in ("cls", "mean", "cls+mean")]
    [[[1.0]], [[3.0]], [[1.0, 3.0]]]
    """
    if pooling == "cls":
        return tokens[:, 0]
    mean = tokens[:, prefix:].mean(1)
    return mean if pooling == "mean" else torch.cat([tokens[:, 0], mean], dim=1)


def timm_tokens(network: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Tokens ``(b, t, d)`` that a timm network hands to its own pooling."""
    tokens: torch.Tensor = network.forward_features(pixels)
    return tokens


def open_clip_tokens(tower: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Tokens ``(b, t, d)`` of open_clip's own vision transformer after its last norm, before the projection."""
    found = tower.forward_intermediates(
        pixels,
        indices=1,
        normalize_intermediates=True,
        intermediates_only=True,
        output_fmt="NLC",
        output_extra_tokens=True,
    )
    return torch.cat([found["image_intermediates_prefix"][0], found["image_intermediates"][0]], dim=1)


def token_vector(network: Any, pooling: str, model: str) -> TokenVector:
    """A tower of timm or open_clip whose vector is pooled here instead of by the model itself.

    Parameters
    ----------
    network
        A timm network, or the image tower of an open_clip model.
    pooling
        ``cls``, ``mean`` or ``cls+mean``.
    model
        Its id, for the message.

    Raises
    ------
    TaxoevalError
        If it has no tokens, or no class token where one is asked for.

    Examples
    --------
    >>> import timm
    >>> token_vector(timm.create_model("test_vit", num_classes=0), "cls+mean", "test_vit").prefix
    1
    >>> token_vector(timm.create_model("test_resnet", num_classes=0), "cls", "my_net")
    Traceback (most recent call last):
    ...
    taxoeval.errors.TaxoevalError: my_net has no tokens to pool (it is a ResNet): pooling=auto is its own
    """
    trunk = getattr(network, "trunk", None)
    if trunk is not None:  # open_clip around timm
        network = trunk
    prefix: int | None
    tokens: Callable[[Any, torch.Tensor], torch.Tensor]
    if hasattr(network, "forward_intermediates") and hasattr(network, "class_embedding"):
        tokens, prefix, has_class = open_clip_tokens, 1, True
    else:
        tokens, prefix = timm_tokens, getattr(network, "num_prefix_tokens", None)
        has_class = getattr(network, "cls_token", None) is not None
    if prefix is None:
        kind = type(network).__name__
        raise TaxoevalError(f"{model} has no tokens to pool (it is a {kind}): pooling=auto is its own")
    if "cls" in pooling and not has_class:
        raise TaxoevalError(f"{model} has no class token: pooling=mean averages its patches")
    return TokenVector(network, tokens, pooling, prefix)


def check_options(
    precision: str, resize: str | None, pooling: str = "auto", poolings: tuple[str, ...] = POOLINGS
) -> None:
    """Refuse words that mean nothing.

    Examples
    --------
    >>> check_options("fp32", "stretch")
    Traceback (most recent call last):
    ...
    taxoeval.errors.TaxoevalError: resize='stretch' is not one of null (the model's own), squash, crop
    """
    if precision not in PRECISIONS:
        raise TaxoevalError(f"precision={precision!r} is not one of {', '.join(PRECISIONS)}")
    if resize not in RESIZES:
        raise TaxoevalError(f"resize={resize!r} is not one of null (the model's own), squash, crop")
    if pooling not in poolings:
        raise TaxoevalError(f"pooling={pooling!r} is not one of {', '.join(poolings)}")


def variations(resize: str | None, pooling: str, precision: str, normalise: bool, greyscale: bool) -> tuple[str, ...]:
    """The options that are not the usual ones, as parts of a name; empty words for those that are.

    Examples
    --------
    >>> [word for word in variations("squash", "cls+mean", "fp32", True, False) if word]
    ['squash', 'clsmean', 'unit']
    """
    return (
        resize or "",
        "" if pooling == "auto" else pooling.replace("+", ""),
        "" if precision == "fp32" else precision,
        "unit" if normalise else "",
        "grey" if greyscale else "",
    )


def finished(vectors: torch.Tensor, normalise: bool) -> torch.Tensor:
    """Vectors as they leave an encoder: float32, and of length 1 where that was asked for.

    Examples
    --------
    >>> finished(torch.tensor([[3.0, 4.0]], dtype=torch.bfloat16), normalise=True).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    vectors = vectors.float()
    return torch.nn.functional.normalize(vectors, dim=-1) if normalise else vectors

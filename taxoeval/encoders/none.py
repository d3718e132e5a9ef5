"""No encoder: for answers that come from elsewhere. Nothing is loaded, and no image is opened."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taxoeval.encoders.base import Fingerprint

if TYPE_CHECKING:
    import torch
    from PIL import Image


def _refuse(_: object) -> "torch.Tensor":
    raise ValueError("encoder=none embeds nothing")


@dataclass(frozen=True, eq=False)
class NoEncoder:
    """What stands in an encoder's place: its vectors have no dimension, and only tasks that need none can be asked.

    Attributes
    ----------
    name, dimension, fingerprint, transform
        See :class:`~taxoeval.encoders.base.Encoder`; the last is never called.
    """

    name: str = "none"
    dimension: int = 0
    fingerprint: Fingerprint = field(default_factory=lambda: {"family": "none"}, repr=False)
    transform: "Callable[[Image.Image], torch.Tensor]" = field(default=_refuse, repr=False)
    has_text: bool = False
    module: None = None

    def embed_images(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Refuse."""
        return _refuse(batch)


def load(name: str = "none") -> NoEncoder:
    """No encoder, under a name for the tables: that of the system whose answers are scored, for example.

    Examples
    --------
    >>> load().dimension
    0
    """
    return NoEncoder(name)

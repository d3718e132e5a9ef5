"""Pictures and texts as a transformers model takes them.

transformers picks a picture processor by what else is installed; here it is always the same one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from taxoeval.encoders.hub import one_line
from taxoeval.encoders.transformers_source import PROCESSOR_FILES, TOKENIZER_FILES, Source, quiet
from taxoeval.errors import TaxoevalError

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Processor:
    """A transformers picture processor as a transform: one picture to one tensor."""

    process: Callable[..., Any]

    def __call__(self, image: "Image.Image") -> torch.Tensor:
        """Tensor ``(3, height, width)`` of one RGB picture."""
        pixels: torch.Tensor = self.process(images=image, return_tensors="pt")["pixel_values"][0]
        return pixels

    def __repr__(self) -> str:
        return repr(self.process)


def load_processor(source: Source, model: str, resize: str | None = None) -> Processor:
    """The preprocessing that the model was published with, in Pillow where transformers has it so.

    The two kinds of processor, of Pillow and of torchvision, resize a little differently; models were published with
    the first, and which one is taken must not depend on what else is installed.

    Parameters
    ----------
    source
        Its place.
    model
        Its id, for messages.
    resize
        ``"squash"`` or ``"crop"``: how pictures come to the size that the model takes; None: as published.

    Raises
    ------
    TaxoevalError
        If there is none.
    """
    import transformers

    new = int(transformers.__version__.split(".")[0]) >= 5
    chosen: dict[str, Any] = {"backend": "pil"} if new else {"use_fast": False}
    with source.access(PROCESSOR_FILES), one_line(model), quiet():
        maker: Any = transformers.AutoImageProcessor
        found = Processor(maker.from_pretrained(source.place, **chosen, **source.arguments))
        if resize is None:
            return found
        from PIL import Image

        height, width = found(Image.new("RGB", (96, 64))).shape[-2:]
        whole = {"height": int(height), "width": int(width)}
        size = whole if resize == "squash" else {"shortest_edge": max(whole.values())}
        changes = {"size": size, "do_resize": True, "do_center_crop": resize == "crop", "crop_size": whole}
        return Processor(maker.from_pretrained(source.place, **chosen, **source.arguments, **changes))


def load_tokenizer(source: Source, model: str) -> Any:
    """The tokenizer of a model with texts.

    Parameters
    ----------
    source
        Its place.
    model
        Its id, for messages.

    Raises
    ------
    TaxoevalError
        If there is none.
    """
    from transformers import AutoTokenizer

    if source.local and not any((Path(source.place) / name).is_file() for name in TOKENIZER_FILES):
        raise TaxoevalError(
            f"{model} holds no tokenizer: put {TOKENIZER_FILES[0]} and {TOKENIZER_FILES[1]} there, or pooling=cls to "
            "use its images only"
        )
    with source.access(TOKENIZER_FILES), one_line(f"the tokenizer of {model}"), quiet():
        return AutoTokenizer.from_pretrained(source.place, **source.arguments)

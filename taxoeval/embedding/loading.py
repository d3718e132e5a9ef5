"""Reading images: hashing their bytes in threads, decoding and transforming them in loader processes."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from taxoeval.embedding.progress import progress_bar
from taxoeval.errors import TaxoevalError

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from taxoeval.datasets.base import ImageSource

# Images hashed ahead at a time: bounds what waits in memory.
_HASH_BLOCK = 4096


def hash_images(source: "ImageSource", *, progress: bool = False) -> list[str]:
    """The sha256 of every image, in order, reading several at once.

    Parameters
    ----------
    source
        The images.
    progress
        Draw a bar if standard error is a terminal.

    Returns
    -------
    list of str
        64 hexadecimal digits each.

    Raises
    ------
    TaxoevalError
        If an image cannot be read, naming it.

    Examples
    --------
    >>> from taxoeval.datasets import simulated
    >>> dataset = simulated.load(n_species=4, n_images=4, size=32)
    >>> [len(content) for content in hash_images(dataset.source)]
    [64, 64, 64, 64]
    """

    def content(i: int) -> str:
        try:
            return hashlib.sha256(source.content(i)).hexdigest()
        except OSError as error:
            raise TaxoevalError(f"{source.where(i)}: cannot be read ({error.strerror or error})") from error

    contents: list[str] = []
    numbers = iter(range(len(source)))
    with (
        ThreadPoolExecutor(min(8, 2 * _cores())) as pool,
        progress_bar("hashing", len(source), "images", shown=progress) as advance,
    ):
        while block := list(islice(numbers, _HASH_BLOCK)):
            contents.extend(pool.map(content, block))
            advance(len(block))
    return contents


class _Ready(NamedTuple):
    """One image after its transform, or the reason why there is none."""

    position: int
    pixels: "torch.Tensor | None"
    failure: str


class ImageBatch(NamedTuple):
    """Images of one batch that could be read, and the reason for the first that could not.

    Attributes
    ----------
    positions
        Which images to do they are.
    pixels
        Their transformed pictures, stacked; None if there is none.
    failure
        The message for the user, ``""`` if all is well.
    """

    positions: list[int]
    pixels: "torch.Tensor | None"
    failure: str


class ImagesToDo:
    """Reads and transforms images in a loader process.

    A bad image is handed over as a reason, not raised: an exception would reach the parent with the traceback of the
    process in its message, and the good images of its batch would be lost.

    Parameters
    ----------
    source
        The images of the dataset.
    image
        ``(n,)`` which of them to read.
    transform
        Picture to tensor.
    """

    def __init__(
        self, source: "ImageSource", image: NDArray[np.int64], transform: "Callable[[Image.Image], torch.Tensor]"
    ) -> None:
        self.source, self.image, self.transform = source, image, transform

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, position: int) -> _Ready:
        i = int(self.image[position])
        try:
            picture = self.source.image(i)
        except TaxoevalError as error:
            return _Ready(position, None, str(error))
        except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises for bad files
            reason = " ".join(str(error).split()) or type(error).__name__
            return _Ready(
                position, None, f"{self.source.where(i)}: not a readable image ({reason}); replace or remove it"
            )
        return _Ready(position, self.transform(picture), "")

    def where(self, position: int) -> str:
        """File and row of an image, for messages."""
        return self.source.where(int(self.image[position]))


def collate(images: list[_Ready]) -> ImageBatch:
    """Stack the images of a batch.

    Parameters
    ----------
    images
        What :class:`ImagesToDo` gave for each.

    Returns
    -------
    ImageBatch
        The readable ones, in order.

    Examples
    --------
    >>> collate([_Ready(0, None, "a.jpg: truncated")])
    ImageBatch(positions=[], pixels=None, failure='a.jpg: truncated')
    """
    import torch

    good = [image for image in images if image.pixels is not None]
    failure = next((image.failure for image in images if image.failure), "")
    pixels = torch.stack([image.pixels for image in good if image.pixels is not None]) if good else None
    return ImageBatch([image.position for image in good], pixels, failure)


def choose_workers(
    workers: int | Literal["auto"], n_images: int, batch_size: int, device: str, *, weightless: bool
) -> int:
    """How many processes read and transform images.

    They stop when they are two batches ahead, so on a CPU a few are enough and take from the network only what reading
    costs anyway. A GPU outruns many, and an encoder without a network does all of its work in the transform.

    Parameters
    ----------
    workers
        A number, or ``"auto"``.
    n_images, batch_size
        A process costs more than it brings for less than four batches.
    device
        Where the network runs.
    weightless
        Whether there is no network.

    Returns
    -------
    int
        0 means in this process.

    Raises
    ------
    ValueError
        If the number is negative.

    Examples
    --------
    >>> choose_workers("auto", 100, 32, "cpu", weightless=False), choose_workers(3, 100, 32, "cpu", weightless=False)
    (0, 3)
    """
    if workers != "auto":
        if workers < 0:
            raise ValueError(f"workers must be 0 or more, or 'auto', got {workers}")
        return workers
    if n_images < 4 * batch_size or _cores() == 1:
        return 0
    return min(4 if device == "cpu" and not weightless else 16, _cores())


def _cores() -> int:
    """Cores this process may use, which a cluster's scheduler may set below what the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

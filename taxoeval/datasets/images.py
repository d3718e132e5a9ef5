"""Image files to RGB: what every reader of files shares.

What is decided here, once:

* the EXIF orientation is applied, as every viewer does;
* 16-bit grey images are scaled to 8 bits (Pillow's own conversion cuts them off at 255, which turns them white);
* transparent images are laid on white (Pillow's own conversion shows whatever colour hides under the transparency);
* of an animated image the first frame counts;
* CMYK is converted by Pillow's formula, without a colour profile;
* a truncated file is an error, even where another library has told Pillow to fill it up with grey.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from taxoeval.errors import TaxoevalError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".jp2"}
)
"""File name endings that say "image", in lower case."""

ANIMATED_SUFFIXES = frozenset({".gif", ".webp", ".png", ".apng"})
_REMEDY = "replace the file or remove its row, or pass on_bad=skip"


def decode(content: bytes, where: str) -> "Image.Image":
    """An image in RGB, 8 bits a channel, upright.

    Parameters
    ----------
    content
        The bytes of an image file.
    where
        What to call it in messages: file, and row if there is one.

    Returns
    -------
    PIL.Image.Image
        In mode RGB.

    Raises
    ------
    TaxoevalError
        If it is no image, is truncated, or has pixels whose scale cannot be known (32-bit, floating point).

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("LA", (2, 1), (0, 0)).save(file, "png")
    >>> decode(file.getvalue(), "a transparent image").getpixel((0, 0))
    (255, 255, 255)
    """
    from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

    ImageFile.LOAD_TRUNCATED_IMAGES = False
    if not content:
        raise TaxoevalError(f"{where}: the file is empty; {_REMEDY}")
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
            return _to_rgb(upright, where)
    except UnidentifiedImageError as error:
        raise TaxoevalError(f"{where}: not an image, it begins with {content[:16]!r}; {_REMEDY}") from error
    except TaxoevalError:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more
        raise TaxoevalError(f"{where}: the image cannot be decoded ({_first_line(error)}); {_REMEDY}") from error


def _to_rgb(image: "Image.Image", where: str) -> "Image.Image":
    from PIL import Image

    if image.mode == "I" or image.mode.startswith("I;16"):
        return _from_16_bit(image, where)
    if image.mode == "F":
        raise TaxoevalError(f"{where}: floating-point pixels have no known white; convert the file to 8 or 16 bits")
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(image: "Image.Image", where: str) -> "Image.Image":
    """Grey levels 0..65535 to 0..255; mode ``I`` holds 32 bits and is taken only if the values fit 16."""
    from PIL import Image

    level = np.asarray(image).astype(np.int64)
    if level.min() < 0 or level.max() > 65535:
        raise TaxoevalError(f"{where}: 32-bit pixels have no known white; convert the file to 8 or 16 bits")
    return Image.fromarray(((level + 128) // 257).astype(np.uint8)).convert("RGB")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def is_animated(path: Path) -> bool:
    """Whether a file holds several frames; ``False`` also for what is no image. Reads the header only.

    Examples
    --------
    >>> is_animated(Path("no_such_file.gif"))
    False
    """
    from PIL import Image

    if path.suffix.lower() not in ANIMATED_SUFFIXES:
        return False
    try:
        with Image.open(path) as image:
            return bool(getattr(image, "is_animated", False))
    except Exception:
        return False


class NoImages:
    """The source of a table read as annotations only: to ask for an image is a mistake of the configuration.

    Parameters
    ----------
    names, rows
        Name and row of each image in the table.
    table
        The table.
    """

    def __init__(self, names: Sequence[str], rows: Sequence[int], table: str) -> None:
        self.names, self.rows, self.table = tuple(names), tuple(rows), table

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.names)

    def where(self, i: int) -> str:
        """Name and row of image ``i``."""
        return f"{self.names[i]} ({self.table}, row {self.rows[i]})"

    def content(self, i: int) -> bytes:
        """Refuse."""
        raise self._refusal(i)

    def image(self, i: int) -> "Image.Image":
        """Refuse."""
        raise self._refusal(i)

    def _refusal(self, i: int) -> TaxoevalError:
        return TaxoevalError(
            f"{self.where(i)}: read with annotations_only=true, so there is no image to embed; leave that out and give "
            "the images, or score answers with encoder=none task=score_predictions"
        )


class ImageFiles:
    """An image source over files below one folder.

    Parameters
    ----------
    root
        The folder.
    paths
        Path of each image below it.
    rows
        Name and row of each in the table it comes from, for messages; ``None`` where there is no table.
    """

    def __init__(self, root: Path, paths: Sequence[str], rows: Sequence[int] | None = None, table: str = "") -> None:
        self.root, self.paths, self.rows, self.table = root, tuple(paths), rows, table

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.paths)

    def where(self, i: int) -> str:
        """Path of image ``i``, with the row of its table."""
        path = str(self.root / self.paths[i])
        return path if self.rows is None else f"{path} ({self.table}, row {self.rows[i]})"

    def content(self, i: int) -> bytes:
        """The bytes of the file."""
        try:
            return (self.root / self.paths[i]).read_bytes()
        except OSError as error:
            raise TaxoevalError(f"{self.where(i)}: cannot be read ({error.strerror or error}); {_REMEDY}") from error

    def image(self, i: int) -> "Image.Image":
        """The image, by `decode`."""
        return decode(self.content(i), self.where(i))

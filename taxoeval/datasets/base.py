"""What every dataset is: images one can ask for by number, and a taxon id for each of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from taxoeval.taxonomy import Taxonomy

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Problem:
    """One row of a dataset that cannot be used, and why.

    Attributes
    ----------
    where
        The file that holds the row: a table of labels, or the image itself in a folder of images.
    row
        Line number in a text table (the header is line 1), row number in a Parquet table (the first is 1), 0 for a
        folder, which has no rows.
    value
        What stands there, as written.
    reason
        What is wrong with it, as a short phrase.

    Examples
    --------
    >>> print(Problem("labels.csv", 7, "birds/3.jpg", "no such file"))
    labels.csv, row 7: 'birds/3.jpg': no such file
    """

    where: str
    row: int
    value: str
    reason: str

    def __str__(self) -> str:
        place = f"{self.where}, row {self.row}" if self.row else self.where
        return f"{place}: {self.value!r}: {self.reason}"


class ImageSource(Protocol):
    """Where the images of a dataset come from. It is picklable, so that loader processes can have a copy."""

    def __len__(self) -> int: ...

    def content(self, i: int) -> bytes:
        """Bytes that identify image ``i``: equal bytes mean equal images. A missing file is a `TaxoevalError`."""
        ...

    def image(self, i: int) -> "Image.Image":
        """Image ``i`` in RGB, 8 bits a channel. A file that is no image is a `TaxoevalError`."""
        ...

    def where(self, i: int) -> str:
        """File and row of image ``i``, for messages."""
        ...


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Images and their taxa.

    Attributes
    ----------
    name
        Short name for tables and result files.
    taxonomy
        The tree that the taxon ids belong to.
    taxon
        ``(n,)`` int, taxon id of each image; it may stop at an inner rank.
    sample
        ``(n,)`` str, unique id of each image: its path below the image root, for files.
    source
        Where the images come from.
    common_name
        ``(n_taxa,)`` English name of each taxon, indexed by taxon id, ``""`` where unknown.
    label
        ``(n,)`` str, the label as the source wrote it (the text type ``asis``).
    skipped
        Rows left out because the caller asked for it with ``on_bad="skip"``.
    notes
        What was detected and decided on the way, one sentence each.
    group
        ``(n,)`` str, what each image belongs to (an observation, a specimen, a burst), ``""`` for nothing but itself;
        None where that is not known.
    """

    name: str
    taxonomy: Taxonomy
    taxon: NDArray[np.int64]
    sample: NDArray[np.str_]
    source: ImageSource
    common_name: tuple[str, ...]
    label: NDArray[np.str_]
    skipped: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    group: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        n = len(self.taxon)
        if self.group is not None and len(self.group) != n:
            raise ValueError(f"an ImageDataset needs one group per image; got {len(self.group)} for {n}")
        if len(self.sample) != n or len(self.label) != n or len(self.source) != n:
            raise ValueError(
                f"an ImageDataset needs as many samples, labels and images as taxa; got {len(self.sample)}, "
                f"{len(self.label)} and {len(self.source)} for {n}"
            )
        if len(self.common_name) != len(self.taxonomy):
            raise ValueError(f"{len(self.common_name)} common names for a taxonomy of {len(self.taxonomy)} taxa")

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.taxon)

"""Small pictures of the images that a run got wrong most surely, so that a page can show them without the images."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from taxoeval.reports.atomic import together
from taxoeval.reports.mistake_images import CONFIDENT, hardest
from taxoeval.reports.run import Run

if TYPE_CHECKING:
    from PIL import Image

SIZE = 200
"""Pixels of the longer side."""

MOST = 12
"""Images of each task and decoder."""


def write_thumbnails(run: Run, samples: Sequence[str], image: "Callable[[int], Image.Image]", folder: Path) -> None:
    """Write ``thumbnails.parquet``: sample and JPEG of the surest mistakes of every encoder, task and decoder.

    Parameters
    ----------
    run
        The finished run.
    samples
        Ids of the dataset's images, in its order.
    image
        Opens the image at a position.
    folder
        Where to; without mistakes nothing is written.

    Raises
    ------
    TaxoevalError
        If the folder cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = set()
    for cell in run.cells:
        if cell.role != "encoder":
            continue
        for predictions in cell.predictions:
            columns = hardest(predictions, cell.taxonomy or run.taxonomy, most=MOST)
            wanted |= set(columns["sample"][columns["kind"] == CONFIDENT].tolist())
    chosen = [i for i, sample in enumerate(samples) if str(sample) in wanted]
    if not chosen:
        return
    table = pa.table({"sample": [str(samples[i]) for i in chosen], "jpeg": [_jpeg(image(i)) for i in chosen]})
    with together(folder, "thumbnails.parquet") as staged:
        pq.write_table(table, staged("thumbnails.parquet"))


def _jpeg(picture: "Image.Image") -> bytes:
    small = picture.convert("RGB")
    small.thumbnail((SIZE, SIZE))
    content = io.BytesIO()
    small.save(content, format="JPEG", quality=80)
    return content.getvalue()

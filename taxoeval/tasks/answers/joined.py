"""Rows of a file of answers beside the samples of a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxoeval.errors import TaxoevalError

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Joined:
    """Which row answers for which image.

    Attributes
    ----------
    positions
        ``(m,)`` the images to be scored, ascending.
    rows
        ``(m,)`` their rows in the file, ``-1`` for an image that it does not mention.
    counts
        How many images have a row, how many have none, and how many rows belong to no image.
    notes
        The same for people, where there is something to say.
    """

    positions: Ids
    rows: Ids
    counts: dict[str, int]
    notes: tuple[str, ...]


def join(answered: Sequence[str], sample: NDArray[np.str_], where: str, missing: str) -> Joined:
    """Match by sample id.

    Parameters
    ----------
    answered
        The ids in the file, each once.
    sample
        ``(n,)`` the ids of the dataset.
    where
        What messages call the file.
    missing
        What to do with images without a row: ``error``, ``wrong`` or ``leave_out``.

    Raises
    ------
    TaxoevalError
        If no id is known to the dataset, or an image has no row and that is an error.

    Examples
    --------
    >>> joined = join(["b.jpg", "x.jpg"], np.array(["a.jpg", "b.jpg"]), "answers.csv", "wrong")
    >>> joined.rows, joined.counts
    (array([-1,  0]), {'n_images_with_row': 1, 'n_images_without_row': 1, 'n_rows_of_other_images': 1})
    """
    place = {name: row for row, name in enumerate(answered)}
    rows = np.array([place.get(str(name), -1) for name in sample], dtype=np.int64)
    absent = np.flatnonzero(rows < 0)
    known = len(rows) - len(absent)
    surplus = len(place) - known
    if known == 0:
        theirs, ours = (", ".join(map(repr, list(ids)[:2])) for ids in (answered, map(str, sample)))
        raise TaxoevalError(
            f"{where}: none of its {len(place)} sample ids is one of the dataset; they are like {theirs}, the "
            f"dataset's like {ours}"
        )
    if len(absent) and missing == "error":
        raise TaxoevalError(
            f"{where}: no row for {len(absent)} of {len(rows)} images, such as {str(sample[absent[0]])!r}; add them, "
            "or say what to do with them: missing=wrong or missing=leave_out"
        )
    notes = []
    if len(absent):
        done = "they count as not answered" if missing == "wrong" else "they are left out"
        notes.append(f"{len(absent)} of {len(rows)} images have no row in the file of answers: {done}")
    if surplus:
        notes.append(f"{surplus} rows of the file of answers are of images that the dataset lacks: left out")
    positions = np.arange(len(rows)) if missing == "wrong" else np.flatnonzero(rows >= 0)
    counts = {
        "n_images_with_row": known,
        "n_images_without_row": len(absent),
        "n_rows_of_other_images": surplus,
    }
    return Joined(positions, rows[positions], counts, tuple(notes))

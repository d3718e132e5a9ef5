"""What processes run that write to one store at the same time; quick to start, so without torch."""

import os
from types import SimpleNamespace
from typing import Any

import numpy as np

from taxoeval.embedding import EmbeddingStore


def write_parts(root: str, first: int, n: int) -> None:
    """What the processes do that write at the same time: ``n`` parts of 3 rows, keys ``first`` and up."""
    encoder: Any = SimpleNamespace(name="toy", dimension=2, fingerprint={"weights": 0})
    shelf = EmbeddingStore(root).shelf(encoder, "images")
    for part in range(n):
        keys = range(first + 3 * part, first + 3 * part + 3)
        shelf.write([f"{key:064x}" for key in keys], np.array([[key, os.getpid()] for key in keys], np.float32))

"""The store on disk that encodes once: vectors kept by what was encoded and by everything that made them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from taxoeval.embedding.files import refusal, write_whole
from taxoeval.embedding.shelf import Shelf
from taxoeval.encoders.base import fingerprint_key
from taxoeval.errors import TaxoevalError

LAYOUT = 1
Kind = Literal["images", "texts"]


class Identified(Protocol):
    """What the store needs to know of an encoder."""

    @property
    def name(self) -> str:
        """Short name, for people."""

    @property
    def dimension(self) -> int:
        """Length of its vectors."""

    @property
    def fingerprint(self) -> Mapping[str, str | int | float | bool | None]:
        """Everything that changes its vectors."""


class EmbeddingStore:
    """A folder of vectors, one subfolder per encoder fingerprint.

    ``<root>/<encoder name>-<first 16 hex digits of the key>/`` holds ``fingerprint.json`` and the folders ``images``
    and ``texts``, each full of Parquet parts that one line reads: ``pandas.read_parquet(folder)``. A vector is found
    by the sha256 of what was encoded, so copies of an image share one, and nothing is ever overwritten: parts are
    only added, by any number of processes at once.

    Parameters
    ----------
    root
        The folder. It is made when something is first stored.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> encoder = SimpleNamespace(name="toy/net", dimension=2, fingerprint={"weights": "none"})
    >>> with tempfile.TemporaryDirectory() as root:
    ...     shelf = EmbeddingStore(root).shelf(encoder, "images")
    ...     _ = shelf.write(["00ff"], np.array([[1, 2]], np.float32))
    ...     shelf.gather(["00ff", "01aa"])[1]
    array([ True, False])
    >>> EmbeddingStore("vectors").folder(encoder).name[:8]
    'toy_net-'
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._shelves: dict[Path, Shelf] = {}

    def folder(self, encoder: Identified) -> Path:
        """Where the vectors of an encoder are, or would be.

        Parameters
        ----------
        encoder
            Anything with a name and a fingerprint.

        Returns
        -------
        Path
            Holds ``fingerprint.json``, ``images`` and ``texts``.
        """
        readable = re.sub(r"[^A-Za-z0-9._-]+", "_", encoder.name).lstrip("._")[:80]
        return self.root / f"{readable}-{fingerprint_key(encoder.fingerprint)[:16]}"

    def shelf(self, encoder: Identified, kind: Kind) -> "Shelf":
        """The vectors of one encoder for images or for texts, made if it is not there yet.

        Parameters
        ----------
        encoder
            Anything with a name, a dimension and a fingerprint.
        kind
            ``"images"`` or ``"texts"``.

        Returns
        -------
        Shelf
            The same object for the same encoder, so that its index is read once.

        Raises
        ------
        TaxoevalError
            If the folder belongs to another fingerprint or a newer layout, or cannot be written.
        """
        folder = self.folder(encoder)
        _check_or_write_fingerprint(folder / "fingerprint.json", encoder)
        path = folder / kind
        if path not in self._shelves:
            self._shelves[path] = Shelf(path, encoder.dimension, encoder.name)
        return self._shelves[path]


def _check_or_write_fingerprint(path: Path, encoder: Identified) -> None:
    own: dict[str, Any] = {
        "layout": LAYOUT,
        "encoder": encoder.name,
        "dimension": encoder.dimension,
        "key": fingerprint_key(encoder.fingerprint),
        "fingerprint": dict(encoder.fingerprint),
    }
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        write_whole(path, (json.dumps(own, indent=2, ensure_ascii=False) + "\n").encode())
        return
    except OSError as error:
        raise refusal(path, error) from error
    try:
        found = dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise TaxoevalError(f"{path}: not readable ({error}); delete its folder, it will be encoded again") from error
    if found.get("layout") != LAYOUT:
        raise TaxoevalError(
            f"{path}: written in layout {found.get('layout')}, this version reads {LAYOUT}; "
            "update taxoeval or choose another folder for the store"
        )
    if found.get("key") != own["key"] or found.get("dimension") != own["dimension"]:
        raise TaxoevalError(
            f"{path}: belongs to another encoder (key {str(found.get('key'))[:24]}…, asked {own['key'][:24]}…); "
            "choose another folder for the store"
        )

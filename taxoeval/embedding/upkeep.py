"""What a store holds, whether it can be trusted, and how it gets smaller."""

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taxoeval.embedding.files import refusal
from taxoeval.embedding.part import CorruptPartError, read_contents, read_vectors, rows_of
from taxoeval.errors import TaxoevalError

KINDS = ("images", "texts")


@dataclass(frozen=True)
class Held:
    """The vectors of one encoder with one set of options.

    Attributes
    ----------
    folder
        Where they are.
    encoder, key
        Its name, and the hash of its fingerprint.
    options
        What was chosen about its vectors, as its fingerprint says: precision, pooling, greyscale ...
    dimension
        Length of a vector.
    images, texts
        How many vectors of each.
    size
        Bytes, with what is set aside.
    damaged
        Parts that were set aside.
    written
        When something was last stored, seconds since 1970.
    """

    folder: Path
    encoder: str
    key: str
    options: str
    dimension: int
    images: int
    texts: int
    size: int
    damaged: int
    written: float


def holdings(root: Path) -> list[Held]:
    """Everything a store holds, the newest last.

    Parameters
    ----------
    root
        Folder of the store; one that is not there holds nothing.

    Raises
    ------
    TaxoevalError
        If the disk refuses to read, or a fingerprint is unreadable.

    Examples
    --------
    >>> holdings(Path("a folder that does not exist"))
    []
    """
    try:
        found = [_held(file.parent) for file in root.glob("*/fingerprint.json")]
    except OSError as error:
        raise refusal(root, error) from error
    return sorted(found, key=lambda held: held.written)


def _held(folder: Path) -> Held:
    path = folder / "fingerprint.json"
    try:
        known = dict(json.loads(path.read_text(encoding="utf-8")))
        name, key, dimension = str(known["encoder"]), str(known["key"]), int(known["dimension"])
        options = _options(dict(known["fingerprint"]))
    except (ValueError, TypeError, KeyError) as error:
        raise TaxoevalError(f"{path}: not readable ({error}); delete its folder, it will be encoded again") from error
    files = [file for file in folder.rglob("*") if file.is_file()]
    rows = {kind: sum(rows_of(part) for part in sorted((folder / kind).glob("part-*.parquet"))) for kind in KINDS}
    return Held(
        folder,
        name,
        key,
        options,
        dimension,
        rows["images"],
        rows["texts"],
        sum(file.stat().st_size for file in files),
        sum(file.suffix == ".corrupt" for file in files),
        max(file.stat().st_mtime for file in files),
    )


_OPTIONS = ("dtype", "pooling", "resize", "normalised", "greyscale", "image_size", "seed", "revision")


def _options(fingerprint: dict[str, object]) -> str:
    """What of a fingerprint is somebody's choice.

    Examples
    --------
    >>> _options({"dtype": "fp16", "greyscale": True, "seed": None, "normalised": False, "weights_sha256": "00"})
    'fp16, greyscale'
    """
    told = []
    for name in _OPTIONS:
        value = fingerprint.get(name)
        if value is True:
            told.append(name)
        elif value not in (None, False, "", "model") and "(" not in str(
            value
        ):  # a layer's own description is no choice
            told.append(str(value) if name in ("dtype", "pooling", "resize") else f"{name} {value}")
    return ", ".join(told)


def damaged_parts(held: Held) -> Iterator[tuple[Path, str]]:
    """Each part that cannot be trusted, and why: every page is read against its checksum.

    Parameters
    ----------
    held
        What to look through.
    """
    for kind in KINDS:
        for path in sorted((held.folder / kind).glob("part-*.parquet")):
            try:
                rows = len(read_contents(path, held.dimension))
                finite = all(np.isfinite(vectors).all() for _, vectors in read_vectors(path))
            except CorruptPartError as error:
                yield path, str(error)
                continue
            except FileNotFoundError:
                continue  # another process took it away
            if not finite:
                yield path, f"NaN or infinity among its {rows} vectors"


def set_aside(path: Path) -> Path:
    """Rename a part so that nothing reads it: what it held is computed again when it is needed.

    Raises
    ------
    TaxoevalError
        If the disk refuses.
    """
    aside = path.with_name(f"_{path.name}.corrupt")
    try:
        return path.replace(aside)
    except OSError as error:
        raise refusal(path, error) from error


def chosen(every: Sequence[Held], names: Sequence[str], older_than_days: float | None) -> list[Held]:
    """What is meant by names and age.

    Parameters
    ----------
    every
        From `holdings`.
    names
        Names of encoders, of folders, or beginnings of keys of at least 6 digits; none means all.
    older_than_days
        Only what was last written longer ago.

    Raises
    ------
    TaxoevalError
        If a name means nothing that is there.
    """
    kept: list[Held] = []
    for name in names:
        meant = [
            held
            for held in every
            if name in (held.encoder, held.folder.name) or (len(name) >= 6 and held.key.startswith(name))
        ]
        if not meant:
            known = ", ".join(sorted({held.encoder for held in every})) or "nothing"
            raise TaxoevalError(f"{name}: no such encoder or key in the store, which holds {known}")
        kept += [held for held in meant if held not in kept]
    kept = kept if names else list(every)
    if older_than_days is not None:
        kept = [held for held in kept if held.written < time.time() - 86400 * older_than_days]
    return kept


def remove(paths: Sequence[Path], root: Path) -> None:
    """Delete files and folders of a store.

    Raises
    ------
    TaxoevalError
        If one of them lies outside the store, or the disk refuses.
    """
    home = root.resolve()
    for path in paths:
        if home not in path.resolve().parents:
            raise TaxoevalError(f"{path}: is not inside {root}; nothing outside the store is deleted")
    for path in paths:
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        except OSError as error:
            raise refusal(path, error) from error

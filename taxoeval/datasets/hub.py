"""A dataset repository of the Hugging Face hub at one commit: a table, Parquet files with images, or class folders."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from taxoeval.datasets import embedded, folder, table
from taxoeval.datasets.base import ImageDataset
from taxoeval.downloads import download
from taxoeval.errors import TaxoevalError

TABLES = tuple(
    f"{stem}.{ending}" for stem in ("labels", "metadata", "annotations") for ending in ("parquet", "csv", "tsv")
)


def load(
    repo: str,
    revision: str | None = None,
    labels: str | None = None,
    root: str = ".",
    name: str | None = None,
    ranks: str | Sequence[str] | Mapping[str, str] = "auto",
    label: str = "auto",
    group: str | None = None,
    on_bad: str = "error",
    limit: int | None = None,
) -> ImageDataset:
    """Images of a dataset repository, downloaded once and read as a table or a folder of class folders.

    Parameters
    ----------
    repo
        ``owner/name``.
    revision
        A branch, a tag or a commit; by default ``main``. What the cache holds of it is used without asking the hub,
        so a branch stays where it was when it was first downloaded.
    labels
        The table's path inside the repository, or a pattern of Parquet files with images in them,
        ``data/test-*.parquet``: nothing else is downloaded then. By default ``labels``, ``metadata`` or
        ``annotations`` with the ending ``.parquet``, ``.csv`` or ``.tsv`` in ``root``; without any of them the Parquet
        files with images below ``root``; without those ``root`` is read as class folders.
    root
        Folder inside the repository that the image paths start from.
    name
        Name in tables; by default the repository's, without its owner.
    ranks, label, group
        As for :func:`taxoeval.datasets.table.load`; class folders have none of them.
    on_bad, limit
        As for :func:`taxoeval.datasets.table.load`.

    Returns
    -------
    ImageDataset
        Its first note names the repository and the commit.

    Raises
    ------
    TaxoevalError
        If the repository cannot be had, a file of it is damaged, it holds several splits and none is chosen, or the
        readers find something bad in it.

    Notes
    -----
    Without a pattern the whole repository is downloaded, since only its table says what images it needs. Images inside
    Parquet files are read where they are, one after the other as they are asked for.

    Examples
    --------
    >>> load("not an id")
    Traceback (most recent call last):
    ...
    taxoeval.errors.TaxoevalError: 'not an id' is not a hub id: write it as owner/name
    """
    pattern = labels if labels and "*" in labels else None
    snapshot = download(
        repo, revision, "dataset", [pattern] if pattern else None, None if labels else partial(_ask_first, repo, root)
    )
    title = name or repo.rpartition("/")[2]
    place = snapshot if pattern else _inside(snapshot, root, repo)
    files = (
        sorted(snapshot.glob(pattern)) if pattern else [_inside(snapshot, labels, repo)] if labels else _table(place)
    )
    if pattern and not files:
        raise TaxoevalError(f"{repo} at {snapshot.name[:12]} has no {pattern}; leave labels out to see what it holds")
    files = files or _splits(place, snapshot, repo)
    how: dict[str, Any] = {"name": title, "on_bad": on_bad, "limit": limit}
    known: dict[str, Any] = {"ranks": ranks, "label": label, "group": group}
    if not files:
        dataset = folder.load(place, **how)
    elif files[0].suffix == ".parquet" and embedded.image_columns(files[0]):
        where = f"{repo}/{labels or files[0].relative_to(snapshot)}"
        dataset = embedded.load(files, where=where, **known, **how)
    else:
        dataset = table.load(files[0], root=place, **known, **how)
    return replace(dataset, notes=(f"from the hub: {repo} at commit {snapshot.name}", *dataset.notes))


def _table(place: Path) -> list[Path]:
    return [place / name for name in TABLES if (place / name).is_file()][:1]


def _ask_first(repo: str, root: str, paths: Sequence[str]) -> None:
    """Refuse several splits by their names, before gigabytes are downloaded that nobody asked for.

    Only parts that are numbered as the hub does: of others, the columns tell whether images are in them.
    """
    below = [PurePosixPath(path) for path in paths if PurePosixPath(path).is_relative_to(root)]
    if not any(path.parent == PurePosixPath(root) and path.name in TABLES for path in below):
        _one_split(repo, [path for path in below if re.search(r"-\d+-of-\d+\.parquet$", path.name)])


def _splits(place: Path, snapshot: Path, repo: str) -> list[Path]:
    """The Parquet files with images, which must be of one split."""
    files = [file for file in sorted(place.rglob("*.parquet")) if embedded.image_columns(file)]
    _one_split(repo, [PurePosixPath(file.relative_to(snapshot).as_posix()) for file in files])
    return files


def _one_split(repo: str, files: Sequence[PurePosixPath]) -> None:
    """The parts of a split differ in a number at the end."""
    stems = {f"{file.parent}/" + re.sub(r"\d+(-of-\d+.*)?$", "", file.stem) for file in files}
    splits = sorted(stem.removeprefix("./") for stem in stems)
    if len(splits) > 1:
        patterns = ", ".join(f"{split}*.parquet" for split in splits)
        raise TaxoevalError(f"{repo} holds several splits: choose one with dataset.labels=PATTERN, one of {patterns}")


def _inside(snapshot: Path, path: str, repo: str) -> Path:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise TaxoevalError(f"{path}: give a path inside the repository {repo}")
    if not (snapshot / path).exists():
        there = ", ".join(sorted(entry.name for entry in snapshot.iterdir())[:8])
        raise TaxoevalError(f"{repo} at {snapshot.name[:12]} has no {path}; it holds {there}")
    return snapshot / path

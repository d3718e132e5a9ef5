"""A dataset repository of the Hugging Face hub: its table or its class folders, at one commit."""

from dataclasses import replace
from pathlib import Path

from taxoeval.datasets import folder, table
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
        The table's path inside the repository. By default ``labels``, ``metadata`` or ``annotations`` with the ending
        ``.parquet``, ``.csv`` or ``.tsv`` in ``root``; without any of them ``root`` is read as class folders.
    root
        Folder inside the repository that the image paths start from.
    name
        Name in tables; by default the repository's, without its owner.
    on_bad, limit
        As for :func:`taxoeval.datasets.table.load`.

    Returns
    -------
    ImageDataset
        Its first note names the repository and the commit.

    Raises
    ------
    TaxoevalError
        If the repository cannot be had, a file of it is damaged, or the readers find something bad in it.

    Notes
    -----
    The whole repository is downloaded, since only its table says what images it needs. Images inside a table, as the
    hub's viewer makes them, are not read: unpack them into files first.

    Examples
    --------
    >>> load("not an id")
    Traceback (most recent call last):
    ...
    taxoeval.errors.TaxoevalError: 'not an id' is not a hub id: write it as owner/name
    """
    snapshot = download(repo, revision, "dataset")
    place = _inside(snapshot, root, repo)
    found = _inside(snapshot, labels, repo) if labels else _table(place)
    title = name or repo.rpartition("/")[2]
    if found is None:
        dataset = folder.load(place, name=title, on_bad=on_bad, limit=limit)
    else:
        dataset = table.load(found, root=place, name=title, on_bad=on_bad, limit=limit)
    return replace(dataset, notes=(f"from the hub: {repo} at commit {snapshot.name}", *dataset.notes))


def _table(place: Path) -> Path | None:
    return next((place / name for name in TABLES if (place / name).is_file()), None)


def _inside(snapshot: Path, path: str, repo: str) -> Path:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise TaxoevalError(f"{path}: give a path inside the repository {repo}")
    if not (snapshot / path).exists():
        there = ", ".join(sorted(entry.name for entry in snapshot.iterdir())[:8])
        raise TaxoevalError(f"{repo} at {snapshot.name[:12]} has no {path}; it holds {there}")
    return snapshot / path

"""A folder with one subfolder per class, whose name is a plain label or a whole lineage."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from taxoeval.datasets.base import ImageDataset, Problem
from taxoeval.datasets.images import SUFFIXES, ImageFiles, is_animated
from taxoeval.datasets.problems import check_limit, check_on_bad, in_order, settle, undecodable
from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import RANKS, Taxonomy
from taxoeval.taxonomy.cells import cleaned

_INATURALIST = re.compile(r"\d+(_[^_]+){6}_.+")


@dataclass(frozen=True)
class _Listing:
    """Image paths below the root with the class folder of each, classes without an image, and other files."""

    images: list[tuple[str, str]]
    empty: list[str]
    stray: list[str]
    others: list[str]


def load(root: str | Path, name: str | None = None, on_bad: str = "error", limit: int | None = None) -> ImageDataset:
    """Images in one subfolder per class; deeper folders belong to the class they are in.

    Parameters
    ----------
    root
        The folder of class folders. Names such as ``00123_Animalia_Chordata_Aves_Passeriformes_Corvidae_Corvus_corax``
        (iNaturalist's) are read as seven ranks if all class folders have them; other names are flat labels, a
        taxonomy with the one rank ``label``.
    name
        Name in tables; by default the folder's.
    on_bad
        ``error`` stops at class folders without images, images outside class folders and names that do not fit;
        ``skip`` leaves them out, keeps them in ``skipped`` and says how many. Only ``skip`` decodes every image
        here; with ``error`` an image that cannot be decoded stops the extraction instead.
    limit
        Take the first so many images only, in the order of their paths.

    Returns
    -------
    ImageDataset
        Images sorted by path. Files without an image's ending are left alone, and ``notes`` says how many.

    Raises
    ------
    TaxoevalError
        If there is no such folder, no image in it, or something in it is bad.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "ravens").mkdir()
    >>> Image.new("RGB", (8, 8)).save(root / "ravens" / "1.png")
    >>> dataset = load(root)
    >>> dataset.taxonomy.ranks, dataset.label.tolist(), dataset.sample.tolist()
    (('label',), ['ravens'], ['ravens/1.png'])
    """
    check_on_bad(on_bad)
    check_limit(limit)
    folder = Path(root).expanduser()
    listing = _list(folder)
    problems = [Problem(str(folder), 0, path, "no image in this class folder") for path in listing.empty]
    problems += [Problem(str(folder), 0, path, "lies in no class folder") for path in listing.stray]
    images = listing.images[:limit]
    lineages, misfits, style = _lineages(sorted({label for _, label in images}))
    problems += [Problem(str(folder), 0, path, misfits[label]) for path, label in images if label in misfits]
    source = ImageFiles(folder, [path for path, _ in images])
    if on_bad == "skip":
        problems += undecodable(source, source.paths, str(folder), [0] * len(images), set())
    bad = in_order(problems)
    total = len(images) + len(listing.empty) + len(listing.stray)
    notes = [style, *_other_files(listing.others), *settle(bad, total, str(folder), on_bad, unit="entries")]
    left_out = {problem.value for problem in bad}
    kept = [(path, label) for path, label in images if path not in left_out]
    if not kept:
        raise TaxoevalError(f"{folder}: no image is left; a dataset needs class folders with images in them")
    return _dataset(name or folder.resolve().name, folder, kept, lineages, bad, notes)


def _list(folder: Path) -> _Listing:
    if not folder.is_dir():
        raise TaxoevalError(f"{folder}: no such folder; give a folder with one subfolder per class (root=...)")
    found = _Listing([], [], [], [])
    for entry in sorted(folder.iterdir()):
        if not entry.is_dir():
            (found.stray if entry.suffix.lower() in SUFFIXES else found.others).append(entry.name)
            continue
        files = [path.relative_to(folder).as_posix() for path in _files(entry)]
        images = [path for path in files if Path(path).suffix.lower() in SUFFIXES]
        found.images.extend((path, entry.name) for path in images)
        found.others.extend(path for path in files if path not in set(images))
        if not images:
            found.empty.append(entry.name)
    if not found.images:
        raise TaxoevalError(
            f"{folder}: no image in any of its {len(found.empty)} subfolders ({', '.join(sorted(SUFFIXES)[:6])}, ...); "
            "give a folder with one subfolder per class (root=...)"
        )
    return found


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place) / name for name in sorted(names))


def _lineages(labels: list[str]) -> tuple[dict[str, tuple[str, ...]], dict[str, str], str]:
    """The lineage of each class folder, the folders that do not fit, and a note."""
    styled = [label for label in labels if _INATURALIST.fullmatch(label)]
    if 2 * len(styled) <= len(labels):
        nameless = {label: "its class folder has a name that means unknown" for label in labels if not cleaned(label)}
        return {label: (label,) for label in labels}, nameless, "folder names are read as flat labels"
    form = "_".join(["NUMBER", *RANKS])
    reason = f"its class folder is not of the form {form} that {len(styled)} of {len(labels)} class folders have"
    misfits = {label: reason for label in labels if label not in set(styled)}
    lineages = {}
    for label in styled:
        *upper, epithet = label.split("_", len(RANKS))[1:]
        lineages[label] = (*upper, f"{upper[-1]} {epithet.replace('_', ' ')}")
    return lineages, misfits, "folder names are read as iNaturalist's: a number and seven ranks"


def _other_files(others: list[str]) -> list[str]:
    if not others:
        return []
    endings = Counter(Path(path).suffix or Path(path).name for path in others)
    listed = ", ".join(f"{k} {ending}" for ending, k in endings.most_common(5))
    return [f"{len(others)} files without an image's ending are left alone ({listed})"]


def _dataset(
    name: str,
    folder: Path,
    kept: list[tuple[str, str]],
    lineages: dict[str, tuple[str, ...]],
    skipped: tuple[Problem, ...],
    notes: list[str],
) -> ImageDataset:
    rows = [lineages[label] for _, label in kept]
    ranks = RANKS if len(rows[0]) == len(RANKS) else ("label",)
    taxonomy, taxon = Taxonomy.from_columns([list(column) for column in zip(*rows, strict=True)], ranks=ranks)
    paths = [path for path, _ in kept]
    animated = sum(is_animated(folder / path) for path in paths)
    notes = [*notes, *([f"{animated} images are animated: their first frame is used"] if animated else [])]
    return ImageDataset(
        name=name,
        taxonomy=taxonomy,
        taxon=taxon,
        sample=np.array(paths, dtype=np.str_),
        source=ImageFiles(folder, paths),
        common_name=("",) * len(taxonomy),
        label=np.array([label for _, label in kept], dtype=np.str_),
        skipped=skipped,
        notes=tuple(notes),
    )

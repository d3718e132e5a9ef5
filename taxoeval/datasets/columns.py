"""Which column of a table of labels means what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from taxoeval.errors import TaxoevalError
from taxoeval.taxonomy import RANKS
from taxoeval.taxonomy.lookup import nearest
from taxoeval.taxonomy.table import ALIASES, find_columns

IMAGE_NAMES = (
    "filename", "file_name", "filepath", "file_path", "path",
    "image", "image_path", "image_file", "img_path", "img", "file",
)  # fmt: skip
ROW_NAMES = ("sample", "sample_id", "uuid", "id")
"""Columns that name a row where there need not be an image."""
COMMON_NAMES = ("common_name", "commonname", "common", "vernacular_name", "vernacularname", "english_name")
LABEL_NAMES = ("label", "original_label", "source_label", "class_name")


@dataclass(frozen=True)
class Columns:
    """The columns a dataset is read from.

    Attributes
    ----------
    image
        Column with the path of each image.
    ranks
        Column of each rank, coarse to fine; empty if the table has flat labels only.
    label
        Column with the label as the source wrote it, or ``None``.
    common_name
        Column with the English name, or ``None``.
    group
        Column that says what images belong together, or ``None``.
    notes
        What was decided.
    """

    image: str
    ranks: dict[str, str]
    label: str | None
    common_name: str | None
    group: str | None
    notes: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Every column that is needed, once."""
        every = [self.image, *self.ranks.values(), self.label, self.common_name, self.group]
        return list(dict.fromkeys(name for name in every if name is not None))


def assign(
    header: Sequence[str],
    where: str,
    image: str,
    ranks: str | Sequence[str] | Mapping[str, str],
    label: str,
    common_name: str,
    group: str | None = None,
    usual: Sequence[str] = IMAGE_NAMES,
) -> Columns:
    """Find the columns of a table of labels; ``"auto"`` means by their usual names, whatever their case.

    ``usual`` are those of the column of images, in order of preference.

    Raises
    ------
    TaxoevalError
        If a column does not exist, stands there twice, or none can be detected.

    Examples
    --------
    >>> header = ["filepath", "cls", "genus", "Common_Name", "class"]
    >>> found = assign(header, "labels.csv", "auto", "auto", "auto", "auto")
    >>> found.image, found.ranks, found.label, found.common_name
    ('filepath', {'class': 'cls', 'genus': 'genus'}, 'class', 'Common_Name')
    """
    lower = {name.strip().casefold(): name for name in reversed(header)}
    chosen = _ranks(header, lower, ranks, where)
    free = {low: name for low, name in lower.items() if name not in chosen.values()}
    labels = ("class", *LABEL_NAMES) if "class" in free and ("cls" in lower or not chosen) else LABEL_NAMES
    notes = []
    found = Columns(
        image=_required_image(header, free, image, usual, where),
        ranks=chosen,
        label=_one(header, free, label, labels, where),
        common_name=_one(header, free, common_name, COMMON_NAMES, where),
        group=None if group is None else _named(header, group, where),
        notes=(),
    )
    several = [free[name] for name in usual if name in free]
    if image == "auto" and len(several) > 1:
        notes.append(f"image paths are read from {found.image!r}; also possible: {', '.join(several[1:])}")
    if found.label is not None and found.label.casefold() == "class" and "class" in chosen:
        notes.append(f"the rank class is read from {chosen['class']!r}, labels as written from {found.label!r}")
    finer = sorted(
        lower.keys() & {"subspecies", "subfamily", "tribe", "subgenus", "superfamily", "suborder"} - {*chosen}
    )
    if finer and ranks == "auto":
        notes.append(f"not read: {', '.join(finer)}; name all ranks, coarse to fine, to have them (ranks=...)")
    _refuse_twice(header, found.names, where)
    return replace(found, notes=tuple(notes))


def _ranks(
    header: Sequence[str], lower: Mapping[str, str], ranks: str | Sequence[str] | Mapping[str, str], where: str
) -> dict[str, str]:
    if isinstance(ranks, Mapping):
        return find_columns(header, tuple(ranks), ranks, where)
    if not isinstance(ranks, str):
        return find_columns(header, tuple(ranks), _cls(lower, ranks), where)
    if ranks != "auto":
        raise TaxoevalError(
            f"ranks={ranks!r}: give auto, a list of ranks coarse to fine, or a mapping from rank to column"
        )
    present = [rank for rank in RANKS if any(name in lower for name in (rank, *ALIASES.get(rank, ())))]
    if present == ["class"] and "cls" not in lower:
        return {}  # file path and class alone: class means "category" here, not the rank between phylum and order
    return find_columns(header, tuple(present), _cls(lower, present), where) if present else {}


def _cls(lower: Mapping[str, str], ranks: Sequence[str]) -> dict[str, str]:
    """Where both exist, ``cls`` is the rank and ``class`` the label: BioCLIP's annotation tables are written so."""
    return {"class": lower["cls"]} if "cls" in lower and "class" in ranks else {}


def _required_image(
    header: Sequence[str], free: Mapping[str, str], image: str, usual: Sequence[str], where: str
) -> str:
    found = _one(header, free, image, usual, where)
    if found is None:
        raise TaxoevalError(
            f"{where}: no column with image paths; the columns are {', '.join(header)}; "
            f"name it with image=..., or rename it to one of {', '.join(usual[:5])}"
        )
    return found


def _one(header: Sequence[str], free: Mapping[str, str], asked: str, usual: Sequence[str], where: str) -> str | None:
    if asked == "auto":
        return next((free[name] for name in usual if name in free), None)
    return _named(header, asked, where)


def _named(header: Sequence[str], asked: str, where: str) -> str:
    if asked in header:
        return asked
    close = nearest(asked, header)
    hint = f" (nearest: {close!r})" if close else ""
    raise TaxoevalError(f"{where}: no column {asked!r}{hint}; the columns are {', '.join(header)}")


def _refuse_twice(header: Sequence[str], names: Sequence[str], where: str) -> None:
    twice = [name for name in names if list(header).count(name) > 1]
    if twice:
        raise TaxoevalError(f"{where}: the column {twice[0]!r} stands there twice; rename or remove one of them")

"""What encoders there are, read from the headers of their configurations, so that nothing has to be loaded.

The header of a configuration in ``configs/encoder`` is a title and one line per fact, ``# dimension: 768``. A test
holds the facts against the registries of open_clip and timm.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from taxoeval.errors import TaxoevalError

FACTS = ("dimension", "input", "text", "parameters", "licence", "source")
_FACT = re.compile(rf"# ({'|'.join(FACTS)}): (.+)")


@dataclass(frozen=True)
class Entry:
    """One encoder, as its configuration's header describes it; ``?`` where that is silent.

    Attributes
    ----------
    name
        What follows ``encoder=``.
    title
        What it is.
    dimension, input, text, parameters, licence, source
        Length of a vector; size and preparation of a picture; tokenizer and length of a text, or ``none``; number of
        weights; of the weights; where they and these facts come from.
    """

    name: str
    title: str
    dimension: str = "?"
    input: str = "?"
    text: str = "?"
    parameters: str = "?"
    licence: str = "?"
    source: str = "?"


def read_entry(path: Path) -> Entry:
    r"""The header of one configuration.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "my_net.yaml"
    >>> _ = file.write_text("# My net, trained on moths.\n#\n# dimension: 512\n_target_: a.b\n# input: no header\n")
    >>> entry = read_entry(file)
    >>> entry.name, entry.title, entry.dimension, entry.input
    ('my_net', 'My net, trained on moths.', '512', '?')
    """
    header: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        header.append(line)
    facts = {found[1]: found[2] for found in map(_FACT.fullmatch, header) if found}
    return Entry(path.stem, header[0].lstrip("# ") if header else "?", **facts)


def configs() -> Path:
    """The package's own encoder configurations: inside the installed package, or beside it in a checkout.

    Raises
    ------
    TaxoevalError
        If they are in neither place.

    Examples
    --------
    >>> (configs() / "bioclip2.yaml").is_file()
    True
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "configs" / "encoder", package.parent / "configs" / "encoder"):
        if folder.is_dir():
            return folder
    raise TaxoevalError(f"{package}: no configs inside or beside it: the installation is incomplete; install again")


def catalogue(folders: Iterable[Path]) -> list[Entry]:
    """The encoders of some folders of configurations, by name; a later folder wins over an earlier one.

    Examples
    --------
    >>> [entry.dimension for entry in catalogue([configs()]) if entry.name == "bioclip2"]
    ['768']
    """
    found = {file.stem: read_entry(file) for folder in folders for file in sorted(folder.glob("*.yaml"))}
    return [found[name] for name in sorted(found)]


def as_table(entries: Sequence[Entry], width: int = 100) -> str:
    """The encoders as lines of text, in columns.

    Parameters
    ----------
    entries
        The encoders.
    width
        Characters that a line may have; what an encoder is gets what the other columns leave, at least 12.

    Examples
    --------
    >>> print(as_table([Entry("my_net", "My net.", "512", "224 px, squashed", "none", "86 M", "MIT (card)", "mine")]))
    encoder  dim  text  px   size  licence  what
    my_net   512  none  224  86 M  MIT      My net.
    """
    rows: list[tuple[str, ...]] = [("encoder", "dim", "text", "px", "size", "licence", "what")]
    for entry in entries:
        facts = (entry.dimension, entry.text, entry.input, entry.parameters, entry.licence)
        rows.append((entry.name, *(_fit(_short(fact), 13) for fact in facts), entry.title))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    left = max(12, width - sum(widths[:-1]) - 2 * len(widths[:-1]))
    rows = [(*row[:-1], _fit(row[-1], left)) for row in rows]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _short(fact: str) -> str:
    """The words of a fact that say enough in a table; the configuration has the rest."""
    first = re.split(r"[,;:(]", fact)[0].strip()
    if first.startswith(("the model's", "the file's")):
        return "any"
    return re.sub(r"^see the | (tokenizer|px|licence|research licence)$", "", first)


def _fit(text: str, width: int) -> str:
    """As many whole words as fit.

    Examples
    --------
    >>> _fit("trained on moths and wrens", 18), _fit("moths", 5)
    ('trained on moths…', 'moths')
    """
    if len(text) <= width:
        return text
    return (text[:width].rpartition(" ")[0].rstrip(",:;") or text[: width - 1]) + "…"

"""Text files read and written: gzip by suffix, and never half a file."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO, cast

from taxoeval.errors import TaxoevalError


def open_text(path: Path, mode: str) -> TextIO:
    """A text file in UTF-8, through gzip if its name ends in ``.gz``; a byte order mark is skipped."""
    encoding = "utf-8-sig" if mode == "rt" else "utf-8"
    if path.suffix == ".gz":
        return cast(TextIO, gzip.open(path, mode, encoding=encoding, newline=""))
    return cast(TextIO, path.open(mode, encoding=encoding, newline=""))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to that becomes ``path`` when all went well and vanishes otherwise.

    Raises
    ------
    TaxoevalError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tree.nwk"
    >>> with replacing(path) as part:
    ...     _ = part.write_text("(a,b);")
    >>> path.read_text()
    '(a,b);'
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise TaxoevalError(
                f"{path}: cannot be written: {reason}; free some space or choose another place"
            ) from error
        raise

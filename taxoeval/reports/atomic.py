"""Several files put in place together, or none of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taxoeval.errors import TaxoevalError


class Staged:
    """Temporary twins of files to come: call it with a file's name for the path to write to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: dict[str, Path] = {}

    def __call__(self, name: str) -> Path:
        """The path to write to, beside the final one, so that the move cannot fail halfway."""
        final = self.folder / name
        final.parent.mkdir(exist_ok=True)
        self.paths[name] = final.with_name(f".{final.name}.{os.getpid()}.tmp")
        return self.paths[name]


@contextmanager
def together(folder: Path, seal: str) -> Iterator[Staged]:
    """Write files under temporary names and move them into place when all are there.

    Parameters
    ----------
    folder
        Where they go; made if need be.
    seal
        The file that vouches for the others. Where others are replaced, it is removed before them and put in place
        last, so that a kill in between leaves a folder without it and never a wrong one.

    Raises
    ------
    TaxoevalError
        If the folder cannot be written or the disk is full; nothing is left behind.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with together(Path(folder), "done.txt") as staged:
    ...         _ = staged("done.txt").write_text("yes")
    ...     [file.name for file in Path(folder).iterdir()]
    ['done.txt']
    """
    staged = Staged(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield staged
        if any(name != seal for name in staged.paths):
            (folder / seal).unlink(missing_ok=True)
        for name in sorted(staged.paths, key=lambda name: name == seal):
            staged.paths[name].replace(folder / name)
    except OSError as error:
        why = error.strerror or " ".join(str(error).split())
        remedy = "free space or choose another folder with hydra.run.dir=..."
        raise TaxoevalError(f"{folder}: the results cannot be written ({why}); {remedy}") from None
    finally:
        for path in staged.paths.values():
            _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # a folder that vanished or may not be read: there is nothing of ours to remove
        return

"""How the store touches the disk: whole files or none, and refusals said in one line."""

import errno
import os
import time
import uuid
from contextlib import suppress
from pathlib import Path

from taxoeval.errors import TaxoevalError

# A write takes seconds. A temporary file this old belongs to a process that died, whatever machine it ran on.
ABANDONED_SECONDS = 3600.0

_REASONS = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the disk is read-only",
    errno.ENOTDIR: "part of that path is a file, not a folder",
    errno.EEXIST: "part of that path is a file, not a folder",
}


def refusal(path: Path, error: OSError) -> TaxoevalError:
    """The one line a user reads when the disk refused the store.

    Parameters
    ----------
    path
        What was being read or written.
    error
        What the operating system answered.

    Returns
    -------
    TaxoevalError
        To be raised by the caller.

    Examples
    --------
    >>> print(refusal(Path("store"), OSError(errno.ENOSPC, "")))
    store: no space left on the disk; free some space or choose another folder for the store (stored parts are kept)
    """
    reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
    remedy = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "make it accessible"
    return TaxoevalError(f"{path}: {reason}; {remedy} or choose another folder for the store (stored parts are kept)")


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in place whole or not at all, also when the machine dies or others write beside us.

    The bytes go to a temporary file of the same folder, reach the disk, and only then take the final name. Its name
    starts with a dot, so that readers of the whole folder (pandas, pyarrow) pass it over.

    Parameters
    ----------
    path
        Where the file goes; its folder is made if need be.
    data
        Everything in it.

    Raises
    ------
    TaxoevalError
        If the disk is full, read-only or not ours. Nothing is left behind then.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder, "new", "a.txt"), b"all of it")
    ...     print(Path(folder, "new", "a.txt").read_text(), len(os.listdir(Path(folder, "new"))))
    all of it 1
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)  # noqa: PTH105  (one name for the step that tests make fail)
    except OSError as error:
        raise refusal(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Delete temporary files that no living process can still be writing.

    Parameters
    ----------
    folder
        Where to look; subfolders are left alone. Files younger than an hour stay.

    Examples
    --------
    >>> remove_abandoned(Path("a folder that does not exist"))
    """
    oldest = time.time() - ABANDONED_SECONDS
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()

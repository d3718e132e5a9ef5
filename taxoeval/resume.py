"""Large files of the hub into its cache, going on where an earlier attempt stopped.

The hub client resumes within one call only: every call writes a file of its own, deletes it on an error, and leaves it
behind unused when the process is killed. Here what is left is continued, and is worth nothing until its checksum, by
which the hub names the content, is right. Small files, and those that HTTP does not serve, stay with the client.
"""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LARGE = 8 << 20
"""Bytes from which a file is fetched here."""
AT_ONCE = 4


def checksum(path: Path, like: str) -> str | None:
    """Checksum of a file in the kind of a declared one; None if the hub has no such kind.

    Parameters
    ----------
    path
        The file.
    like
        The SHA-256 of a large file, 64 digits, or the id that git gives a small one, 40.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "empty"
    >>> _ = path.write_bytes(b"")
    >>> checksum(path, "0" * 64)[:8], checksum(path, "0" * 40)[:8], checksum(path, "W/0")
    ('e3b0c442', 'e69de29b', None)
    """
    if len(like) not in (40, 64):
        return None
    digest = hashlib.sha256() if len(like) == 64 else hashlib.sha1(usedforsecurity=False)
    if len(like) == 40:
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def bring(repo: str, filename: str, revision: str | None, kind: str) -> None:
    """Put the content of a large file into the cache; the client then finds it there and only names it.

    Parameters
    ----------
    repo
        ``owner/name``.
    filename
        Path inside the repository.
    revision
        Branch, tag or commit; None for ``main``.
    kind
        ``"model"`` or ``"dataset"``.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import RemoteEntryNotFoundError
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    url = hf_hub_url(repo, filename, repo_type=kind, revision=revision)
    try:
        told = get_hf_file_metadata(url)
    except RemoteEntryNotFoundError:
        return  # the client says so, and keeps it in mind
    named = re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", told.etag or "")
    if named is None or told.size is None or not LARGE <= told.size <= constants.MAX_HTTP_DOWNLOAD_SIZE:
        return
    folder = repo_folder_name(repo_id=repo, repo_type=kind)
    blob = Path(constants.HF_HUB_CACHE, folder, "blobs", named[0])
    lock = Path(constants.HF_HUB_CACHE, ".locks", folder, f"{named[0]}.lock")  # the client's own
    for place in (blob, lock):
        place.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if not blob.exists():
            _fill(blob, url, told)


def _fill(blob: Path, url: str, told: Any) -> None:
    left = sorted(blob.parent.glob(f"{blob.name}*.incomplete"), key=lambda path: path.stat().st_size)
    usable = [path for path in left if path.stat().st_size <= told.size]
    part = usable[-1] if usable else blob.with_name(f"{blob.name}.part.incomplete")
    for path in left:
        if path != part:
            path.unlink()
    if part.exists():
        _append(part, url, told)
        if checksum(part, blob.name) == blob.name:
            part.replace(blob)
            return
        part.unlink()  # written by something else, or holed: only the whole anew will do
    _append(part, url, told)
    part.replace(blob)  # read and compared by whoever asked for it, as all downloads are


def _append(part: Path, url: str, told: Any) -> None:
    """Ask for what a file lacks; on an error it keeps what came."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    headers = build_hf_headers()
    if urlsplit(told.location).netloc != urlsplit(url).netloc:  # a store's own address, which must not see the token
        headers.pop("authorization", None)
    with part.open("ab") as file:
        http_get(told.location, file, resume_size=file.tell(), headers=headers, expected_size=told.size)


def bring_all(repo: str, names: list[str], revision: str | None, kind: str) -> None:
    """Put the content of several large files into the cache, some at a time.

    Parameters
    ----------
    repo, revision, kind
        See :func:`bring`.
    names
        Paths inside the repository.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda name: bring(repo, name, revision, kind), names))

"""Files fetched from the Hugging Face hub, checked before anybody reads them, and its failures in one line each.

The hub client compares the size of a download only, so a file that was damaged on the way, or by a proxy, passes. Yet
the cache names every file by the checksum that the hub declared for it, and comparing costs one reading of the file.
What an interrupted download left of a large file is continued (`taxoeval.resume`).
"""

import difflib
import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from taxoeval import resume
from taxoeval.errors import TaxoevalError

LOG_IN = "`hf auth login`, or HF_TOKEN=..."


def fetch(repo: str, names: Sequence[str], kind: str = "model") -> Path:
    """Download the first of several files that a repository has, into the hub cache, and check it.

    Parameters
    ----------
    repo
        ``owner/name``, optionally with ``@revision``.
    names
        Acceptable file names, the preferred one first.
    kind
        ``"model"`` or ``"dataset"``.

    Returns
    -------
    Path
        The file in the cache.

    Raises
    ------
    TaxoevalError
        If the repository is not there, is closed, has none of the files, or the download fails or is damaged.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import RemoteEntryNotFoundError

    name, _, revision = repo.partition("@")
    for filename in names:
        with explained(repo, kind):
            try:
                resume.bring(name, filename, revision or None, kind)
                path = Path(hf_hub_download(name, filename, revision=revision or None, repo_type=kind))
            except RemoteEntryNotFoundError:
                continue
        verify(path)
        return path
    raise TaxoevalError(f"the {kind} {repo} of the hub holds no {' or '.join(names)}: is it one of another family?")


def download(
    repo: str,
    revision: str | None = None,
    kind: str = "model",
    only: list[str] | None = None,
    check: Callable[[list[str]], object] | None = None,
) -> Path:
    """The files of a repository, from the hub cache where it has them all, else downloaded and checked.

    Parameters
    ----------
    repo
        ``owner/name``.
    revision
        Branch, tag or commit; by default ``main``.
    kind
        ``"model"`` or ``"dataset"``.
    only
        Patterns of the files that are wanted; by default all are.
    check
        Is given the paths of all files of the repository before any is downloaded, and may raise an error instead.

    Returns
    -------
    Path
        The folder of the cache with the files; its name is the commit.

    Raises
    ------
    TaxoevalError
        If the repository is not there, is closed, or the download fails or is damaged.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError
    from huggingface_hub.file_download import repo_folder_name

    asked: dict[str, Any] = {"repo_id": repo, "repo_type": kind, "revision": revision, "allow_patterns": only}
    with explained(f"{repo}@{revision}" if revision else repo, kind):
        try:
            found = Path(snapshot_download(**asked, local_files_only=True))
            if only is None or any(path for pattern in only for path in found.glob(pattern)):
                return found  # the client takes a folder for whole that other files of the repository are in
        except LocalEntryNotFoundError:
            pass
        if constants.HF_HUB_OFFLINE:
            raise TaxoevalError(
                f"{repo} is not whole in the cache {constants.HF_HUB_CACHE}, and HF_HUB_OFFLINE=1 forbids a "
                "download; load it once where there is a network and copy that cache here (HF_HOME=COPY)"
            )
        snapshots = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=repo, repo_type=kind), "snapshots")
        before = set(snapshots.rglob("*"))
        try:
            _bring_large(repo, revision, kind, only, check)
            return Path(snapshot_download(**asked))
        finally:  # also after a broken download: what came before the break would pass for good the next time
            _verify_all(sorted(set(snapshots.rglob("*")) - before))


def _bring_large(
    repo: str,
    revision: str | None,
    kind: str,
    only: list[str] | None,
    check: Callable[[list[str]], object] | None,
) -> None:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile
    from huggingface_hub.utils import filter_repo_objects  # type: ignore[attr-defined]

    commit = HfApi().repo_info(repo, repo_type=kind, revision=revision).sha or revision
    listed = HfApi().list_repo_tree(repo, recursive=True, revision=commit, repo_type=kind)
    files = [file for file in listed if isinstance(file, RepoFile)]
    if check is not None:
        check([file.path for file in files])
    large = [file.path for file in files if file.size >= resume.LARGE]
    resume.bring_all(repo, list(filter_repo_objects(large, allow_patterns=only)), commit, kind)


def _verify_all(paths: Sequence[Path]) -> None:
    damaged = []
    for path in paths:
        try:
            verify(path)
        except TaxoevalError as error:
            damaged.append(error)
    if damaged:
        raise damaged[0]


def verify(path: Path) -> None:
    """Compare a file of the hub cache with the checksum that the hub declared, and remove it if they differ.

    Parameters
    ----------
    path
        The file under ``snapshots/``, a link to one that is named by its checksum: the SHA-256 of a large file, or
        the id that git gives a small one. A copy in place of the link (some file systems know none) says nothing.

    Raises
    ------
    TaxoevalError
        If the content is another one. It is gone from the cache then, so that the next run fetches it anew.

    Examples
    --------
    >>> import hashlib, tempfile
    >>> blob = Path(tempfile.mkdtemp()) / hashlib.sha256(b"good").hexdigest()
    >>> link = blob.with_name("model.safetensors")
    >>> link.symlink_to(blob.name)
    >>> _ = blob.write_bytes(b"good")
    >>> verify(link)
    """
    if not path.is_symlink():
        return
    blob = path.parent / path.readlink()  # not resolved further: a blob may itself be a link to a shared one
    declared = blob.name
    if not blob.exists():
        return  # removed as damaged under another name, and missing for the client as well
    found = resume.checksum(blob, declared)
    if found is not None and found != declared:
        path.unlink()
        blob.unlink()
        raise TaxoevalError(
            f"{path.name} from the hub is damaged: its checksum is {found[:12]}..., declared is "
            f"{declared[:12]}...; it was removed from the cache, run again to fetch it anew"
        )


@contextmanager
def explained(repo: str, kind: str = "model") -> Iterator[None]:
    """Turn what the hub client raises inside the block into one line that says what to do.

    Parameters
    ----------
    repo
        ``owner/name``, optionally with ``@revision``.
    kind
        ``"model"`` or ``"dataset"``.

    Raises
    ------
    TaxoevalError
        In place of the client's errors; a file that is absent from its repository passes through.

    Examples
    --------
    >>> with explained("owner/birds", "dataset"):
    ...     raise ConnectionError("peer closed connection")
    Traceback (most recent call last):
    ...
    taxoeval.errors.TaxoevalError: the download of owner/birds failed: peer closed connection; run it again
    """
    from huggingface_hub.errors import RemoteEntryNotFoundError

    try:
        yield
    except (TaxoevalError, RemoteEntryNotFoundError):
        raise
    except Exception as error:  # which errors a broken network gives depends on the client's version
        raise TaxoevalError(_reason(error, repo, kind)) from error


def _reason(error: BaseException, repo: str, kind: str) -> str:
    from huggingface_hub import constants
    from huggingface_hub import errors as hub

    if isinstance(error, hub.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # the client's own line tells only that nothing was found
    name, _, revision = repo.partition("@")
    page = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{name}"
    if isinstance(error, hub.HFValidationError):
        return f"{repo!r} is not a hub id: write it as owner/name"
    if isinstance(error, hub.GatedRepoError):
        return f"{name} is gated: accept its terms at {page}, then give a token ({LOG_IN})"
    if isinstance(error, hub.RepositoryNotFoundError):
        like = _nearest_of_owner(name, kind)
        hint = f"; nearest ids there: {like}" if like else ""
        return f"there is no {kind} {page}, or it is private and needs a token ({LOG_IN}){hint}"
    if isinstance(error, hub.RevisionNotFoundError):
        return f"{name} has no revision {revision!r}: give a branch, a tag or a commit listed at {page}/commits"
    status = error.response.status_code if isinstance(error, hub.HfHubHTTPError) else None
    if status in (401, 403):
        return f"{page} refuses with status {status}: the token is wrong or lacks the right to read it ({LOG_IN})"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
        place = f"the cache {constants.HF_HUB_CACHE} ({error.strerror})"
        return f"{repo} cannot be kept in {place}; make room there or choose another cache (HF_HOME=FOLDER)"
    text = " ".join(str(error).split()) or type(error).__name__
    return f"the download of {repo} failed: {text[:300]}; run it again"


def _nearest_of_owner(name: str, kind: str) -> str:
    """Ids of the same owner most like a mistaken one; nothing where the hub does not list them."""
    from huggingface_hub import HfApi

    owner, _, _ = name.partition("/")
    api = HfApi()
    try:
        found = api.list_datasets(author=owner) if kind == "dataset" else api.list_models(author=owner)
        return nearest(name, [entry.id for entry in found])
    except Exception:  # a hint is not worth a second error
        return ""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known names most like a mistaken one, for an error message.

    Parameters
    ----------
    name
        What the user wrote.
    known
        What exists.

    Returns
    -------
    str
        Up to three names, best first, or an empty string.

    Examples
    --------
    >>> nearest("ViT-B32", ["RN50", "ViT-B-32", "ViT-B-16"])
    'ViT-B-32, ViT-B-16'
    """
    by_lower = {k.lower(): k for k in known}
    return ", ".join(by_lower[m] for m in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5))

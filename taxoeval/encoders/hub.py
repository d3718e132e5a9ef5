"""Files of the Hugging Face hub: from its cache where they are there, and a readable line where they are not.

Left to itself the hub client asks the network about every cached file and, where there is none, tries again for
half a minute a file before it fails with a page of text. Compute nodes often have no network. So the cache is looked at
first: what it holds is used as it is, which also keeps a run from changing because somebody uploaded a new revision.
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pickle import UnpicklingError

from taxoeval.errors import TaxoevalError

REACH_SECONDS = 5.0


@contextmanager
def hub_files(wanted: Sequence[tuple[str, Sequence[str]]], *, local: str) -> Iterator[None]:
    """Let the enclosed library calls find files of the hub, or say in one line why they cannot.

    Inside the block the hub client stays off the network when the cache holds all that is wanted.

    Parameters
    ----------
    wanted
        For each file its repository (``"owner/name"``, optionally with ``@revision``) and its acceptable names, the
        preferred one first.
    local
        How to give the same thing from a folder, for the message: ``"model=local-dir:FOLDER"``.

    Raises
    ------
    TaxoevalError
        If something wanted is not in the cache and the hub cannot be asked.
    """
    missing = [(repo, names) for repo, names in wanted if not any(_is_cached(repo, name) for name in names)]
    if missing:
        _require_network(missing, local)
        yield
    else:
        with _offline():
            yield


def _is_cached(repo: str, filename: str) -> bool:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    name, _, revision = repo.partition("@")
    try:
        return isinstance(try_to_load_from_cache(name, filename, revision=revision or None), str)
    except HFValidationError:
        raise TaxoevalError(f"{repo!r} is not a hub id: write it as hf-hub:owner/name") from None


def _require_network(missing: Sequence[tuple[str, Sequence[str]]], local: str) -> None:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        why = "HF_HUB_OFFLINE=1 forbids a download"
    elif not _reachable(constants.ENDPOINT):
        why = f"{constants.ENDPOINT} does not answer"
    else:
        return
    files = ", ".join(" or ".join(names) for _, names in missing)
    repos = ", ".join(dict.fromkeys(f"{constants.ENDPOINT}/{repo}" for repo, _ in missing))
    home = "HF_HOME is " + (os.environ["HF_HOME"] if os.environ.get("HF_HOME") else "not set")
    raise TaxoevalError(
        f"cannot get {files} of {repos}: not in the cache {constants.HF_HUB_CACHE} ({home}), and "
        f"{why}; load it once where there is a network and copy that cache here (HF_HOME=COPY), or give {local}"
    )


def _reachable(endpoint: str) -> bool:
    """Whether the hub answers at all; one question without retries, through the client's own proxies."""
    from huggingface_hub import get_session

    try:
        get_session().head(endpoint, timeout=REACH_SECONDS)
    except Exception:  # which error a dead network gives depends on the client's version
        return False
    return True


@contextmanager
def _offline() -> Iterator[None]:
    """Keep the hub client on its cache; it reads this setting from the environment at import only."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


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


@contextmanager
def one_line(model: str) -> Iterator[None]:
    r"""Turn whatever a library raises inside the block into one line for the user.

    Libraries fail on bad weights in many ways (their own error types, half a page of tensor names); the whole error
    stays attached as the cause.

    Parameters
    ----------
    model
        What was being loaded.

    Raises
    ------
    TaxoevalError
        In place of any other error.

    Examples
    --------
    >>> with one_line("ViT-B-32"):
    ...     raise ValueError("shapes differ\nin 300 places")
    Traceback (most recent call last):
    ...
    taxoeval.errors.TaxoevalError: cannot load ViT-B-32: shapes differ in 300 places
    """
    try:
        yield
    except TaxoevalError:
        raise
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, UnpicklingError) or "Weights only load failed" in text:  # torch's advice is to run it
            text = "its pickled file holds more than tensors, and code out of a file is never run; use safetensors"
        raise TaxoevalError(f"cannot load {model}: {text if len(text) < 400 else text[:400] + ' ...'}") from error

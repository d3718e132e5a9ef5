"""Files of the Hugging Face hub: from its cache where they are there, and a readable line where they are not.

Left to itself the hub client asks the network about every cached file and, where there is none, tries again for
half a minute a file before it fails with a page of text. Compute nodes often have no network. So the cache is looked at
first: what it holds is used as it is, which also keeps a run from changing because somebody uploaded a new revision.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from taxoeval.downloads import fetch, nearest
from taxoeval.errors import TaxoevalError

__all__ = ["hub_files", "nearest", "one_line", "snapshot"]

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
        If something wanted is not in the cache and the hub cannot be asked, refuses, or sends something damaged.
    """
    missing = [(repo, names) for repo, names in wanted if not any(_is_cached(repo, name) for name in names)]
    if missing:
        _require_network(missing, local)
        for repo, names in missing:  # the libraries hide what the hub says, and none of them checks the content
            fetch(repo, names)
        yield
    else:
        with _offline():
            yield


def snapshot(repo: str, filename: str) -> Path | None:
    """The folder of the cache with the files of one revision; its name is the commit, which pins ``main`` for good.

    Parameters
    ----------
    repo
        ``owner/name``, optionally with ``@revision``.
    filename
        A file that was loaded from it.

    Returns
    -------
    Path or None
        None where the file is not in the cache.

    Examples
    --------
    >>> snapshot("owner/never-loaded", "config.json")
    """
    found = _cached(repo, filename)
    return None if found is None else Path(found).parents[filename.count("/")]


def _is_cached(repo: str, filename: str) -> bool:
    return _cached(repo, filename) is not None


def _cached(repo: str, filename: str) -> str | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    name, _, revision = repo.partition("@")
    try:
        found = try_to_load_from_cache(name, filename, revision=revision or None)
    except HFValidationError:
        raise TaxoevalError(f"{repo!r} is not a hub id: write it as hf-hub:owner/name") from None
    return found if isinstance(found, str) else None


def _require_network(missing: Sequence[tuple[str, Sequence[str]]], local: str) -> None:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        why = "HF_HUB_OFFLINE=1 forbids a download"
    elif not _reachable(constants.ENDPOINT):
        why = f"{constants.ENDPOINT} does not answer"
    else:
        return
    files = ", ".join(" or ".join(names) for _, names in missing)
    like = nearest(missing[0][0].partition("@")[0], in_cache())
    repos = ", ".join(dict.fromkeys(f"{constants.ENDPOINT}/{repo}" for repo, _ in missing))
    home = "HF_HOME is " + (os.environ["HF_HOME"] if os.environ.get("HF_HOME") else "not set")
    raise TaxoevalError(
        f"cannot get {files} of {repos}: not in the cache {constants.HF_HUB_CACHE} ({home}), and "
        f"{why}; load it once where there is a network and copy that cache here (HF_HOME=COPY), or give {local}"
        + (f"; nearest ids in the cache: {like}" if like else "")
    )


def in_cache() -> list[str]:
    """Ids of the models that the cache of the hub client knows, to suggest one of them.

    Examples
    --------
    >>> "owner/never-loaded" in in_cache()
    False
    """
    from huggingface_hub import constants

    folders = Path(constants.HF_HUB_CACHE).glob("models--*/snapshots/*")
    return sorted({folder.parts[-3].removeprefix("models--").replace("--", "/", 1) for folder in folders})


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
        text = reason(error)
        raise TaxoevalError(f"cannot load {model}: {text if len(text) < 400 else text[:400] + ' ...'}") from error


def reason(error: Exception) -> str:
    r"""What a library's error says, in one line and without its advice to run what is in a file.

    Parameters
    ----------
    error
        What was raised.

    Examples
    --------
    >>> shapes = "shape torch.Size([3, 12]) from checkpoint, the shape in current model is torch.Size([3, 9])"
    >>> reason(RuntimeError(f"Error(s) in loading:\n\tsize mismatch for proj: copying a param with {shapes}."))
    'the weights are of another architecture: 1 of another shape (proj (3, 12) for (3, 9))'
    >>> reason(RuntimeError('Error(s) in loading:\n\tMissing key(s) in state_dict: "a.bias", "b". '))
    'the weights are of another architecture: 2 are lacking (a.bias, b)'
    """
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, UnpicklingError) or any(words in text for words in _UNPICKLING):
        return "its pickled file holds more than tensors, and code out of a file is never run; use safetensors"
    if type(error).__name__ == "SafetensorError":
        return f"its safetensors file is cut short or damaged ({text}); copy or download it again"
    if "instantiate the backend tokenizer" in text:
        return "its tokenizer has no vocabulary: put tokenizer.json, or what it was published with, beside its settings"
    shapes = [f"{name} ({was}) for ({now})" for name, was, now in _SHAPES.findall(text)]
    absent, more = (re.findall(r'"([^"]+)"', found[1]) if found else [] for found in (_ABSENT(text), _MORE(text)))
    told = [
        f"{len(names)} {what} ({separator.join(names[:3])}{' ...' if len(names) > 3 else ''})"
        for what, names, separator in (
            ("of another shape", shapes, "; "),
            ("are lacking", absent, ", "),
            ("are too many", more, ", "),
        )
        if names
    ]
    return f"the weights are of another architecture: {', '.join(told)}" if told else text


_UNPICKLING = ("Weights only load failed", "weights_only=True blocked")  # of torch, of timm
_SHAPES = re.compile(r"size mismatch for (\S+): .*? torch\.Size\(\[(.*?)\]\) .*? torch\.Size\(\[(.*?)\]\)")
_ABSENT = re.compile(r'Missing key\(s\) in state_dict: ((?:"[^"]+"(?:, )?)+)').search
_MORE = re.compile(r'Unexpected key\(s\) in state_dict: ((?:"[^"]+"(?:, )?)+)').search

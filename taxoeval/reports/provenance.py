"""Where numbers come from: versions, code, machine. Nothing that names a person, a computer or a path."""

import hashlib
import os
import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "taxoeval",
    "torch",
    "torchvision",
    "open_clip_torch",
    "timm",
    "transformers",
    "pytorch-lightning",
    "hydra-core",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-bio",
    "scikit-image",
    "Pillow",
    "pyarrow",
    "wandb",
)
"""The packages whose versions can change a number or a file."""


def versions() -> dict[str, str | None]:
    """Version of Python and of each of `PACKAGES`, None for one that is not installed; imports none of them.

    Examples
    --------
    >>> sorted(versions())[:3]
    ['Pillow', 'hydra-core', 'numpy']
    """
    return {"python": platform.python_version(), **{package: _version(package) for package in PACKAGES}}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git(root: Path | None = None) -> dict[str, str | bool | None] | None:
    """Commit of the checkout the package runs from, and whether files differ from it.

    Parameters
    ----------
    root
        The checkout; by default the folder that holds the package.

    Returns
    -------
    state
        ``{"commit", "dirty"}``, the commit None before the first one; or None where there is no checkout there. A
        package installed into an environment says nothing: a repository around that environment is not its own.

    Examples
    --------
    >>> git(Path("/")) is None
    True
    """
    folder = root or Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    changes = _git(folder, "status", "--porcelain")
    if changes is None:
        return None
    return {"commit": _git(folder, "rev-parse", "--verify", "--quiet", "HEAD"), "dirty": bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    """Output of a git command, None if it fails; a hook's own GIT_ variables must not lead it to another repository."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


@cache
def code_sha256() -> str:
    """Digest of the source of this package: results of other code are other results."""
    package = Path(__file__).resolve().parents[1]
    hasher = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        content = file.read_bytes()
        hasher.update(f"{file.relative_to(package).as_posix()}\n{len(content)}\n".encode() + content)
    return hasher.hexdigest()


def host() -> dict[str, Any]:
    """What of the machine may explain a time: system, processors, torch threads and accelerators, if torch is in use.

    Examples
    --------
    >>> host()["cpu_count"] >= 1
    True
    """
    torch = sys.modules.get("torch")
    gpus = torch.cuda.device_count() if torch is not None and torch.cuda.is_available() else 0
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu_count": os.cpu_count(),
        "cpu_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "torch_threads": torch.get_num_threads() if torch is not None else None,
        "accelerators": [torch.cuda.get_device_name(i) for i in range(gpus)] if torch is not None else [],
    }

"""Who computes what: several processes, also on several machines, fill one shelf without doing anything twice."""

import hashlib
import json
import os
import socket
import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from taxoeval.embedding.files import refusal
from taxoeval.errors import TaxoevalError

BEAT_SECONDS = 10.0
"""How often a living owner touches its leases."""

STALE_SECONDS = 120.0
"""A lease that nobody touched for so long belongs to a process that died, whatever machine it ran on."""


def lease_name(contents: Sequence[str]) -> str:
    """The name of the lease on some images or texts: the same in every process that means the same ones.

    Examples
    --------
    >>> lease_name(["00ff", "01aa"])
    '.lease-cee785833070436a'
    """
    return ".lease-" + hashlib.sha256("\n".join(contents).encode()).hexdigest()[:16]


class Leases:
    """Leases in one folder; while the block runs, a thread keeps those that are held alive.

    A lease is a small file that only one process can create. One whose owner is gone is taken over: at once where the
    owner ran on this machine, else when it was not touched for two minutes by the clock of the disk. A process that is
    stopped for longer and then goes on computes something twice; nothing is lost or torn by that, since parts of the
    store are whole and equal.

    Parameters
    ----------
    folder
        Where they are.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Leases(Path(folder)) as ours, Leases(Path(folder)) as theirs:
    ...     ours.claim("a"), theirs.claim("a"), theirs.claim("b"), ours.release("a"), theirs.claim("a")
    (True, False, True, None, True)
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, Path] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._own = {"host": _machine(), "pid": os.getpid(), "began": _began(os.getpid())}

    def __enter__(self) -> "Leases":
        threading.Thread(target=self._beat, name="leases", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for name in list(self._held):
            self.release(name)
        with suppress(TaxoevalError):
            for path in self._folder.glob(".lease-*"):
                self._abandoned(path)  # what the dead left behind

    def claim(self, name: str) -> bool:
        """Whether the lease is ours now.

        Raises
        ------
        TaxoevalError
            If the disk refuses.
        """
        path = self._folder / name
        if not self._create(path) and not (self._abandoned(path) and self._create(path)):
            return False
        with self._lock:
            self._held[name] = path
        return True

    def holds(self, name: str) -> bool:
        """Whether the lease is ours already."""
        with self._lock:
            return name in self._held

    def release(self, name: str) -> None:
        """Give a lease back; one that is not held is passed over."""
        with self._lock:
            path = self._held.pop(name, None)
        if path is not None:
            with suppress(OSError):
                path.unlink()

    def _create(self, path: Path) -> bool:
        content = json.dumps({**self._own, "mark": uuid.uuid4().hex}).encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            return False
        except OSError as error:
            raise refusal(path, error) from error
        return True

    def _abandoned(self, path: Path) -> bool:
        """Take a lease away whose owner is gone; False if it lives, or another process was quicker."""
        try:
            content = path.read_bytes()
            if not self._is_dead(content) and self._age(path) < STALE_SECONDS:
                return False
            aside = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.tmp")
            path.replace(aside)
            if aside.read_bytes() != content:  # taken over and held anew since it was looked at: put it back
                with suppress(OSError):
                    os.link(aside, path)
            aside.unlink()
        except FileNotFoundError:
            return True
        except OSError as error:
            raise refusal(path, error) from error
        return True

    def _is_dead(self, content: bytes) -> bool:
        """Whether the owner ran where process numbers mean what they mean here, and does no more."""
        try:
            owner: dict[str, Any] = dict(json.loads(content))
            host, pid, began = owner["host"], int(owner["pid"]), owner["began"]
        except (ValueError, TypeError, KeyError):
            return False  # just being written, or not ours to judge: its age tells
        if host != self._own["host"]:
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return _ended(pid) or (bool(began) and _began(pid) != began)  # another process has its number now

    def _age(self, path: Path) -> float:
        """Seconds since a lease was touched, by the clock of the disk, which all machines share."""
        now = self._folder / f".clock-{uuid.uuid4().hex[:8]}.tmp"
        try:
            now.touch()
            return now.stat().st_mtime - path.stat().st_mtime
        finally:
            now.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with self._lock:
                held = list(self._held.values())
            for path in held:
                with suppress(OSError):
                    os.utime(path)


def _machine() -> str:
    """Where process numbers mean the same: two containers may share name and numbers, not kernel and namespace."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _began(pid: int) -> str:
    """When a process began, in ticks since the machine did; ``""`` where the system does not say."""
    known = _record(pid)
    return known[19] if len(known) > 19 else ""


def _ended(pid: int) -> bool:
    """Whether a process is over and only its parent has not asked for its end yet."""
    return _record(pid)[:1] in (["Z"], ["X"])


def _record(pid: int) -> list[str]:
    """What Linux says of a process after its name, state first; nothing elsewhere."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []

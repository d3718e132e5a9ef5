"""Processes that a launcher started to do one job together: which one this is, and how they wait for each other."""

import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from taxoeval.errors import TaxoevalError

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

MEETING = timedelta(minutes=5)
"""So long the processes wait for all of them to have started."""

PATIENCE = timedelta(hours=2)
"""So long they wait for a slow one later. One that ended is noticed at once."""

_joined: "Launch | None" = None  # while the block of `group` runs
_times = 0  # how often this process joined: each group has names of its own


@dataclass(frozen=True)
class Launch:
    """The place of this process among those that were started together.

    Attributes
    ----------
    number, count
        Which one it is, from 0, and how many there are.
    local
        Which one it is among those of its machine.
    address, port
        Where they meet.
    """

    number: int
    count: int
    local: int
    address: str
    port: int


def launched(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """Where ``torchrun`` or ``srun`` put this process, as its environment tells.

    Parameters
    ----------
    environment
        The environment of the process.

    Returns
    -------
    Launch or None
        None if no launcher started it, or started it alone. Jobs of an array are not one launch, nor are the steps
        of a job: they share the work on a store without knowing of each other.

    Examples
    --------
    >>> launched({}) is None
    True
    >>> torchrun = {"TORCHELASTIC_RUN_ID": "x", "MASTER_ADDR": "node1", "MASTER_PORT": "29500"}
    >>> launched({**torchrun, "RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"})
    Launch(number=3, count=4, local=1, address='node1', port=29500)
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        number, count, local, port = (
            int(environment[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT")
        )
        address = environment["MASTER_ADDR"]
    elif "SLURM_PROCID" in environment and "SLURM_STEP_NUM_TASKS" in environment:
        number, count, local = (
            int(environment[name]) for name in ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID")
        )
        address = _first_node(environment["SLURM_STEP_NODELIST"])
        step = f"{environment['SLURM_JOB_ID']}.{environment['SLURM_STEP_ID']}"
        port = 20_000 + zlib.crc32(step.encode()) % 10_000  # below those that systems give away
    else:
        return None
    return Launch(number, count, local, address, port) if count > 1 else None


def is_first() -> bool:
    """Whether this process is the one that evaluates, writes and prints: the only one, or the first of a launch.

    Examples
    --------
    >>> is_first()
    True
    """
    launch = launched()
    return launch is None or not launch.number


def joined() -> Launch | None:
    """The launch whose processes work together at the moment; None outside of `group`.

    Examples
    --------
    >>> joined()
    """
    return _joined


@contextmanager
def group() -> Iterator[None]:
    """The processes of a launch work together while the block runs; without a launch nothing happens.

    All of them must take the same steps: each `embed_images` in the block shares its images among them, and returns
    when all vectors are stored.

    Yields
    ------
    None

    Raises
    ------
    TaxoevalError
        If some do not come.

    Examples
    --------
    >>> with group():
    ...     any_of_us(False)
    False
    """
    global _joined, _times
    launch = launched()
    if launch is None or _joined is not None:
        yield
        return
    import torch.distributed as dist
    import torch.distributed.nn  # noqa: F401 - imported later it would keep the group, whose threads abort at exit

    store, prefix = _store(launch), f"taxoeval/{os.environ.get('TORCHELASTIC_RESTART_COUNT')}/{_times}"
    _times += 1
    try:
        # gloo on every device: what is exchanged is a few words
        dist.init_process_group(
            "gloo",
            store=dist.PrefixStore(prefix, store),  # type: ignore[attr-defined]
            rank=launch.number,
            world_size=launch.count,
            timeout=PATIENCE,
        )
    except RuntimeError as error:
        raise _gone(error) from error
    _joined = launch
    try:
        yield
        _exchange({})  # else one would still be talking to another that is gone
    finally:
        _joined = None
        dist.destroy_process_group()


@contextmanager
def step() -> Iterator[None]:
    """Something that all processes of a `group` do: where it fails in one, it fails in all.

    Yields
    ------
    None

    Raises
    ------
    TaxoevalError
        With the message of another process that failed.

    Examples
    --------
    >>> with step():
    ...     embedded = True
    """
    if _joined is None:
        yield
        return
    try:
        yield
    except _FailedElsewhereError:
        raise  # all know
    except Exception as error:
        told = ("" if isinstance(error, TaxoevalError) else f"{type(error).__name__}: ") + " ".join(str(error).split())
        with suppress(_FailedElsewhereError):
            _exchange({"failure": told})
        raise
    _exchange({})


def any_of_us(flag: bool, about: str = "") -> bool:
    """Whether it is so in any process of the `group`, which all must ask at the same point.

    Parameters
    ----------
    flag
        Whether it is so here.
    about
        What it is about: must be the same in all.

    Returns
    -------
    bool
        Without a group, ``flag``.

    Raises
    ------
    TaxoevalError
        If another process failed, ended, or does something else.

    Examples
    --------
    >>> any_of_us(True)
    True
    """
    if _joined is None:
        return flag
    said = _exchange({"flag": flag, "about": about})
    if any(one.get("about") != about for one in said):
        raise TaxoevalError(
            "the processes of this launch do different things: start all with the same arguments, or each in a launch "
            "(srun step) of its own"
        )
    return any(one["flag"] for one in said)


class _FailedElsewhereError(TaxoevalError):
    pass


def _exchange(word: dict[str, Any]) -> list[dict[str, Any]]:
    """What each process says; waits for all."""
    import torch.distributed as dist

    said: list[Any] = [None] * dist.get_world_size()
    try:
        dist.all_gather_object(said, word)
    except RuntimeError as error:
        raise _gone(error) from error
    failed = next((number for number, one in enumerate(said) if "failure" in one), None)
    if failed is not None:
        raise _FailedElsewhereError(f"process {failed} of this launch failed: {said[failed]['failure']}")
    return said


def _gone(error: RuntimeError) -> _FailedElsewhereError:
    reason = " ".join(str(error).split())[:200]
    return _FailedElsewhereError(f"another process of this launch ended or is stuck, see what it printed ({reason})")


@cache
def _store(launch: Launch) -> "Store":
    """The table through which the processes find each other; ``torchrun`` keeps it, else the first of them."""
    import torch.distributed as dist

    first = not launch.number and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    try:
        store: Store = dist.TCPStore(  # type: ignore[attr-defined]
            launch.address, launch.port, is_master=first, timeout=MEETING, wait_for_workers=False, multi_tenant=True
        )
        names = [f"taxoeval/{os.environ.get('TORCHELASTIC_RESTART_COUNT')}/{i}" for i in range(launch.count)]
        store.set(names[launch.number], "here")
        store.wait(names, MEETING)
    except RuntimeError as error:
        raise TaxoevalError(
            f"not all of the {launch.count} processes of this launch came to {launch.address}:{launch.port} within "
            f"{MEETING}: see what the others printed, or start one process alone ({' '.join(str(error).split())[:200]})"
        ) from error
    return store


def _first_node(nodes: str) -> str:
    """The first machine of a list as SLURM writes it.

    Examples
    --------
    >>> _first_node("gpu[07-09,12],cpu1"), _first_node("a,b"), _first_node("n3")
    ('gpu07', 'a', 'n3')
    """
    prefix, bracket, rest = nodes.partition("[")
    if not bracket or "," in prefix:
        return prefix.split(",")[0]
    numbers, _, suffix = rest.partition("]")
    return prefix + numbers.replace("-", ",").split(",")[0] + suffix.split(",")[0]

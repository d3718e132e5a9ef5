"""Several processes fill one store: everything is computed once, and the work of the dead is taken over."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from taxoeval.embedding import EmbeddingStore, embed_images, leases
from taxoeval.embedding.leases import Leases, lease_name
from taxoeval.embedding.turns import Turns, chunk_size
from tests.embedding.fakes import Toy, arrays, count, dataset

REPOSITORY = Path(__file__).resolve().parents[2]
CALL = "import sys; from tests.embedding.fakes import slow_extraction as f; f(*sys.argv[1:])"


def start(store: Path, log: Path, n: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", CALL, str(store), str(log), str(n)], cwd=REPOSITORY)


@pytest.mark.parametrize("killed", [False, True])
def test_processes_share_the_work_and_inherit_from_the_dead(tmp_path: Path, killed: bool) -> None:
    n, logs = 160, [tmp_path / f"log{i}" for i in range(3)]
    processes = [start(tmp_path / "store", log, n) for log in logs]
    if killed:
        deadline = time.monotonic() + 60
        while not count(logs[0]) and time.monotonic() < deadline:
            time.sleep(0.005)
        processes[0].send_signal(signal.SIGKILL)
    codes = [process.wait(timeout=120) for process in processes]
    assert codes == [-9 if killed else 0, 0, 0]
    computed = [count(log) for log in logs]
    twice = sum(computed) - n
    assert 0 <= twice <= (chunk_size(n, 8, 4) if killed else 0)
    assert all(computed)
    toy = Toy(tmp_path / "log")
    found = embed_images(toy, dataset(arrays(n)), EmbeddingStore(tmp_path / "store"), batch_size=4)
    assert count(toy.log) == 0  # all of it was there
    alone = embed_images(toy, dataset(arrays(n)), EmbeddingStore(tmp_path / "alone"), batch_size=4)
    assert np.array_equal(found.vectors, alone.vectors)
    assert not list((tmp_path / "store").rglob(".lease-*"))


def test_one_holds_a_lease_at_a_time(tmp_path: Path) -> None:
    with Leases(tmp_path) as ours, Leases(tmp_path) as theirs:
        assert ours.claim("a")
        assert not theirs.claim("a")
        ours.release("a")
        ours.release("never held")
        assert theirs.claim("a")
    assert list(tmp_path.iterdir()) == []


def test_who_is_taken_for_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = {"host": leases._machine(), "pid": os.getpid(), "began": leases._began(os.getpid())}
    path = tmp_path / ".lease-x"
    old = time.time() - 2 * leases.STALE_SECONDS

    def free(owner: object, touched: float | None = None) -> bool:
        path.write_text(owner if isinstance(owner, str) else json.dumps(owner))
        if touched is not None:
            os.utime(path, (touched, touched))
        with Leases(tmp_path) as others:
            return others.claim(".lease-x")

    assert not free(here)  # lives
    assert free({**here, "pid": ended.pid})  # its number is nobody's
    assert not free({**here, "host": "elsewhere", "pid": ended.pid})  # another machine's numbers say nothing here
    assert free({**here, "host": "elsewhere"}, old)  # but silence does
    if Path("/proc/self/ns/pid").exists():  # nor do those of another container of the same name
        assert not free({**here, "host": leases.socket.gethostname(), "pid": ended.pid})
        name, boot, space = here["host"].rsplit(" ", 2)
        assert not free({**here, "host": f"{name} {boot} pid:[1]", "pid": ended.pid})
        assert not free({**here, "host": f"{name} another-boot {space}", "pid": ended.pid})
    assert not free("{half")  # just being written
    assert free("{half", old)
    if here["began"]:
        assert free({**here, "began": "1"})  # the number was given to another process since


def test_leases_are_kept_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.01)
    with Leases(tmp_path) as ours:
        ours.claim("a")
        os.utime(tmp_path / "a", (0, 0))
        deadline = time.monotonic() + 30
        while (tmp_path / "a").stat().st_mtime < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (tmp_path / "a").stat().st_mtime > 1


def test_chunks_do_not_depend_on_what_is_missing(tmp_path: Path) -> None:
    shelf = EmbeddingStore(tmp_path).shelf(Toy(tmp_path / "log"), "images")
    unique = [f"{i:064x}" for i in range(20)]
    shelf.write([unique[3], unique[9]], np.ones((2, 5), np.float32))
    with Leases(shelf.folder) as ours, Leases(shelf.folder) as theirs:
        missing = np.array([1, 2, 4, 5, 6, 7, 9, 13])  # 9 was stored since this process looked
        turns = Turns(unique, missing, 4, 2, ours, shelf)
        assert turns.chunk.tolist() == [0, 0, 1, 1, 1, 1, 2, 3]
        assert len(turns) == 5
        theirs.claim(lease_name(unique[4:8]))
        assert list(turns) == [[0, 1], [7]]
        assert not theirs.claim(lease_name(unique[:4]))
        assert theirs.claim(lease_name(unique[8:12]))  # nothing to do there, given back


def test_a_process_that_is_over_but_not_fetched_is_dead(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    owner = {"host": leases._machine(), "pid": process.pid, "began": ""}
    (tmp_path / ".lease-x").write_text(json.dumps(owner))
    deadline = time.monotonic() + 30
    with Leases(tmp_path) as ours:
        while not ours.claim(".lease-x") and time.monotonic() < deadline and Path("/proc/self/stat").exists():
            time.sleep(0.02)
        assert ours.holds(".lease-x") or not Path("/proc/self/stat").exists()
    process.wait()


def test_what_is_held_and_what_is_stored(tmp_path: Path) -> None:
    shelf = EmbeddingStore(tmp_path).shelf(Toy(tmp_path / "log"), "images")
    unique = [f"{i:064x}" for i in range(8)]
    assert shelf.holds(unique).tolist() == [False] * 8
    shelf.write(unique[2:4], np.ones((2, 5), np.float32))
    assert shelf.holds(unique[::-1]).tolist() == [False] * 4 + [True] * 2 + [False] * 2
    with Leases(shelf.folder) as ours, Leases(shelf.folder) as theirs:
        mine, other = (Turns(unique, np.array([0, 1, 4, 5]), 4, 4, who, shelf) for who in (ours, theirs))
        assert mine.some_free()
        assert list(mine) == [[0, 1], [2, 3]]
        assert not other.some_free()
        assert list(other) == []

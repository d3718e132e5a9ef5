"""Downloads that were killed: the next process asks for the rest only, and trusts nothing but the checksum."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

CHUNK = 65536
# A process that is killed while it waits for a broken connection: nothing is tidied up.
FETCH = f"""
import json, os, sys, time
from huggingface_hub import constants
from taxoeval import downloads, resume
from taxoeval.errors import TaxoevalError
constants.DOWNLOAD_CHUNK_SIZE = {CHUNK}
resume.LARGE = {CHUNK}
kind, repo, killed = sys.argv[1:]
def die(_):
    print(json.dumps("killed"), flush=True)
    os._exit(0)
if killed == "killed":
    time.sleep = die
try:
    if kind == "model":
        path = downloads.fetch(repo, ["model.safetensors"])
    else:
        path = downloads.download(repo, kind="dataset") / "data/train.parquet"
    print(json.dumps([str(path), path.is_symlink()]))
except TaxoevalError as error:
    print(json.dumps(str(error)))
"""
CONTENT = np.random.default_rng(0).bytes(5 * CHUNK + 1234)
HALF = len(CONTENT) // 2 // CHUNK * CHUNK
KINDS = {"model": ("models", "model.safetensors"), "dataset": ("datasets", "data/train.parquet")}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def publish(hub, kind: str, repo: str) -> str:
    """A repository with one large file and a small one; returns the large one as the server names it."""
    hub.requests.clear()
    folder, name = KINDS[kind]
    hub.add(f"{folder}/{repo}", {name: CONTENT, "README.md": b"birds"})
    return f"{folder}/{repo}/{name}"


def ranges(hub, name: str) -> list[str | None]:
    """What was asked of a file, request by request."""
    return [asked for method, path, asked in hub.requests if method == "GET" and path.endswith(name)]


def blobs(client, kind: str, repo: str) -> Path:
    return client.home / "hub" / f"{kind}s--{repo.replace('/', '--')}" / "blobs"


def test_the_next_process_asks_for_the_rest_only(hub, client, kind):
    file = publish(hub, kind, "owner/killed")
    hub.drop[file] = 1
    assert client(FETCH, kind, "owner/killed", "killed") == "killed"
    (left,) = blobs(client, kind, "owner/killed").glob("*.incomplete")
    assert left.read_bytes() == CONTENT[:HALF]
    assert hub.served[file] == len(CONTENT) // 2
    path, linked = client(FETCH, kind, "owner/killed", "")
    assert (Path(path).read_bytes(), linked) == (CONTENT, True)
    name = KINDS[kind][1].rpartition("/")[2]
    assert ranges(hub, name) == [None, f"bytes={HALF}-"]
    assert hub.served[file] == len(CONTENT) // 2 + len(CONTENT) - HALF
    assert not list(blobs(client, kind, "owner/killed").glob("*.incomplete"))
    hub.requests.clear()
    assert client(FETCH, kind, "owner/killed", "", HF_HUB_OFFLINE="1" if kind == "dataset" else "") == [path, True]
    assert ranges(hub, name) == []


@pytest.mark.parametrize(
    ("left", "asked"),
    [
        (CONTENT[:1000], ["bytes=1000-"]),  # what the hub client leaves when it is killed
        (bytes(1000), ["bytes=1000-", None]),  # as long, but something else
        (CONTENT, []),  # all there, killed before it got its name
        (bytes(len(CONTENT)), [None]),
        (CONTENT + b"more", [None]),
    ],
)
def test_what_is_left_counts_only_by_its_checksum(hub, client, left, asked):
    repo = f"owner/left-{hashlib.sha256(left).hexdigest()[:8]}"
    publish(hub, "model", repo)
    folder = blobs(client, "model", repo)
    folder.mkdir(parents=True)
    digest = hashlib.sha256(CONTENT).hexdigest()
    (folder / f"{digest}.1234abcd.incomplete").write_bytes(left)
    (folder / f"{digest}.00000000.incomplete").write_bytes(b"")
    (folder / f"{'0' * 64}.1234abcd.incomplete").write_bytes(b"of another file")
    path, _ = client(FETCH, "model", repo, "")
    assert Path(path).read_bytes() == CONTENT
    assert ranges(hub, "model.safetensors") == asked
    assert [path.name for path in folder.glob("*.incomplete")] == [f"{'0' * 64}.1234abcd.incomplete"]


def test_a_damaged_rest_is_refused_and_fetched_anew(hub, client):
    file = publish(hub, "model", "owner/damaged")
    hub.drop[file] = 1
    client(FETCH, "model", "owner/damaged", "killed")
    hub.damaged.add(file)
    line = client(FETCH, "model", "owner/damaged", "")
    assert line.startswith("model.safetensors from the hub is damaged: its checksum is")
    hub.damaged.clear()
    path, _ = client(FETCH, "model", "owner/damaged", "")
    assert Path(path).read_bytes() == CONTENT
    assert ranges(hub, "model.safetensors") == [None, f"bytes={HALF}-", None, None]


def test_a_cache_that_cannot_be_written_is_named(hub, client, tmp_path):
    publish(hub, "model", "owner/full")
    script = f"""
import errno, huggingface_hub.file_download as client
def full(*_, **__): raise OSError(errno.ENOSPC, "No space left on device")
client.http_get = full
{FETCH}"""
    line = client(script, "model", "owner/full", "")
    assert line.startswith(f"owner/full cannot be kept in the cache {client.home}/hub (No space left on device); make")

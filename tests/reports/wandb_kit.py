"""What the tests of W&B share: a server that misbehaves as told, and readers of runs kept offline."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

WANDB = Path(sys.executable).parent / "wandb"
KEY = "k" * 40


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("WANDB")] + ["NETRC"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")


@dataclass
class Stub:
    requests: Path

    def seen(self, what: str) -> list[dict]:
        lines = [json.loads(line) for line in self.requests.read_text().splitlines()]
        return [line for line in lines if re.search(what, line["what"])]


@pytest.fixture(name="stub")
def stub_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stub]]:
    """Start a server with the faults given, and lead wandb to it."""
    started = []

    def start(*faults: str) -> Stub:
        requests = tmp_path / "requests.jsonl"
        command = [sys.executable, str(Path(__file__).with_name("stub_server.py")), str(requests), *faults]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(server)
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{int(server.stdout.readline())}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        return Stub(requests)

    yield start
    for server in started:
        server.kill()
        server.communicate()


def inspected(folder: Path) -> dict:
    """Summary, configuration and state of the one run kept in a folder of W&B."""
    (file,) = folder.glob("*.wandb")
    done = subprocess.run([WANDB, "leet", "inspect", "--summary", "--json", file], capture_output=True, check=True)
    return json.loads(done.stdout)


def records(folder: Path) -> list[dict]:
    (file,) = folder.glob("*.wandb")
    done = subprocess.run([WANDB, "leet", "inspect", "--json", file], capture_output=True, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}

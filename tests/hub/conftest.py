"""A hub of this test's own, and processes that know no other one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hub.server import Hub, serve


@pytest.fixture(scope="module")
def hub():
    """An empty hub; tests put repositories and faults into it."""
    return Hub()


@pytest.fixture(scope="module")
def client(hub: Hub, tmp_path_factory: pytest.TempPathFactory):
    """Runs a script in a new process, since the hub client reads its settings when it is imported."""
    server = serve(hub)
    yield Client(f"http://127.0.0.1:{server.server_port}", tmp_path_factory.mktemp("hf_home"))
    server.shutdown()
    server.server_close()


class Client:
    """A new process per script, with one cache for all of a module."""

    def __init__(self, url: str, home: Path) -> None:
        self.url, self.home = url, home

    def __call__(self, script: str, *arguments: str, **settings: str) -> Any:
        """What the script prints as JSON in its last line."""
        own = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
        proxies = {key: "" for key in own if key.lower().endswith("_proxy")}
        fixed = {"HF_ENDPOINT": self.url, "HF_HOME": str(self.home), "OMP_NUM_THREADS": "1", "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env={**own, **proxies, **fixed, **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

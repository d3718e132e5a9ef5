"""Provenance: the checkout's own state, and nothing of a repository around it."""

import os
import subprocess
from pathlib import Path

import pytest

from taxoeval.reports.provenance import git, versions


def command(folder: Path, *arguments: str) -> str:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True, env=os.environ | who
    )
    return done.stdout.strip()


def test_commit_and_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    assert git(tmp_path) is None
    command(tmp_path, "init", "-q")
    assert git(tmp_path) == {"commit": None, "dirty": False}
    (tmp_path / "file").write_text("1")
    assert git(tmp_path) == {"commit": None, "dirty": True}
    command(tmp_path, "add", "file")
    command(tmp_path, "commit", "-qm", "first")
    commit = command(tmp_path, "rev-parse", "HEAD")
    assert git(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "inner").mkdir()
    assert git(tmp_path / "inner") is None
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert git(tmp_path) == {"commit": commit, "dirty": False}
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert git(tmp_path) is None


def test_versions_of_what_is_and_is_not_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("taxoeval.reports.provenance.PACKAGES", ("numpy", "no-such-package-here"))
    found = versions()
    assert found["no-such-package-here"] is None
    assert found["numpy"][0].isdigit()

"""A hub on loopback: the requests that the hub client makes for models and datasets, and the faults of a network."""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = (".safetensors", ".parquet", ".png")


@dataclass
class Hub:
    """What the server holds, how it misbehaves, and what it was asked.

    ``repos`` maps ``models/owner/name`` or ``datasets/owner/name`` to revisions, and those to files.
    """

    repos: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)  # repository -> status and the hub's error code
    drop: dict[str, int] = field(default_factory=dict)  # repository/file -> how many answers break off half way
    damaged: set[str] = field(default_factory=set)  # repository/file that arrive with one byte changed
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, Range
    served: dict[str, int] = field(default_factory=dict)  # repository/file -> bytes of it that were sent

    def add(self, repo: str, files: dict[str, bytes], revision: str = "main") -> str:
        """Put files under a revision, which can then also be asked for by its commit."""
        commit = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:40]
        self.repos.setdefault(repo, {}).update({revision: files, commit: files})
        return commit

    def commit(self, repo: str, revision: str) -> str:
        files = self.repos[repo][revision]
        return next(name for name, found in self.repos[repo].items() if found == files and len(name) == 40)


def checksum(name: str, content: bytes) -> str:
    """SHA-256 for what the hub keeps as a large file, the id that git gives for the others."""
    if name.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub: Hub, *rest: object) -> None:
        self.hub = hub
        super().__init__(*rest)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.requests.append((self.command, self.path, self.headers["Range"]))
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        if parts == [""]:
            return self.send(200)
        if parts[0] == "api" and parts[1] not in ("models", "datasets"):
            return self.send(404)
        if parts[0] == "api" and len(parts) == 2:
            author = parse_qs(url.query).get("author", [""])[0]
            ids = [repo.partition("/")[2] for repo in self.hub.repos if repo.startswith(f"{parts[1]}/{author}/")]
            return self.send(200, json.dumps([{"id": name, "_id": "0"} for name in ids]).encode())
        return self.repository(parts)

    def repository(self, parts: list[str]) -> None:
        api = parts[0] == "api"
        parts = parts[1:] if api else parts if parts[0] == "datasets" else ["models", *parts]
        repo, what, revision, rest = "/".join(parts[:3]), *[*parts[3:5], "revision", "main"][:2], parts[5:]
        if repo in self.hub.refuse:
            status, code = self.hub.refuse[repo]
            return self.send(status, **{"X-Error-Code": code})
        if repo not in self.hub.repos:
            return self.send(401 if api else 404, **{"X-Error-Code": "RepoNotFound"})
        if revision not in self.hub.repos[repo]:
            return self.send(404, **{"X-Error-Code": "RevisionNotFound"})
        if what == "resolve":
            return self.file(repo, revision, "/".join(rest))
        files, commit = self.hub.repos[repo][revision], self.hub.commit(repo, revision)
        if what == "tree":
            return self.send(200, json.dumps([self.entry(name, content) for name, content in files.items()]).encode())
        siblings = [{"rfilename": name} for name in files]
        return self.send(200, json.dumps({"id": repo.partition("/")[2], "sha": commit, "siblings": siblings}).encode())

    @staticmethod
    def entry(name: str, content: bytes) -> dict[str, object]:
        found: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
        if name.endswith(LARGE):
            found["lfs"] = {"oid": checksum(name, content), "size": len(content), "pointerSize": 130}
        return found

    def file(self, repo: str, revision: str, name: str) -> None:
        commit = self.hub.commit(repo, revision)
        content = self.hub.repos[repo][revision].get(name)
        if content is None:
            return self.send(404, **{"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        headers = {"X-Repo-Commit": commit, "ETag": f'"{checksum(name, content)}"'}
        if name.endswith(LARGE):
            headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(content))}
        if f"{repo}/{name}" in self.hub.damaged:
            content = content[:-1] + bytes([content[-1] ^ 1])
        status = 200
        if wanted := self.headers["Range"]:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            content, status = content[start:], 206
        broken = self.command == "GET" and self.breaks(f"{repo}/{name}")
        if self.command == "GET":
            sent = len(content) // 2 if broken else len(content)
            self.hub.served[f"{repo}/{name}"] = self.hub.served.get(f"{repo}/{name}", 0) + sent
        self.send(status, content, broken=broken, **headers)

    def breaks(self, name: str) -> bool:
        left = self.hub.drop.get(name, 0)
        self.hub.drop[name] = left - 1
        return left > 0

    def send(self, status: int, content: bytes = b"", broken: bool = False, **headers: str) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[: len(content) // 2] if broken else content)
        self.close_connection = self.close_connection or broken


def serve(hub: Hub) -> ThreadingHTTPServer:
    """The server of a hub, answering in a thread of its own at a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, hub))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server

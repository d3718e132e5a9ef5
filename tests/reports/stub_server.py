"""A W&B server on loopback that accepts everything, except what it is told to refuse.

    python stub_server.py REQUESTS.jsonl [FAULT=STATUS ...]

prints its port, then answers until it is killed, noting each request. FAULT is a regular expression searched in the
operation or path of a request, which is then answered with STATUS; STATUS ``die`` ends the server in the middle of it.
It knows as much of W&B's interface as wandb 0.31 uses: it shows what a client sends, not that W&B would take it.
"""

import gzip
import json
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FAULTS = dict(argument.rsplit("=", 1) for argument in sys.argv[2:] if "=" in argument)
SERVER_INFO = {"features": [], "cliVersionInfo": {"max_cli_version": "99"}, "latestLocalVersionInfo": None}
USER = {"id": "u1", "flags": "{}", "entity": "tester", "username": "tester", "email": "t@example.invalid"}
USER |= {"admin": False, "apiKeys": {"edges": []}, "teams": {"edges": []}}


def graphql(operation: str, query: str, given: dict, base: str) -> dict | None:
    """The data a client expects for an operation; None for one that is not known here."""
    entity = {"id": "e1", "name": given.get("entity") or "tester"}
    project = {"id": "p1", "name": given.get("project") or given.get("model"), "entity": entity}
    upload = {"name": "wandb_manifest.json", "displayName": "wandb_manifest.json", "uploadHeaders": []}
    upload |= {"id": "f1", "uploadUrl": f"{base}/storage/manifest"}
    manifest = {"artifactManifest": {"id": "m1", "file": upload}}
    known = {
        "UpsertBucket": lambda: {"upsertBucket": {"inserted": True, "bucket": bucket(given, project)}},
        "RunResumeStatus": lambda: {"model": {**project, "bucket": None}},
        "RunStoppedStatus": lambda: {"project": {"run": {"stopped": False}}},
        "CreateRunFiles": lambda: {"createRunFiles": run_files(given, base)},
        "CreateArtifact": lambda: {"createArtifact": {"artifact": artifact(given)}},
        "CreateArtifactManifest": lambda: {"createArtifactManifest": manifest},
        "UpdateArtifactManifest": lambda: {"updateArtifactManifest": manifest},
        "CreateArtifactFiles": lambda: {"createArtifactFiles": {"files": {"edges": artifact_files(given, base)}}},
        "CommitArtifact": lambda: {"commitArtifact": {"artifact": {"id": given.get("artifactID"), "digest": "d"}}},
    }
    if operation in known:
        return known[operation]()
    if "mutation" not in query and ("viewer" in query.lower() or "serverInfo" in query):
        return {"viewer": USER, "serverInfo": SERVER_INFO}
    return None


def bucket(given: dict, project: dict) -> dict:
    """A run as the server would hold it."""
    run = {"id": "b1", "name": given.get("name"), "displayName": given.get("displayName"), "description": None}
    return run | {"config": "{}", "sweepName": None, "historyLineCount": 0, "project": project}


def run_files(given: dict, base: str) -> dict:
    """Where a run's files are to be sent."""
    files = [{"name": name, "uploadUrl": f"{base}/storage/run/{name}"} for name in given.get("files", [])]
    return {"runID": "b1", "uploadHeaders": [], "files": files}


def artifact(given: dict) -> dict:
    """A new artifact, whose files are still to come."""
    name = (given.get("artifactCollectionNames") or ["artifact"])[0]
    return {"id": f"a-{name}", "state": "PENDING", "artifactSequence": {"id": "s1", "latestArtifact": None}}


def artifact_files(given: dict, base: str) -> list:
    """Where an artifact's files are to be sent."""
    wanted = given.get("artifactFiles") or given.get("input", {}).get("artifactFiles") or []
    return [
        {
            "node": {
                "id": f"f-{file['name']}",
                "name": file["name"],
                "displayName": file["name"],
                "uploadUrl": f"{base}/storage/artifact/{file['name']}",
                "uploadHeaders": [],
                "uploadMultipartUrls": None,
                "storagePath": file["name"],
                "artifact": {"id": file["artifactID"]},
            }
        }
        for file in wanted
    ]


class Handler(BaseHTTPRequestHandler):
    """Answers one request and notes it."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments) -> None:
        """Say nothing."""

    def body(self) -> bytes:
        """The request's content, unpacked."""
        if self.headers.get("Transfer-Encoding") == "chunked":
            content = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

    def answer(self) -> None:
        """Note the request, then serve it or the fault that was ordered for it."""
        content = self.body()
        try:
            asked = json.loads(content)
        except ValueError:
            asked = None
        asked = asked if isinstance(asked, dict) else {}
        query, given = asked.get("query", ""), asked.get("variables") or {}
        what = asked.get("operationName") or self.path
        fault = next((status for pattern, status in FAULTS.items() if re.search(pattern, what)), None)
        noted = {"what": what, "given": given, "body": asked if "file_stream" in self.path else None, "fault": fault}
        with Path(sys.argv[1]).open("a") as file:
            file.write(json.dumps(noted) + "\n")
        if fault == "die":
            os._exit(1)
        status, reply = 200, {}
        if fault:
            status, reply = int(fault), {"error": "refused on purpose"}
        elif self.path.startswith("/graphql"):
            data = graphql(what, query, given, f"http://127.0.0.1:{self.server.server_address[1]}")
            reply = {"data": data} if data is not None else {"errors": [{"message": f"{what} is not known here"}]}
        elif "/file_stream" in self.path:
            reply = {"exitcode": None, "limits": {}}
        sent = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(sent)

    do_GET = do_POST = do_PUT = do_HEAD = do_PATCH = answer  # noqa: N815 - names that http.server calls


class Server(ThreadingHTTPServer):
    """A server that does not mind clients that hang up."""

    daemon_threads = True

    def handle_error(self, *arguments) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()

"""A stand-in for the Weights & Biases service on 127.0.0.1: the real client talks to it, and it keeps what it was told.

It answers wandb 0.31 and wandb-workspaces 0.4 (the GraphQL operations below, the file stream, uploads by PUT); an
operation that it does not know is an HTTP 400 that names it, kept in `unknown`.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import quote, unquote

ENTITY = "tester"
CREATED = "2026-01-01T00:00:00Z"


@dataclass
class Artifact:
    """One version of an artifact: `manifest` maps its files to their digests, `files` to their bytes."""

    run: str
    committed: bool = False
    document: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def manifest(self) -> dict[str, str]:
        entries = json.loads(self.document)["contents"] if self.document else {}
        return {name: entry["digest"] for name, entry in entries.items()}


@dataclass
class Run:
    """A run as the service knows it; `lines` are the streams' lines by file name, each at its offset."""

    id: str
    project: str
    entity: str
    silence: float
    name: str = ""
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    tags: list[str] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)  # the config as sent, {key: {"value": …}}
    lines: dict[str, list[str]] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    exit_code: int | None = None
    starts: int = 0
    heard: float = 0.0

    @property
    def path(self) -> str:
        return f"{self.entity}/{self.project}/{self.id}"

    @property
    def config(self) -> dict[str, Any]:
        return {key: entry["value"] for key, entry in self.document.items() if key != "_wandb"}

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines.get("wandb-history.jsonl", []) if line]

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.lines.get("wandb-summary.json") or ["{}"])[-1])

    @property
    def files(self) -> dict[str, bytes]:
        streams = {name: "\n".join(lines).encode() for name, lines in self.lines.items() if name == "output.log"}
        return streams | self.uploads

    @property
    def state(self) -> str:
        if self.exit_code is not None:
            return "failed" if self.exit_code else "finished"
        return "crashed" if time.monotonic() - self.heard > self.silence else "running"

    def stream(self, message: Mapping[str, Any]) -> None:
        """Put lines where their offsets say: what is sent twice stands once."""
        self.heard = time.monotonic()
        for name, part in (message.get("files") or {}).items():
            lines = self.lines.setdefault(name, [])
            start = part["offset"]
            lines.extend([""] * (start - len(lines)))
            lines[start : start + len(part["content"])] = part["content"]
        if message.get("complete"):
            self.exit_code = message.get("exitcode", 0)

    def node(self) -> dict[str, Any]:
        """The run with the fields of every query about runs; a client takes those it asked for."""
        history, events = (self.lines.get(name, []) for name in ("wandb-history.jsonl", "wandb-events.jsonl"))
        times = dict.fromkeys(("createdAt", "heartbeatAt"), CREATED)
        named = {"id": self.path, "name": self.id, "displayName": self.name, "group": self.group, "notes": self.notes}
        absent = dict.fromkeys(("sweepName", "commit", "description", "historyKeys", "wandbConfig"))
        return named | absent | times | {
            "jobType": self.job_type,
            "tags": self.tags,
            "state": self.state,
            "config": json.dumps(self.document),
            "summaryMetrics": json.dumps(self.summary),
            "systemMetrics": "{}",
            "historyLineCount": len(history),
            "historyTail": json.dumps(history[-1:]),
            "eventsLineCount": len(events),
            "eventsTail": json.dumps(events[-1:]),
            "logLineCount": len(self.lines.get("output.log", [])),
            "readOnly": False,
            "user": {"name": ENTITY, "username": ENTITY},
            "projectId": "1",
            "project": project(self.entity, self.project),
        }

    def matches(self, wanted: Mapping[str, Any]) -> bool:
        """Whether a filter of `Api.runs` takes this run: equality, $in, $and and $or."""
        known = {"name": self.id, "display_name": self.name, "displayName": self.name, "group": self.group}
        known |= {"job_type": self.job_type, "jobType": self.job_type, "state": self.state, "tags": self.tags}
        known |= {f"config.{key}": value for key, value in self.config.items()}
        for key, value in wanted.items():
            if key in ("$and", "$or"):
                fits = (all if key == "$and" else any)(self.matches(part) for part in value)
            else:
                have = known[key] if isinstance(known[key], list) else [known[key]]
                choice = value["$in"] if isinstance(value, dict) else [value]
                fits = any(one in have for one in choice)
            if not fits:
                return False
        return True


def project(entity: str, name: str) -> dict[str, Any]:
    about = {"id": f"{entity}/{name}", "internalId": "1", "name": name, "entityName": entity, "createdAt": CREATED}
    return about | {"entity": {"id": entity, "name": entity}, "isBenchmark": False, "user": None, "readOnly": False}


class Service:
    """`with Service() as service:` answers at `service.url` until the block ends."""

    def __init__(self, silence: float = 300.0):
        self.silence = silence  # seconds after which a run that says nothing has crashed
        self.runs: dict[str, Run] = {}
        self.views: list[dict[str, Any]] = []
        self.artifacts: list[Artifact] = []
        self.projects: dict[tuple[str, str], None] = {}
        self.requests: list[str] = []  # "POST /graphql UpsertBucket", …
        self.unknown: list[str] = []
        self.lock = threading.RLock()
        self.faults: dict[str, int | None] = {}  # part of a request's line -> status, None to hang
        self.left: int | None = None  # requests until it dies
        self.port = 0

    def __enter__(self) -> Self:
        self.revive()
        return self

    def __exit__(self, *exception: object) -> None:
        self.die()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": "0" * 40, "WANDB_ERROR_REPORTING": "false"}

    def hang(self, where: str = "") -> None:
        """Requests whose line ("POST /graphql UpsertBucket") contains `where` are never answered."""
        self.faults[where] = None

    def refuse(self, status: int, where: str = "") -> None:
        """Requests whose line contains `where` are answered with an HTTP error."""
        self.faults[where] = status

    def die(self, after: int = 0) -> None:
        """Close the port and every connection, now or instead of answering request number `after` + 1 from now."""
        if after:
            self.left = after
            return
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.server.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the client was faster

    def revive(self) -> None:
        """Answer again, on the same port and with all that was kept: the end of every fault."""
        if self.port and not self.over.is_set():
            self.die()
        self.faults, self.left, self.over = {}, None, threading.Event()
        self.server = Server(self)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def run(self, entity: str | None, project: str | None, name: str) -> Run | None:
        found = self.runs.get(name)
        return found if found and (found.entity, found.project) == (entity or ENTITY, project) else None

    def answer(self, method: str, path: str, body: bytes) -> Any:
        """What a request gets: something for JSON, or bytes. KeyError is what the service does not have."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if path == "/graphql":
            message = json.loads(body)
            operation = name_of(message["query"])
            handle = getattr(self, f"on_{operation}", None)
            if handle is None:
                self.unknown.append(message["query"])
                raise ValueError(f"the stand-in does not know the operation {operation}")
            return {"data": handle(message.get("variables") or {})}
        if parts[0] == "files" and parts[-1] == "file_stream":
            self.runs[parts[3]].stream(json.loads(body))
            return {"exitcode": None, "limits": {}}
        if parts[0] == "files" and method == "PUT":
            self.runs[parts[3]].uploads["/".join(parts[4:])] = body
            return {}
        if parts[0] == "artifact" and method == "PUT":
            artifact = self.artifacts[int(parts[1])]
            if parts[2] == "manifest":
                artifact.document = body
            else:
                artifact.files["/".join(parts[3:])] = body
            return {}
        raise ValueError(f"the stand-in does not know {method} {path}")

    def on_Viewer(self, given: Mapping[str, Any]) -> dict[str, Any]:
        teams = {"edges": [{"node": {"name": ENTITY}}]}
        about = {"id": "1", "entity": ENTITY, "username": ENTITY, "email": "tester@localhost", "flags": "{}"}
        return {"viewer": about | {"teams": teams, "name": ENTITY, "admin": False}}

    def on_ServerFeaturesQuery(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"serverInfo": {"features": []}}

    def on_RunResumeStatus(self, given: Mapping[str, Any]) -> dict[str, Any]:
        run = self.run(given["entity"], given["project"], given["name"])
        return {"model": project(given["entity"] or ENTITY, given["project"]) | {"bucket": run and run.node()}}

    def on_UpsertBucket(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Open a run by its name, or change one by its id."""
        key = given["id"].split("/")[-1] if given.get("id") else given["name"]
        inserted = key not in self.runs
        if inserted:
            self.runs[key] = Run(key, given["project"], given.get("entity") or ENTITY, self.silence)
            self.projects[self.runs[key].entity, self.runs[key].project] = None
        run = self.runs[key]
        return {"upsertBucket": {"bucket": run.node(), "inserted": inserted}}


def name_of(query: str) -> str:
    found = re.search(r"(?:query|mutation|subscription)\s+(\w+)", query)
    return found.group(1) if found else "anonymous"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, service: Service):
        self.service = service
        self.over = service.over
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", service.port), Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def answer(self) -> None:
        service, server = self.server.service, self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.split("?")[0]
        print(self.command, self.path, dict(self.headers), body[:3000], flush=True)
        line = f"{self.command} {path}" + (f" {name_of(json.loads(body)['query'])}" if path == "/graphql" else "")
        with service.lock:
            service.requests.append(line)
            try:
                status, content = 200, service.answer(self.command, path, body)
            except (ValueError) as e:
                print("!!!!", e)
                status, content = 400, {"error": str(e)}
        data = json.dumps(content).encode()
        print("   ->", status, data[:1500], flush=True)
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *args: object) -> None:
        pass

if __name__ == "__main__":
    with Service() as s:
        print(s.url, s.environment, flush=True)
        open("/tmp/wbport","w").write(str(s.port))
        time.sleep(3000)

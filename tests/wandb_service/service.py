"""A stand-in for the Weights & Biases service on 127.0.0.1: the real client talks to it, and it keeps what it was told.

A request that it does not know gets HTTP 404 and stands in `unknown`. It can hang, refuse, die and come back.
"""

import json
import re
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Self

from wandb_service.answers import Answers


class Service(Answers):
    """`with Service() as service:` answers at `service.url` until the block ends."""

    def __init__(self, silence: float = 300.0):
        super().__init__(silence)
        self.lock = threading.RLock()
        self.requests: list[str] = []  # "POST /graphql UpsertBucket", telemetry apart
        self.faults: dict[str, int | None] = {}  # part of a request's line -> HTTP status, None to hang
        self.left: int | None = None  # answers until it dies
        self.port = 0

    def __enter__(self) -> Self:
        self.revive()
        return self

    def __exit__(self, *exception: object) -> None:
        self.die()

    @property
    def environment(self) -> dict[str, str]:
        """What a client's environment must have; its HOME is the caller's to move."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": "0" * 40, "WANDB_ERROR_REPORTING": "false"}

    def hang(self, where: str = "") -> None:
        """Requests whose line ("POST /graphql UpsertBucket") contains `where` get no answer."""
        self.faults[where] = None

    def refuse(self, status: int, where: str = "") -> None:
        """Requests whose line contains `where` get an HTTP error."""
        self.faults[where] = status

    def die(self, after: int | None = None) -> None:
        """Close the port and every connection: now, or in place of the answer after the next `after`."""
        with self.lock:
            self.left = after
            if after is None and not self.server.over.is_set():
                self.server.end()

    def revive(self) -> None:
        """Answer everything again, on the same port and with all that was kept."""
        if self.port:
            self.die()
        self.faults.clear()
        self.left = None
        self.server = Server(self, self.port)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def receive(self, line: str, body: bytes) -> tuple[int, dict[str, Any]] | None:
        """Status and content of the answer to a request, None for no answer."""
        with self.lock:
            if "/sdk/otel/" not in line:
                self.requests.append(line)
                if self.left == 0:
                    self.die()
                    return None
                self.left = None if self.left is None else self.left - 1
            for where, status in self.faults.items():
                if where in line:
                    return None if status is None else (status, {"errors": [{"message": "refused by the stand-in"}]})
            try:
                return 200, self.answer(line, body)
            except Exception as error:
                self.unknown.append(f"{line}: {error!r}")
                return 404, {"errors": [{"message": self.unknown[-1]}]}


class Server(ThreadingTCPServer):
    """The socket; every connection is known, so that all can be cut at once."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, service: Service, port: int):
        super().__init__(("127.0.0.1", port), Handler)
        self.service = service
        self.over = threading.Event()
        self.open: set[socket.socket] = set()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def end(self) -> None:
        self.over.set()
        self.shutdown()
        self.server_close()
        for connection in list(self.open):
            with suppress(OSError):  # the client was faster
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: what fails here is a connection that one side has cut."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        super().finish()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        named = re.search(rb"(?:query|mutation) (\w+)", body) if self.path == "/graphql" else None
        line = f"{self.command} {self.path}" + (f" {named[1].decode()}" if named else "")
        answer = self.server.service.receive(line, body)
        if answer is None:
            self.server.over.wait()
            self.close_connection = True
            return
        data = json.dumps(answer[1]).encode()
        self.send_response(answer[0])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: `Service.requests` tells."""

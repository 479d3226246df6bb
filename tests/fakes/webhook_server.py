"""A service that journeys call: a real server on this machine that remembers what it was told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Told:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Service:
    """What it was told, and what it answers next; the last answer is given for ever."""

    port: int
    told: list[Told] = field(default_factory=list)
    #: (status, headers, body) or a word: "slow", "huge", "endless", "cut", "drip".
    answers: list[Any] = field(default_factory=lambda: [(200, {}, b'{"ok": true}')])
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def a_service() -> Iterator[Service]:
    """Run one, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    service = Service(port=server.server_address[1])
    server.service = service  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.released.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def log_message(self, *_args: Any) -> None:
        """Keep quiet."""

    def _answer(self) -> None:
        service: Service = self.server.service  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        service.told.append(Told(self.command, self.path, headers, body))
        answer = service.answers.pop(0) if len(service.answers) > 1 else service.answers[0]
        if isinstance(answer, str):
            getattr(self, f"_{answer}")(service)
            return
        status, more, content = answer
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 the library's names

    def _slow(self, service: Service) -> None:
        service.released.wait(timeout=20)
        self.close_connection = True

    def _huge(self, service: Service) -> None:
        del service
        self.send_response(200)
        self.send_header("Content-Length", str(3_000_000))
        self.end_headers()
        self.wfile.write(b"x" * 3_000_000)

    def _endless(self, service: Service) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not service.released.is_set():
            self.wfile.write(b"2000\r\n" + b"x" * 8192 + b"\r\n")

    def _drip(self, service: Service) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        while not service.released.wait(timeout=0.1):
            self.wfile.write(b"x")
            self.wfile.flush()

    def _cut(self, service: Service) -> None:
        del service
        self.connection.close()
        self.close_connection = True

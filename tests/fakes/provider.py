"""A provider over real HTTP: speaks SendGrid v3 and Twilio 2010, keeps a ledger of its own, fails on command.

In a test:

    with FakeProvider(ledger=path) as provider:
        provider.fail("sendgrid", "accept_then_close")
        ...
        assert provider.accepted() == [...]

As a process of its own: `python -m tests.fakes.provider --port 8090 --ledger var/ledger.jsonl`, then
`SENDGRID_API_BASE=TWILIO_API_BASE=http://127.0.0.1:8090`. Faults are ordered with
`POST /_control {"provider": "twilio", "fault": "reject", "times": 1, "status": 400, "code": 21610}`, forgotten with
`DELETE /_control`; `GET /_ledger` gives what was accepted.

Faults: `close` (nothing taken, connection cut), `accept_then_close`, `accept_then_5xx`, `accept_then_garbage`, `5xx`
(nothing taken), `reject` (status, code, field, said), `429` (retry_after), `slow` (seconds, then accepted), `hang` (taken,
then no answer for `seconds`), `drip` (taken, then the answer one byte at a time for `seconds`), `no_look_up`.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import threading
import uuid
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

SENDGRID_KEY = "SG.fake"
TWILIO_SID = "AC" + "0" * 32
TWILIO_TOKEN = "fake-token"

_LOOK_UP_FAULTS = {"no_look_up"}


class FakeProvider:
    """Both providers on one port, in a thread."""

    def __init__(
        self,
        *,
        ledger: Path | None = None,
        port: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.now = now
        self._path = ledger
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = []
        if ledger is not None and ledger.exists():
            self._entries = [json.loads(line) for line in ledger.read_text().splitlines()]
        self._faults: list[dict[str, Any]] = []
        #: Every request that came in: (method, path, headers, body as bytes).
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        #: Ends whatever hangs, when the fake is stopped.
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.provider = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self) -> None:
        """Serve until interrupted."""
        self._server.serve_forever()

    def fail(self, provider: str, fault: str, *, times: int = 1, **details: Any) -> None:
        """Order a fault for the next `times` requests of a provider."""
        with self._lock:
            self._faults.append({"provider": provider, "fault": fault, "times": times, **details})

    def forget_faults(self) -> None:
        with self._lock:
            self._faults.clear()

    def take_fault(self, provider: str, *, look_up: bool) -> dict[str, Any]:
        with self._lock:
            for fault in self._faults:
                wanted = (fault["fault"] in _LOOK_UP_FAULTS or fault.get("on") == "look_up") == look_up
                if fault["provider"] == provider and fault["times"] > 0 and wanted:
                    fault["times"] -= 1
                    return fault
        return {"fault": ""}

    def accept(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Write one message into the ledger; nothing ever takes it out again."""
        with self._lock:
            entry = {"at": self.now().isoformat(), **entry}
            self._entries.append(entry)
            if self._path is not None:
                with self._path.open("a") as file:
                    file.write(json.dumps(entry) + "\n")
                    file.flush()
        return entry

    def accepted(self, provider: str = "") -> list[dict[str, Any]]:
        """Give what was accepted, oldest first."""
        with self._lock:
            return [entry for entry in self._entries if provider in {"", entry["provider"]}]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    provider: FakeProvider


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the library's name
        """Say nothing."""

    @property
    def provider(self) -> FakeProvider:
        return self.server.provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._remember(b"")
        if parts.path == "/_ledger":
            self._answer(200, self.provider.accepted())
        elif parts.path == "/v3/messages":
            self._sendgrid_look_up(parse_qs(parts.query))
        elif re.fullmatch(r"/2010-04-01/Accounts/\w+/Messages\.json", parts.path):
            self._twilio_look_up(parse_qs(parts.query))
        else:
            self._answer(404, {"errors": [{"message": "not found"}]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._remember(body)
        path = urlsplit(self.path).path
        if path == "/_control":
            order = json.loads(body)
            self.provider.fail(order.pop("provider"), order.pop("fault"), **order)
            self._answer(204, None)
        elif path == "/v3/mail/send":
            self._sendgrid_send(body)
        elif re.fullmatch(r"/2010-04-01/Accounts/\w+/Messages\.json", path):
            self._twilio_send(body)
        else:
            self._answer(404, {"errors": [{"message": "not found"}]})

    def do_DELETE(self) -> None:
        self._remember(b"")
        self.provider.forget_faults()
        self._answer(204, None)

    # SendGrid

    def _sendgrid_send(self, body: bytes) -> None:
        fault = self.provider.take_fault("sendgrid", look_up=False)
        if self.headers.get("Authorization") != f"Bearer {SENDGRID_KEY}":
            error = {"message": "The provided authorization grant is invalid, expired, or revoked"}
            self._answer(401, {"errors": [error]})
            return
        mail = json.loads(body)
        person = mail["personalizations"][0]

        def accept() -> None:
            entry = self.provider.accept(
                {
                    "provider": "sendgrid",
                    "id": uuid.uuid4().hex[:22],
                    "message_id": person.get("custom_args", {}).get("message_id", ""),
                    "to": person["to"][0]["email"],
                    "subject": mail["subject"],
                    "body": mail["content"][0]["value"],
                }
            )
            self._fault_after(fault, 202, None, {"X-Message-Id": entry["id"]})

        field = fault.get("field", "")
        said = fault.get("said", "The request was refused.")
        rejected = {"errors": [{"message": said, "field": field, "help": None}]}
        self._carry_out(fault, rejected, accept)

    def _sendgrid_look_up(self, query: dict[str, list[str]]) -> None:
        fault = self.provider.take_fault("sendgrid", look_up=True)
        if fault["fault"] == "no_look_up":
            self._answer(403, {"errors": [{"message": "You need the Email Activity add-on."}]})
            return
        if fault["fault"]:
            self._carry_out(fault, {}, lambda: None)
            return
        wanted = re.search(r"unique_args\['message_id'\]=\"([^\"]*)\"", query["query"][0])
        assert wanted, f"not a query that is understood: {query['query'][0]}"
        found = [
            {
                "from_email": "",
                "msg_id": entry["id"] + ".filter",
                "subject": entry["subject"],
                "to_email": entry["to"],
                "status": "processed",
                "opens_count": 0,
                "clicks_count": 0,
                "last_event_time": entry["at"],
            }
            for entry in self.provider.accepted("sendgrid")
            if entry["message_id"] == wanted[1]
        ]
        self._answer(200, {"messages": found})

    # Twilio

    def _twilio_authorized(self) -> bool:
        good = "Basic " + b64encode(f"{TWILIO_SID}:{TWILIO_TOKEN}".encode()).decode()
        if self.headers.get("Authorization") == good:
            return True
        self._answer(401, {"code": 20003, "message": "Authenticate", "status": 401})
        return False

    def _twilio_send(self, body: bytes) -> None:
        fault = self.provider.take_fault("twilio", look_up=False)
        if not self._twilio_authorized():
            return
        form = {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=True).items()}

        def accept() -> None:
            entry = self.provider.accept(
                {
                    "provider": "twilio",
                    "id": "SM" + uuid.uuid4().hex,
                    "to": form["To"],
                    "from": form.get("From", ""),
                    "body": form["Body"],
                    "callback": form.get("StatusCallback", ""),
                }
            )
            self._fault_after(fault, 201, self._twilio_row(entry), {})

        said = fault.get("said", "The request was refused.")
        rejected = {"code": fault.get("code"), "message": said, "status": 400}
        self._carry_out(fault, rejected, accept)

    def _twilio_look_up(self, query: dict[str, list[str]]) -> None:
        fault = self.provider.take_fault("twilio", look_up=True)
        if not self._twilio_authorized():
            return
        if fault["fault"]:
            self._carry_out(fault, {}, lambda: None)
            return
        after = query.get("DateSent>", [""])[0]
        found = [
            self._twilio_row(entry)
            for entry in self.provider.accepted("twilio")
            if entry["to"] == query["To"][0]
            and query.get("From", [entry["from"]])[0] == entry["from"]
            and entry["at"][:10] >= after[:10]
        ]
        page = {"messages": found, "page": 0, "page_size": 200, "next_page_uri": None, "uri": self.path}
        self._answer(200, page)

    @staticmethod
    def _twilio_row(entry: dict[str, Any]) -> dict[str, Any]:
        created = format_datetime(datetime.fromisoformat(entry["at"]))
        return {
            "sid": entry["id"],
            "account_sid": TWILIO_SID,
            "to": entry["to"],
            "from": entry["from"],
            "body": entry["body"],
            "status": "queued",
            "direction": "outbound-api",
            "date_created": created,
            "date_updated": created,
            "date_sent": None,
            "num_segments": "1",
            "error_code": None,
            "error_message": None,
        }

    # Faults

    def _carry_out(self, fault: dict[str, Any], rejected: Any, accept: Callable[[], None]) -> None:
        """Do what comes before the message is taken, or take it."""
        wait = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
        match fault["fault"]:
            case "close":
                self._cut()
            case "5xx":
                self._answer(fault.get("status", 503), {"message": "later"}, wait)
            case "reject":
                self._answer(fault.get("status", 400), rejected, wait)
            case "429":
                self._answer(429, {"code": 20429, "message": "Too many requests"}, wait)
            case "slow":
                self.provider.stopping.wait(fault["seconds"])
                accept()
            case _:
                accept()

    def _fault_after(self, fault: dict[str, Any], status: int, body: Any, headers: dict[str, str]) -> None:
        """Do what comes after the message is taken, or say that it was."""
        match fault["fault"]:
            case "accept_then_close":
                self._cut()
            case "accept_then_5xx":
                self._answer(fault.get("status", 503), {"message": "oops"})
            case "accept_then_garbage":
                self._answer(fault.get("status", 200), "<html>gateway</html>")
            case "hang":
                self.provider.stopping.wait(fault.get("seconds", 30))
                self._cut()
            case "drip":
                self._drip(fault.get("seconds", 30))
            case _:
                self._answer(status, body, headers)

    def _drip(self, seconds: float) -> None:
        """Send one byte of an answer at a time, each well within a read time-out."""
        answer = b"HTTP/1.1 202 Accepted\r\nX-Slow: " + b"a" * int(seconds * 10)
        for index in range(len(answer)):
            if self.provider.stopping.wait(0.1):
                break
            try:
                self.wfile.write(answer[index : index + 1])
                self.wfile.flush()
            except OSError:
                break
        self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def _remember(self, body: bytes) -> None:
        self.provider.requests.append((self.command, self.path, dict(self.headers.items()), body))

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        if isinstance(body, str):
            content = body.encode()
        try:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            # The caller has gone, as callers do when they have waited long enough.
            self.close_connection = True


def main() -> None:
    parser = argparse.ArgumentParser(description="Stand in for SendGrid and Twilio.")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--ledger", type=Path, default=None)
    options = parser.parse_args()
    provider = FakeProvider(ledger=options.ledger, port=options.port)
    print(f"SENDGRID_API_BASE={provider.url} SENDGRID_API_KEY={SENDGRID_KEY}")  # noqa: T201 for a person
    print(f"TWILIO_API_BASE={provider.url} TWILIO_ACCOUNT_SID={TWILIO_SID} TWILIO_AUTH_TOKEN={TWILIO_TOKEN}")  # noqa: T201
    try:
        provider.serve()
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()

"""A mail server over real SMTP that keeps what it takes and refuses on command."""

from __future__ import annotations

import socketserver
import threading
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Self


class FakeMailServer:
    """Speaks enough of RFC 5321 for smtplib, one thread for each connection."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        #: Command ("MAIL", "RCPT", "DATA", "." for the end of the letter) → reply; "cut" closes the connection, and
        #: "take and cut" keeps the letter first.
        self.replies: dict[str, str] = {}
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session)
        self._server.daemon_threads = True
        self._server.fake = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        fake: FakeMailServer = self.server.fake  # type: ignore[attr-defined]
        self._say("220 fake ready")
        while line := self.rfile.readline():
            word = line.split(b" ")[0].strip().upper().decode()
            reply = fake.replies.get(word, "354 go on" if word == "DATA" else "250 fine")
            if reply == "cut":
                return
            self._say(reply)
            if word == "QUIT":
                return
            if word == "DATA" and reply.startswith("3") and not self._take(fake):
                return

    def _take(self, fake: FakeMailServer) -> bool:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        reply = fake.replies.get(".", "250 taken")
        if reply.startswith("2") or reply == "take and cut":
            mail = message_from_bytes(b"".join(lines), policy=default)
            assert isinstance(mail, EmailMessage)
            fake.mails.append(mail)
        if reply.endswith("cut"):
            return False
        self._say(reply)
        return True

    def _say(self, reply: str) -> None:
        self.wfile.write(reply.encode() + b"\r\n")

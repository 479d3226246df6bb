"""Whether a byte went out is never a guess."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from channels.transport import MAX_ANSWER_BYTES, Answer, NoAnswer, NotSent, exchange


@contextmanager
def a_server(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run `speak` on every connection, and give the server's address."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            speak(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def ask(url: str, *, timeout: float = 1, body: bytes | None = b"{}") -> Answer:
    return exchange(method="POST", url=url, headers={"X-Test": "1"}, body=body, timeout=timeout)


def saying(answer: bytes) -> Callable[[socket.socket], None]:
    def speak(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)

    return speak


def test_answer_is_given_whatever_its_status():
    with a_server(saying(b"HTTP/1.1 418 Tea\r\nX-Kind: green\r\nContent-Length: 3\r\n\r\nhot")) as url:
        assert ask(url) == Answer(418, {"x-kind": "green", "content-length": "3"}, b"hot")


def test_redirect_is_not_followed():
    with a_server(
        saying(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    ) as url:
        assert ask(url).status == 302


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://no-such-host.invalid/", "https://127.0.0.1:1/"]
)
def test_closed_port_or_unknown_name_got_nothing(url: str):
    with pytest.raises(NotSent):
        ask(url)


def test_server_that_does_not_speak_tls_got_nothing():
    with a_server(saying(b"HTTP/1.1 200 OK\r\n\r\n")) as url, pytest.raises(NotSent):
        ask(url.replace("http://", "https://"))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n" + b"a" * (MAX_ANSWER_BYTES + 1),
    ],
)
def test_broken_answer_is_no_answer(answer: bytes):
    with a_server(saying(answer)) as url, pytest.raises(NoAnswer):
        ask(url)


def test_silence_ends_at_the_deadline():
    done = threading.Event()
    with a_server(lambda _connection: done.wait(10) and None) as url:
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            ask(url, timeout=0.3)
        done.set()

    assert time.monotonic() - began < 2


def test_dripping_answer_ends_at_the_deadline():
    def drip(connection: socket.socket) -> None:
        connection.recv(65_536)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            for _ in range(100):
                connection.sendall(b"a")
                time.sleep(0.05)
        except OSError:
            return

    with a_server(drip) as url:
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            ask(url, timeout=0.3)

        assert time.monotonic() - began < 2

"""One HTTP request to a provider, told apart by what may have arrived there.

Provider libraries hide whether an error came before or after the first byte went out; whether a message may be sent
again hangs on just that. So connecting and speaking are two steps here, under one deadline for the whole exchange.
Connections are not kept: a kept one may be dead, and its error would leave the message in doubt.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

import certifi

#: Largest answer that is read, in bytes; providers' answers are a few hundred.
MAX_ANSWER_BYTES = 1_000_000
#: Most seconds for each address of a provider to answer the telephone.
CONNECT_SECONDS = 4.0


class NotSent(Exception):
    """No byte of the request reached the provider."""


class NoAnswer(Exception):
    """The request, or a part of it, went out, and no whole answer came back."""


class AnswerTooLarge(NoAnswer):
    """An answer came, with more than MAX_ANSWER_BYTES in it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    #: Names in lower case.
    headers: Mapping[str, str]
    body: bytes


@cache
def tls() -> ssl.SSLContext:
    """Give the context that certificates are checked with."""
    return ssl.create_default_context(cafile=certifi.where())


#: How much less than its own time-out a call may take, set around the calls of one step.
_allowed: ContextVar[float | None] = ContextVar("_allowed", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Let every call to the outside inside this block take at most so long, whatever its own time-out says."""
    token = _allowed.set(seconds)
    try:
        yield
    finally:
        _allowed.reset(token)


def seconds_allowed(timeout: float) -> float:
    """Give the time that a call may take here, at most `timeout`."""
    allowed = _allowed.get()
    return timeout if allowed is None else min(timeout, allowed)


def exchange(
    *, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float
) -> Answer:
    """Send one request and read its answer within `timeout` seconds, redirects not followed.

    Raises:
        NotSent: name, TCP or TLS failed; it may be tried again.
        NoAnswer: anything later; the provider may have acted.
    """
    timeout = seconds_allowed(timeout)
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, min(timeout, CONNECT_SECONDS))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return speak(connection, method=method, target=target, headers=headers, body=body, timeout=timeout)


def speak(
    connection: http.client.HTTPConnection,
    *,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes | None,
    timeout: float,
) -> Answer:
    """Connect, send one request and read its answer within `timeout` seconds in all; the connection is closed.

    Raises:
        NotSent: name, TCP or TLS failed; it may be tried again.
        NoAnswer: anything later; the other side may have acted. AnswerTooLarge: it surely has.
    """
    began = time.monotonic()
    try:
        connection.connect()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        raise NotSent(type(error).__name__) from error
    remaining = max(timeout - (time.monotonic() - began), 0.1)
    connection.sock.settimeout(remaining)
    late = threading.Event()
    deadline = threading.Timer(remaining, _cut, args=(connection.sock, late))
    deadline.daemon = True
    deadline.start()
    try:
        connection.request(method, target, body=body, headers=dict(headers))
        response = connection.getresponse()
        content = response.read(MAX_ANSWER_BYTES + 1)
        if len(content) > MAX_ANSWER_BYTES:
            raise AnswerTooLarge("AnswerTooLarge")
        if response.length:
            raise NoAnswer("IncompleteRead")
        if late.is_set():
            raise NoAnswer("TimeoutError")
        return Answer(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=content,
        )
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(type(error).__name__) from error
    finally:
        deadline.cancel()
        connection.close()


def _connection(scheme: str, host: str, port: int | None, timeout: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=tls())
    return http.client.HTTPConnection(host, port, timeout=timeout)


def _cut(sock: socket.socket, late: threading.Event) -> None:
    """End an exchange that drips past its deadline: the reading side gets an error at once."""
    late.set()
    try:
        # Not SSLSocket.shutdown, which takes the TLS object away from the thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return  # It has just ended by itself.

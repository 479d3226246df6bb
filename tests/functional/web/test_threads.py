"""Requests that are answered in threads, through the ASGI application."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from config.threads import ThreadedHandler
from journeys.models import Vendor

# Each thread has a connection of its own, which sees only what is committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

SECONDS = 10


class Streams:
    """What became of the streams of this file."""

    closed = 0


async def _parts() -> AsyncIterator[bytes]:
    try:
        yield b"first"
        await asyncio.Event().wait()
    finally:
        Streams.closed += 1


async def _stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_parts())


async def _short(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    return StreamingHttpResponse(parts())


async def _broken(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        message = "The stream broke."
        raise RuntimeError(message)

    return StreamingHttpResponse(parts())


def _rows(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(f"{Vendor.objects.count()} {threading.current_thread().name}")
    response.set_cookie("seen", "yes")
    return response


def _file(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"a", b"b"]), headers={"ETag": "x"}, status=203)


def _error(request: HttpRequest) -> HttpResponse:
    message = "Not for the caller."
    raise RuntimeError(message)


urlpatterns = [
    path("rows", _rows),
    path("stream", _stream),
    path("short", _short),
    path("broken", _broken),
    path("file", _file),
    path("api/error", _error),
]
handler500 = "journeys.api.errors.handler500"


class Line:
    """One request over a line of its own, as a server hands it in."""

    def __init__(self, address: str, *, query: bytes = b"") -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.heard = asyncio.Event()
        self._asked = False
        self.scope = {
            "type": "http",
            "method": "GET",
            "path": address,
            "query_string": query,
            "headers": [(b"host", b"testserver")],
        }

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if message.get("body"):
            self.heard.set()

    async def ask(self, application: Any) -> None:
        await asyncio.wait_for(application(self.scope, self.receive, self.send), SECONDS)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])


@pytest.fixture
def application() -> Any:
    return ThreadedHandler(threads=2)


async def _answer(application: Any, address: str, **more: bytes) -> Line:
    line = Line(address, **more)
    await line.ask(application)
    return line


async def test_many_requests_share_few_threads(application: Any) -> None:
    lines = await asyncio.gather(*[_answer(application, "/rows") for _ in range(12)])

    names = {line.body.split()[1] for line in lines}
    assert {line.status for line in lines} == {200}
    assert 1 <= len(names) <= 2
    assert b"Set-Cookie" in lines[0].headers


async def test_connection_is_given_back_before_the_answer_is_sent(application: Any) -> None:
    taken = []
    line = Line("/rows")
    noted = line.send

    async def send(message: dict[str, Any]) -> None:
        figures = connection.pool.get_stats()  # type: ignore[attr-defined]
        taken.append(figures["pool_size"] - figures["pool_available"])
        await noted(message)

    before = connection.pool.get_stats()  # type: ignore[attr-defined]
    await application(line.scope, line.receive, send)

    assert line.body.startswith(b"0 ")
    assert set(taken) == {before["pool_size"] - before["pool_available"]}


async def test_file_is_sent_in_one_piece(application: Any) -> None:
    line = await _answer(application, "/file")

    assert (line.status, line.body, line.headers[b"ETag"]) == (203, b"ab", b"x")
    assert len(line.sent) == 2


async def test_stream_keeps_no_thread_and_ends_when_its_caller_goes() -> None:
    application = ThreadedHandler(threads=1)
    closed = Streams.closed
    line = Line("/stream")
    streaming = asyncio.ensure_future(line.ask(application))
    await asyncio.wait_for(line.heard.wait(), SECONDS)

    other = await _answer(application, "/rows")
    line.gone.set()
    await streaming

    assert other.status == 200
    assert line.body == b"first"
    assert Streams.closed == closed + 1


async def test_stream_that_ends_is_sent_to_its_end(application: Any) -> None:
    line = await _answer(application, "/short")

    assert line.body == b"onetwo"
    assert not line.sent[-1].get("more_body", False)


async def test_stream_that_breaks_is_broken_off(application: Any) -> None:
    with pytest.raises(RuntimeError, match=r"The stream broke\."):
        await _answer(application, "/broken")


async def test_server_that_stops_ends_a_stream(application: Any) -> None:
    closed = Streams.closed
    line = Line("/stream")
    streaming = asyncio.ensure_future(line.ask(application))
    await asyncio.wait_for(line.heard.wait(), SECONDS)

    streaming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await streaming

    assert Streams.closed == closed + 1


async def test_error_nobody_expected_tells_nothing(application: Any) -> None:
    with override_settings(DEBUG=False):
        line = await _answer(application, "/api/error")

    assert line.status == 500
    assert b"Not for the caller" not in line.body
    assert b'"code": "internal"' in line.body


async def test_request_that_can_not_be_read_is_refused(application: Any) -> None:
    line = await _answer(application, "/rows", query=b"\xff")

    assert line.status == 400


async def test_caller_who_goes_before_the_end_of_the_body_is_not_answered(application: Any) -> None:
    line = Line("/rows")
    line._asked = True
    line.gone.set()

    await line.ask(application)

    assert line.sent == []

"""Bodies without an announced length, through the ASGI application."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIHandler
from django.test import override_settings

from config.threads import ThreadedHandler
from journeys.api.limits import limit_bodies
from journeys.models import Client
from tests.functional.api.calling import Caller

# The handler closes the connection after each request, and a transaction around the test with it.
pytestmark = pytest.mark.django_db(transaction=True)


def post_in_chunks(application: Any, caller: Caller, chunks: list[bytes]) -> tuple[int, dict[str, Any]]:
    """Send a POST as a server does that takes in a chunked body."""
    sent: list[dict[str, Any]] = []
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        if not left:
            # The caller stays and waits for the answer.
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/clients",
        "query_string": b"",
        "headers": [
            (b"host", b"testserver"),
            (b"content-type", b"application/json"),
            (b"transfer-encoding", b"chunked"),
            (b"authorization", f"Api-Key {caller.key}".encode()),
        ],
    }
    async_to_sync(application)(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], json.loads(content)


@pytest.fixture(params=["bare", "limited", "threaded"])
def application(request: pytest.FixtureRequest) -> Any:
    """Give the application as Django makes it, as it is cut off at the limit, and as it is served."""
    bare = ThreadedHandler(threads=1) if request.param == "threaded" else ASGIHandler()
    return bare if request.param == "bare" else limit_bodies(bare)


def test_body_in_chunks_is_read(application: Any, api: Caller) -> None:
    status, answer = post_in_chunks(application, api, [b'{"display_name":', b' "Ana & Tom"}'])

    assert (status, answer["display_name"]) == (201, "Ana & Tom")


@override_settings(MAX_BODY_BYTES=1024)
def test_body_in_chunks_that_is_too_large_is_refused(application: Any, api: Caller) -> None:
    chunks = [b'{"display_name": "', *[b"x" * 500] * 5, b'"}']

    status, answer = post_in_chunks(application, api, chunks)

    assert (status, answer["code"]) == (413, "too_large")
    assert not Client.objects.exists()

"""What of a body is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from rest_framework.exceptions import ParseError

from journeys.api.limits import DEEPEST, BodyLimitMiddleware, limit_bodies, read_json, unstorable


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [nested(DEEPEST), {"a": nested(DEEPEST - 1)}, [], {}, "é😀", 2**63 - 1, -1.5, None]
)
def test_storable_values_pass(value: Any) -> None:
    assert list(unstorable(read_json(json.dumps(value).encode()))) == []


@pytest.mark.parametrize(
    "value",
    [nested(DEEPEST + 1), {"a": nested(DEEPEST)}, "a\x00", {"a\x00": 1}, "\ud800", 2**63, -(2**63) - 1],
)
def test_what_can_not_be_stored_is_named(value: Any) -> None:
    assert len(list(unstorable(read_json(json.dumps(value).encode())))) == 1


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"{", "line 1, column 2"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"[" * 200_000, "deeper"),
        (b"\xff", "UTF-8"),
        (b"9" * 5000, "too long"),
    ],
)
def test_what_is_not_json_is_told(raw: bytes, says: str) -> None:
    with pytest.raises(ParseError, match=says):
        read_json(raw)


@override_settings(MAX_BODY_BYTES=10)
@pytest.mark.parametrize(("size", "status"), [(10, 204), (11, 413)])
def test_announced_length_is_checked_before_the_body_is_read(size: int, status: int) -> None:
    middleware = BodyLimitMiddleware(lambda _: HttpResponse(status=204))

    answer: Any = middleware(RequestFactory().post("/api/clients", b"x" * size, content_type="text/plain"))

    assert answer.status_code == status


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", "٣"])
def test_length_that_is_no_number_is_refused(length: str) -> None:
    request = RequestFactory().post("/api/clients", b"", content_type="text/plain")
    request.META["CONTENT_LENGTH"] = length

    answer: Any = BodyLimitMiddleware(lambda _: HttpResponse(status=204))(request)

    assert answer.status_code == 400


@override_settings(MAX_BODY_BYTES=10)
@pytest.mark.parametrize(
    ("chunks", "status"), [([b"12345", b"67890"], 200), ([b"12345", b"67890", b"1"], 413), ([b"x" * 99], 413)]
)
@pytest.mark.parametrize("path", ["/api/clients", "/f/form"])
def test_body_of_unknown_length_is_cut_off(chunks: list[bytes], status: int, path: str) -> None:
    sent: list[dict[str, Any]] = []
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def reads_everything(_scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request":
            if not message["more_body"]:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                return

    async_to_sync(limit_bodies(reads_everything))({"type": "http", "path": path}, receive, send)

    assert sent[0]["status"] == status
    if status == 413 and path.startswith("/api/"):
        assert json.loads(sent[1]["body"])["code"] == "too_large"

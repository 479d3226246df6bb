"""How much of a request is read: bytes, depth, and which values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import IO, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from journeys.api.errors import API_ROOT, TooLarge, answer, body

#: Objects and lists inside one another; a journey needs about ten.
DEEPEST = 40
#: What PostgreSQL's bigint holds.
LARGEST_NUMBER = 2**63 - 1
#: NUL, which PostgreSQL's text can not hold, and halves of characters, which UTF-8 can not.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Answering = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class BodyLimitMiddleware:
    """Refuse a body of more than MAX_BODY_BYTES before anything reads it.

    By its announced length, else by its real one where the server has already taken it in (chunked, through ASGI).
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Answering) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Pass the request on, or refuse it."""
        refusal = self._refusal(request)
        if refusal is None:
            return self.get_response(request)
        return _later(refusal) if iscoroutinefunction(self) else refusal

    @staticmethod
    def _refusal(request: HttpRequest) -> HttpResponse | None:
        announced = request.META.get("CONTENT_LENGTH") or ""
        if announced:
            if not (announced.isascii() and announced.isdigit()):
                return _in_shape(request, "malformed", "Content-Length is not a number.", 400)
            size = int(announced[:20])
        else:
            size = _taken_in(request)
            if size:
                # The views go by this header; a chunked body has none.
                request.META["CONTENT_LENGTH"] = str(size)
        if size > settings.MAX_BODY_BYTES:
            return _in_shape(request, "too_large", _too_large(), 413)
        return None


def limit_bodies(application: Application) -> Application:
    """Wrap an ASGI application so that a body without announced length is cut off at MAX_BODY_BYTES.

    Django takes such a body in whole, onto the disk, before any middleware sees the request. To the application it
    looks as if the caller had gone; the caller is told.
    """

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return {"type": "http.disconnect"} if taken > settings.MAX_BODY_BYTES else message

        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        await application(scope, counting, send)
        if taken > settings.MAX_BODY_BYTES:
            await _refuse(scope, send)

    return limited


async def _refuse(scope: Scope, send: Send) -> None:
    is_api = scope["path"].startswith(API_ROOT)
    content = json.dumps(body("too_large", _too_large())) if is_api else _too_large()
    kind = b"application/json" if is_api else b"text/plain; charset=utf-8"
    headers = [(b"content-type", kind), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": content.encode()})


async def _later(response: HttpResponse) -> HttpResponse:
    return response


def _taken_in(request: HttpRequest) -> int:
    """Measure the body of an ASGI request, which Django has spooled to a file; 0 under WSGI."""
    if not isinstance(request, ASGIRequest):
        return 0
    spooled: IO[bytes] = request._stream  # noqa: SLF001 the one place where the size of a chunked body is known
    size = spooled.seek(0, 2)
    spooled.seek(0)
    return size


def _too_large() -> str:
    return f"The body is larger than {settings.MAX_BODY_BYTES} bytes. Send less at once."


def _in_shape(request: HttpRequest, code: str, message: str, http: int) -> HttpResponse:
    if request.path.startswith(API_ROOT):
        return answer(code, message, http=http)
    return HttpResponse(message, status=http, content_type="text/plain; charset=utf-8")


class StrictJSONParser(BaseParser):
    """Read JSON that can be stored: bounded, no duplicate names, no NUL, no NaN, no number beyond 64 bits."""

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the value, or raise ParseError with what is wrong."""
        del media_type, parser_context
        raw = stream.read(settings.MAX_BODY_BYTES + 1)
        if len(raw) > settings.MAX_BODY_BYTES:
            raise TooLarge(_too_large())
        value = read_json(raw)
        for problem in unstorable(value):
            raise ParseError(problem)
        return value


def read_json(raw: bytes) -> Any:
    """Decode JSON; raise ParseError when it is not, or is nested too deep."""
    try:
        return json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise ParseError("The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise ParseError(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise ParseError(_too_deep()) from None
    except ValueError:
        raise ParseError("The JSON holds a number that is too long.") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ParseError("A name stands twice in the same object. Keep one.")
    return found


def _refuse_constant(name: str) -> Any:
    raise ParseError(f"{name} is not JSON.")


def unstorable(value: Any) -> Iterator[str]:
    """Name what can not be stored in a JSON value: too deep, NUL, or a number out of range."""
    level: list[Any] = [value]
    for depth in range(DEEPEST + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict | list):
                if depth == DEEPEST:
                    yield _too_deep()
                    return
                below += [*item, *item.values()] if isinstance(item, dict) else item
            elif problem := _unstorable_leaf(item):
                yield problem
        level = below


def _too_deep() -> str:
    return f"The JSON is nested deeper than {DEEPEST} levels."


def _unstorable_leaf(item: Any) -> str:
    if isinstance(item, str):
        return "A text holds a character that can not be stored (NUL or half of a pair)." * bool(
            _UNSTORABLE.search(item)
        )
    if isinstance(item, float) and not math.isfinite(item):
        return "A number is out of range."
    if isinstance(item, int) and abs(item) > LARGEST_NUMBER:
        return "A number is out of range: at most 64 bits."
    return ""

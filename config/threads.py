"""Requests are answered in a few threads that stay, each with its own connection to PostgreSQL for as long as it needs one.

Django's own handler starts a thread for every request and changes between it and the event loop at each middleware,
which costs more than most answers. Here a request goes over to a thread once, runs through middleware and view as under
WSGI, and comes back. What streams (server-sent events) is sent from the event loop and keeps no thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import IO, Any, TypeVar

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import close_old_connections
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

T = TypeVar("T")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class ThreadedHandler(ASGIHandler):
    """Answer each request in one of `threads` threads; who comes while all are at work waits for one."""

    def __init__(self, *, threads: int) -> None:
        # The chain of middleware is the one of WSGI: ASGIHandler would build the other.
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._threads = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the body in, have the request answered, and send the answer."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        response = await self._in_a_thread(partial(self._answer, scope, body))
        if response.streaming:
            await self._stream(response, receive, send)
        else:
            await self.send_response(response, send)

    def _in_a_thread(self, work: Callable[[], T]) -> asyncio.Future[T]:
        # Not as asgiref does it: the thread keeps its own context, and with it Django's connections and caches.
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _answer(self, scope: Scope, body: IO[bytes]) -> HttpResponseBase:
        """Run the request in this thread; its connection is given back before the answer is sent."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        if request is None:
            body.close()
        response = self.get_response(request) if request else refusal or HttpResponse(status=400)
        if isinstance(response, StreamingHttpResponse) and response.is_async:
            # It may go on for minutes, and this thread has other requests to answer.
            close_old_connections()
            return response
        whole = _in_one_piece(response) if isinstance(response, StreamingHttpResponse) else response
        response.close()
        return whole

    async def _stream(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """Send until it ends or the caller has gone, which is the only thing that is still received."""
        sending = asyncio.ensure_future(self.send_response(response, send))
        gone = asyncio.ensure_future(receive())
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            gone.cancel()
            ended, _ = await asyncio.gather(sending, gone, return_exceptions=True)
            await self._in_a_thread(response.close)
        if isinstance(ended, Exception):
            raise ended


def _in_one_piece(response: StreamingHttpResponse) -> HttpResponse:
    """Read the file that is answered with: they are small, and their browsers keep them."""
    whole = HttpResponse(response.getvalue(), status=response.status_code, headers=response.headers)
    whole.cookies = response.cookies
    return whole

"""Server-sent events: what just happened, and the figures, to every open page.

One reader of Redis for each process, fanned out to a queue for each page. What a page misses while it is away is
replayed from the stream by Last-Event-ID; what the stream has lost is made good by the figures, which are read from
the database.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from engine.models import Instance
from journeys import clock
from journeys.models import Client, Vendor
from monitoring.access import vendor_for, vendors_for
from monitoring.rendering.overview import cards
from monitoring.selectors.overview import overview
from monitoring.stream import key_of

log = structlog.get_logger(__name__)

#: A comment is sent after so many quiet seconds, so that no proxy takes the line for dead.
HEARTBEAT = 15.0
#: The figures are read from the database at most this often for a vendor, in seconds.
CARDS_EVERY = 2.0
#: How long Redis is listened to in one go, in milliseconds; a page that joins is heard after it at the latest.
LISTEN_MS = 500
#: A page is asked to come again after so many seconds, so that whoever logged out stops hearing.
LONGEST = 600.0
#: Events waiting for a page that reads slowly; a page with more is told to read everything anew.
QUEUED = 200
#: Entries read at once.
READ = 500
#: What the browser waits before it comes again, in milliseconds.
RETRY_MS = 3000
START = "0-0"


@dataclass(frozen=True, slots=True)
class Told:
    """One event on its way to pages; figures have no id, so they do not move a page's place in the stream."""

    kind: str
    data: dict[str, Any]
    id: str = ""

    def encode(self) -> bytes:
        """Write it in the event stream's format."""
        head = f"id: {self.id}\n" if self.id else ""
        return f"{head}event: {self.kind}\ndata: {json.dumps(self.data)}\n\n".encode()


def after(left: str, right: str) -> bool:
    """Tell whether a stream id comes after another."""

    def parts(text: str) -> tuple[int, int]:
        first, _, second = text.partition("-")
        return int(first), int(second or 0)

    return parts(left) > parts(right)


def _public(vendor_id: int, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Put public ids in place of row numbers; what is not the vendor's, or gone, is left out."""
    try:
        instances = {int(step["instance"]) for step in data.get("steps", ())}
        if "instance" in data:
            instances.add(int(data["instance"]))
        rows = Instance.objects.filter(vendor_id=vendor_id, pk__in=instances)
        names = {
            pk: {"instance": public_id, "client": client_id}
            for pk, public_id, client_id in rows.values_list("pk", "public_id", "client__public_id")
        }
        if kind == "step":
            return {
                "steps": [
                    {**names[step["instance"]], "node": step["node"], "status": step["status"]}
                    for step in data["steps"]
                    if step["instance"] in names
                ]
            }
        if "client" in data:
            client = Client.objects.filter(vendor_id=vendor_id, pk=data["client"]).values_list("public_id")
            return {"client": next(iter(client), ("",))[0], "status": data.get("status", "")}
        return {**names.get(int(data.get("instance", 0)), {}), "status": data.get("status", "")}
    finally:
        connection.close()


def _cards(vendor_id: int) -> dict[str, str]:
    try:
        vendor = Vendor.objects.get(pk=vendor_id)
        return cards(overview(vendor=vendor, now=clock.now()))
    finally:
        connection.close()


@dataclass(eq=False)
class Page:
    """One open page."""

    vendor_id: int
    queue: asyncio.Queue[Told] = field(default_factory=lambda: asyncio.Queue(maxsize=QUEUED))
    #: The queue ran over: the page must read everything anew.
    lost: bool = False

    def offer(self, told: Told) -> None:
        """Put an event into the page's queue, or note that it lost some."""
        try:
            self.queue.put_nowait(told)
        except asyncio.QueueFull:
            self.lost = True


class Hub:
    """Listen to the streams of all vendors with an open page, once for the process."""

    def __init__(self) -> None:
        self.pages: dict[int, set[Page]] = {}
        self.places: dict[int, str] = {}
        self._changed: set[int] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._redis: aioredis.Redis | None = None

    async def join(self, vendor_id: int, *, since: str) -> tuple[Page, list[Told]]:
        """Open a page; give what it missed since its last event, "" for nothing."""
        client = self._client()
        missed: list[Told] = []
        place = START
        with suppress(RedisError, OSError):
            newest: Any = await client.xrevrange(key_of(vendor_id), count=1)
            place = newest[0][0].decode() if newest else START
            if since and after(place, since):
                entries: Any = await client.xrange(key_of(vendor_id), min=f"({since}", max=place, count=READ)
                missed = [await self._told(vendor_id, entry_id, fields) for entry_id, fields in entries]
        page = Page(vendor_id)
        if vendor_id not in self.pages:
            self.pages[vendor_id] = set()
            self.places[vendor_id] = place
        self.pages[vendor_id].add(page)
        self._changed.add(vendor_id)
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._refresh())]
        return page, missed

    async def leave(self, page: Page) -> None:
        """Close a page; the last one stops the listening."""
        open_pages = self.pages.get(page.vendor_id, set())
        open_pages.discard(page)
        if not open_pages:
            self.pages.pop(page.vendor_id, None)
            self.places.pop(page.vendor_id, None)
        if not self.pages:
            tasks, self._tasks = self._tasks, []
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            client, self._redis = self._redis, None
            if client is not None and not self.pages:
                await client.aclose()

    def _client(self) -> aioredis.Redis:
        if self._redis is None:
            self._redis = aioredis.Redis.from_url(
                settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=LISTEN_MS / 1000 + 5
            )
        return self._redis

    @staticmethod
    async def _told(vendor_id: int, entry_id: bytes, fields: dict[bytes, bytes]) -> Told:
        kind, data = fields[b"kind"].decode(), json.loads(fields[b"data"])
        public = await sync_to_async(_public)(vendor_id, kind, data)
        return Told(kind, public, entry_id.decode())

    async def _listen(self) -> None:
        """Read the streams and hand out what comes, until nobody listens."""
        while self.pages:
            try:
                streams = {key_of(vendor_id): place for vendor_id, place in self.places.items()}
                answer: Any = await self._client().xread(streams, count=READ, block=LISTEN_MS)  # type: ignore[arg-type]
                for name, entries in answer or []:
                    await self._hand_out(int(name.decode().rpartition(":")[2]), entries)
            except (RedisError, OSError, DatabaseError) as error:
                log.warning("live.not_heard", error=type(error).__name__)
                await asyncio.sleep(1)

    async def _hand_out(self, vendor_id: int, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        for entry_id, fields in entries:
            told = await self._told(vendor_id, entry_id, fields)
            if vendor_id in self.places:
                self.places[vendor_id] = told.id
            for page in self.pages.get(vendor_id, ()):
                page.offer(told)
        self._changed.add(vendor_id)

    async def _refresh(self) -> None:
        """Send the figures of vendors where something happened, and of all once in a while."""
        loop = asyncio.get_running_loop()
        everybody_at = loop.time() + HEARTBEAT
        while self.pages:
            if loop.time() >= everybody_at:
                self._changed |= set(self.pages)
                everybody_at = loop.time() + HEARTBEAT
            changed, self._changed = self._changed, set()
            for vendor_id in changed & set(self.pages):
                try:
                    told = Told("cards", dict(await sync_to_async(_cards)(vendor_id)))
                except (DatabaseError, Vendor.DoesNotExist) as error:
                    log.warning("live.no_figures", error=type(error).__name__)
                    continue
                for page in self.pages.get(vendor_id, ()):
                    page.offer(told)
            await asyncio.sleep(CARDS_EVERY)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Give the hub of this process's event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


async def events(vendor_id: int, *, since: str) -> AsyncIterator[bytes]:
    """Give one page's events until it goes away."""
    line = hub()
    page, missed = await line.join(vendor_id, since=since)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + LONGEST
    sent = since or START
    try:
        yield f"retry: {RETRY_MS}\n\n".encode()
        for told in missed:
            sent = told.id
            yield told.encode()
        while loop.time() < ends_at:
            if page.lost:
                page.lost = False
                yield Told("lost", {}).encode()
            try:
                told = await asyncio.wait_for(page.queue.get(), timeout=HEARTBEAT)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if told.id and not after(told.id, sent):
                continue
            sent = told.id or sent
            yield told.encode()
    finally:
        await line.leave(page)


def _vendor_id(request: HttpRequest) -> int | None:
    try:
        if not request.user.is_authenticated:
            return None
        return vendor_for(request, vendors_for(request.user)).pk
    finally:
        connection.close()


def _last_id(request: HttpRequest) -> str:
    text = request.headers.get("Last-Event-ID", "")
    first, _, second = text.partition("-")
    return text if first.isdigit() and second.isdigit() and len(text) <= 40 else ""  # noqa: PLR2004 two numbers of 64 bit


async def live(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Stream what happens to the vendor the person looks at; whoever is not logged in gets 401."""
    if request.method != "GET":
        return HttpResponse(status=405, headers={"Allow": "GET"})
    try:
        vendor_id = await sync_to_async(_vendor_id)(request)
    except PermissionDenied:
        return HttpResponse(status=403)
    if vendor_id is None:
        return HttpResponse(status=401)
    return StreamingHttpResponse(
        events(vendor_id, since=_last_id(request)),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )

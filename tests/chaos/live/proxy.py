"""A wire that can be cut, slowed, blackholed, or cut in the very moment after COMMIT was passed on."""

# ruff: noqa: ASYNC110 - a wire is asked whether it is dark, ten times a second
from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

#: A simple query of PostgreSQL's protocol that says COMMIT, as psycopg sends it.
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
CHUNK = 65_536


@dataclass(slots=True)
class Rules:
    """What the wire does to what passes; all of it may be changed while it passes."""

    #: Nothing passes in either direction, and nothing is closed: a half-open connection.
    blackhole: bool = False
    #: New connections are closed at once.
    refuse: bool = False
    #: Seconds that each piece takes longer.
    delay: float = 0.0
    #: Share of COMMITs after which the client is cut off, while the server carries them out.
    cut_after_commit: float = 0.0
    #: Share of COMMITs that never reach the server, whose client is cut off.
    cut_before_commit: float = 0.0


@dataclass(eq=False, slots=True)
class _Link:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    #: The client is gone; what the server still says is read and dropped.
    cut: bool = False


@dataclass(slots=True)
class Proxy:
    """A listener on a port of its own in front of a server on this machine; runs in a thread of its own."""

    target: int
    rng: random.Random
    rules: Rules = field(default_factory=Rules)
    #: How often each fault really hit something.
    hits: dict[str, int] = field(default_factory=dict)
    #: Makes, for each connection, what turns pieces on their way to the server into what the server is to read.
    translator: Callable[[], Callable[[bytes], bytes]] | None = None
    port: int = 0
    _links: set[_Link] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None
    _server: asyncio.Server | None = None

    def start(self) -> None:
        """Listen on a free port."""
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="proxy")
        self._thread.start()
        self.port = self._call(self._listen())

    def stop(self) -> None:
        """Cut everything and end."""
        if self._thread is None:
            return
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=20)
        self._loop.close()

    def cut_all(self) -> int:
        """Cut every connection that is open and return how many those were."""
        return self._call(self._cut_all())

    def heal(self) -> None:
        """Let everything pass again; connections that were blackholed are cut, as a restarted router would."""
        was_dark = self.rules.blackhole
        self.rules = Rules()
        if was_dark:
            self.cut_all()

    def _call(self, work: Coroutine[Any, Any, int]) -> int:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK)
        return int(self._server.sockets[0].getsockname()[1])

    async def _end(self) -> int:
        if self._server is not None:
            self._server.close()
        cut = await self._cut_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return cut

    async def _cut_all(self) -> int:
        links = list(self._links)
        for link in links:
            self._hit("cut")
            _abort(link.client)
            _abort(link.server)
        return len(links)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.rules.refuse:
            self._hit("refused")
            _abort(writer)
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK)
        except OSError:
            _abort(writer)
            return
        link = _Link(writer, back)
        self._links.add(link)
        try:
            await asyncio.gather(self._upwards(reader, link), self._downwards(there, link))
        finally:
            self._links.discard(link)
            _abort(writer)
            _abort(back)

    async def _upwards(self, reader: asyncio.StreamReader, link: _Link) -> None:
        translate = self.translator() if self.translator else bytes
        with contextlib.suppress(OSError):
            while read := await reader.read(CHUNK):
                await self._hold_up()
                piece = translate(read)
                if piece.endswith(COMMIT):
                    if self.rng.random() < self.rules.cut_before_commit:
                        self._hit("cut before COMMIT")
                        break
                    if self.rng.random() < self.rules.cut_after_commit:
                        self._hit("cut after COMMIT")
                        link.cut = True
                        link.server.write(piece)
                        await link.server.drain()
                        _abort(link.client)
                        return
                link.server.write(piece)
                await link.server.drain()
        if not link.cut:
            _close(link.server)

    async def _downwards(self, reader: asyncio.StreamReader, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(CHUNK):
                if link.cut:
                    # The server has answered the COMMIT: it is done, and nobody heard of it.
                    break
                await self._hold_up()
                link.client.write(piece)
                await link.client.drain()
        _close(link.client)
        _close(link.server)

    async def _hold_up(self) -> None:
        if self.rules.delay:
            await asyncio.sleep(self.rules.delay)
        if self.rules.blackhole:
            self._hit("swallowed")
        while self.rules.blackhole:
            await asyncio.sleep(0.1)

    def _hit(self, name: str) -> None:
        self.hits[name] = self.hits.get(name, 0) + 1


def _abort(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        writer.transport.abort()


def _close(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()

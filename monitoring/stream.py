"""The stream of what just happened, one for each vendor, in Redis; it may be lost at any time without harm.

A thread of each process writes it, some times a second: whoever carries out steps does not wait for Redis a second time,
and what happened to many couples of a vendor in between is one entry.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis
import structlog
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)

#: Entries kept for a browser that was away for a moment; older ones are read from the database anyway.
KEPT = 10_000
#: A stream that nobody writes to goes away after so many seconds.
FORGOTTEN_AFTER = 86_400
#: Redis is not waited for longer than this, in seconds.
PATIENCE = 0.25
#: After a failure nothing is written for so long.
LEAVE_ALONE = 5.0
#: How long events are gathered before they are written together, in seconds: nobody sees the difference.
GATHER = 0.03
#: Steps that one entry tells of.
STEPS_TOGETHER = 200


def key_of(vendor_id: int) -> str:
    """Name the stream of a vendor."""
    return f"wedsync:live:{vendor_id}"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, by the numbers of rows only: whoever reads it looks up what may be shown."""

    vendor_id: int
    #: "step", "instance", "message" or "ticket".
    kind: str
    data: Mapping[str, Any]


class StreamWriter:
    """Gather events and write them in one round trip; a Redis that fails is left alone for a while and harms nobody."""

    def __init__(self, url: str) -> None:
        """Make a writer; it connects, and begins its thread, at the first event."""
        self._client = redis.Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None
        )
        self._quiet_until = 0.0
        #: When more happens than can be written, what is oldest is lost: nobody reads that far back.
        self._gathered: deque[Event] = deque(maxlen=KEPT)
        self._any, self._writing = threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, events: Sequence[Event]) -> None:
        """Have events written in a moment, and do not wait for it."""
        self._gathered.extend(events)
        # Should it ever have ended of something, the next event begins another.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._go_on, name="live stream", daemon=True)
            self._thread.start()
        if not self._any.is_set():
            self._any.set()

    def flush(self) -> None:
        """Write what was gathered, now."""
        with self._writing:
            events = [self._gathered.popleft() for _ in range(len(self._gathered))]
            self.write(list(_together(events)))

    def _go_on(self) -> None:
        while self._any.wait():
            time.sleep(GATHER)
            self._any.clear()
            self.flush()

    def write(self, events: Sequence[Event]) -> bool:
        """Add events to their streams; return whether Redis took them. A second call adds them again."""
        if not events or time.monotonic() < self._quiet_until:
            return False
        pipe = self._client.pipeline(transaction=False)
        for event in events:
            fields: dict[Any, Any] = {"kind": event.kind, "data": json.dumps(event.data)}
            pipe.xadd(key_of(event.vendor_id), fields, maxlen=KEPT, approximate=True)
        for vendor_id in {event.vendor_id for event in events}:
            pipe.expire(key_of(vendor_id), FORGOTTEN_AFTER)
        try:
            pipe.execute()
        except (redis.RedisError, OSError) as error:
            self._quiet_until = time.monotonic() + LEAVE_ALONE
            log.warning("live.not_written", error=type(error).__name__, events=len(events))
            return False
        return True


def _together(events: Sequence[Event]) -> Iterator[Event]:
    """Put steps of one vendor that follow each other into one entry."""
    for (vendor_id, kind), alike in itertools.groupby(events, key=lambda one: (one.vendor_id, one.kind)):
        if kind != "step":
            yield from alike
            continue
        steps = [step for one in alike for step in one.data["steps"]]
        for first in range(0, len(steps), STEPS_TOGETHER):
            yield Event(vendor_id, kind, {"steps": steps[first : first + STEPS_TOGETHER]})


_writers: dict[str, StreamWriter] = {}
# A child that is forked has none of its parent's threads, and tells for itself.
os.register_at_fork(after_in_child=_writers.clear)


def writer() -> StreamWriter:
    """Give this process's writer."""
    url = settings.REDIS_URL
    if url not in _writers:
        _writers[url] = StreamWriter(url)
    return _writers[url]


@atexit.register
def flush() -> None:
    """Write what this process has gathered, now."""
    for one in _writers.values():
        one.flush()


def tell(events: Sequence[Event]) -> None:
    """Have events written when the transaction around it commits; when it is rolled back nothing is told."""
    if events:
        transaction.on_commit(lambda: writer().add(events), robust=True)

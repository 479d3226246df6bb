"""The stream of what just happened, one for each vendor, in Redis; it may be lost at any time without harm."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
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
#: A step never waits longer than this for Redis, in seconds.
PATIENCE = 0.25
#: After a failure nothing is written for so long, so that a Redis that is away costs one wait and not one a step.
LEAVE_ALONE = 5.0


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
    """Write events in one round trip; a Redis that fails is left alone for a while and harms nobody."""

    def __init__(self, url: str) -> None:
        """Make a writer; it connects at the first event."""
        self._client = redis.Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None
        )
        self._quiet_until = 0.0

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


_writers: dict[str, StreamWriter] = {}


def writer() -> StreamWriter:
    """Give this process's writer."""
    url = settings.REDIS_URL
    if url not in _writers:
        _writers[url] = StreamWriter(url)
    return _writers[url]


def tell(events: Sequence[Event]) -> None:
    """Write events when the transaction around it commits; when it is rolled back nothing is told."""
    if events:
        transaction.on_commit(lambda: writer().write(events), robust=True)

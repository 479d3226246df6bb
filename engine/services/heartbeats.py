"""Show life, by PostgreSQL's own time."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

import structlog
from django.db import DatabaseError, connection

log = structlog.get_logger(__name__)

#: Seconds between two beats of a worker.
EVERY = 5.0


def beat(name: str, **detail: Any) -> None:
    """Write that `name` is alive now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO engine_heartbeat (name, beat_at, detail) VALUES (%s, clock_timestamp(), %s)
               ON CONFLICT (name) DO UPDATE SET beat_at = EXCLUDED.beat_at, detail = EXCLUDED.detail""",
            [name[:100], json.dumps(detail)],
        )


def keep_beating(name: str, *, queues: Sequence[str]) -> threading.Event:
    """Beat every few seconds from a daemon thread, until the returned event is set or the process ends."""
    stop = threading.Event()

    def go_on() -> None:
        while True:
            try:
                beat(name, queues=list(queues))
            except DatabaseError as error:
                log.warning("heartbeat_missed", name=name, error=type(error).__name__)
            finally:
                connection.close()
            if stop.wait(EVERY):
                return

    threading.Thread(target=go_on, name="heartbeat", daemon=True).start()
    return stop

"""Show life, by PostgreSQL's own time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import DatabaseError, connection

log = structlog.get_logger(__name__)

#: Seconds between two beats of a worker.
EVERY = 5.0
#: Who shows life with every tick that was carried out.
TICKS = "beat"
#: Seconds without a sign of life after which somebody counts as silent.
SILENT_AFTER = 10.0


def beat(name: str, **detail: Any) -> None:
    """Write that `name` is alive now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO engine_heartbeat (name, beat_at, detail) VALUES (%s, clock_timestamp(), %s)
               ON CONFLICT (name) DO UPDATE SET beat_at = EXCLUDED.beat_at, detail = EXCLUDED.detail""",
            [name[:100], json.dumps(detail)],
        )


def is_silent(name: str, *, seconds: float = SILENT_AFTER) -> bool:
    """Tell whether `name` has shown no life for so long, by PostgreSQL's own time, or never."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT NOT EXISTS (SELECT 1 FROM engine_heartbeat WHERE name = %s
                   AND beat_at > clock_timestamp() - make_interval(secs => %s))""",
            [name, seconds],
        )
        return bool(cursor.fetchone()[0])


@dataclass(frozen=True, slots=True)
class Heart:
    """A thread that beats."""

    _wake: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    def beat_now(self) -> None:
        """Beat at once, for there is something new to tell."""
        self._wake.set()

    def stop(self) -> None:
        """Beat no more."""
        self._over.set()
        self._wake.set()

    def rest(self) -> bool:
        """Wait for the next beat; False when there is none."""
        self._wake.wait(EVERY)
        self._wake.clear()
        return not self._over.is_set()


def keep_beating(
    name: str, *, detail: Callable[[], Mapping[str, Any]], stand_in: Callable[[], object] = lambda: None
) -> Heart:
    """Beat every few seconds from a daemon thread, with what `detail` then says, until it is stopped or the process ends.

    While the beat of the ticks is silent, `stand_in` is called each time: who finds lost work must not hang on one
    process. It opens its own transactions; what it raises is logged.
    """
    heart = Heart()

    def go_on() -> None:
        first = True
        while first or heart.rest():
            try:
                beat(name, **detail())
                # Whoever starts together with the beat gives it the time to begin.
                if not first and is_silent(TICKS):
                    stand_in()
            except DatabaseError as error:
                log.warning("heartbeat_missed", name=name, error=type(error).__name__)
            except Exception:
                log.exception("stand_in_broke", name=name)
            finally:
                connection.close()
            first = False

    threading.Thread(target=go_on, name="heartbeat", daemon=True).start()
    return heart

"""The beat's schedule, driven by a clock that can not be set: what happens every so often follows time.monotonic().

The wall clock is only written down, as `last_run_at`, and read once when a beat starts. One that is set forward or
back, by a second or a day, while the beat runs or before it starts, neither silences a tick nor doubles it.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery.schedules import schedstate, schedule
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

log = structlog.get_logger(__name__)

#: Messages that may wait in a queue before its ticks are left out: nobody takes them, and one of a kind is enough.
MOST_WAITING = 100
#: How often the beat looks how many wait, in seconds.
LOOK_EVERY = 30.0

#: When each tick was sent last by this process, by its monotonic clock: entries are made anew all the time.
_sent: dict[str, float] = {}


class Steady(schedule):
    """A period that is measured by the monotonic clock."""

    def __init__(self, run_every: timedelta, *, since: float, app: Any = None) -> None:
        """Begin to wait at the monotonic moment `since`."""
        super().__init__(run_every, app=app)
        self.since = since

    def __reduce__(self) -> tuple[Any, ...]:
        return schedule, (timedelta(seconds=self.seconds),)

    def is_due(self, _last_run_at: datetime) -> schedstate:
        """Say whether the period is over, and in how many seconds to ask again; the wall clock is not asked."""
        left = self.since + self.seconds - time.monotonic()
        return schedstate(left <= 0, self.seconds if left <= 0 else left)


class TickEntry(ModelEntry):  # type: ignore[misc] # the package has no types
    """One tick."""

    def __init__(self, model: Any, app: Any = None) -> None:
        """Read it; what this process has not sent yet is due as its last run says, but never later than a period."""
        super().__init__(model, app=app)
        if type(self.schedule) is schedule:
            period: schedule = self.schedule
            since = _sent.get(self.name)
            if since is None:
                ago = (self._default_now() - self.last_run_at).total_seconds()
                since = time.monotonic() - min(max(ago, 0.0), period.seconds)
            self.schedule: Any = Steady(timedelta(seconds=period.seconds), since=since, app=self.app)

    def __next__(self) -> TickEntry:
        """Give the entry of the next turn."""
        _sent[self.name] = time.monotonic()
        return super().__next__()  # type: ignore[no-any-return]


class TickScheduler(DatabaseScheduler):  # type: ignore[misc] # the same
    """Keeps last runs in the database, and needs no clock that is right."""

    Entry = TickEntry

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Begin with queues that nobody has looked into."""
        self._look_at: dict[str, float] = {}
        self._full: set[str] = set()
        super().__init__(*args, **kwargs)

    def _when(self, _entry: Any, next_time_to_run: float, **_kwargs: Any) -> float:
        """Give the moment on the monotonic clock at which an entry has its turn."""
        return time.monotonic() + float(self.adjust(next_time_to_run) or 0)

    def schedule_changed(self) -> bool:
        """Tell whether somebody changed the schedule, also somebody whose clock is behind."""
        before = self._last_timestamp
        changed = bool(super().schedule_changed())
        now = self._last_timestamp
        return changed or (before is not None and now is not None and now < before)

    def apply_async(self, entry: Any, producer: Any = None, **kwargs: Any) -> Any:
        """Send a tick, unless its queue is full of ticks that nobody takes."""
        queue = entry.options.get("queue")
        if queue and self._is_full(queue):
            return None
        return super().apply_async(entry, producer=producer, **kwargs)

    def _is_full(self, queue: str) -> bool:
        """Look now and then how many wait."""
        now = time.monotonic()
        if now < self._look_at.get(queue, now):
            return False
        try:
            is_full = waiting_in(self.app, queue) >= MOST_WAITING
        except Exception as error:  # noqa: BLE001 whatever fails at a look must not silence the ticks
            log.warning("tick_queue_not_seen", queue=queue, error=type(error).__name__)
            is_full = False
        if is_full and queue not in self._full:
            log.warning("ticks_left_out", queue=queue, waiting=MOST_WAITING)
        (self._full.add if is_full else self._full.discard)(queue)
        # While it is full, each turn asks: the first tick after somebody came back is to be sent.
        self._look_at[queue] = now if is_full else now + LOOK_EVERY
        return is_full


def waiting_in(app: Any, queue: str) -> int:
    """Count the messages of a queue, on a connection for this once; one that broke would have to be mended first."""
    with app.connection_for_write() as connection:
        return int(connection.channel().queue_declare(queue=queue).message_count)

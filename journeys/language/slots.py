"""When somebody is free for a meeting: open hours, less what is taken, less days that are kept free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from .sending_hours import SendingHours
from .zones import local_instant, local_time

_MINUTES_OF_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Span:
    """Hold a stretch of time from its start up to, not including, its end (aware)."""

    start: datetime
    end: datetime

    def overlaps(self, other: Span) -> bool:
        """Tell whether the two have a moment in common."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Say when meetings of one kind may be held.

    Hours are on the wall clock of `zone`. Inside an open window meetings begin every `every` of elapsed time, so
    that on the day the clocks change no time is offered that does not exist, and none twice.
    """

    hours: SendingHours
    zone: str
    length: timedelta
    every: timedelta
    #: Kept free after every meeting.
    buffer: timedelta
    #: Least time between booking and meeting.
    notice: timedelta
    #: Days ahead that can be booked, today included.
    horizon_days: int
    #: Days of `zone` on which there are no meetings.
    closed_days: frozenset[date] = frozenset()

    def blocks(self, start: datetime) -> Span:
        """Give the time that a meeting at this start takes, its buffer included."""
        return Span(start, start + self.length + self.buffer)

    def free(
        self, *, now: datetime, busy: Iterable[Span], since: date | None = None, until: date | None = None
    ) -> list[datetime]:
        """List the starts (UTC, in order) that can be booked now.

        Args:
            now: Aware; notice and horizon count from it.
            busy: What is taken: meetings with their buffers, whole days of weddings.
            since: First day of `zone` to look at; today when it is earlier or None.
            until: Last day of `zone` to look at; the horizon when it is later or None.
        """
        taken = sorted(busy, key=lambda span: span.start)
        earliest = now + self.notice
        return [
            start
            for day in self._days(now, since=since, until=until)
            for start in self._starts(day)
            if start >= earliest and not _hits(self.blocks(start), taken)
        ]

    def is_free(self, start: datetime, *, now: datetime, busy: Iterable[Span]) -> bool:
        """Tell whether a meeting can begin at exactly this instant."""
        day = local_time(start, self.zone).date()
        return start.astimezone(UTC) in self.free(now=now, busy=busy, since=day, until=day)

    def last_day(self, now: datetime) -> date:
        """Give the last day of `zone` that can be booked."""
        return local_time(now, self.zone).date() + timedelta(days=self.horizon_days - 1)

    def _days(self, now: datetime, *, since: date | None, until: date | None) -> Iterator[date]:
        today, last = local_time(now, self.zone).date(), self.last_day(now)
        day = max(today, since or today)
        while day <= min(last, until or last):
            if day not in self.closed_days:
                yield day
            day += timedelta(days=1)

    def _starts(self, day: date) -> Iterator[datetime]:
        seen: datetime | None = None
        for opens, closes in self.hours.windows[day.weekday()]:
            start, end = self._instant(day, opens), self._instant(day, closes)
            while start + self.length <= end:
                if seen is None or start > seen:
                    yield start
                    seen = start
                start += self.every

    def _instant(self, day: date, minute: int) -> datetime:
        if minute == _MINUTES_OF_DAY:
            return local_instant(day + timedelta(days=1), time(), self.zone)
        return local_instant(day, time(minute // 60, minute % 60), self.zone)


def day_span(day: date, zone: str) -> Span:
    """Give a whole day where the zone is: 23, 24 or 25 hours, as the clocks have it."""
    return Span(local_instant(day, time(), zone), local_instant(day + timedelta(days=1), time(), zone))


def _hits(span: Span, taken: Sequence[Span]) -> bool:
    return any(span.overlaps(other) for other in taken)

"""From a wall clock somewhere to an instant, across daylight-saving changes.

The rules come from the pinned package `tzdata` and never from the machine's own files: the path to those is emptied
here, where zones are read, so that every process computes the same instants.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped] # data with a version; it has no types

from .errors import CalendarError

zoneinfo.reset_tzpath(to=[])


def database_version() -> str:
    """Return IANA's name of the time-zone database in use, such as "2026f"."""
    return str(tzdata.IANA_VERSION)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Return the zone of an IANA name such as "Europe/Lisbon"; raise CalendarError for any other text."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        raise CalendarError(
            f'There is no time zone {name!r}. Write an IANA name such as "Europe/Lisbon".'
        ) from None


def local_instant(day: date, at: time, zone: str) -> datetime:
    """Return the UTC instant at which the clocks of the zone show this time on this day.

    A time the clocks jump over moves forward by the gap; a time they show twice is the first.
    """
    wall = datetime.combine(day, at.replace(tzinfo=None, fold=0), tzinfo=zone_of(zone))
    try:
        return wall.astimezone(UTC)
    except OverflowError:
        raise CalendarError(f"{day.isoformat()} leaves the calendar.") from None


def local_time(instant: datetime, zone: str) -> datetime:
    """Return what the clocks of the zone show at the instant."""
    try:
        return instant.astimezone(zone_of(zone))
    except OverflowError:
        raise CalendarError(f"{instant.isoformat()} leaves the calendar.") from None


def transitions_between(start: datetime, end: datetime, zone: str) -> list[datetime]:
    """Return the UTC instants in (start, end] at which the zone's clocks jump; for spans of a few days."""
    found: list[datetime] = []
    tz = zone_of(zone)
    step = timedelta(hours=6)
    left = start.astimezone(UTC)
    last = end.astimezone(UTC)
    while left < last:
        right = min(left + step, last)
        if left.astimezone(tz).utcoffset() != right.astimezone(tz).utcoffset():
            found.append(_narrow(left, right, tz))
        left = right
    return found


def _narrow(left: datetime, right: datetime, tz: ZoneInfo) -> datetime:
    """Return the first whole second in (left, right] that has the offset of `right`."""
    before = left.astimezone(tz).utcoffset()
    low, high = 0, int((right - left).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (left + timedelta(seconds=middle)).astimezone(tz).utcoffset() == before:
            low = middle
        else:
            high = middle
    return (left + timedelta(seconds=high)).replace(microsecond=0)

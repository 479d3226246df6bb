"""The hours of the week in which a couple may be written to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from .errors import CalendarError
from .zones import local_instant, local_time, transitions_between, zone_of

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_MINUTES_OF_DAY = 24 * 60
_DAYS_AHEAD = 16
_HOW = 'Write {"mon": ["09:00", "20:00"], …}; "every" stands for the days not named, [] closes a day.'


@dataclass(frozen=True, slots=True)
class SendingHours:
    """Hold the open windows of each weekday, Monday first, in minutes since midnight on the wall clock.

    A window is open from its start up to, not including, its end.
    """

    windows: tuple[tuple[tuple[int, int], ...], ...]

    @classmethod
    def always(cls) -> SendingHours:
        """Return hours that are never closed."""
        return cls((((0, _MINUTES_OF_DAY),),) * 7)

    @classmethod
    def from_setting(cls, setting: Mapping[str, Any] | None) -> SendingHours:
        """Read {"mon": ["09:00", "20:00"], "sat": [["10:00", "12:00"], ["14:00", "18:00"]], "sun": []}.

        "every" gives the days that are not named; without it they are closed. Nothing at all is always open.
        Raises CalendarError when a window cannot be read or the whole week is closed.
        """
        if not setting:
            return cls.always()
        if not isinstance(setting, Mapping):
            raise CalendarError(f"Sending hours are not an object. {_HOW}")
        unknown = sorted(str(key) for key in setting if key not in (*WEEKDAYS, "every"))
        if unknown:
            raise CalendarError(f"Sending hours name {unknown[0]!r}, which is no day. {_HOW}")
        week = tuple(_day(setting.get(name, setting.get("every"))) for name in WEEKDAYS)
        if not any(week):
            raise CalendarError("Sending hours close the whole week, so nothing could ever go out. Open one.")
        return cls(week)

    def as_setting(self) -> dict[str, list[list[str]]]:
        """Write the hours so that `from_setting` reads them again."""
        return {
            name: [[_written(start), _written(end)] for start, end in windows]
            for name, windows in zip(WEEKDAYS, self.windows, strict=True)
        }

    def is_open(self, instant: datetime, zone: str) -> bool:
        """Tell whether the clocks of the zone stand inside a window at the instant."""
        wall = local_time(instant, zone)
        minute = wall.hour * 60 + wall.minute
        return any(start <= minute < end for start, end in self.windows[wall.weekday()])

    def next_open(self, instant: datetime, zone: str) -> datetime:
        """Return the first instant (UTC), not before the given one, at which it is open."""
        instant = instant.astimezone(UTC)
        if self.is_open(instant, zone):
            return instant
        today = local_time(instant, zone).date()
        for ahead in range(-1, _DAYS_AHEAD):
            moments = self._openings(today + timedelta(days=ahead), zone)
            later = [moment for moment in moments if moment >= instant and self.is_open(moment, zone)]
            if later:
                return min(later)
        raise CalendarError("Sending hours never open.")

    def _openings(self, day: date, zone: str) -> list[datetime]:
        """Return every instant of the day at which it may open: window starts, and the clocks' own jumps."""
        midnight = local_instant(day, time(0), zone)
        moments = transitions_between(midnight - timedelta(hours=3), midnight + timedelta(hours=30), zone)
        for start, _ in self.windows[day.weekday()]:
            wall = time(start // 60, start % 60)
            first = local_instant(day, wall, zone)
            moments.append(first)
            # Where the clocks went back, the same wall time comes a second time.
            again = datetime.combine(day, wall, tzinfo=zone_of(zone)).replace(fold=1)
            moments.append(again.astimezone(UTC))
        return [m for m in moments if local_time(m, zone).date() == day]


def _day(value: Any) -> tuple[tuple[int, int], ...]:
    """Read one day: nothing, one window, or a list of windows."""
    if value is None or value == []:
        return ()
    if not isinstance(value, list | tuple):
        raise CalendarError(f"The sending hours {value!r} are not a window. {_HOW}")
    windows = [value] if isinstance(value[0], str) else list(value)
    return tuple(sorted(_window(window) for window in windows))


def _window(value: Any) -> tuple[int, int]:
    if not isinstance(value, list | tuple) or len(value) != 2:  # noqa: PLR2004 # a start and an end
        raise CalendarError(f"The sending hours {value!r} are not a start and an end. {_HOW}")
    start, end = _minute(value[0]), _minute(value[1])
    if start >= end:
        raise CalendarError(
            f"The sending hours end at {value[1]}, not after {value[0]}. Split a window that passes midnight."
        )
    return start, end


def _minute(value: Any) -> int:
    if value == "24:00":
        return _MINUTES_OF_DAY
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise CalendarError(f'{value!r} is not a time of the day such as "09:00".')
    return int(value[:2]) * 60 + int(value[3:])


def _written(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"

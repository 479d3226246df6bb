"""Business days of a region, with its holidays."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import holidays

from .errors import CalendarError

_SATURDAY = 5


class BusinessCalendar:
    """Know the working days of a region such as "US-CA", "DE-BY" or "PT"; "" is Monday to Friday."""

    def __init__(self, region: str = "") -> None:
        """Read the region; raise CalendarError when nobody knows its holidays."""
        self.region = region.strip().upper()
        self._holidays = _holidays_of(self.region) if self.region else None

    def __repr__(self) -> str:
        """Show the region."""
        return f"BusinessCalendar({self.region!r})"

    def is_business_day(self, day: date) -> bool:
        """Tell whether people work on this day."""
        if self._holidays is None:
            return day.weekday() < _SATURDAY
        return bool(self._holidays.is_working_day(day))

    def holiday_name(self, day: date) -> str | None:
        """Return the name of the holiday on this day, None when there is none."""
        return None if self._holidays is None else self._holidays.get(day)

    def add_business_days(self, day: date, count: int) -> date:
        """Move by working days, backwards when negative; the day itself is never counted.

        The result is a working day, except for a count of 0, which moves nothing.
        """
        step = timedelta(days=1 if count > 0 else -1)
        try:
            for _ in range(abs(count)):
                day += step
                while not self.is_business_day(day):
                    day += step
        except OverflowError:
            raise CalendarError(f"{count} business days leave the calendar.") from None
        return day


@lru_cache(maxsize=512)
def _holidays_of(region: str) -> holidays.HolidayBase:
    country, _, part = region.partition("-")
    try:
        return holidays.country_holidays(country, subdiv=part or None)
    except NotImplementedError:
        raise CalendarError(
            f'The holidays of {region!r} are not known. Write a country such as "PT", '
            'or a country and its part such as "US-CA" or "DE-BY".'
        ) from None

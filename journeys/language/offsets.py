"""Calendar distances such as "-12mo", "2w", "-3bd" or "1d 2h"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from .errors import OffsetError

if TYPE_CHECKING:
    from .business import BusinessCalendar

#: Far beyond any wedding, near enough for the calendar of the machine (year 9999).
_LONGEST_DAYS = 400 * 366
_LONGEST_BUSINESS_DAYS = 10_000
_LONGEST_TEXT = 200

_TERM = re.compile(
    r"\s*(?P<sign>[+-]?)\s*(?:(?P<count>[0-9]{1,9})\s*(?P<unit>min|mo|bd|h|d|w)(?![a-z])"
    r"|\$(?P<name>[a-z][a-z0-9_]{0,63}))"
)
_HOW = 'Write a sum of terms such as "-30d", "2w", "1d 2h", "-12mo" or "-3bd" (min, h, d, w, mo, bd).'
_DAYS_OF_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class UnknownParameterError(OffsetError):
    """A setting refers to a parameter that the journey does not declare."""


def add_months(day: date, months: int) -> date:
    """Move a date by calendar months; a day that the month lacks becomes its last (31 Jan + 1 → 28 Feb)."""
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    if not date.min.year <= year <= date.max.year:
        raise OffsetError(f"{months} months from {day.isoformat()} leaves the calendar.")
    leap = month == 1 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return date(year, month + 1, min(day.day, 29 if leap else _DAYS_OF_MONTH[month]))


@dataclass(frozen=True, slots=True)
class Offset:
    """Keep a distance as it was meant: months and days of the calendar, business days, minutes of the clock.

    Months are added first, then days, then business days; minutes are elapsed time.
    """

    months: int = 0
    days: int = 0
    business_days: int = 0
    minutes: int = 0

    @classmethod
    def parse(cls, text: str, *, parameters: Mapping[str, Any] | None = None) -> Self:
        """Read a sum of terms; `$name` stands for a parameter's own sum.

        Raises OffsetError with the way to write it, UnknownParameterError for an undeclared name.
        """
        if "$" in text:
            return cls._sum(text, parameters or {}, depth=0)
        return _parse_plain(text)  # type: ignore[return-value]

    @classmethod
    def _sum(cls, text: str, parameters: Mapping[str, Any], *, depth: int) -> Self:
        total = [0, 0, 0, 0]
        term: Offset
        for sign, part in _terms(text):
            if isinstance(part, str):
                if part not in parameters:
                    raise UnknownParameterError(
                        f"There is no parameter {part!r}. Declare it under parameters or write the offset out."
                    )
                value = parameters[part]
                if not isinstance(value, str) or depth:
                    raise OffsetError(f"The parameter {part!r} is not an offset. {_HOW}")
                term = cls._sum(value, {}, depth=1)
            else:
                term = part
            for index, number in enumerate(term.parts):
                total[index] += sign * number
        return cls._bounded(total, text)

    @classmethod
    def _bounded(cls, total: list[int], text: str) -> Self:
        months, days, business_days, minutes = total
        too_long = abs(months) * 31 + abs(days) + abs(minutes) // 1440 > _LONGEST_DAYS
        if too_long or abs(business_days) > _LONGEST_BUSINESS_DAYS:
            raise OffsetError(
                f"The offset {text!r} is longer than the calendar can hold (400 years, or 10,000 business days)."
            )
        return cls(months, days, business_days, minutes)

    @property
    def parts(self) -> tuple[int, int, int, int]:
        """Return months, days, business days and minutes."""
        return (self.months, self.days, self.business_days, self.minutes)

    @property
    def total(self) -> timedelta:
        """Return the rough length (month 30.44 days, business day 1.4), for ordering and drawing only."""
        return timedelta(
            days=self.months * 30.44 + self.days + self.business_days * 1.4, minutes=self.minutes
        )

    @property
    def shortest(self) -> timedelta:
        """Return a length this offset never falls below, whatever the months and holidays are."""
        months = self.months * (28 if self.months > 0 else 31)
        business = self.business_days if self.business_days > 0 else self.business_days * 3
        return timedelta(days=months + self.days + business, minutes=self.minutes)

    @property
    def has_date_part(self) -> bool:
        """Tell whether the calendar date moves, not only the clock."""
        return bool(self.months or self.days or self.business_days)

    def __neg__(self) -> Offset:
        """Return the way back."""
        return Offset(-self.months, -self.days, -self.business_days, -self.minutes)

    def __str__(self) -> str:
        """Write it so that `parse` reads the same offset again."""
        days, minutes = self.days, self.minutes
        hours = minutes // 60 if minutes % 60 == 0 else 0
        terms = [
            (self.months, "mo"),
            (days, "d"),
            (self.business_days, "bd"),
            (hours, "h") if hours else (minutes, "min"),
        ]
        return " ".join(f"{count}{unit}" for count, unit in terms if count) or "0d"

    def add_to_date(self, day: date, *, business: BusinessCalendar) -> date:
        """Move a date by months, then days, then business days; minutes are left to the caller."""
        try:
            moved = add_months(day, self.months) + timedelta(days=self.days)
        except OverflowError:
            raise OffsetError(f"{self} from {day.isoformat()} leaves the calendar.") from None
        return business.add_business_days(moved, self.business_days) if self.business_days else moved


def _terms(text: str) -> list[tuple[int, Offset | str]]:
    """Split a sum into signed offsets and parameter names."""
    if not text.strip() or len(text) > _LONGEST_TEXT:
        raise OffsetError(f"The offset is {'empty' if not text.strip() else 'too long to read'}. {_HOW}")
    terms: list[tuple[int, Offset | str]] = []
    position = 0
    while text[position:].strip():
        found = _TERM.match(text, position)
        if found is None:
            raise OffsetError(f"{text!r} is not an offset. {_HOW}")
        sign = -1 if found["sign"] == "-" else 1
        terms.append((sign, found["name"] or _one(int(found["count"]), found["unit"])))
        position = found.end()
    return terms


def _one(count: int, unit: str) -> Offset:
    match unit:
        case "mo":
            return Offset(months=count)
        case "w":
            return Offset(days=7 * count)
        case "d":
            return Offset(days=count)
        case "bd":
            return Offset(business_days=count)
        case "h":
            return Offset(minutes=60 * count)
        case _:
            return Offset(minutes=count)


@lru_cache(maxsize=4096)
def _parse_plain(text: str) -> Offset:
    return Offset._sum(text, {}, depth=0)  # noqa: SLF001 # the same class's own reader, cached

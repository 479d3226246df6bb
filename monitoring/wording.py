"""Times, distances and counts in the words of the pages."""

from __future__ import annotations

from datetime import date, datetime, timedelta

MINUTE = 60
HOUR = 3600
DAY = 86_400
#: From here on a distance is said in days.
LONG_HOURS = 48
#: The true minus of typography.
MINUS = "−"


def span(length: timedelta) -> str:
    """Say how long something is: "40 s", "5 min", "4 h 20 min", "3 days"."""
    seconds = int(abs(length.total_seconds()))
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < LONG_HOURS * HOUR:
        hours, rest = divmod(seconds, HOUR)
        minutes = rest // MINUTE
        return f"{hours} h {minutes} min" if minutes and hours < DAY // HOUR else f"{hours} h"
    return f"{seconds // DAY} days"


def age(seconds: float) -> str:
    """Say how old the oldest waiting step is: "0.2 s", "12 s", "5 min"."""
    if seconds <= 0:
        return "–"
    if seconds < 10:  # noqa: PLR2004 below this a tenth of a second is worth saying
        return f"{seconds:.1f} s"
    return span(timedelta(seconds=seconds))


def counted(number: int, one: str, many: str) -> str:
    """Say a count with its noun: "1 couple", "1,284 couples"."""
    return f"{number:,} {one if number == 1 else many}"


def change(number: int) -> str:
    """Say a difference with its sign: "+48", "−4", "±0"."""
    if number == 0:
        return "±0"
    return f"+{number:,}" if number > 0 else f"{MINUS}{abs(number):,}"


def distance(day: date, *, wedding: date) -> str:
    """Say where a day stands to the wedding: "14 days before", "the day itself", "day after"."""
    days = (day - wedding).days
    match days:
        case 0:
            return "the day itself"
        case 1:
            return "day after"
        case -1:
            return "1 day before"
        case _ if days > 0:
            return f"{days} days after"
        case _:
            return f"{-days} days before"


def until(moment: datetime, *, now: datetime) -> str:
    """Say when something near is: "in 4 h 20 min", "5 min ago"."""
    gap = moment - now
    return f"in {span(gap)}" if gap >= timedelta() else f"{span(gap)} ago"

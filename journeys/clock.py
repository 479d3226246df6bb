"""The one place where the time is read.

Everything else takes `now` as an argument. The time is PostgreSQL's, so that workers on hosts with
different clocks agree, plus an offset that only a system with CLOCK_MOVABLE may have (demo, tests).
Leases use PostgreSQL's own clock without the offset: moving the demo's time must not expire them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from journeys import partitions
from journeys.models import ClockShift


def now() -> datetime:
    """Read the engine's time: aware, in UTC, microseconds."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {as_sql()}")
        (value,) = cursor.fetchone()
    return value.astimezone(UTC)  # type: ignore[no-any-return]


def as_sql() -> str:
    """Give the engine's time as an expression, for an edge whose statement may as well read it on the way."""
    if not settings.CLOCK_MOVABLE:
        return "clock_timestamp()"
    return "clock_timestamp() + COALESCE((SELECT shift FROM journeys_clockshift WHERE id = 1), interval '0')"


class ClockFixed(Exception):
    """This system's clock can not be moved: CLOCK_MOVABLE is off, as it should be in production."""

    def __str__(self) -> str:
        return self.__doc__ or ""


def advance(*, by: timedelta) -> datetime:
    """Move the engine's time forward by `by` and return the new time; a second call moves it further.

    The partitions of history that the new time needs are made along with it.

    Raises:
        ClockFixed: CLOCK_MOVABLE is off.
        ValueError: `by` is negative; time that was promised can not be taken back.
    """
    if not settings.CLOCK_MOVABLE:
        raise ClockFixed
    if by < timedelta():
        message = "The clock only moves forward: give a positive duration such as 30d."
        raise ValueError(message)
    with transaction.atomic():
        shift, _ = ClockShift.objects.select_for_update().get_or_create(id=1, defaults={"shift": timedelta()})
        shift.shift += by
        shift.save(update_fields=["shift"])
    moved = now()
    partitions.ensure(now=moved)
    return moved

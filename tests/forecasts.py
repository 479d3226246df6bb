"""What really happens in the days that a forecast speaks of."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, time, timedelta

from engine.models import Instance, NodeExecution, Schedule
from engine.services import date_search, dates
from journeys.language.zones import local_instant, local_time
from journeys.models import Journey
from monitoring.forecast import Forecast
from tests.builders import JourneyBuilder, a_couple, a_journey
from tests.drive import enter, run_until_idle

LISBON = "Europe/Lisbon"
#: What a forecast counts: what was done, passed over, or asked for.
COUNTED = ("succeeded", "skipped", "held")


def moved_through(
    now: datetime, days: int, *, zone: str = LISBON, may_rest: bool = False
) -> dict[date, dict[str, int]]:
    """Let the engine work at every moment at which something is due; give the steps of each day by queue."""
    until = local_instant(local_time(now, zone).date() + timedelta(days=days), time(), zone)
    dates.follow_dates(now=now)
    at: datetime | None = now
    while at is not None and at < until:
        dates.follow_dates(now=at)
        run_until_idle(at)
        at = next_moment(at, until=until)
    happened: dict[date, Counter[str]] = {}
    rows = NodeExecution.objects.filter(at__gte=now, at__lt=until, status__in=COUNTED)
    for moment, queue in rows.values_list("at", "queue"):
        happened.setdefault(local_time(moment, zone).date(), Counter())[queue] += 1
    if not happened and not may_rest:
        message = "Nothing has happened, so nothing was compared."
        raise AssertionError(message)
    return {day: dict(queues) for day, queues in happened.items()}


def next_moment(at: datetime, *, until: datetime) -> datetime | None:
    """Give the next moment at which a step is due or a journey begins."""
    places = Schedule.objects.filter(state=Schedule.State.WAITING, due_at__gt=at, instance__status="active")
    due = list(places.order_by("due_at").values_list("due_at", flat=True)[:1])
    begins = [
        moment for *_, moment in date_search.moments(dates.all_started(since=at), until=until) if moment > at
    ]
    return min([*due, *begins], default=None)


def forecasted(found: Forecast) -> dict[date, dict[str, float]]:
    return {
        day.date: {queue: round(steps, 3) for queue, steps in day.queues.items() if steps}
        for day in found.days
        if day.total
    }


def waiting(days: int = 3) -> JourneyBuilder:
    """Write a journey that waits so long, and ends."""
    return a_journey().wait("rest", for_=f"{days}d")


def inside(journey: Journey, number: int, *, now: datetime, ahead: int = 200) -> list[Instance]:
    """Let so many couples enter and go as far as they can."""
    found = [
        enter(journey, a_couple(journey.vendor, now=now, wedding_in=timedelta(days=ahead)), now=now)
        for _ in range(number)
    ]
    run_until_idle(now)
    return found


def totals(found: Forecast) -> dict[date, float]:
    """Give the steps of the days that have any."""
    return {day.date: round(day.total, 3) for day in found.days if day.total}

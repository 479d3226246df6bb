"""How late the last of many steps begins that are all due at the same moment."""

from __future__ import annotations

from collections.abc import Iterator

from bench import definitions, drains, people
from bench.figures import Figure, Goal, percentile
from bench.run import Run
from bench.yardsticks import TIMERS, celery_timers
from journeys import clock


def measure(run: Run) -> Iterator[Figure]:
    """Let every couple's first step be due at once, against Celery's own timers (`eta`)."""
    number = run.number(TIMERS, least=50)
    # First: it needs the machine for itself, and the engine goes on for other questions.
    celery = celery_timers(run)
    now = clock.now()
    vendor = people.make_vendor(now=now)
    couples = people.make_couples(vendor, number, now=now)
    journey = people.publish(definitions.FIRST_STEP, vendor, now=now)
    engine = drains.shared(run)
    drains.drain(journey, couples[:50], running_in=engine, steps_each=1)
    late = drains.drain(journey, couples, running_in=engine, steps_each=1).lateness
    for share, goal in ((0.5, None), (0.99, Goal("value", "at most", 1500))):
        yield Figure(
            name=f"1,000 timers due at once, p{share * 100:.0f}",
            value=percentile(late, share) * 1000,
            unit="ms late",
            yardstick_name="Celery's eta",
            yardstick_value=percentile(celery, share) * 1000,
            goal=goal,
            not_judged=run.whole(number, TIMERS) if goal else "",
            detail={"timers": number},
        )

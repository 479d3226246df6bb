"""Whether a worker process grows with what it has done."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench import definitions, drains, people
from bench.figures import Figure, Goal
from bench.run import Run, Skipped
from journeys import clock

BEFORE, AFTER = drains.SETTLED_AFTER, 100_000
#: Longest time spent on it; with fewer steps by then the goal is not judged.
LIMIT_SECONDS = 75.0


def measure(run: Run) -> Iterator[Figure]:
    """Have the processes carry out the real steps again and again, and read the memory of the one that grew most."""
    engine = drains.shared(run)
    settled, count = engine.settled, len(engine.step_workers)
    if not settled:
        message = "No worker carries out instant steps alone: STEP_WORKERS says how many do."
        raise Skipped(message)
    now = clock.now()
    vendor = people.make_vendor(now=now)
    couples = people.make_couples(vendor, run.number(2_000, least=60), now=now)
    journey = people.publish(definitions.REAL, vendor, now=now)
    wanted, until = run.number(AFTER, least=600), time.monotonic() + run.seconds(LIMIT_SECONDS, least=10)
    while engine.steps < wanted * count and time.monotonic() < until:
        drains.drain(journey, couples, running_in=engine)
    grown = engine.memory()
    worst = max(grown, key=lambda name: grown[name] / settled[name])
    each = engine.steps // count
    yield Figure(
        name="memory of a worker process after 100,000 steps",
        value=grown[worst],
        unit="MB",
        yardstick_name=f"after {BEFORE:,}",
        yardstick_value=settled[worst],
        goal=Goal("ratio", "at most", 1.1),
        not_judged=run.whole(each, AFTER),
        # As the processes share what is due; what they did under the floods comes on top.
        detail={"steps": each, "processes": count, "worker": worst},
    )

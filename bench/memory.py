"""Whether a worker process grows with what it has done."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil

from bench import definitions, drains, people
from bench.figures import Figure, Goal
from bench.meters import memory_of
from bench.run import Run
from journeys import clock

BEFORE, AFTER = 2_000, 100_000
#: Longest time spent on it; with fewer steps by then the goal is not judged.
LIMIT_SECONDS = 75.0


def measure(run: Run) -> Iterator[Figure]:
    """Have one process carry out the real steps again and again, and read its memory on the way."""
    now = clock.now()
    vendor = people.make_vendor(now=now)
    couples = people.make_couples(vendor, run.number(1_000, least=60), now=now)
    journey = people.publish(definitions.REAL, vendor, now=now)
    first, last = run.number(BEFORE, least=200), run.number(AFTER, least=600)
    with drains.engine(run, alone=True) as engine:
        (child,) = psutil.Process(engine.pids["worker-all"]).children()
        done, until = 0, time.monotonic() + run.seconds(LIMIT_SECONDS, least=10)
        while done < first:
            done += drains.drain(journey, couples[:200], running_in=engine).steps
        settled_at, settled = done, memory_of(child.pid)
        while done < last and time.monotonic() < until:
            done += drains.drain(journey, couples, running_in=engine).steps
        grown = memory_of(child.pid)
    yield Figure(
        name="memory of a worker process after 100,000 steps",
        value=grown,
        unit="MB",
        yardstick_name=f"after {BEFORE:,}",
        yardstick_value=settled,
        goal=Goal("ratio", "at most", 1.1),
        not_judged=run.whole(done, AFTER),
        detail={"steps": done, "steps_before": settled_at},
    )

"""Far more steps that are due than can be carried out meanwhile, all of them for weddings that are far away."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from bench import definitions, drains, people
from bench.filling import NEW_ID, multiply, settle
from bench.placing import place
from bench.probes import couples_of, first_step
from bench.run import Run
from bench.workers import wait_until
from engine.models import Instance, NodeExecution, Schedule
from journeys import clock
from journeys.models import Journey, Vendor


@dataclass(slots=True)
class Flood:
    """A flood that is being carried out."""

    vendor: Vendor
    #: The journey of the probes that are sent through it.
    probes: Journey
    #: The journey that the flood is in.
    journey: Journey
    #: How many were due at first.
    size: int
    remaining: int = 0

    def left(self) -> int:
        """Give how many of its first steps were still to be done at the end."""
        return self.remaining


def fill(journey: Journey, like: int, number: int, *, due: str) -> None:
    """Add so many active instances like one, side by side for the same couple, each with a place that is due then.

    `due` is an SQL expression, in which `n.n` is a number that differs for each. All become visible at once.
    """
    before = Instance.objects.order_by("-id").values_list("id", flat=True)[0]
    place = Schedule.objects.get(instance_id=like)
    multiply(
        "engine_instance",
        like=like,
        rows=number,
        public_id=f"'ins_' || {NEW_ID}",
        exclusive="false",
        status="'active'",
    )
    added = f"SELECT id, id AS n FROM engine_instance WHERE journey_id = {journey.id} AND id > {before}"  # noqa: S608 numbers
    multiply("engine_schedule", like=place.id, rows=added, instance_id="n.id", due_at=due)
    settle("engine_instance", "engine_schedule")


@contextlib.contextmanager
def flooded(run: Run, size: int) -> Iterator[Flood]:
    """Have so many low-priority steps due; the block is entered when the engine is at work on them."""
    now = clock.now()
    vendor = people.make_vendor(now=now)
    flood = Flood(vendor, first_step(vendor), people.publish(definitions.EMPTY, vendor, now=now), size)
    couple = people.make_couple(vendor, now=now)
    warm = couples_of(vendor, 10)
    engine = drains.shared(run)
    drains.drain(flood.probes, warm, running_in=engine)
    # The first is there to be copied, and comes long after the bench.
    (like,) = place(flood.journey, [couple], due=[clock.now() + people.FAR])
    fill(flood.journey, like, size, due="clock_timestamp()")
    wait_until(
        lambda: NodeExecution.objects.filter(instance__journey=flood.journey).exists(),
        seconds=60,
        what="the flood had begun",
    )
    yield flood
    # But for the one that was copied.
    left = Schedule.objects.filter(instance__journey=flood.journey, node_id="start").exclude(instance_id=like)
    flood.remaining = left.count()
    drains.calm()

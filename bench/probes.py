"""Single steps that become due one after the other, to see how soon each is begun."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bench import definitions, drains, people
from bench.figures import percentile
from bench.workers import wait_until
from engine.models import NodeExecution
from journeys import clock
from journeys.models import Client, Journey, Vendor

#: Mean time between two of them, in seconds.
APART = 0.1
#: Every run becomes due at the same moments.
SEED = 20_260


@dataclass(frozen=True, slots=True)
class Probed:
    """How late each was begun, in milliseconds."""

    late: tuple[float, ...]

    def at(self, share: float) -> float:
        """Give a percentile."""
        return percentile(self.late, share)


def couples_of(vendor: Vendor, number: int, *, ahead: timedelta = people.NEAR) -> list[Client]:
    """Add couples whose steps go through the queue of weddings so far ahead; by default the most urgent one."""
    return people.make_couples(vendor, number, now=clock.now(), ahead=ahead)


def probe(journey: Journey, couples: Sequence[Client]) -> Probed:
    """Let a first step of each couple become due, about ten a second, at moments that no tick knows."""
    chance = random.Random(SEED)  # noqa: S311 moments, no secrets
    begin = clock.now() + timedelta(seconds=1.5)
    moments = [
        begin + timedelta(seconds=APART * (number + chance.random())) for number in range(len(couples))
    ]
    ids = drains.place(journey, couples, due=moments)
    wait_until(
        lambda: NodeExecution.objects.filter(instance_id__in=ids, node_id="start").count() >= len(ids),
        seconds=len(couples) * APART + 60,
        what="the probes were done",
    )
    late = drains.lateness(journey, node_ids=["start"])
    drains.clear(journey)
    return Probed(tuple(one * 1000 for one in late))


def first_step(vendor: Vendor) -> Journey:
    """Publish the journey of the probes: one step, then a wait."""
    return people.publish(definitions.FIRST_STEP, vendor, now=clock.now())

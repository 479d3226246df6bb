"""Single steps that become due one after the other, to see how soon each is begun."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bench import definitions, drains, people
from bench.figures import percentile
from bench.placing import clear, place
from bench.run import Run
from bench.spending import MEASURING, spending
from bench.workers import wait_until
from engine.models import NodeExecution
from journeys import clock
from journeys.models import Client, Journey, Vendor

#: How many for a question.
PROBES, QUICK_PROBES = 200, 80
#: Mean time between two of them, in seconds.
APART, QUICK_APART = 0.1, 0.06
#: Time from placing them until the first is due, in seconds.
LEAD = 0.7
#: Every run becomes due at the same moments.
SEED = 20_260


@dataclass(frozen=True, slots=True)
class Probed:
    """How late each was begun, in milliseconds."""

    late: tuple[float, ...]
    #: Mean time between two, in seconds.
    apart: float

    def at(self, share: float) -> float:
        """Give a percentile."""
        return percentile(self.late, share)


def couples_of(vendor: Vendor, number: int, *, ahead: timedelta = people.NEAR) -> list[Client]:
    """Add couples whose steps go through the queue of weddings so far ahead; by default the most urgent one."""
    return people.make_couples(vendor, number, now=clock.now(), ahead=ahead)


def probe(run: Run, journey: Journey, couples: Sequence[Client]) -> Probed:
    """Let a first step of each couple become due, some ten a second, at moments that no tick knows."""
    apart = QUICK_APART if run.quick else APART
    chance = random.Random(SEED)  # noqa: S311 moments, no secrets
    begin = clock.now() + timedelta(seconds=LEAD)
    moments = [
        begin + timedelta(seconds=apart * (number + chance.random())) for number in range(len(couples))
    ]
    ids = place(journey, couples, due=moments)
    with spending.on(MEASURING):
        time.sleep(max(0.0, (moments[-1] - clock.now()).total_seconds()))
        wait_until(
            lambda: NodeExecution.objects.filter(instance_id__in=ids, node_id="start").count() >= len(ids),
            seconds=60,
            what="the probes were done",
        )
    late = drains.lateness(journey, node_ids=["start"])
    clear(journey)
    return Probed(tuple(one * 1000 for one in late), apart)


def first_step(vendor: Vendor) -> Journey:
    """Publish the journey of the probes: one step, then a wait."""
    return people.publish(definitions.FIRST_STEP, vendor, now=clock.now())

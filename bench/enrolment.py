"""How fast many clients are entered into one journey."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench import definitions, people
from bench.figures import Figure, Goal
from bench.run import Run
from engine.services.instances import instance_start
from journeys import clock

CLIENTS = 100_000


def measure(run: Run) -> Iterator[Figure]:
    """Enter clients as a request would, one after the other: there is no way yet that enters many by the statement."""
    now = clock.now()
    vendor = people.make_vendor(now=now)
    wanted = run.number(CLIENTS, least=50)
    # More than are entered in the time would only be made for nothing.
    couples = people.make_couples(vendor, min(wanted, 20_000), now=now)
    journey = people.publish(definitions.FIRST_STEP, vendor, now=now)
    limit, entered = run.seconds(15), 0
    begun = time.monotonic()
    for couple in couples:
        instance_start(
            vendor=vendor, journey=journey, client=couple, variables={}, now=clock.now(), actor=people.ACTOR
        )
        entered += 1
        if time.monotonic() - begun > limit:
            break
    spent = time.monotonic() - begun
    yield Figure(
        name="enrolment of many clients in one journey",
        value=entered / spent,
        unit="clients/s",
        goal=Goal("value", "at least", 10_000),
        detail={
            "entered": entered,
            "of": wanted,
            "seconds": round(spent, 2),
            "way": "instance_start for each",
        },
    )

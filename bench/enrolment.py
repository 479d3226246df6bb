"""How fast many clients are entered into one journey."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench import definitions, people
from bench.figures import Figure, Goal
from bench.filling import settle
from bench.run import Run
from bench.spending import MEASURING, spending
from engine.models import Instance
from engine.services.enrolling import carrying_out, requests
from engine.services.instances import instance_start
from journeys import clock
from journeys.models import Client, Journey, Vendor
from journeys.scoping import owned_by

CLIENTS = 100_000
#: Clients of the yardstick: one by one it takes minutes for all.
ONE_BY_ONE = 1_000


def measure(run: Run) -> Iterator[Figure]:
    """Enter all clients of a vendor by one request, every chunk committed; then some as a request for each would."""
    now = clock.now()
    vendor = people.make_vendor(now=now)
    wanted = run.number(CLIENTS, least=50)
    first = people.make_couple(vendor, now=now)
    people.copy_couples(first, wanted - 1)
    couples = list(owned_by(vendor, Client).order_by("id")[: run.number(ONE_BY_ONE, least=20)])
    settle("journeys_client", "journeys_wedding")
    together = people.publish(definitions.FIRST_STEP, vendor, now=now)
    alone = people.publish(definitions.FIRST_STEP, vendor, now=now)
    single = _one_by_one(alone, couples)
    seconds, entered = _together(vendor, together)
    if entered != wanted:
        message = f"{entered} of {wanted} clients entered."
        raise RuntimeError(message)
    yield Figure(
        name="enrolment of many clients in one journey",
        value=entered / seconds,
        unit="clients/s",
        yardstick_name="one by one",
        yardstick_value=single,
        goal=Goal("value", "at least", 10_000),
        not_judged=run.whole(wanted, CLIENTS),
        detail={"entered": entered, "seconds": round(seconds, 2), "chunk": carrying_out.CHUNK},
    )


@spending.on(MEASURING)
def _together(vendor: Vendor, journey: Journey) -> tuple[float, int]:
    begun = time.monotonic()
    enrollment = requests.enrollment_begin(
        vendor=vendor,
        journey=journey,
        who=requests.Who(everybody=True),
        variables={},
        now=clock.now(),
        actor=people.ACTOR,
    )
    carrying_out.carry_on(enrollment=enrollment, now=clock.now())
    spent = time.monotonic() - begun
    return spent, Instance.objects.filter(journey=journey).count()


@spending.on(MEASURING)
def _one_by_one(journey: Journey, couples: list[Client]) -> float:
    begun = time.monotonic()
    for couple in couples:
        instance_start(
            vendor=journey.vendor,
            journey=journey,
            client=couple,
            variables={},
            now=clock.now(),
            actor=people.ACTOR,
        )
    return len(couples) / (time.monotonic() - begun)

"""What it costs to take in an event where very many journeys wait for one of its type."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from django.db import transaction

from bench import definitions, people
from bench.definitions import edge, node
from bench.figures import Figure, Goal, percentile
from bench.filling import settle
from bench.meters import Meter, NotHere, meter
from bench.run import Run
from bench.spending import MEASURING, spending
from engine.services.triggering import event_receive
from journeys import clock
from journeys.models import Client, Vendor

VENDORS, JOURNEYS = 1_000, 50
#: Vendors whose events are measured, and events of each after its first.
SAMPLE, EVENTS = 20, 10


def measure(run: Run) -> Iterator[Figure]:
    """Receive events for which all of a vendor's journeys are asked, and one of them starts."""
    vendors = run.number(VENDORS, least=5)
    now = clock.now()
    vendor = people.make_vendor(now=now)
    # 49 whose filter does not hold for this couple, and one without that takes this kind of payment only.
    filtered = people.publish(
        "filtered", vendor, now=now, definition=_journey(where="client.status == 'lead'")
    )
    started = people.publish("started", vendor, now=now, definition=_journey(kind="deposit"))
    people.copy_vendors(vendor, vendors - 1)
    others = f"SELECT id AS vendor_id, id AS n FROM journeys_vendor WHERE id <> {vendor.id}"  # noqa: S608 a number of ours
    people.copy_journeys(
        filtered,
        f"SELECT v.vendor_id, v.n FROM ({others}) AS v CROSS JOIN generate_series(1, {JOURNEYS - 1})",  # noqa: S608 the same
    )
    people.copy_journeys(started, others)
    couple = people.make_couple(vendor, now=now)
    people.copy_couples(
        couple,
        f"SELECT v.vendor_id, v.n FROM ({others}) AS v CROSS JOIN generate_series(1, {EVENTS + 1})",  # noqa: S608 the same
        vendor_id="n.vendor_id",
    )
    settle("journeys_journey", "journeys_version", "journeys_client", "journeys_wedding")
    server = _server(run)
    before, own = server.read() if server else None, time.process_time()
    first, later, committed = _events(vendor, number=min(SAMPLE, vendors - 1))
    own = time.process_time() - own
    spent = server.read().since(before) if server and before else {}
    detail = {"vendors": vendors, "journeys_each": JOURNEYS, "events": len(later)}
    yield Figure(
        name="event to matched journeys, p50",
        value=percentile(later, 0.5),
        unit="ms",
        goal=Goal("value", "at most", 20),
        not_judged=run.whole(vendors, VENDORS),
        detail=detail,
    )
    yield Figure(
        name="event to matched journeys, p99", value=percentile(later, 0.99), unit="ms", detail=detail
    )
    # Behind the commit, steps that wait for the event are woken, and what is due is rung for.
    yield Figure(
        name="event to matched journeys, until they are committed, p50",
        value=percentile(committed, 0.5),
        unit="ms",
        detail=detail,
    )
    number = len(first) + len(later)
    database = spent.get("database", 0.0)
    yield Figure(
        name="event to matched journeys, processor time",
        value=(own + database) * 1000 / number,
        unit="ms",
        detail={
            "process_ms": own * 1000 / number,
            "database_ms": database * 1000 / number if spent else None,
            "events": number,
        },
    )
    yield Figure(
        name="event to matched journeys, a vendor's first in a process, p50",
        value=percentile(first, 0.5),
        unit="ms",
        detail={"vendors": vendors, "journeys_each": JOURNEYS, "events": len(first)},
    )


def _server(run: Run) -> Meter | None:
    """Find the servers' processes; None where they are on another machine."""
    with contextlib.suppress(NotHere):
        return meter(database=run.database, broker=run.broker)
    return None


@spending.on(MEASURING)
def _events(original: Vendor, *, number: int) -> tuple[list[float], list[float], list[float]]:
    """Give the milliseconds of each vendor's first event, of those after it, and of these until they are committed."""
    first: list[float] = []
    later: list[float] = []
    committed: list[float] = []
    for vendor in Vendor.objects.exclude(id=original.id).order_by("id")[:number]:
        for place, couple in enumerate(Client.objects.filter(vendor_id=vendor.id).order_by("id")):
            commits: list[float] = []
            begun = time.perf_counter()
            with transaction.atomic():
                transaction.on_commit(lambda at=commits: at.append(time.perf_counter()))  # type: ignore[misc]
                event = event_receive(
                    vendor=vendor,
                    type="payment_received",
                    event_id=f"bench-{couple.public_id}",
                    client=couple,
                    topic="deposit",
                    payload={"amount": 600, "currency": "EUR"},
                    now=clock.now(),
                    actor=people.ACTOR,
                )
            (later if place else first).append((time.perf_counter() - begun) * 1000)
            if place:
                committed.append((commits[0] - begun) * 1000)
            outcomes = [one["outcome"] for one in event.outcomes]
            if (len(outcomes), outcomes.count("started")) != (JOURNEYS, 1):
                message = f"An event asked {len(outcomes)} journeys and started {outcomes.count('started')}."
                raise RuntimeError(message)
    return first, later, committed


def _journey(*, kind: str = "", where: str = "") -> dict[str, Any]:
    rest = node("rest", "wait", when={"kind": "duration", "for": "30d"})
    trigger = {"type": "payment_received", "settings": {"kind": kind} if kind else {}}
    return definitions.definition(
        [rest, node("end", "end")], [edge("rest", "next", "end")], trigger=trigger, where=where
    )

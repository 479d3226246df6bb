"""What the engine is given to do, and how long it took."""

from __future__ import annotations

import itertools
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from bench.workers import wait_until
from engine.graphs import graph_of
from engine.models import Heartbeat, Instance, NodeExecution, Schedule
from engine.services.instances import wedding_start
from journeys import clock
from journeys.models import Client, Journey, Vendor, Wedding
from journeys.selectors import main_wedding
from journeys.services import journeys, vendors
from journeys.services.clients import client_add
from journeys.services.weddings import StakeholderData, WeddingData

ACTOR = "bench"
#: Time from putting the instances in place until they are due.
LEAD = timedelta(seconds=2)
LIMIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the engine. Times in seconds, lateness in milliseconds."""

    name: str
    instances: int
    steps: int
    seconds: float
    steps_per_second: float
    lateness_p50_ms: float
    lateness_p99_ms: float
    lateness_max_ms: float
    messages: int

    def as_json(self) -> dict[str, Any]:
        """Give it for a file."""
        return asdict(self)


def _definition(*steps: dict[str, Any]) -> dict[str, Any]:
    start = {"id": "start", "type": "start", "name": "Start", "settings": {"trigger": {"type": "manual"}}}
    nodes = [start, *steps]
    edges = [
        {"from": before["id"], "port": "yes" if before["type"] == "condition" else "next", "to": after["id"]}
        for before, after in itertools.pairwise(nodes)
    ]
    edges += [
        {"from": one["id"], "port": "no", "to": nodes[-1]["id"]}
        for one in nodes
        if one["type"] == "condition"
    ]
    return {"schema_version": 1, "parameters": {}, "variables": {}, "nodes": nodes, "edges": edges}


def _node(id_: str, kind: str, **settings: Any) -> dict[str, Any]:
    return {"id": id_, "type": kind, "name": id_, "settings": settings}


REST = _node("rest", "wait", when={"kind": "duration", "for": "30d"})
END = _node("end", "end")
#: Name → what the journey consists of. The first is the one of the mission: everybody takes the first step at once.
JOURNEYS: dict[str, dict[str, Any]] = {
    "first step": _definition(REST, END),
    "six instant steps": _definition(
        _node("booked", "condition", **{"if": "client.status == 'booked'"}),
        _node("mark", "action", do=[{"kind": "add_tag", "tag": "seen"}]),
        _node("tagged", "condition", **{"if": "'seen' in client.tags"}),
        _node("large", "condition", **{"if": "wedding.guest_count > 10"}),
        END,
    ),
    "two messages": _definition(
        _node(
            "welcome", "email", to=["partner_1"], subject="Welcome", body="Dear {{ recipient.first_name }}"
        ),
        _node(
            "guide", "email", to=["partner_1"], subject="Your guide", body="Dear {{ recipient.first_name }}"
        ),
        END,
    ),
}


def make_couples(number: int, *, now: datetime) -> tuple[Vendor, list[Client]]:
    """Add a vendor and so many couples who marry in 200 days."""
    vendor = vendors.vendor_add(
        name="Luz & Linho",
        kind="photographer",
        region="PT",
        time_zone="Europe/Lisbon",
        email="ola@luz.example.com",
        now=now,
        actor=ACTOR,
    )
    day = (now + timedelta(days=200)).date()
    couples = [
        client_add(
            vendor=vendor,
            status="booked",
            wedding=WeddingData(date=day, time_zone="Europe/Lisbon", guest_count=80),
            stakeholders=[
                StakeholderData(role="partner_1", first_name="Ana", email=f"ana{index}@example.com"),
                StakeholderData(role="partner_2", first_name="Tom", email=f"tom{index}@example.com"),
            ],
            now=now,
            actor=ACTOR,
        )
        for index in range(number)
    ]
    return vendor, couples


def publish(name: str, vendor: Vendor, *, now: datetime) -> Journey:
    """Publish one of JOURNEYS."""
    journey = journeys.journey_create(
        vendor=vendor, name=name, definition=JOURNEYS[name], now=now, actor=ACTOR
    )
    journeys.journey_publish(journey=journey, now=now, actor=ACTOR)
    journey.refresh_from_db()
    return journey


def wait_for_workers(wanted: int) -> None:
    """Wait until so many workers and the beat have shown life."""
    wait_until(lambda: Heartbeat.objects.count() > wanted, seconds=90, what="workers and beat were up")


def measure(name: str, journey: Journey, couples: list[Client], *, steps_each: int) -> Measured:
    """Put every couple at the start, due at the same moment, and wait until all have come to rest."""
    due = clock.now() + LEAD
    _place(journey, couples, due=due)
    begun = time.monotonic() + (due - clock.now()).total_seconds()
    expected = steps_each * len(couples)

    def rested() -> bool:
        with connection.cursor() as cursor:
            # All the work in hand stands in this one small table.
            cursor.execute("SELECT NOT EXISTS (SELECT 1 FROM engine_schedule WHERE node_id <> 'rest')")
            return bool(cursor.fetchone()[0])

    ended = wait_until(rested, seconds=LIMIT_SECONDS, what=f"{name!r} was done")
    done = NodeExecution.objects.filter(instance__journey=journey, status__in=NodeExecution.COMPLETED).count()
    if done != expected:
        message = f"{name}: {done} steps were completed where {expected} were expected."
        raise SystemExit(message)
    late = _lateness(journey)
    Schedule.objects.filter(instance__journey=journey).delete()
    Instance.objects.filter(journey=journey).update(status=Instance.Status.CANCELLED)
    seconds = ended - begun
    return Measured(
        name=name,
        instances=len(couples),
        steps=done,
        seconds=round(seconds, 3),
        steps_per_second=round(done / seconds, 1),
        lateness_p50_ms=late[0],
        lateness_p99_ms=late[1],
        lateness_max_ms=late[2],
        messages=NodeExecution.objects.filter(instance__journey=journey, node_type="email").count(),
    )


def _place(journey: Journey, couples: list[Client], *, due: datetime) -> None:
    version = journey.current_version
    if version is None:
        message = "The journey is not published."
        raise ValueError(message)
    weddings: dict[int, Wedding | None] = {couple.id: main_wedding(couple) for couple in couples}
    instances = Instance.objects.bulk_create(
        Instance(
            vendor=journey.vendor,
            journey=journey,
            version=version,
            client=couple,
            wedding=weddings[couple.id],
            variables={},
            started_at=due,
        )
        for couple in couples
    )
    first = graph_of(version.id).start.id
    Schedule.objects.bulk_create(
        Schedule(
            vendor=journey.vendor,
            instance=instance,
            node_id=first,
            due_at=due,
            wedding_at=wedding_start(instance.wedding),
            placed_at=due,
        )
        for instance in instances
    )


def _lateness(journey: Journey) -> tuple[float, float, float]:
    """Give p50, p99 and the most, of claim − due in milliseconds, over all steps."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY late), percentile_disc(0.99) WITHIN GROUP (ORDER BY late),
                   max(late)
               FROM (SELECT GREATEST(extract(epoch FROM e.started_at - e.ready_at) * 1000, 0) AS late
                     FROM engine_nodeexecution e JOIN engine_instance i ON i.id = e.instance_id
                     WHERE i.journey_id = %s) AS measured""",
            [journey.id],
        )
        p50, p99, most = cursor.fetchone()
        return round(float(p50), 1), round(float(p99), 1), round(float(most), 1)

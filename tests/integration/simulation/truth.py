"""Run for real what was simulated, along the same clock, and write both down the same way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from channels.links import UNSUBSCRIBE_MARK, unsubscribe_url
from channels.models import Message
from engine.models import Approval, Instance, NodeExecution, TriggerEvent
from engine.services import simulating, waking
from engine.services.approvals import approval_approve
from engine.services.instances import instance_start
from engine.services.triggering import event_receive
from engine.simulation.calendar import Outlook, Way
from engine.simulation.given import Assumptions, aware
from journeys.models import Client, Journey
from tests.builders import ACTOR
from tests.drive import run_until_idle

#: (when, step, branch, visit, how it ended, port, why)
Row = tuple[str, str, str, int, str, str, str]
#: (when, step, role, subject, text, withheld)
Letter = tuple[str, str, str, str, str]


def simulated(
    journey: Journey, client: Client, assumptions: Assumptions, *, now: datetime, **more
) -> Outlook:
    subject = simulating.subject_of(journey=journey)
    (outlook,) = simulating.simulate(
        subject=subject, assumptions=assumptions, clients=[client], now=now, **more
    )
    return outlook


def run_for_real(
    journey: Journey,
    client: Client,
    assumptions: Assumptions,
    *,
    moments: Sequence[datetime],
    now: datetime,
    start: bool = True,
) -> Instance:
    """Start the journey and turn the engine at each moment; what is assumed to be heard is heard."""
    vendor = journey.vendor
    waking.process(now=now)
    if start:
        instance = instance_start(
            vendor=vendor, journey=journey, client=client, variables={}, now=now, actor=ACTOR
        )
    else:
        instance = Instance.objects.get(journey=journey, client=client)
    events = sorted(
        (aware(event.at, vendor.time_zone), number, event)
        for number, event in enumerate(assumptions.events)
        if event.at is not None
    )
    for moment in sorted({now, *moments, *(at for at, _, _ in events)}):
        for at, number, event in events:
            if at == moment:
                event_receive(
                    vendor=vendor,
                    type=event.type,
                    event_id=f"assumed-{instance.public_id}-{number}",
                    client=client,
                    topic=event.topic,
                    payload=event.payload,
                    now=moment,
                    actor=ACTOR,
                )
        run_until_idle(moment)
        approve_all(instance, moment)
    last = max([now, *moments])
    run_until_idle(last + timedelta(seconds=1))
    instance.refresh_from_db()
    return instance


def approve_all(instance: Instance, now: datetime) -> None:
    """Say yes to whatever asks for it, as a simulation takes it to be."""
    while found := list(Approval.objects.filter(instance=instance, status=Approval.Status.PENDING)):
        for approval in found:
            approval_approve(approval=approval, now=now, actor=ACTOR)
        run_until_idle(now)


def moments_of(way: Way) -> list[datetime]:
    """Name every moment at which something happens, the times of being put off included."""
    found = {one.at for one in way.happenings}
    found |= {held.at for one in way.happenings for held in one.held}
    return sorted(found)


def rows_of(way: Way) -> list[Row]:
    rows: list[Row] = []
    for one in way.happenings:
        rows += [
            (held.at.isoformat(), one.node_id, one.branch, one.visit, "held", "", held.reason)
            for held in one.held
        ]
        rows.append(
            (one.at.isoformat(), one.node_id, one.branch, one.visit, one.status, one.port, one.reason)
        )
    return sorted(rows)


def history(instance: Instance) -> list[Row]:
    return sorted(
        (row.at.isoformat(), row.node_id, row.branch, row.visit, row.status, row.port, row.reason)
        for row in NodeExecution.objects.filter(instance=instance)
        if not row.reason.startswith("Waits for your yes")
    )


def letters_of(way: Way) -> list[Letter]:
    return sorted(
        (one.node_id, copy.role, copy.subject, copy.text, copy.withheld)
        for one in way.happenings
        for copy in one.copies
    )


def mail_of(instance: Instance) -> list[Letter]:
    return sorted(
        (
            row.node_id,
            row.recipient_role,
            row.subject,
            row.body_text.replace(unsubscribe_url(row.public_id), UNSUBSCRIBE_MARK),
            row.reason if row.status == Message.Status.WITHHELD else "",
        )
        for row in Message.objects.filter(instance_ref=instance.public_id)
    )


def assert_true_to_life(
    journey: Journey, client: Client, assumptions: Assumptions, *, now: datetime
) -> tuple[Way, Instance]:
    """Simulate, then run for real, and compare every step, every letter and the end."""
    outlook = simulated(journey, client, assumptions, now=now)
    way = outlook.ways[0]
    assert not TriggerEvent.objects.filter(client=client, type="simulated").exists()
    instance = run_for_real(journey, client, assumptions, moments=moments_of(way), now=now)

    foreseen, happened = rows_of(way), history(instance)
    only_foreseen = [row for row in foreseen if row not in happened]
    only_happened = [row for row in happened if row not in foreseen]
    assert ([], []) == (only_foreseen, only_happened)
    assert foreseen == happened
    assert letters_of(way) == mail_of(instance)
    ended = instance.status == Instance.Status.COMPLETED
    assert (way.result, way.ended_at) == ((instance.result, instance.finished_at) if ended else ("", None))
    standing = sorted((one.node_id, one.due_at) for one in way.stands)
    assert standing == sorted((row.node_id, row.due_at) for row in instance.schedules.all())
    return way, instance

"""Open intervention tickets and take them back; a ticket's step is parked until somebody decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from channels.models import Message
from channels.services import sending
from engine import signals
from engine.models import ErrorLog, Instance, InterventionTicket, Schedule
from engine.places import Place
from engine.services import dispatch
from engine.services.claims import lock_instances
from engine.services.commits import Claim, TicketDraft
from journeys.errors import Conflict
from journeys.services import audit

Status = InterventionTicket.Status


def ticket_open(*, claim: Claim, draft: TicketDraft, now: datetime) -> InterventionTicket:
    """Open a ticket for a step that was just parked, inside the transaction that parked it."""
    ticket = InterventionTicket.objects.create(
        vendor_id=claim.vendor_id,
        instance_id=claim.instance_id,
        schedule_id=claim.schedule_id,
        node_id=claim.node_id,
        level=draft.level,
        error_class=draft.error_class,
        code=draft.code[:60],
        summary=draft.summary[:500],
        created_at=now,
    )
    audit.record(
        vendor=ticket.vendor, actor="engine", action="ticket.opened", obj=ticket, now=now, code=ticket.code
    )
    signals.ticket_changed.send(sender=InterventionTicket, ticket=ticket, now=now)
    return ticket


def error_note(
    *,
    vendor_id: int,
    instance_id: int,
    node_id: str,
    error_class: str,
    code: str,
    message: str,
    now: datetime,
) -> None:
    """Write one failure into the error log, inside the caller's transaction."""
    ErrorLog.objects.create(
        vendor_id=vendor_id,
        instance_id=instance_id,
        node_id=node_id,
        error_class=error_class,
        code=code[:60],
        message=message[:500],
        at=now,
    )


def locked(ticket: InterventionTicket) -> InterventionTicket:
    """Lock an open ticket."""
    lock_instances([ticket.instance_id])
    ticket = InterventionTicket.objects.select_for_update().get(id=ticket.id)
    if ticket.status != Status.OPEN:
        raise Conflict(f"This ticket was resolved by {ticket.resolved_by} already.", code="resolved")
    return ticket


def resolve(ticket: InterventionTicket, resolution: str, *, now: datetime, actor: str) -> InterventionTicket:
    """Close a ticket with what was decided."""
    ticket.status, ticket.resolution = Status.RESOLVED, resolution
    ticket.resolved_at, ticket.resolved_by = now, actor[:100]
    ticket.save(update_fields=["status", "resolution", "resolved_at", "resolved_by"])
    audit.record(
        vendor=ticket.vendor,
        actor=actor,
        action="ticket.resolved",
        obj=ticket,
        now=now,
        resolution=resolution,
    )
    signals.ticket_changed.send(sender=InterventionTicket, ticket=ticket, now=now)
    return ticket


def _allow_messages_again(ticket: InterventionTicket, schedule: Schedule, *, now: datetime) -> None:
    """Let messages of this place that were refused or whose fate is unknown be sent by the next attempt."""
    place = Place(ticket.instance.public_id, schedule.node_id, schedule.branch, schedule.visit)
    for message_id in Message.objects.filter(
        instance_ref=ticket.instance.public_id, key__startswith=f"{place}:"
    ).values_list("id", flat=True):
        sending.settle_by_person(message_id=message_id, sent=False, now=now)


def parked(ticket: InterventionTicket) -> Schedule:
    """Lock the parked schedule of a ticket."""
    schedule = (
        Schedule.objects.select_for_update()
        .filter(id=ticket.schedule_id, state=Schedule.State.PARKED)
        .first()
    )
    if schedule is None:
        raise Conflict("The step this ticket is about is no longer there.", code="moved_on")
    return schedule


def ticket_retry(*, ticket: InterventionTicket, now: datetime, actor: str) -> InterventionTicket:
    """Do the step again from its first attempt, in one transaction.

    Messages that the provider refused, or whose fate nobody knows, may then be sent again: the person who
    retries takes that upon them.

    Raises:
        Conflict: the ticket is resolved (`resolved`) or its step is gone (`moved_on`).
    """
    with transaction.atomic():
        ticket = locked(ticket)
        schedule = parked(ticket)
        _allow_messages_again(ticket, schedule, now=now)
        schedule.state, schedule.due_at, schedule.reason = Schedule.State.WAITING, now, ""
        # Attempt 1 asks about lateness; a person has answered by retrying, so the count starts behind it.
        schedule.attempt = 1 if ticket.code == "late_ask" else 0
        schedule.claims = 0
        schedule.fence += 1
        schedule.save(update_fields=["state", "due_at", "reason", "attempt", "claims", "fence"])
        dispatch.offer_on_commit([schedule.id], now=now)
        return resolve(ticket, "retry", now=now, actor=actor)


def close_all(*, instance: Instance, resolution: str, now: datetime, actor: str) -> None:
    """Resolve every open ticket of an instance, inside the caller's transaction."""
    for ticket in InterventionTicket.objects.select_for_update().filter(
        instance=instance, status=Status.OPEN
    ):
        resolve(ticket, resolution, now=now, actor=actor)


def close_for(*, schedule_ids: Sequence[int], now: datetime) -> None:
    """Resolve the open tickets of tokens that were taken away, inside the caller's transaction."""
    for ticket in InterventionTicket.objects.select_for_update().filter(
        schedule_id__in=schedule_ids, status=Status.OPEN
    ):
        resolve(ticket, "cancel", now=now, actor="engine")


def settled_by_report(*, instance_ref: str, node_id: str, now: datetime) -> None:
    """Take back tickets about a message in doubt that the provider has reported on, and go on.

    Inside the caller's transaction. Twice changes nothing.
    """
    # Somebody who holds the ticket is deciding about it; and the message is locked already, against the usual order.
    found = InterventionTicket.objects.select_for_update(skip_locked=True).filter(
        instance__public_id=instance_ref, node_id=node_id, status=Status.OPEN, code="in_doubt"
    )
    for ticket in found:
        with connection.cursor() as cursor:
            cursor.execute(
                """UPDATE engine_schedule SET state = 'waiting', due_at = %s, reason = '', fence = fence + 1
                   WHERE id = %s AND state = 'parked' RETURNING id""",
                [now, ticket.schedule_id],
            )
            ids = [row[0] for row in cursor.fetchall()]
        resolve(ticket, "settled", now=now, actor="engine")
        dispatch.offer_on_commit(ids, now=now)

"""Open intervention tickets and take them back; what a ticket has stopped is parked until somebody decides.

One ticket stands for one cause, with a line for each step. Steps that fail at once for one cause never wait for each
other at the ticket's row: nobody changes it for a line. So a ticket may for a moment be open without a line, or have
a line that came while it was closed; `engine.services.escalating` puts that right within a minute.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction

from engine import signals
from engine.models import ErrorLog, Instance, InterventionTicket, TicketLine
from engine.services import causes, dispatch, pausing
from engine.services.results import Claim, TicketDraft
from journeys.fields import new_public_id
from journeys.services import audit

Status = InterventionTicket.Status
Level = InterventionTicket.Level

#: From who may take their time to who may not.
LEVELS = (Level.SUPPORT, Level.ENGINEERING, Level.EMERGENCY)


def ticket_open(*, claim: Claim, draft: TicketDraft, now: datetime) -> TicketLine:
    """Add a line for a step that was just parked to the ticket of its cause, inside the transaction that parked it.

    The first line of a cause opens the ticket. Something critical holds the whole instance, whose lock the caller has.
    """
    ticket, is_new = _ticket_of(
        vendor_id=claim.vendor_id, cause=causes.cause_of(claim, draft), draft=draft, now=now
    )
    critical = causes.is_critical(error_class=draft.error_class, code=draft.code, level=draft.level)
    line = TicketLine.objects.create(
        ticket=ticket,
        vendor_id=claim.vendor_id,
        instance_id=claim.instance_id,
        schedule_id=claim.schedule_id,
        node_id=claim.node_id,
        level=draft.level,
        error_class=draft.error_class,
        code=draft.code[:60],
        summary=draft.summary[:500],
        pauses=critical,
        created_at=now,
    )
    if is_new:
        audit.record(ticket.vendor, "engine", "ticket.opened", ticket, now, code=ticket.code)
    elif LEVELS.index(Level(draft.level)) > LEVELS.index(Level(ticket.level)):
        raise_level(ticket, to=Level(draft.level), why="line", now=now)
    if critical:
        reason = f"Held by ticket {ticket.public_id}: {line.summary}"
        pausing.pause_for_ticket(instance=line.instance, reason=reason, now=now)
    signals.ticket_changed.send(sender=InterventionTicket, ticket=ticket, line=line, now=now)
    return line


def _ticket_of(
    *, vendor_id: int, cause: str, draft: TicketDraft, now: datetime
) -> tuple[InterventionTicket, bool]:
    """Give the open ticket of a cause, and whether it was opened here.

    Its row is not locked. Where two open it at once, one waits for the other's commit and adds its line there.
    """
    rows = InterventionTicket.objects.filter(vendor_id=vendor_id, cause=cause, status=Status.OPEN)
    while True:
        found = rows.first()
        if found is not None:
            return found, False
        with connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO engine_interventionticket (public_id, vendor_id, cause, level, status, error_class,
                       code, summary, created_at, resolved_by, resolution)
                   VALUES (%s, %s, %s, %s, 'open', %s, %s, %s, %s, '', '')
                   ON CONFLICT (vendor_id, cause) WHERE status = 'open' DO NOTHING RETURNING id""",
                [
                    new_public_id("tkt"),
                    vendor_id,
                    cause,
                    draft.level,
                    draft.error_class,
                    draft.code[:60],
                    draft.summary[:500],
                    now,
                ],
            )
            row = cursor.fetchone()
        if row is not None:
            return InterventionTicket.objects.get(id=row[0]), True


def raise_level(ticket: InterventionTicket, *, to: Level, why: str, now: datetime) -> bool:
    """Raise an open ticket to a level; False when it has it already, or somebody else is writing the ticket.

    Inside the caller's transaction; never waits. What is passed over here the next tick finds.
    """
    below = LEVELS[: LEVELS.index(to)]
    with transaction.atomic():
        held = (
            InterventionTicket.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(id=ticket.id, status=Status.OPEN, level__in=below)
            .first()
        )
        if held is None:
            return False
        before = held.level
        held.level, held.escalated_at = to, now
        held.save(update_fields=["level", "escalated_at"])
        ticket.level, ticket.escalated_at = held.level, held.escalated_at
        audit.record(held.vendor, "engine", "ticket.escalated", held, now, before=before, after=to, why=why)
        signals.ticket_changed.send(sender=InterventionTicket, ticket=held, line=None, now=now)
    return True


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


def resolve(line: TicketLine, resolution: str, *, now: datetime, actor: str) -> TicketLine:
    """Close a line with what was decided, and its ticket when it was the last one.

    Inside the caller's transaction; the caller holds the instance where the line may pause it.
    """
    resolve_all([line], resolution, now=now, actor=actor)
    return line


def resolve_all(lines: Iterable[TicketLine], resolution: str, *, now: datetime, actor: str) -> None:
    """Close lines with what was decided, let go what they held, and close the tickets that have none left."""
    tickets: dict[int, list[TicketLine]] = defaultdict(list)
    for line in lines:
        line.status, line.resolution = Status.RESOLVED, resolution
        line.resolved_at, line.resolved_by = now, actor[:100]
        line.save(update_fields=["status", "resolution", "resolved_at", "resolved_by"])
        tickets[line.ticket_id].append(line)
        audit.record(
            vendor=line.vendor,
            actor=actor,
            action="ticket.line_resolved",
            obj=line,
            now=now,
            resolution=resolution,
        )
        if line.pauses:
            _release(line, now=now, actor=actor)
    for ticket_id, settled in tickets.items():
        ticket = close_if_settled(ticket_id, resolution, now=now, actor=actor)
        for line in settled:
            signals.ticket_changed.send(
                sender=InterventionTicket, ticket=ticket or line.ticket, line=line, now=now
            )


def _release(line: TicketLine, *, now: datetime, actor: str) -> None:
    """Let the instance of a line go on when nothing else of it is critical."""
    others = TicketLine.objects.filter(instance_id=line.instance_id, status=Status.OPEN, pauses=True)
    if not others.exists():
        pausing.release_from_ticket(instance=line.instance, now=now, actor=actor)


def close_if_settled(
    ticket_id: int, resolution: str, *, now: datetime, actor: str
) -> InterventionTicket | None:
    """Close a ticket that has no open line; None when it has, or when somebody else is writing it.

    Inside the caller's transaction; never waits, for the caller may hold what others wait for.
    """
    held = (
        InterventionTicket.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(id=ticket_id, status=Status.OPEN)
        .exclude(lines__status=Status.OPEN)
        .first()
    )
    if held is None:
        return None
    held.status, held.resolution = Status.RESOLVED, resolution
    held.resolved_at, held.resolved_by = now, actor[:100]
    held.save(update_fields=["status", "resolution", "resolved_at", "resolved_by"])
    audit.record(
        vendor=held.vendor, actor=actor, action="ticket.resolved", obj=held, now=now, resolution=resolution
    )
    return held


def close_all(*, instance: Instance, resolution: str, now: datetime, actor: str) -> None:
    """Resolve every open line of an instance, inside the caller's transaction, which holds the instance."""
    lines = TicketLine.objects.select_for_update().filter(instance=instance, status=Status.OPEN)
    resolve_all(lines.order_by("id"), resolution, now=now, actor=actor)


def close_for(*, schedule_ids: Sequence[int], now: datetime) -> None:
    """Resolve the open lines of tokens that were taken away, inside the caller's transaction."""
    lines = TicketLine.objects.select_for_update().filter(schedule_id__in=schedule_ids, status=Status.OPEN)
    resolve_all(lines.order_by("id"), "cancel", now=now, actor="engine")


def settled_by_report(*, instance_ref: str, node_id: str, now: datetime) -> None:
    """Take back lines about a message in doubt that the provider has reported on, and go on.

    Inside the caller's transaction. Twice changes nothing.
    """
    # Somebody who holds the line is deciding about it; and the message is locked already, against the usual order.
    found = TicketLine.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        instance__public_id=instance_ref, node_id=node_id, status=Status.OPEN, code="in_doubt"
    )
    for line in found:
        with connection.cursor() as cursor:
            cursor.execute(
                """UPDATE engine_schedule SET state = 'waiting', due_at = %s, reason = '', fence = fence + 1
                   WHERE id = %s AND state = 'parked' RETURNING id""",
                [now, line.schedule_id],
            )
            ids = [row[0] for row in cursor.fetchall()]
        resolve(line, "settled", now=now, actor="engine")
        dispatch.offer_on_commit(ids, now=now)

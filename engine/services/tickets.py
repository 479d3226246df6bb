"""Work intervention tickets: one line of them, or all that one cause has stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet

from channels.selectors import vendors_of
from engine import signals
from engine.models import InterventionTicket, Schedule, TicketLine
from engine.services.instances import instance_cancel
from engine.services.interventions import close_if_settled, resolve
from engine.services.skipping import skip_parked
from engine.services.ticket_lines import (
    Deed,
    again,
    line_retry,
    line_work,
    locked,
    mark_sent,
    resend,
    standing,
)
from journeys.errors import Conflict, Invalid, ServiceError
from journeys.services import audit

__all__ = [
    "DEEDS",
    "Worked",
    "line_cancel",
    "line_retry",
    "line_skip",
    "ticket_assign",
    "ticket_cancel",
    "ticket_retry",
    "ticket_skip",
    "ticket_work",
]

Status = InterventionTicket.Status

#: Lines of one transaction: so many instances are locked at once.
CHUNK = 100
#: Lines of one call; a ticket with more says how many are left.
MOST = 500


@dataclass(slots=True)
class Worked:
    """What became of a ticket's lines in one call."""

    ticket: InterventionTicket
    done: int = 0
    #: Public id of a line and the sentence why not.
    refused: dict[str, str] = field(default_factory=dict)
    #: Open lines that this call did not come to; a further call goes on with them.
    left: int = 0
    #: The first refusal, for when nothing else came of it.
    refusal: ServiceError | None = None


def skip(line: TicketLine, schedule: Schedule | None, *, now: datetime, actor: str) -> None:
    """Leave the step undone and go on with what follows it."""
    skip_parked(standing(schedule), reason=f"Skipped by {actor}.", now=now)
    resolve(line, "skip", now=now, actor=actor)


def cancel(line: TicketLine, schedule: Schedule | None, *, now: datetime, actor: str) -> None:
    """End the instance of the line, and with it all its lines."""
    del schedule
    instance_cancel(instance=line.instance, now=now, actor=actor, reason=line.summary)


#: What can be done with a line without saying more.
DEEDS: dict[str, Deed] = {
    "retry": again,
    "skip": skip,
    "cancel": cancel,
    "resend": resend,
    "mark_sent": mark_sent,
}


def line_skip(*, line: TicketLine, now: datetime, actor: str) -> TicketLine:
    """Leave the step of a line undone and go on with what follows it, in one transaction.

    Raises:
        Conflict: it is resolved (`resolved`) or its step is gone (`moved_on`).
    """
    return line_work(line=line, deed=skip, now=now, actor=actor)


def line_cancel(*, line: TicketLine, now: datetime, actor: str) -> TicketLine:
    """End the instance of a line, and with it all its lines, in one transaction.

    Raises:
        Conflict: it is resolved (`resolved`).
    """
    return line_work(line=line, deed=cancel, now=now, actor=actor)


def ticket_retry(*, ticket: InterventionTicket, now: datetime, actor: str) -> Worked:
    """Do every step that the ticket's cause has stopped again; as `ticket_work`."""
    return ticket_work(ticket=ticket, deed=again, name="retry", now=now, actor=actor)


def ticket_skip(*, ticket: InterventionTicket, now: datetime, actor: str) -> Worked:
    """Leave every step undone that the ticket's cause has stopped; as `ticket_work`."""
    return ticket_work(ticket=ticket, deed=skip, name="skip", now=now, actor=actor)


def ticket_cancel(*, ticket: InterventionTicket, now: datetime, actor: str) -> Worked:
    """End every instance that the ticket's cause has stopped; as `ticket_work`."""
    return ticket_work(ticket=ticket, deed=cancel, name="cancel", now=now, actor=actor)


def ticket_work(
    *,
    ticket: InterventionTicket,
    deed: Deed,
    name: str,
    line_ids: Sequence[str] | None = None,
    now: datetime,
    actor: str,
) -> Worked:
    """Do something with all open lines of a ticket, or with those that are named.

    In transactions of 100 lines, so that what is done is seen at once and a process that dies loses the rest only; at
    most 500 lines, oldest first. A further call goes on. What one line refuses does not stop the others. Lines that
    come meanwhile are left alone, also those of steps that fail again. With a transaction around it, it is one.

    Raises:
        Conflict: the ticket is resolved (`resolved`); or nothing could be done, with the first line's refusal.
        Invalid: one of the named lines is not an open one of this ticket (`unknown_line`).
    """
    ticket.refresh_from_db()
    if ticket.status != Status.OPEN:
        raise Conflict(f"This ticket was resolved by {ticket.resolved_by} already.", code="resolved")
    lines = _lines(ticket, line_ids)
    worked = Worked(ticket)
    taken = list(lines[:MOST])
    for chunk in (taken[at : at + CHUNK] for at in range(0, len(taken), CHUNK)):
        with transaction.atomic():
            _work_chunk(chunk, deed, worked, now=now, actor=actor)
            if len(taken) > 1:
                audit.record(ticket.vendor, actor, "ticket.worked", ticket, now, deed=name, lines=len(chunk))
    with transaction.atomic():
        close_if_settled(ticket.id, name, now=now, actor=actor)
    if not worked.done and worked.refusal is not None:
        raise worked.refusal
    ticket.refresh_from_db()
    if taken:
        worked.left = lines.filter(id__gt=taken[-1].id).count()
    return worked


def _lines(ticket: InterventionTicket, line_ids: Sequence[str] | None) -> QuerySet[TicketLine]:
    """Give the open lines that there are now, oldest first."""
    lines = TicketLine.objects.filter(ticket=ticket, status=Status.OPEN).order_by("id")
    if line_ids is not None:
        lines = lines.filter(public_id__in=line_ids)
        unknown = set(line_ids) - set(lines.values_list("public_id", flat=True))
        if unknown:
            message = f"{min(unknown)} is not an open line of this ticket."
            raise Invalid(message, code="unknown_line")
    last = lines.order_by("-id").values_list("id", flat=True).first()
    return lines.filter(id__lte=last or 0)


def _work_chunk(
    chunk: Sequence[TicketLine], deed: Deed, worked: Worked, *, now: datetime, actor: str
) -> None:
    """Do it with each line; what one refuses is undone for this one alone."""
    held = locked(chunk)
    for line, schedule in held:
        # What was done with another line of the same instance may have settled this one, or moved its place.
        if not TicketLine.objects.filter(id=line.id, status=Status.OPEN).exists():
            worked.done += 1
            continue
        try:
            with transaction.atomic():
                deed(line, schedule, now=now, actor=actor)
            worked.done += 1
        except ServiceError as error:
            worked.refused[line.public_id] = error.message
            worked.refusal = worked.refusal or error


def ticket_assign(
    *, ticket: InterventionTicket, user: AbstractBaseUser | None, now: datetime, actor: str
) -> InterventionTicket:
    """Say who works an open ticket, or nobody, in one transaction; twice changes nothing.

    Raises:
        Conflict: the ticket is resolved (`resolved`).
        Invalid: the person does not work for the ticket's vendor (`not_a_member`).
    """
    with transaction.atomic():
        ticket = InterventionTicket.objects.select_for_update(no_key=True).get(id=ticket.id)
        if ticket.status != Status.OPEN:
            raise Conflict(f"This ticket was resolved by {ticket.resolved_by} already.", code="resolved")
        if user is not None and not vendors_of(user).filter(id=ticket.vendor_id).exists():
            raise Invalid("This person does not work for the vendor.", code="not_a_member")
        if ticket.assignee_id == (user.pk if user else None):
            return ticket
        ticket.assignee_id = user.pk if user else None
        ticket.assigned_at = now if user else None
        ticket.save(update_fields=["assignee", "assigned_at"])
        action = "ticket.assigned" if user else "ticket.unassigned"
        audit.record(ticket.vendor, actor, action, ticket, now, user=user.pk if user else None)
        signals.ticket_changed.send(sender=InterventionTicket, ticket=ticket, line=None, now=now)
        return ticket

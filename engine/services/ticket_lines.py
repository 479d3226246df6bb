"""Work one line of a ticket: do its step again, send its message again, or take it as sent.

Each deed works on a line that the caller has locked together with its instance and its parked place.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from django.db import transaction

from channels.models import Message
from channels.services import sending
from engine.models import Schedule, TicketLine
from engine.places import Place
from engine.services import dispatch
from engine.services.claims import lock_instances
from engine.services.interventions import resolve
from journeys.errors import Conflict

Status = TicketLine.Status

#: The provider refused it, or nobody knows: what a person may have sent again.
_NOT_SENT = (
    Message.Status.REJECTED,
    Message.Status.WITHHELD,
    Message.Status.UNKNOWN,
    Message.Status.IN_DOUBT,
)
_IN_DOUBT = (Message.Status.UNKNOWN, Message.Status.IN_DOUBT)


class Deed(Protocol):
    """What is done with one line, inside the transaction that holds it and its parked place (None: it is gone).

    Raises:
        Conflict: it can not be done with this line.
    """

    def __call__(self, line: TicketLine, schedule: Schedule | None, *, now: datetime, actor: str) -> None: ...


def locked(lines: Sequence[TicketLine]) -> list[tuple[TicketLine, Schedule | None]]:
    """Lock lines with their instances and places, and give those that are open, each with its parked place."""
    lock_instances([line.instance_id for line in lines])
    places = {
        one.id: one
        for one in Schedule.objects.select_for_update()
        .filter(id__in=[line.schedule_id for line in lines], state=Schedule.State.PARKED)
        .order_by("id")
    }
    held = (
        TicketLine.objects.select_for_update(of=("self",))
        .select_related("vendor", "instance", "ticket")
        .filter(id__in=[line.id for line in lines], status=Status.OPEN)
        .order_by("id")
    )
    return [(line, places.get(line.schedule_id)) for line in held]


def line_work(*, line: TicketLine, deed: Deed, now: datetime, actor: str) -> TicketLine:
    """Do something with one line, in one transaction.

    Raises:
        Conflict: it is resolved (`resolved`), its step is gone (`moved_on`), or what the deed says.
    """
    with transaction.atomic():
        held = locked([line])
        if not held:
            line.refresh_from_db()
            raise Conflict(f"This step was settled by {line.resolved_by} already.", code="resolved")
        current, schedule = held[0]
        deed(current, schedule, now=now, actor=actor)
    line.refresh_from_db()
    return line


def standing(schedule: Schedule | None) -> Schedule:
    """Give the parked place of a line.

    Raises:
        Conflict: it is gone (`moved_on`).
    """
    if schedule is None:
        raise Conflict("The step this ticket is about is no longer there.", code="moved_on")
    return schedule


def again(
    line: TicketLine, schedule: Schedule | None, *, resolution: str = "retry", now: datetime, actor: str
) -> None:
    """Do the step again from its first attempt.

    Messages that the provider refused, or whose fate nobody knows, may then be sent again: the person who
    retries takes that upon them.
    """
    place = standing(schedule)
    for message_id in _messages(line, place, _NOT_SENT):
        sending.settle_by_person(message_id=message_id, sent=False, now=now)
    _go_on(line, place, resolution, now=now, actor=actor)


def resend(line: TicketLine, schedule: Schedule | None, *, now: datetime, actor: str) -> None:
    """Send a message again that was refused, or of which nobody knows whether it went out.

    Raises:
        Conflict: there is no such message (`nothing_to_resend`).
    """
    if not _messages(line, standing(schedule), _NOT_SENT):
        message = "This step has no message that was refused or is in doubt. Retry it instead."
        raise Conflict(message, code="nothing_to_resend")
    again(line, schedule, resolution="resend", now=now, actor=actor)


def mark_sent(line: TicketLine, schedule: Schedule | None, *, now: datetime, actor: str) -> None:
    """Take messages in doubt as sent, because a person knows; the step then goes on without sending them.

    Raises:
        Conflict: none of its messages is in doubt (`nothing_in_doubt`).
    """
    place = standing(schedule)
    ids = _messages(line, place, _IN_DOUBT)
    if not ids:
        message = "Nobody doubts that this step's messages were sent or not. Retry or skip it instead."
        raise Conflict(message, code="nothing_in_doubt")
    for message_id in ids:
        sending.settle_by_person(message_id=message_id, sent=True, now=now)
    _go_on(line, place, "mark_sent", now=now, actor=actor)


def line_retry(*, line: TicketLine, now: datetime, actor: str) -> TicketLine:
    """Do the step of a line again from its first attempt, in one transaction.

    Raises:
        Conflict: it is resolved (`resolved`) or its step is gone (`moved_on`).
    """
    return line_work(line=line, deed=again, now=now, actor=actor)


def _go_on(line: TicketLine, schedule: Schedule, resolution: str, *, now: datetime, actor: str) -> None:
    schedule.state, schedule.due_at, schedule.reason = Schedule.State.WAITING, now, ""
    # Attempt 1 asks about lateness; a person has answered by retrying, so the count starts behind it.
    schedule.attempt = 1 if line.code == "late_ask" else 0
    schedule.claims = 0
    schedule.fence += 1
    schedule.save(update_fields=["state", "due_at", "reason", "attempt", "claims", "fence"])
    dispatch.offer_on_commit([schedule.id], now=now)
    resolve(line, resolution, now=now, actor=actor)


def _messages(line: TicketLine, schedule: Schedule, statuses: Sequence[str]) -> list[int]:
    """Give the numbers of this place's messages that are in one of these states."""
    instance_ref = line.instance.public_id
    place = Place(instance_ref, schedule.node_id, schedule.branch, schedule.visit)
    found = Message.objects.filter(
        instance_ref=instance_ref, key__startswith=f"{place}:", status__in=statuses
    )
    return list(found.order_by("id").values_list("id", flat=True))

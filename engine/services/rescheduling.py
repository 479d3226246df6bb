"""Let everything that hangs on a couple's dates follow them when they move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.models import Instance, InterventionTicket, Schedule
from engine.services import dispatch
from engine.services.instances import wedding_start
from journeys import selectors
from journeys.language.calendar import due_from_meant
from journeys.models import Wedding

State = Schedule.State


@dataclass(frozen=True, slots=True)
class Moved:
    """One pending step that follows a moved date."""

    instance: str
    node_id: str
    before: datetime | None
    after: datetime | None


def follow_wedding(*, wedding: Wedding, now: datetime) -> list[Moved]:
    """Compute every pending step of the wedding's live instances anew, inside the transaction that moved it.

    The fence grows, so that a bell or a worker that is under way with the old date changes nothing. A date that is
    gone parks the step; one that is back takes it out again. What is now past follows the step's late rule when it
    is carried out. A second call changes nothing more.
    """
    instances = list(
        Instance.objects.select_for_update(of=("self",), no_key=True)
        .filter(wedding=wedding, status__in=Instance.LIVE)
        .order_by("id")
    )
    if not instances:
        return []
    names = {instance.id: instance.public_id for instance in instances}
    calendar = selectors.calendar_of(wedding, wedding.vendor)
    start = wedding_start(wedding)
    with_a_person = set(
        InterventionTicket.objects.filter(
            instance_id__in=names, status=InterventionTicket.Status.OPEN
        ).values_list("schedule_id", flat=True)
    )
    moved, at_once = [], []
    for schedule in Schedule.objects.select_for_update().filter(instance_id__in=names):
        schedule.wedding_at = start
        fields = ["wedding_at"]
        if schedule.meant and schedule.id not in with_a_person:
            before = schedule.due_at
            due = due_from_meant(schedule.meant, calendar=calendar)
            if due.instant != before or schedule.state in (State.QUEUED, State.RUNNING):
                schedule.due_at = due.instant
                schedule.state = State.WAITING if due.instant else State.PARKED
                schedule.reason = due.missing or ""
                schedule.lease_until = None
                schedule.fence += 1
                fields += ["due_at", "state", "reason", "lease_until", "fence"]
                if due.instant != before:
                    moved.append(Moved(names[schedule.instance_id], schedule.node_id, before, due.instant))
                if due.instant and due.instant <= now:
                    at_once.append(schedule.id)
        schedule.save(update_fields=fields)
    dispatch.offer_on_commit(at_once, now=now)
    return moved

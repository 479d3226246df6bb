"""Compute the moments of pending steps anew from what was meant, and let the steps follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.models import Instance, Schedule, TicketLine
from engine.services import dispatch, interventions
from journeys.language.calendar import Calendar, due_from_meant

State = Schedule.State

#: Tickets about a date alone: with another date there is nothing left to decide.
ABOUT_DATES = frozenset({"date_missing", "late_ask"})
_FIELDS = (
    "wedding_at",
    "due_at",
    "meant",
    "state",
    "reason",
    "lease_until",
    "fence",
    "attempt",
    "claims",
)


@dataclass(frozen=True, slots=True)
class Followed:
    """One pending step that stands at another moment than before."""

    schedule_id: int
    instance_id: int
    node_id: str
    before: datetime | None
    after: datetime | None
    #: It was rung for, or being carried out.
    under_way: bool


def follow(
    *,
    instances: Sequence[Instance],
    calendar: Calendar,
    stood: Calendar | None,
    wedding_at: datetime | None,
    now: datetime,
    only: Callable[[Schedule], bool] | None = None,
) -> list[Followed]:
    """Compute every pending step of these instances anew; they are of one wedding, and the caller holds their locks.

    `stood` is the calendar as it was before; with it, a step that sending hours or a retry have put off stays where it
    is unless its own date has moved. The fence grows with every change, so that a bell or a worker that is under way
    with the old date changes nothing. A date that is gone parks a step, one that is back takes it out again, and what
    waits for something to happen is asked again. A second call changes nothing more.
    """
    schedules = list(
        Schedule.objects.select_for_update()
        .filter(instance_id__in=[one.id for one in instances])
        .order_by("id")
    )
    tickets = {
        ticket.schedule_id: ticket
        for ticket in TicketLine.objects.filter(
            schedule_id__in=[one.id for one in schedules], status=TicketLine.Status.OPEN
        )
    }
    followed: list[Followed] = []
    changed: list[Schedule] = []
    for schedule in schedules:
        moved_day = schedule.wedding_at != wedding_at
        schedule.wedding_at = wedding_at
        touched = (only is None or only(schedule)) and _follow_one(
            schedule, calendar, stood, tickets.get(schedule.id), followed, now=now
        )
        if touched or moved_day:
            changed.append(schedule)
    Schedule.objects.bulk_update(changed, _FIELDS)
    at_once = [
        one.id
        for one in changed
        if one.state == State.WAITING and one.due_at is not None and one.due_at <= now
    ]
    dispatch.offer_on_commit(at_once, now=now)
    return followed


def _follow_one(
    schedule: Schedule,
    calendar: Calendar,
    stood: Calendar | None,
    ticket: TicketLine | None,
    followed: list[Followed],
    *,
    now: datetime,
) -> bool:
    """Let one step follow; tell whether its row changed."""
    if schedule.waiting is not None:
        asked = ticket is None and (stood is not None or _ends_sooner(schedule, calendar))
        return asked and _ask_again(schedule, now=now)
    if not schedule.meant:
        return False
    due = due_from_meant(schedule.meant, calendar=calendar)
    if ticket is not None:
        if ticket.code not in ABOUT_DATES or due.instant is None or due.instant <= now:
            return False
        interventions.resolve(ticket, "moved", now=now, actor="engine")
    before = _stood_at(schedule, stood)
    under_way = schedule.state in (State.QUEUED, State.RUNNING)
    if ticket is None and due.instant == before and (stood is None or not under_way):
        return False
    if stood is None and not under_way and _is_put_off(schedule, beyond=due.instant):
        return False
    if due.instant != before:
        schedule.attempt = schedule.claims = 0
        followed.append(
            Followed(
                schedule.id,
                schedule.instance_id,
                schedule.node_id,
                schedule.due_at,
                due.instant,
                under_way=under_way,
            )
        )
    schedule.due_at, schedule.meant = due.instant, due.meant
    schedule.state = State.WAITING if due.instant else State.PARKED
    schedule.reason = (due.missing or "")[:300]
    schedule.lease_until = None
    schedule.fence += 1
    return True


def _ask_again(schedule: Schedule, *, now: datetime) -> bool:
    """Let a step that waits for something to happen look at the new dates: its time-out may hang on them."""
    schedule.state, schedule.due_at, schedule.lease_until = State.WAITING, now, None
    schedule.fence += 1
    return True


def _ends_sooner(schedule: Schedule, calendar: Calendar) -> bool:
    """Tell whether the time-out of a wait comes before the moment at which the step would be asked anyway."""
    timeout = (schedule.waiting or {}).get("timeout")
    instant = due_from_meant(timeout, calendar=calendar).instant if timeout else None
    return instant is not None and (schedule.due_at is None or instant < schedule.due_at)


def _is_put_off(schedule: Schedule, *, beyond: datetime | None) -> bool:
    """Tell whether sending hours or a retry keep the step until after its own moment already."""
    put_off = bool(schedule.reason or schedule.attempt)
    return put_off and beyond is not None and schedule.due_at is not None and beyond <= schedule.due_at


def _stood_at(schedule: Schedule, stood: Calendar | None) -> datetime | None:
    """Give the moment the step was meant for before the change."""
    if stood is not None:
        return due_from_meant(schedule.meant or {}, calendar=stood).instant
    return schedule.due_at

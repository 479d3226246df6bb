"""Move a wedding, after a look at what would move with it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import transaction

from engine.models import Instance, Schedule
from journeys.models import Wedding
from journeys.services.weddings import wedding_move
from monitoring.selectors.instances import step_name


@dataclass(frozen=True, slots=True)
class MovedStep:
    """One step that stands somewhere else after the move."""

    name: str
    before: dt.datetime | None
    after: dt.datetime | None
    #: Its new moment has passed already: its late rule decides.
    past: bool


def _places(wedding: Wedding) -> dict[int, Schedule]:
    rows = Schedule.objects.filter(instance__wedding=wedding, instance__status__in=Instance.LIVE)
    return {one.pk: one for one in rows.select_related("instance")}


def move(
    *,
    wedding: Wedding,
    date: dt.date | None,
    time: dt.time | None,
    time_zone: str,
    now: dt.datetime,
    actor: str,
    rehearse: bool = False,
) -> list[MovedStep]:
    """Move a wedding in one transaction, and give the steps that moved with it, earliest first.

    A rehearsal does all of it and takes it back, so that what is shown is what would happen. Moving it a second time
    to the same day moves nothing.

    Raises:
        Invalid: the date, time or zone can not be used.
    """
    with transaction.atomic():
        before = _places(wedding)
        wedding_move(wedding=wedding, date=date, time=time, time_zone=time_zone or None, now=now, actor=actor)
        after = _places(wedding)
        moved = [
            MovedStep(
                name=step_name(place.instance.version_id, place.node_id),
                before=before[key].due_at,
                after=place.due_at,
                past=place.due_at is not None and place.due_at < now,
            )
            for key, place in after.items()
            if key in before and before[key].due_at != place.due_at
        ]
        if rehearse:
            transaction.set_rollback(True)
    return sorted(moved, key=lambda one: (one.after is None, one.after or now))

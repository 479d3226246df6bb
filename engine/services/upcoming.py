"""Ask for a yes before a message is due, so that a vendor can read a week of notes in one sitting."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from engine.models import Approval, Instance, Schedule
from engine.services import runner
from engine.services.deciding import decide
from engine.services.delivering import asking, copies_of
from engine.services.results import Claim
from journeys.errors import Invalid
from journeys.language.errors import TextError
from journeys.language.outcomes import Deliver
from journeys.models import Vendor
from journeys.scoping import owned_by

#: How far ahead one may look, in days: facts change, and words are kept as they were approved.
FURTHEST_DAYS = 30
#: Steps that are looked at in one go.
MOST = 500


def approvals_prepare(*, vendor: Vendor, days: int, now: datetime) -> int:
    """Ask now about messages that are due within so many days and need a yes; return how many questions are new.

    One transaction for each. A second call finds the first one's questions. A step that is not yet reached, or whose
    words can not be written yet, is asked about when it is due.

    Raises:
        Invalid: code `bad_days`.
    """
    if not 1 <= days <= FURTHEST_DAYS:
        raise Invalid(f"Look 1 to {FURTHEST_DAYS} days ahead.", code="bad_days")
    asked = Approval.objects.filter(schedule_id=OuterRef("pk"), status__in=Approval.STANDING)
    places = (
        Schedule.objects.filter(
            instance__in=owned_by(vendor, Instance).filter(status=Instance.Status.ACTIVE),
            state=Schedule.State.WAITING,
            outside=True,
            due_at__gt=now,
            due_at__lte=now + timedelta(days=days),
        )
        .exclude(Exists(asked))
        .order_by("due_at", "id")
        .values_list("id", flat=True)[:MOST]
    )
    return sum(_ask(schedule_id, now=now) for schedule_id in places)


def _ask(schedule_id: int, *, now: datetime) -> bool:
    """Ask about one place as it will be when it is due; the place itself stays as it is."""
    with transaction.atomic():
        schedule = _waiting(schedule_id, now=now)
        if schedule is None or schedule.due_at is None:
            return False
        # Locks the wedding and the instance in the usual order; whoever was faster has moved the place on.
        step = runner.prepare([_claim(schedule, schedule.due_at)], now=now)[0]
        again = _waiting(schedule_id, now=now)
        if again is None or again.fence != schedule.fence:
            return False
        outcome = decide(step, now=schedule.due_at)
        if not isinstance(outcome, Deliver):
            return False
        copies = copies_of(step, outcome)
        if not isinstance(copies, list) or not asking.is_needed(step, copies):
            return False
        try:
            with transaction.atomic():
                asking.consent(step, outcome, copies, goes_out_at=schedule.due_at, now=now)
        except TextError:
            return False
        return True


def _waiting(schedule_id: int, *, now: datetime) -> Schedule | None:
    rows = Schedule.objects.select_related("instance")
    return rows.filter(pk=schedule_id, state=Schedule.State.WAITING, due_at__gt=now).first()


def _claim(schedule: Schedule, due_at: datetime) -> Claim:
    return Claim(
        schedule_id=schedule.id,
        fence=schedule.fence,
        vendor_id=schedule.vendor_id,
        instance_id=schedule.instance_id,
        version_id=schedule.instance.version_id,
        node_id=schedule.node_id,
        branch=schedule.branch,
        visit=schedule.visit,
        attempt=1,
        claims=0,
        due_at=due_at,
        ready_at=due_at,
        meant=schedule.meant,
        wedding_at=schedule.wedding_at,
        queue=schedule.queue,
        rounds=schedule.rounds,
        waiting=schedule.waiting,
    )

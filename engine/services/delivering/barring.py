"""What becomes of a step whose way out is barred: it waits without using an attempt, and comes back a little spread."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from channels.models import Circuit
from channels.services.circuits import Barred
from engine.models import NodeExecution, Schedule
from engine.services import failures
from engine.services.delivering import holding
from engine.services.delivering.holding import Held
from engine.services.steps import Step
from journeys.language.errors import ErrorClass
from journeys.language.gates import Gate
from journeys.language.hanging import side
from journeys.language.outcomes import Fail
from journeys.language.retries import RetryPolicy

Status = NodeExecution.Status

#: What was held comes back spread over so long, near the wedding over less: ten thousand at once would only begin
#: the next outage.
DRAIN = RetryPolicy(max_attempts=1, base_seconds=120, cap_seconds=120)
#: Rows of a place's history in which the beginning of its waiting is looked for.
ROWS_LOOKED_AT = 200

_WAKE = """
UPDATE engine_schedule SET due_at = %(now)s + random() * make_interval(secs => %(spread)s)
WHERE id IN (
    SELECT id FROM engine_schedule
    WHERE state = 'waiting' AND due_at > %(now)s AND starts_with(reason, %(begins)s)
      AND (%(vendor)s::bigint IS NULL OR vendor_id = %(vendor)s)
    ORDER BY id FOR UPDATE SKIP LOCKED
)
"""


def put_off(
    step: Step, barred: Barred, *, now: datetime, too_late: Callable[[Held], bool], first: bool = False
) -> None:
    """Let a step wait for what does not work now, inside the caller's transaction.

    What would then come behind the date it hangs on goes as its late rule says, and what has waited for
    CIRCUIT_GIVE_UP_HOURS goes to a person.

    Args:
        too_late: settles the step as its late rule says, or answers False when a person wants it all the same.
        first: it has just found the fault, and is the one to be tried next.
    """
    held = _judged(step, barred, now=now, first=first)
    if held.side != "wait" and too_late(held):
        return
    if _waited_too_long(step, barred, now=now):
        message = (
            f"{barred.name} has not worked for {settings.CIRCUIT_GIVE_UP_HOURS} hours. {held.gate.because}."
        )
        failures.park(step, Fail(ErrorClass.ACCOUNT, "circuit_open", message), now=now)
        if step.ticket:
            step.ticket = replace(step.ticket, cause=f"{barred.key}:circuit_open")
        return
    step.hold(until=held.gate.opens, reason=barred.reason)
    known = Schedule.objects.filter(id=step.claim.schedule_id).values_list("reason", flat=True).first()
    if step.stay and known == barred.reason:
        # Still the same: a day's outage is one row in the history of each step.
        step.stay = replace(step.stay, quiet=True)


def _judged(step: Step, barred: Barred, *, now: datetime, first: bool) -> Held:
    """Say until when it waits: spread, but not so far that it would miss its date because of that."""
    hold, late = holding.hanging(step)
    distance = failures.seconds_to_wedding(step.claim, now=now)
    spread = timedelta() if first else DRAIN.delay(1, seconds_to_wedding=distance, random=random.random)
    until = barred.until + spread
    where = side(late, hold, opens=until, calendar=step.calendar)
    if where != "wait":
        until = barred.until
        where = side(late, hold, opens=until, calendar=step.calendar)
    because = barred.reason.removeprefix(barred.begins).rstrip(".")
    return Held(Gate(opens=until, reason=barred.reason, held_by=(), because=because), where)


def _waited_too_long(step: Step, barred: Barred, *, now: datetime) -> bool:
    """Tell whether this step, without a break, has waited for so long that a person should know."""
    limit = timedelta(hours=settings.CIRCUIT_GIVE_UP_HOURS)
    if now - barred.since < limit:
        return False
    claim, since = step.claim, now
    rows = NodeExecution.objects.filter(
        instance_id=claim.instance_id, node_id=claim.node_id, branch=claim.branch, visit=claim.visit
    ).order_by("-at", "-id")
    for status, reason, at in rows.values_list("status", "reason", "at")[:ROWS_LOOKED_AT]:
        if status != Status.HELD or not reason.startswith(barred.begins):
            break
        since = at
    return now - since >= limit


def webhook_too_late(step: Step, held: Held, *, now: datetime) -> bool:
    """Settle a call that could only be made behind its date as its late rule says."""
    if held.side == "ask":
        if holding.person_said_send(step):
            return False
        message = (
            f"It could only be called behind its date: {held.gate.because}. "
            "Retry to call it then all the same, or skip it."
        )
        failures.park(step, Fail(ErrorClass.USER, "late_ask", message), now=now)
    else:
        step.skip(
            f"Skipped: it could not be called before its date had passed: {held.gate.because}.", now=now
        )
    return True


def wake_held(circuit: Circuit, *, now: datetime) -> int:
    """Let the steps that wait for a circuit come back, spread, because somebody has set it; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            _WAKE,
            {
                "now": now,
                "spread": DRAIN.cap_seconds,
                "begins": circuit.held_sentence_start,
                "vendor": circuit.vendor_id,
            },
        )
        return int(cursor.rowcount)

"""Hold passages and let them go on: by people, by the plan of a late start, and by tickets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from engine import signals
from engine.models import Instance, Schedule
from engine.services import dispatch
from journeys.services import audit

Status = Instance.Status

#: What stands in `paused_by` where nobody but the tickets of a passage hold it.
TICKET = "ticket"
_PAUSE_FIELDS = ["status", "reason", "paused_by"]


def pause(instance: Instance, *, by: str, reason: str) -> None:
    """Write a pause down, inside the transaction that holds the instance's lock."""
    instance.status, instance.reason, instance.paused_by = Status.PAUSED, reason[:300], by[:100]
    instance.save(update_fields=_PAUSE_FIELDS)


def go_on(instance: Instance, *, now: datetime) -> None:
    """Lift a pause and offer what is due, inside the transaction that holds the instance's lock."""
    instance.status, instance.reason, instance.paused_by = Status.ACTIVE, "", ""
    instance.save(update_fields=_PAUSE_FIELDS)
    due = Schedule.objects.filter(instance=instance, state=Schedule.State.WAITING, due_at__lte=now)
    dispatch.offer_on_commit(list(due.values_list("id", flat=True)), now=now)


def pause_for_ticket(*, instance: Instance, reason: str, now: datetime) -> bool:
    """Hold an active passage until its tickets are resolved; False when it does not go on anyway.

    Inside the caller's transaction, which holds the instance's lock. A person's own pause stays theirs; twice changes
    nothing.
    """
    instance.refresh_from_db(fields=["status", "reason", "paused_by"])
    if instance.status != Status.ACTIVE:
        return False
    pause(instance, by=TICKET, reason=reason)
    changed(instance, "instance.paused", now=now, actor="engine", reason=reason, by=TICKET)
    return True


def release_from_ticket(*, instance: Instance, now: datetime, actor: str) -> bool:
    """Let a passage go on that its tickets alone have paused; False where a person holds it, or nobody does.

    Inside the caller's transaction, which holds the instance's lock. Twice changes nothing.
    """
    instance.refresh_from_db(fields=["status", "reason", "paused_by"])
    if instance.status != Status.PAUSED or instance.paused_by != TICKET:
        return False
    go_on(instance, now=now)
    changed(instance, "instance.resumed", now=now, actor=actor, by=TICKET)
    return True


def changed(instance: Instance, action: str, *, now: datetime, actor: str, **detail: Any) -> Instance:
    """Write a deed into the audit trail and tell observers, inside the transaction that did it."""
    audit.record(vendor=instance.vendor, actor=actor, action=action, obj=instance, now=now, **detail)
    signals.instance_changed.send(sender=Instance, instances=[instance], now=now, actor=actor, action=action)
    return instance

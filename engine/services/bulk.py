"""Do one thing to many passages; what one refuses does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.models import Instance, Schedule
from engine.services.instances import instance_cancel, instance_pause, instance_resume, instance_retry
from engine.services.rolling_back import Wish, instance_roll_back
from journeys.errors import Invalid, ServiceError
from journeys.models import Vendor
from journeys.scoping import owned_by

#: Passages of one call; each has a transaction of its own, so that a call ends within a web request.
MOST_AT_ONCE = 200

ROLL_BACK = "roll_back"
DEEDS: dict[str, Callable[..., Instance]] = {
    "pause": instance_pause,
    "resume": instance_resume,
    "cancel": instance_cancel,
    "retry": instance_retry,
}
ACTIONS = (*DEEDS, ROLL_BACK)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which passages of a vendor: all that fit everything that is said; None says nothing."""

    journey: str | None = None
    #: One of `Instance.Status`; None: those that are live.
    status: str | None = None
    #: A step where they stand now.
    node: str | None = None
    #: A tag of the client's.
    tag: str | None = None
    #: Only those behind this one, in the order in which they were begun; for the next call.
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one passage."""

    public_id: str
    ok: bool
    #: How it stands afterwards; None where there is none.
    status: str | None
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Bulk:
    """What became of all of them."""

    results: tuple[Done, ...]
    #: Give it as `after` to go on; None when nobody is left.
    next: str | None = None


def choose(vendor: Vendor, chosen: Chosen) -> tuple[list[str], str | None]:
    """Find the first passages that fit, oldest first, and from where to go on when there are more. Reads only.

    Raises:
        Invalid: `unknown_after`: there is no such passage.
    """
    rows = owned_by(vendor, Instance)
    rows = rows.filter(status=chosen.status) if chosen.status else rows.filter(status__in=Instance.LIVE)
    if chosen.journey:
        rows = rows.filter(journey__public_id=chosen.journey)
    if chosen.node:
        rows = rows.filter(id__in=Schedule.objects.filter(node_id=chosen.node).values("instance_id"))
    if chosen.tag:
        rows = rows.filter(client__tags__name=chosen.tag)
    if chosen.after:
        last = owned_by(vendor, Instance).filter(public_id=chosen.after).values_list("id", flat=True).first()
        if last is None:
            message = "There is nothing to go on from: give the `next` of the answer before."
            raise Invalid(message, code="unknown_after")
        rows = rows.filter(id__gt=last)
    most = MOST_AT_ONCE
    found = list(rows.order_by("id").values_list("public_id", flat=True)[: most + 1])
    return found[:most], found[most - 1] if len(found) > most else None


def carry_out(
    *,
    vendor: Vendor,
    action: str,
    public_ids: Sequence[str],
    wish: Wish | None = None,
    reason: str = "",
    now: datetime,
    actor: str,
) -> list[Done]:
    """Do it to each passage in a transaction of its own, in the order they were named, and tell what became of each.

    Outside of a transaction. Stopped in between, the same call again goes on: what is done already stays as it is.

    Raises:
        Invalid: `unknown_action`; `too_many` (more than MOST_AT_ONCE); `no_step` (a roll back names none).
    """
    names = list(dict.fromkeys(public_ids))
    if action not in ACTIONS:
        raise Invalid(f"There is no action {action!r}: one of {', '.join(ACTIONS)}.", code="unknown_action")
    if len(names) > MOST_AT_ONCE:
        raise Invalid(f"Name no more than {MOST_AT_ONCE} at once, and call again.", code="too_many")
    if action == ROLL_BACK and wish is None:
        raise Invalid("Name the step to roll back to.", code="no_step")
    found = (
        owned_by(vendor, Instance).select_related("journey", "client").in_bulk(names, field_name="public_id")
    )
    return [
        _one(name, found.get(name), action=action, wish=wish, reason=reason, now=now, actor=actor)
        for name in names
    ]


def _one(
    name: str,
    instance: Instance | None,
    *,
    action: str,
    wish: Wish | None,
    reason: str,
    now: datetime,
    actor: str,
) -> Done:
    if instance is None:
        return Done(name, ok=False, status=None, code="not_found", message="There is no such instance.")
    try:
        if wish is not None and action == ROLL_BACK:
            instance_roll_back(instance=instance, wish=wish, now=now, actor=actor)
            instance.refresh_from_db(fields=["status"])
            return Done(name, ok=True, status=instance.status)
        changed = DEEDS[action](instance=instance, reason=reason, now=now, actor=actor)
        return Done(name, ok=True, status=changed.status)
    except ServiceError as error:
        instance.refresh_from_db(fields=["status"])
        return Done(name, ok=False, status=instance.status, code=error.code, message=error.message)

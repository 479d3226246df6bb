"""Journeys that a step starts: bounded in depth, never in a circle, ended with the step that waits for them.

What is decided here: a passage that a step waits for ends when the passage of that step ends, however that comes; a
passage that was started to go on by itself, or that took longer than the step would wait, goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from engine.graphs import graph_of
from engine.models import Instance, NodeExecution
from engine.places import Place
from engine.services.instances import instance_cancel, instance_start
from journeys.errors import Conflict, Invalid
from journeys.language.errors import LanguageError
from journeys.models import Client, Journey, Vendor
from journeys.scoping import owned_by

#: Passages inside one another, the first included.
MAX_DEPTH = 8
#: The type of the steps that start a passage.
STARTS = "journey"


def sub_journey_start(
    *,
    parent: Instance,
    place: str,
    journey: str,
    variables: Mapping[str, Any],
    now: datetime,
    actor: str,
) -> Instance:
    """Start another journey for the parent's client and wedding, inside the transaction that commits the step.

    The wedding and the parent are locked. The same place a second time gives the passage back that it started.

    Raises:
        Conflict: there is no such journey (`unknown_journey`), it would be inside itself (`journey_loop`) or too deep
            (`journey_too_deep`), or the client may not enter it (the codes of `entering.admit`).
        Invalid: a variable is missing, unknown or of the wrong kind.
    """
    started = Instance.objects.filter(started_by=place).first()
    if started is not None:
        return started
    found = _journey(parent.vendor, journey)
    _check_chain(parent, found)
    return instance_start(
        vendor=parent.vendor,
        journey=found,
        client=parent.client,
        wedding=parent.wedding,
        variables=variables,
        started_by=place,
        now=now,
        actor=actor,
    )


def journey_leave(
    *, instance: Instance, client: Client, journey: str, reason: str, now: datetime, actor: str
) -> None:
    """End the client's passages through another journey; nothing when there is none. The wedding is locked.

    Raises:
        Invalid: it is the journey of the step itself (`own_journey`).
        Conflict: there is no such journey (`unknown_journey`).
    """
    found = _journey(instance.vendor, journey)
    if found.id == instance.journey_id:
        message = "A step ends another journey, not its own: lead to an end instead."
        raise Invalid(message, code="own_journey")
    live = Instance.objects.filter(client=client, journey=found, status__in=Instance.LIVE).order_by("id")
    for one in live:
        instance_cancel(instance=one, reason=reason or "Another journey ended it.", now=now, actor=actor)


def end_with_parents(*, parents: Sequence[Instance], now: datetime, actor: str) -> None:
    """End the passages that a step of an ended one still waited for, inside the transaction that ended it."""
    for parent in parents:
        if _may_be_waited_for(parent.version_id):
            _end_with_parent(parent, now=now, actor=actor)


def _may_be_waited_for(version_id: int) -> bool:
    """Tell whether a version has steps that wait for a passage; yes where it can not be read any more."""
    try:
        return bool(waiting_steps(version_id))
    except LanguageError:
        return True


@lru_cache(maxsize=4096)
def waiting_steps(version_id: int) -> frozenset[str]:
    """Name the steps of a version that wait for a passage they have started."""
    return frozenset(
        node.id
        for node in graph_of(version_id).nodes.values()
        if node.type == STARTS and getattr(node.settings, "wait", False)
    )


def _end_with_parent(parent: Instance, *, now: datetime, actor: str) -> None:
    children = (
        Instance.objects.exclude(started_by="")
        .filter(
            client=parent.client_id, started_by__startswith=f"{parent.public_id}:", status__in=Instance.LIVE
        )
        .order_by("id")
    )
    for child in children:
        place = Place.of_key(f"{child.started_by}:0")
        if place is None or place.node_id not in waiting_steps(parent.version_id):
            continue
        left = NodeExecution.objects.filter(
            instance=parent,
            node_id=place.node_id,
            branch=place.branch,
            visit=place.visit,
            status__in=NodeExecution.COMPLETED,
        )
        if not left.exists():
            reason = "The journey that waited for it has ended."
            instance_cancel(instance=child, reason=reason, now=now, actor=actor)


def end_with_steps(*, places: Sequence[str], now: datetime, actor: str) -> None:
    """End the passages that steps at these places waited for, inside the transaction that withdrew the steps."""
    children = Instance.objects.filter(started_by__in=places, status__in=Instance.LIVE).order_by("id")
    for child in children:
        reason = "The step that waited for it was withdrawn."
        instance_cancel(instance=child, reason=reason, now=now, actor=actor)


def _journey(vendor: Vendor, public_id: str) -> Journey:
    found = owned_by(vendor, Journey).filter(public_id=public_id).first()
    if found is None:
        message = f"There is no journey {public_id!r}: choose another one in the step."
        raise Conflict(message, code="unknown_journey")
    return found


def _check_chain(parent: Instance, journey: Journey) -> None:
    """Go up from the parent: the journey is not among those it would be inside of, and they are not too many."""
    above: Instance | None = parent
    depth = 1
    while above is not None:
        if above.journey_id == journey.id:
            message = "The journey would be started inside itself: take the step out, or jump back instead."
            raise Conflict(message, code="journey_loop")
        depth += 1
        if depth > MAX_DEPTH:
            message = f"Journeys are started {MAX_DEPTH} deep already: flatten them."
            raise Conflict(message, code="journey_too_deep")
        place = Place.of_key(f"{above.started_by}:0") if above.started_by else None
        above = Instance.objects.filter(public_id=place.instance).first() if place else None

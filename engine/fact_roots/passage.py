"""The roots journey, steps, tasks, journeys and variants: this passage, and what its steps have come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.models import Instance, NodeExecution, TriggerEvent, VariantAssignment
from engine.places import Place
from engine.services.facts import Need, fact_root
from journeys.models import Journey, Task


@fact_root("journey", empty={})
def journey(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give which journey this is, when the passage began, and the event that began it."""
    del now
    instances = [need.instance for need in needs]
    named = [need for need in needs if need.reads("journey.id") or need.reads("journey.name")]
    journeys = Journey.objects.only("public_id", "name").in_bulk([need.instance.journey_id for need in named])
    told = [
        event_id
        for need in needs
        if (event_id := need.instance.trigger_event_id) and need.reads("journey.event")
    ]
    events = dict(TriggerEvent.objects.filter(id__in=told).values_list("id", "public_id")) if told else {}
    found = {}
    for one in instances:
        known = journeys.get(one.journey_id)
        found[one.id] = {
            "id": known.public_id if known else "",
            "name": known.name if known else "",
            "instance": one.public_id,
            "started_at": one.started_at.isoformat(),
            "event": events.get(one.trigger_event_id or 0, ""),
        }
    return found


@fact_root("steps", empty={})
def steps(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give what each step found out, the last time it was done."""
    del now
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    rows = (
        NodeExecution.objects.filter(
            instance_id__in=[need.instance.id for need in needs],
            status=NodeExecution.Status.SUCCEEDED,
            output__isnull=False,
        )
        .order_by("at", "id")
        .only("instance_id", "node_id", "output", "at")
    )
    for row in rows:
        found[row.instance_id][row.node_id] = row.output
    return found


@fact_root("tasks", empty={})
def tasks(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give the last task of each step: whether it is done, and what was chosen."""
    del now
    by_reference = {need.instance.public_id: need.instance.id for need in needs}
    rows = (
        Task.objects.filter(client_id__in={need.instance.client_id for need in needs}, source__isnull=False)
        .order_by("id")
        .only("source", "choice", "done_at")
    )
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for row in rows:
        place = Place.of_key(row.source or "")
        if place is not None and place.instance in by_reference:
            _add(
                found[by_reference[place.instance]],
                place,
                {
                    "status": "open" if row.done_at is None else "done",
                    "choice": row.choice,
                    "done_at": row.done_at.isoformat() if row.done_at else None,
                },
            )
    return found


@fact_root("journeys", empty={})
def journeys_started(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give the last passage through another journey that each step has started."""
    del now
    by_reference = {need.instance.public_id: need.instance.id for need in needs}
    rows = (
        Instance.objects.filter(client_id__in={need.instance.client_id for need in needs})
        .exclude(started_by="")
        .order_by("id")
        .only("public_id", "started_by", "status", "result")
    )
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for row in rows:
        place = Place.of_key(f"{row.started_by}:0")
        if place is not None and place.instance in by_reference:
            _add(
                found[by_reference[place.instance]],
                place,
                {"status": row.status, "result": row.result, "instance": row.public_id},
            )
    return found


def _add(found: dict[str, Any], place: Place, entry: dict[str, Any]) -> None:
    """Let a step show its newest entry, and beside it the entry of each place: several branches may lead to it."""
    places = found.get(place.node_id, {}).get("places", {})
    found[place.node_id] = {**entry, "places": {**places, f"{place.branch}:{place.visit}": entry}}


@fact_root("variants", empty={})
def variants(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give the variants that the client was assigned in this journey, by split."""
    del now
    rows = VariantAssignment.objects.filter(
        client_id__in={need.instance.client_id for need in needs},
        journey_id__in={need.instance.journey_id for need in needs},
    )
    found: dict[tuple[int, int], dict[str, str]] = defaultdict(dict)
    for row in rows:
        found[row.client_id, row.journey_id][row.experiment] = row.variant
    return {
        need.instance.id: found.get((need.instance.client_id, need.instance.journey_id), {}) for need in needs
    }

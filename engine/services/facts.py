"""Gather what steps may read, for many instances at once and only as much as they ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.graphs import graph_of
from engine.models import Instance, NodeExecution, TriggerEvent
from journeys import selectors

#: Roots that the journeys layer knows.
PEOPLE_ROOTS = frozenset({"client", "wedding", "vendor", "people", "recipient"})
EVENT_ROOTS = frozenset({"payments", "forms"})


@dataclass(frozen=True, slots=True)
class Need:
    """One instance, and the roots of the facts that its step reads."""

    instance: Instance
    roots: frozenset[str]


def facts_for(needs: Iterable[Need], *, now: datetime) -> dict[int, dict[str, Any]]:
    """Give the facts of each instance, by instance id, in a number of queries that does not grow with them."""
    needs = list(needs)
    people = _people(needs, now=now)
    triggers = _triggers(needs)
    events = _events(needs)
    steps = _steps(needs)
    found: dict[int, dict[str, Any]] = {}
    for need in needs:
        instance = need.instance
        graph = graph_of(instance.version_id)
        facts: dict[str, Any] = {
            "now": now.isoformat(),
            "parameters": dict(graph.parameters),
            "variables": dict(instance.variables or {}),
            "trigger": triggers.get(instance.id, {}),
            "steps": steps.get(instance.id, {}),
        }
        facts.update(people.get(instance.id, {}))
        facts.update(events.get(instance.client_id, EMPTY_EVENTS))
        found[instance.id] = facts
    return found


EMPTY_EVENTS: Mapping[str, Any] = {
    "payments": {"received": [], "total": 0.0},
    "forms": {"submitted": [], "answers": {}},
}


def instances_for(wanted: Iterable[tuple[int, frozenset[str]]]) -> dict[int, Instance]:
    """Load instances (id, roots read), with their people only where somebody reads about them."""
    wanted = list(wanted)
    dates = Instance.objects.select_related("vendor", "wedding").prefetch_related("wedding__anchors")
    people = dates.select_related("client__vendor").prefetch_related("client__tags", "wedding__stakeholders")
    with_people = [key for key, roots in wanted if roots & PEOPLE_ROOTS]
    without = [key for key, roots in wanted if not roots & PEOPLE_ROOTS]
    found = people.in_bulk(with_people) if with_people else {}
    return {**found, **(dates.in_bulk(without) if without else {})}


def _people(needs: list[Need], *, now: datetime) -> dict[int, dict[str, Any]]:
    return {
        need.instance.id: selectors.facts_of(
            client=need.instance.client, wedding=need.instance.wedding, now=now
        )
        for need in needs
        if need.roots & PEOPLE_ROOTS
    }


def _triggers(needs: list[Need]) -> dict[int, dict[str, Any]]:
    wanted = [
        need.instance.trigger_event_id
        for need in needs
        if "trigger" in need.roots and need.instance.trigger_event_id
    ]
    if not wanted:
        return {}
    found = {}
    by_id = TriggerEvent.objects.in_bulk(wanted)
    for need in needs:
        event = by_id.get(need.instance.trigger_event_id or 0)
        if event is not None:
            found[need.instance.id] = {**(event.payload or {}), "type": event.type, "topic": event.topic}
    return found


def _events(needs: list[Need]) -> dict[int, dict[str, Any]]:
    clients = {need.instance.client_id for need in needs if need.roots & EVENT_ROOTS}
    if not clients:
        return {}
    return client_events(clients)


def client_events(client_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Give the facts `payments` and `forms` of clients, from the events that arrived for them."""
    found: dict[int, dict[str, Any]] = defaultdict(
        lambda: {"payments": {"received": [], "total": 0.0}, "forms": {"submitted": [], "answers": {}}}
    )
    events = TriggerEvent.objects.filter(
        client_id__in=list(client_ids), type__in=["payment_received", "form_submitted"]
    ).order_by("id")
    for event in events:
        facts = found[event.client_id or 0]
        payload = event.payload or {}
        if event.type == "payment_received":
            facts["payments"]["received"].append(event.topic)
            facts["payments"]["total"] += float(payload.get("amount") or 0)
        else:
            facts["forms"]["submitted"].append(event.topic)
            facts["forms"]["answers"][event.topic] = payload.get("answers", payload)
    return dict(found)


def _steps(needs: list[Need]) -> dict[int, dict[str, Any]]:
    wanted = [need.instance.id for need in needs if "steps" in need.roots]
    if not wanted:
        return {}
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    rows = (
        NodeExecution.objects.filter(
            instance_id__in=wanted, status=NodeExecution.Status.SUCCEEDED, output__isnull=False
        )
        .order_by("at")
        .only("instance_id", "node_id", "output", "at")
    )
    for row in rows:
        found[row.instance_id][row.node_id] = row.output
    return dict(found)

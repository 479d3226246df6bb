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
    """One instance, and what its step reads of the facts."""

    instance: Instance
    paths: frozenset[str]

    @property
    def roots(self) -> frozenset[str]:
        """The first part of every path."""
        return roots_of(self.paths)


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


def roots_of(paths: frozenset[str]) -> frozenset[str]:
    """Give the first part of every path."""
    return frozenset(path.partition(".")[0] for path in paths)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An instance to load, and what is needed beside it."""

    instance_id: int
    paths: frozenset[str]
    #: The couple's dates, for placing what follows.
    dates: bool
    #: Everybody at the wedding, for finding the recipients.
    people: bool

    def prefetches(self) -> tuple[str, ...]:
        """Name the queries that go beside the instance's own."""
        found = []
        if self.dates or selectors.is_read(selectors.ANCHORS, self.paths):
            found.append("wedding__anchors")
        if self.people or selectors.is_read(selectors.PEOPLE, self.paths):
            found.append("wedding__stakeholders")
        if selectors.is_read(selectors.TAGS, self.paths):
            found.append("client__tags")
        return tuple(found)


def instances_for(wanted: Iterable[Wanted]) -> dict[int, Instance]:
    """Load instances with what their steps read, and with no more."""
    groups: dict[tuple[bool, tuple[str, ...]], list[int]] = defaultdict(list)
    for one in wanted:
        with_client = one.people or bool(roots_of(one.paths) & PEOPLE_ROOTS)
        groups[with_client, one.prefetches()].append(one.instance_id)
    found: dict[int, Instance] = {}
    for (with_client, prefetches), ids in groups.items():
        rows = Instance.objects.select_related(
            "vendor", "wedding", *(["client__vendor"] if with_client else [])
        )
        found.update(rows.prefetch_related(*prefetches).in_bulk(ids))
    return found


def _people(needs: list[Need], *, now: datetime) -> dict[int, dict[str, Any]]:
    return {
        need.instance.id: selectors.facts_of(
            client=need.instance.client, wedding=need.instance.wedding, now=now, reads=need.paths
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

"""The roots trigger, events, payments and forms: what has arrived for the client."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from django.db.models import Q

from engine.models import TriggerEvent
from engine.services.facts import Need, fact_root
from journeys.models import AuditRecord, Client, Wedding

#: Event types that the journal of deeds keeps, with the deeds that make them.
RECORDED: Mapping[str, frozenset[str]] = {
    "client_changed": frozenset({"client.changed", "client.tag_added", "client.tag_removed"}),
    "wedding_moved": frozenset({"wedding.moved", "wedding.anchor_set", "wedding.cancelled"}),
}
PAYMENT, FORM = "payment_received", "form_submitted"


class Arrived(Protocol):
    """Something that arrived, read from a table or made up."""

    @property
    def type(self) -> str:
        """Its type."""

    @property
    def topic(self) -> str:
        """What it is about."""

    @property
    def payload(self) -> Mapping[str, Any] | None:
        """What it carried."""

    @property
    def received_at(self) -> datetime:
        """When it arrived."""

    @property
    def public_id(self) -> str:
        """Its id."""


def empty_money() -> dict[str, Any]:
    """Give the facts of a client whose events nobody looked at, or who has none."""
    return {
        "payments": {"received": [], "total": 0.0, "amounts": {}},
        "forms": {"submitted": [], "answers": {}},
    }


@fact_root("trigger", empty={})
def trigger(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give the event that started each passage."""
    del now
    ids = [event_id for need in needs if (event_id := need.instance.trigger_event_id)]
    events = TriggerEvent.objects.in_bulk(ids) if ids else {}
    return {
        need.instance.id: {**(event.payload or {}), "type": event.type, "topic": event.topic}
        for need in needs
        if (event := events.get(need.instance.trigger_event_id or 0)) is not None
    }


@fact_root("payments", empty=empty_money()["payments"])
def payments(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give the kinds of payments that arrived, their sum, and the sum of each kind."""
    del now
    found = _money(needs, {PAYMENT})
    return {need.instance.id: found[need.instance.client_id]["payments"] for need in needs}


@fact_root("forms", empty=empty_money()["forms"])
def forms(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give the forms that were answered, and the last answers of each."""
    del now
    found = _money(needs, {FORM})
    return {need.instance.id: found[need.instance.client_id]["forms"] for need in needs}


@fact_root("events", empty={})
def events(needs: Sequence[Need], now: datetime) -> Mapping[int, Any]:
    """Give how often each type of event arrived for the client, with the last of them, also by topic."""
    del now
    types = {need.instance.id: _types(need.paths) for need in needs}
    every = [one for one in types.values() if one is None]
    wanted = None if every else frozenset().union(*(one or () for one in types.values()))
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    clients = {need.instance.client_id for need in needs}
    for event in _arrived(clients, wanted):
        count_event(found[event.client_id or 0], event.type, event)
    recorded = {need.instance.id: dict(found[need.instance.client_id]) for need in needs}
    for instance_id, kind, record in _recorded(needs, types):
        count_event(recorded[instance_id], kind, record)
    return recorded


def client_events(
    client_ids: Iterable[int], *, reads: frozenset[str] | None = None
) -> dict[int, dict[str, Any]]:
    """Give the facts `payments` and `forms` of clients; one without any has the empty ones.

    They are looked up only where `reads` (the dotted paths that somebody reads) is None or names one of them.
    """
    found: dict[int, dict[str, Any]] = defaultdict(empty_money)
    if reads is not None and not any(path.partition(".")[0] in empty_money() for path in reads):
        return found
    for event in _arrived(client_ids, {PAYMENT, FORM}):
        take_in(found[event.client_id or 0], event)
    return found


def _money(needs: Sequence[Need], types: Collection[str]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = defaultdict(empty_money)
    for event in _arrived({need.instance.client_id for need in needs}, types):
        take_in(found[event.client_id or 0], event)
    return found


def _arrived(client_ids: Iterable[int], types: Collection[str] | None) -> Iterable[TriggerEvent]:
    rows = TriggerEvent.objects.filter(client_id__in=list(client_ids)).order_by("id").defer("outcomes")
    return rows if types is None else rows.filter(type__in=sorted(types))


def take_in(facts: dict[str, Any], event: Arrived) -> None:
    """Add a payment or an answered form to the facts `payments` and `forms`."""
    payload = event.payload or {}
    if event.type == PAYMENT:
        money, amount = facts["payments"], float(payload.get("amount") or 0)
        money["received"].append(event.topic)
        money["total"] += amount
        money["amounts"][event.topic] = money["amounts"].get(event.topic, 0.0) + amount
    else:
        facts["forms"]["submitted"].append(event.topic)
        facts["forms"]["answers"][event.topic] = payload.get("answers", payload)


def _types(paths: frozenset[str]) -> frozenset[str] | None:
    """Name the event types that are read; None for all."""
    read = [path.split(".") for path in paths if path.partition(".")[0] == "events"]
    return None if any(len(path) == 1 for path in read) else frozenset(path[1] for path in read)


def count_event(facts: dict[str, Any], kind: str, event: Arrived) -> None:
    """Add an event to what is kept of its type and of its topic; the last one's payload stays."""
    before = facts.get(kind) or {}
    last = {
        "at": event.received_at.isoformat(),
        "id": event.public_id,
        "topic": event.topic,
        "payload": event.payload or {},
    }
    topics = dict(before.get("topics", {}))
    topics[event.topic] = {"count": topics.get(event.topic, {}).get("count", 0) + 1, **last}
    facts[kind] = {"count": before.get("count", 0) + 1, **last, "topics": topics}


class _Record:
    """A deed of the journal, as an event."""

    type = "record"

    def __init__(self, row: AuditRecord) -> None:
        self.public_id = f"rec_{row.pk}"
        self.received_at = row.at
        self.payload: dict[str, Any] = {**row.detail, "deed": row.action}
        changed = row.detail.get("fields") or []
        self.topic = "status" if "status" in changed else row.action.partition(".")[2]


def _recorded(
    needs: Sequence[Need], types: Mapping[int, frozenset[str] | None]
) -> Iterable[tuple[int, str, _Record]]:
    """Give (instance id, type, record) of what the journal keeps since each passage began."""
    watched = {
        instance_id: [kind for kind in RECORDED if wanted is None or kind in wanted]
        for instance_id, wanted in types.items()
    }
    readers = [need for need in needs if watched[need.instance.id]]
    if not readers:
        return
    instances = [need.instance for need in readers]
    clients = dict(
        Client.objects.filter(id__in=[one.client_id for one in instances]).values_list("id", "public_id")
    )
    weddings = dict(
        Wedding.objects.filter(id__in=[one.wedding_id for one in instances]).values_list("id", "public_id")
    )
    deeds = frozenset().union(*(RECORDED[kind] for need in readers for kind in watched[need.instance.id]))
    rows = AuditRecord.objects.filter(
        Q(object_id__in=[*clients.values(), *weddings.values()]),
        action__in=sorted(deeds),
        at__gte=min(one.started_at for one in instances),
    ).order_by("at", "id")
    by_object: dict[str, list[AuditRecord]] = defaultdict(list)
    for row in rows:
        by_object[row.object_id].append(row)
    for one in instances:
        for kind in watched[one.id]:
            about = clients if kind == "client_changed" else weddings
            key = one.client_id if kind == "client_changed" else one.wedding_id
            for row in by_object.get(about.get(key or 0, ""), ()):
                if row.action in RECORDED[kind] and row.at >= one.started_at:
                    yield one.id, kind, _Record(row)

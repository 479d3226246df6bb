"""Take events in, once each, and start the journeys that wait for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from pydantic import BaseModel, ValidationError

from engine.entrances import Entrance, entrances_of
from engine.fact_roots.happenings import client_events
from engine.models import TriggerEvent
from engine.services.instances import instance_start
from engine.services.waking import wake
from journeys import selectors
from journeys.errors import Conflict, Invalid, ServiceError
from journeys.language.errors import ExpressionError, NotRegistered
from journeys.language.expressions import compile_expression
from journeys.language.registry import EventFacts, trigger_types
from journeys.models import Client, Journey, Vendor
from journeys.scoping import owned_by
from journeys.services import audit

#: Longest payload of an event, as JSON, in characters.
MAX_PAYLOAD = 100_000


def event_receive(
    *,
    vendor: Vendor,
    type: str,  # noqa: A002 the field's own name
    event_id: str,
    client: Client | None,
    topic: str,
    payload: Mapping[str, Any],
    now: datetime,
    actor: str,
    occurred_at: datetime | None = None,
) -> TriggerEvent:
    """Store an event, start what it starts and wake what waits for it, in one transaction.

    The same event id a second time changes nothing and gives the stored event back; what it started is in its
    `outcomes`. Events without a client are kept and start nothing.

    Raises:
        Invalid: the type is unknown, or the payload is not what the type expects.
        Conflict: the event id was used before for another event (`event_id_reused`).
    """
    _check(type, payload)
    with transaction.atomic():
        event = TriggerEvent(
            vendor=vendor,
            event_id=event_id,
            type=type,
            topic=topic,
            client=client,
            payload=dict(payload),
            occurred_at=occurred_at or now,
            received_at=now,
        )
        TriggerEvent.objects.bulk_create([event], ignore_conflicts=True)
        stored = TriggerEvent.objects.select_for_update().get(vendor=vendor, event_id=event_id)
        if stored.public_id != event.public_id:
            if (stored.type, stored.client_id, stored.topic) != (type, client.id if client else None, topic):
                message = f"The event id {event_id!r} was used before for another event: give each its own."
                raise Conflict(message, code="event_id_reused")
            return stored
        audit.record(vendor=vendor, actor=actor, action="event.received", obj=stored, now=now, type=type)
        stored.outcomes = _start_journeys(stored, vendor=vendor, now=now, actor=actor)
        stored.save(update_fields=["outcomes"])
        if client is not None:
            wake(client_id=client.id, topics=[f"event:{type}"], now=now)
    return stored


def _check(type_name: str, payload: Mapping[str, Any]) -> None:
    try:
        trigger = trigger_types.get(type_name)
    except NotRegistered as error:
        raise Invalid(str(error), code="unknown_trigger", details={"type": trigger_types.types()}) from error
    if len(json.dumps(payload, default=str)) > MAX_PAYLOAD:
        message = f"The payload is longer than {MAX_PAYLOAD} characters: send a link instead."
        raise Invalid(message, code="payload_too_large")
    if trigger.payload_model is not None:
        _validate(trigger.payload_model, payload)


def _validate(model: type[BaseModel], payload: Mapping[str, Any]) -> None:
    try:
        model.model_validate(payload)
    except ValidationError as error:
        fields = {".".join(str(part) for part in one["loc"]): one["msg"] for one in error.errors()}
        message = "The payload is not what this event carries: see the fields."
        raise Invalid(message, code="bad_payload", details=fields) from error


class _Live(NamedTuple):
    """A published journey that waits for an event of this type."""

    id: int
    public_id: str
    version_id: int


def _start_journeys(
    event: TriggerEvent, *, vendor: Vendor, now: datetime, actor: str
) -> list[dict[str, str]]:
    rows = (
        owned_by(vendor, Journey)
        .filter(status=Journey.Status.ACTIVE, current_version__trigger_type=event.type)
        # Always in one order: journeys with limits let one in at a time.
        .order_by("id")
    )
    live = [_Live(*row) for row in rows.values_list("id", "public_id", "current_version_id")]
    if event.client is None:
        return [_outcome(one, "not_matched", "The event names no client.") for one in live]
    if not live:
        return []
    entrances = entrances_of(one.version_id for one in live)
    facts = _facts(event, event.client, reads=_read_by(entrances.values()), now=now)
    outcomes = []
    for one in live:
        refusal = _refusal(one, entrances[one.version_id], event, facts, now=now)
        outcomes.append(refusal or _start(one, event, event.client, vendor=vendor, now=now, actor=actor))
    return outcomes


def _read_by(entrances: Iterable[Entrance]) -> frozenset[str]:
    """Name the facts that filters read; a filter that can not be read says so when it is asked."""
    paths: set[str] = set()
    for where in {one.where for one in entrances if one.where}:
        with suppress(ExpressionError):
            paths |= compile_expression(where).paths()
    return frozenset(paths)


def _facts(event: TriggerEvent, client: Client, *, reads: frozenset[str], now: datetime) -> dict[str, Any]:
    people = selectors.client_facts(client_ids=[client.id], now=now, reads=reads)[client.id]
    return {
        **people,
        **client_events([client.id], reads=reads)[client.id],
        "trigger": {**(event.payload or {}), "type": event.type, "topic": event.topic},
        "variables": {},
        "steps": {},
        "now": now.isoformat(),
    }


def _start(
    live: _Live, event: TriggerEvent, client: Client, *, vendor: Vendor, now: datetime, actor: str
) -> dict[str, str]:
    journey = owned_by(vendor, Journey).defer("draft").get(id=live.id)
    journey.vendor = vendor
    variables = (event.payload or {}).get("variables")
    try:
        with transaction.atomic():
            instance = instance_start(
                vendor=vendor,
                journey=journey,
                client=client,
                variables=variables if isinstance(variables, dict) else {},
                now=now,
                actor=actor,
                event=event,
            )
    except ServiceError as error:
        return _outcome(live, error.code, error.message)
    return {**_outcome(live, "started", ""), "instance": instance.public_id}


def _refusal(
    journey: _Live, entrance: Entrance, event: TriggerEvent, facts: Mapping[str, Any], *, now: datetime
) -> dict[str, str] | None:
    """Say why the event does not start the journey; None when it does."""
    payload = {**(event.payload or {}), "topic": event.topic}
    named = payload.get("journey_id")
    if named and named != journey.public_id:
        return _outcome(journey, "not_matched", "The event is for another journey.")
    happened = EventFacts(
        type=event.type, payload=payload, occurred_at=event.occurred_at, event_id=event.event_id, facts=facts
    )
    if not entrance.trigger.matches(settings=entrance.wanted, event=happened):
        return _outcome(journey, "not_matched", "The event is not the one the journey waits for.")
    if not entrance.where:
        return None
    try:
        known = {**facts, "parameters": dict(entrance.parameters)}
        holds = compile_expression(entrance.where).holds(known, now)
    except ExpressionError as error:
        return _outcome(journey, "filter_failed", f"The journey's filter can not be answered: {error}")
    return (
        None
        if holds
        else _outcome(journey, "filtered", "The journey's filter does not hold for this client.")
    )


def _outcome(journey: _Live, outcome: str, reason: str) -> dict[str, str]:
    return {"journey": journey.public_id, "outcome": outcome, "reason": reason[:300]}

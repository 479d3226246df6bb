"""Take events in, once each, and start the journeys that wait for them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from pydantic import BaseModel, ValidationError

from engine.entrances import Entrance, entrances_of
from engine.fact_roots.happenings import client_events
from engine.models import TriggerEvent
from engine.services.instances import instance_start
from engine.services.waking import wake
from journeys import selectors
from journeys.errors import Conflict, Invalid, ServiceError
from journeys.fields import new_public_id
from journeys.language.errors import ExpressionError, NotRegistered
from journeys.language.expressions import compile_expression
from journeys.language.registry import EventFacts, trigger_types
from journeys.models import Client, Journey, Vendor, Wedding
from journeys.services import audit

#: A vendor's own, always in one order: journeys with limits let one in at a time. The columns are those of `_Live`.
_LIVE = """
SELECT j.id, j.public_id, j.vendor_id, j.status, j.re_entry, j.re_entry_days, j.current_version_id
FROM journeys_journey j JOIN journeys_version v ON v.id = j.current_version_id
WHERE j.vendor_id = %s AND j.status = 'active' AND v.trigger_type = %s
ORDER BY j.id
"""
_WRITE_OUTCOMES = "UPDATE engine_triggerevent SET outcomes = %s::jsonb WHERE id = %s"

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
            public_id=new_public_id("evt"),
            vendor=vendor,
            event_id=event_id,
            type=type,
            topic=topic,
            client=client,
            # As it is read later: in JSON's kinds of values, and in UTC.
            payload=json.loads(json.dumps(dict(payload), cls=DjangoJSONEncoder)),
            occurred_at=(occurred_at or now).astimezone(UTC),
            received_at=now,
        )
        if not _store(event):
            stored = TriggerEvent.objects.select_for_update().get(vendor=vendor, event_id=event_id)
            if (stored.type, stored.client_id, stored.topic) != (type, client.id if client else None, topic):
                message = f"The event id {event_id!r} was used before for another event: give each its own."
                raise Conflict(message, code="event_id_reused")
            return stored
        audit.record_all([(vendor.id, actor, event)], action="event.received", now=now, type=type)
        event.outcomes = _start_journeys(event, vendor=vendor, now=now, actor=actor)
        if event.outcomes:
            with connection.cursor() as cursor:
                cursor.execute(_WRITE_OUTCOMES, [json.dumps(event.outcomes), event.id])
        if client is not None:
            wake(client_id=client.id, topics=[f"event:{type}"], now=now)
    return event


def _store(event: TriggerEvent) -> bool:
    """Write an event and give it its number; False when its id was used before, or is just being used."""
    columns = [
        (str(field.column), field.get_db_prep_save(getattr(event, field.attname), connection))
        for field in TriggerEvent._meta.concrete_fields  # noqa: SLF001 the documented door to a model's fields
        if not field.primary_key
    ]
    names, values = ", ".join(name for name, _ in columns), ", ".join("%s" for _ in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO engine_triggerevent ({names}) VALUES ({values}) "  # noqa: S608 names of the model
            "ON CONFLICT (vendor_id, event_id) DO NOTHING RETURNING id",
            [value for _, value in columns],
        )
        row = cursor.fetchone()
    if row is not None:
        event.id = row[0]
        event._state.adding, event._state.db = False, connection.alias  # noqa: SLF001 as after a save
    return row is not None


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
    """A published journey that waits for an event of this type, with what `engine.services.entering` reads of it.

    In the order of the table's columns, in which Django takes them.
    """

    id: int
    public_id: str
    vendor_id: int
    status: str
    re_entry: str
    re_entry_days: int | None
    current_version_id: int

    def journey(self, vendor: Vendor) -> Journey:
        """Give it as the row that it is, the rest of which is read when somebody asks."""
        journey = Journey.from_db(connection.alias, self._fields, self)
        journey.vendor = vendor
        return journey


def _start_journeys(
    event: TriggerEvent, *, vendor: Vendor, now: datetime, actor: str
) -> list[dict[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_LIVE, [vendor.id, event.type])
        live = [_Live(*row) for row in cursor.fetchall()]
    if event.client is None:
        return [_outcome(one, "not_matched", "The event names no client.") for one in live]
    if not live:
        return []
    entrances = entrances_of(one.current_version_id for one in live)
    reads = _read_by(entrances.values())
    # What the caller holds of the couple may have changed since.
    client, wedding = selectors.client_anew(client_id=event.client.id, vendor=vendor, reads=reads)
    facts = _facts(event, client, wedding, reads=reads, now=now)
    happened = EventFacts(
        type=event.type,
        payload={**(event.payload or {}), "topic": event.topic},
        occurred_at=event.occurred_at,
        event_id=event.event_id,
        facts=facts,
    )
    outcomes = []
    for one in live:
        refusal = _refusal(one, entrances[one.current_version_id], happened, now=now)
        outcomes.append(refusal or _start(one, event, client, wedding, vendor=vendor, now=now, actor=actor))
    return outcomes


def _read_by(entrances: Iterable[Entrance]) -> frozenset[str]:
    """Name the facts that filters read; a filter that can not be read says so when it is asked."""
    paths: set[str] = set()
    for where in {one.where for one in entrances if one.where}:
        with suppress(ExpressionError):
            paths |= compile_expression(where).paths()
    return frozenset(paths)


def _facts(
    event: TriggerEvent, client: Client, wedding: Wedding | None, *, reads: frozenset[str], now: datetime
) -> dict[str, Any]:
    return {
        **selectors.facts_of(client=client, wedding=wedding, now=now, reads=reads),
        **client_events([client.id], reads=reads)[client.id],
        "trigger": {**(event.payload or {}), "type": event.type, "topic": event.topic},
        "variables": {},
        "steps": {},
        "now": now.isoformat(),
    }


def _start(
    live: _Live,
    event: TriggerEvent,
    client: Client,
    wedding: Wedding | None,
    *,
    vendor: Vendor,
    now: datetime,
    actor: str,
) -> dict[str, str]:
    variables = (event.payload or {}).get("variables")
    try:
        # A transaction of its own inside this one: a refusal takes back what it wrote and no more.
        instance = instance_start(
            vendor=vendor,
            journey=live.journey(vendor),
            client=client,
            variables=variables if isinstance(variables, dict) else {},
            now=now,
            actor=actor,
            event=event,
            wedding=wedding,
        )
    except ServiceError as error:
        return _outcome(live, error.code, error.message)
    return {**_outcome(live, "started", ""), "instance": instance.public_id}


def _refusal(
    journey: _Live, entrance: Entrance, happened: EventFacts, *, now: datetime
) -> dict[str, str] | None:
    """Say why the event does not start the journey; None when it does."""
    named = happened.payload.get("journey_id")
    if named and named != journey.public_id:
        return _outcome(journey, "not_matched", "The event is for another journey.")
    if not entrance.trigger.matches(settings=entrance.wanted, event=happened):
        return _outcome(journey, "not_matched", "The event is not the one the journey waits for.")
    if not entrance.where:
        return None
    try:
        known = {**happened.facts, "parameters": dict(entrance.parameters)}
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

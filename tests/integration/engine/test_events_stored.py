"""How an event is written, and what becomes of the rest when one of its journeys refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from engine.models import Instance, TriggerEvent, Wake
from engine.services.triggering import _Live, event_receive
from journeys.errors import Conflict
from journeys.models import AuditRecord, Client, Journey, Vendor
from journeys.services.clients import client_change
from tests.builders import ACTOR, a_couple, a_journey, a_vendor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def vendor(transactional_db: None, now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)


def receive(couple: Client, event_id: str = "evt-1", *, now: datetime, **given: Any) -> TriggerEvent:
    fields = {"type": "payment_received", "topic": "deposit", "payload": {"amount": 600, "note": "Inês"}}
    return event_receive(
        vendor=couple.vendor, client=couple, event_id=event_id, now=now, actor=ACTOR, **{**fields, **given}
    )


def outcomes(event: TriggerEvent) -> list[str]:
    return [one["outcome"] for one in event.outcomes]


def test_what_is_given_back_is_what_is_stored(couple: Client, now: datetime) -> None:
    a_journey().trigger("payment_received").publish(couple.vendor, now=now)

    lisbon = timezone(timedelta(hours=1))
    event = receive(
        couple,
        now=now,
        payload={"amount": Decimal("600.50"), "on": now.date(), "parts": (2, 3)},
        occurred_at=(now - timedelta(hours=2)).astimezone(lisbon),
    )

    stored = TriggerEvent.objects.get(event_id="evt-1")
    fields = [field.attname for field in TriggerEvent._meta.concrete_fields]
    assert {name: getattr(stored, name) for name in fields} == {name: getattr(event, name) for name in fields}
    assert {"amount": "600.50", "on": "2027-04-14", "parts": [2, 3]} == event.payload
    assert (now - timedelta(hours=2), UTC) == (event.occurred_at, event.occurred_at.tzinfo)
    assert (False, "default") == (event._state.adding, event._state.db)
    assert ["started"] == outcomes(stored)
    deed = AuditRecord.objects.get(action="event.received", object_id=event.public_id)
    assert {"type": "payment_received"} == deed.detail


def test_its_payload_can_not_be_read_in_the_database(couple: Client, now: datetime) -> None:
    receive(couple, now=now)

    with connection.cursor() as cursor:
        cursor.execute("SELECT payload FROM engine_triggerevent WHERE event_id = 'evt-1'")
        assert "Inês" not in cursor.fetchone()[0]


def test_a_refused_event_takes_nothing_of_the_callers_transaction(couple: Client, now: datetime) -> None:
    receive(couple, now=now)

    with transaction.atomic():
        client_change(client=couple, status="done", now=now, actor=ACTOR)
        with pytest.raises(Conflict, match="used before for another event"):
            receive(couple, now=now, topic="final")

    assert "done" == Client.objects.get(id=couple.id).status


def test_a_journey_that_refuses_leaves_the_others_started(couple: Client, now: datetime) -> None:
    """What the refused one wrote before is taken back, and no more."""
    journeys = [
        a_journey().trigger("payment_received").publish(couple.vendor, now=now),
        a_journey().trigger("payment_received").variable("needed").publish(couple.vendor, now=now),
        a_journey().trigger("payment_received").publish(couple.vendor, now=now, re_entry="always"),
    ]

    first, second = receive(couple, now=now), receive(couple, "evt-2", now=now)

    assert ["started", "missing_variable", "started"] == outcomes(first)
    assert ["already_active", "missing_variable", "started"] == outcomes(second)
    begun = Instance.objects.order_by("id").values_list("journey_id", flat=True)
    assert [journeys[0].id, journeys[2].id, journeys[2].id] == list(begun)
    assert 3 == AuditRecord.objects.filter(action="instance.started").count()


def test_a_journey_that_starts_is_the_row_that_it_is(couple: Client, now: datetime) -> None:
    given = {"re_entry": "after_days", "re_entry_days": 12}
    journey = a_journey().trigger("payment_received").publish(couple.vendor, now=now, **given)
    columns = [field.attname for field in Journey._meta.concrete_fields]
    assert list(_Live._fields) == [name for name in columns if name in _Live._fields]

    row = Journey.objects.values_list(*_Live._fields).get(id=journey.id)
    made = _Live(*row).journey(couple.vendor)

    assert {name: getattr(journey, name) for name in columns} == {
        name: getattr(made, name) for name in columns
    }


def test_filters_see_the_couple_as_it_is_and_not_as_the_caller_holds_it(
    couple: Client, now: datetime
) -> None:
    a_journey().trigger("payment_received", where="client.status == 'done'").publish(couple.vendor, now=now)
    client_change(client=Client.objects.get(id=couple.id), status="done", now=now, actor=ACTOR)
    assert "booked" == couple.status

    assert ["started"] == outcomes(receive(couple, now=now))


def test_an_event_that_is_rolled_back_leaves_nothing(couple: Client, now: datetime) -> None:
    a_journey().trigger("payment_received").publish(couple.vendor, now=now)

    with transaction.atomic():
        receive(couple, now=now)
        transaction.set_rollback(True)

    assert not TriggerEvent.objects.filter(event_id="evt-1").exists()
    assert not Instance.objects.exists()
    assert not Wake.objects.exists()


def test_more_journeys_cost_no_more_statements(couple: Client, now: datetime) -> None:
    def cost(event_id: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert {"filtered"} == set(outcomes(receive(couple, event_id, now=now)))
        return len(queries)

    for _ in range(2):
        a_journey().trigger("payment_received", where="client.status == 'lead'").publish(
            couple.vendor, now=now
        )
    cost("the first reads the versions")
    few = cost("few")
    for number in range(10):
        where = f"client.status == 'lead' && trigger.amount > {number}.0"
        a_journey().trigger("payment_received", where=where).publish(couple.vendor, now=now)
    cost("the first of these reads theirs")

    assert few == cost("many")

"""Events start journeys: once each, for whom they are meant, and they say why not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.models import Instance, TriggerEvent
from engine.services.dates import follow_dates
from engine.services.triggering import event_receive
from journeys.errors import Conflict, Invalid
from journeys.models import Client, Journey, Vendor
from tests.builders import ACTOR, a_couple, a_journey, a_vendor


def receive(vendor: Vendor, couple: Client | None, *, now: datetime, **given: Any) -> TriggerEvent:
    fields = {"type": "payment_received", "event_id": "evt-1", "topic": "deposit", "payload": {"amount": 600}}
    return event_receive(vendor=vendor, client=couple, now=now, actor=ACTOR, **{**fields, **given})


@pytest.fixture
def deposits(vendor: Vendor, now: datetime) -> Journey:
    journey = a_journey().trigger("payment_received", kind="deposit", where="trigger.amount > 500.0")
    return journey.email("thanks").publish(vendor, now=now)


def test_the_same_event_twice_starts_once(
    vendor: Vendor, couple: Client, deposits: Journey, now: datetime
) -> None:
    first = receive(vendor, couple, now=now)
    second = receive(vendor, couple, now=now)

    assert first.public_id == second.public_id
    assert 1 == Instance.objects.filter(journey=deposits).count()
    assert ["started"] == [one["outcome"] for one in second.outcomes if one["journey"] == deposits.public_id]


def test_an_event_id_used_for_something_else_is_refused(
    vendor: Vendor, couple: Client, deposits: Journey, now: datetime
) -> None:
    receive(vendor, couple, now=now)

    with pytest.raises(Conflict, match="used before for another event"):
        receive(vendor, couple, now=now, topic="final")
    assert 1 == TriggerEvent.objects.filter(type="payment_received").count()


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({"topic": "final"}, "not_matched"),
        ({"payload": {"amount": 20}}, "filtered"),
        ({"payload": {"amount": 600}}, "started"),
        ({"payload": {}}, "filter_failed"),
    ],
)
def test_an_event_says_what_it_did(
    couple: Client, deposits: Journey, now: datetime, given: dict[str, Any], outcome: str
) -> None:
    event = receive(deposits.vendor, couple, now=now, **given)

    assert [outcome] == [one["outcome"] for one in event.outcomes]


def test_an_unknown_type_is_refused_and_nothing_is_stored(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    before = TriggerEvent.objects.count()

    with pytest.raises(Invalid, match="no trigger type 'comet'"):
        receive(vendor, couple, now=now, type="comet")
    with pytest.raises(Invalid, match="not what this event carries"):
        receive(vendor, couple, now=now, payload={"amount": "much"})

    assert before == TriggerEvent.objects.count()


def test_another_vendors_journey_is_not_started(vendor: Vendor, deposits: Journey, now: datetime) -> None:
    stranger = a_vendor(now=now, name="Somebody else")
    couple = a_couple(stranger, now=now)

    event = receive(stranger, couple, now=now)

    assert [] == event.outcomes
    assert not Instance.objects.exists()


def test_a_new_client_starts_what_waits_for_clients(vendor: Vendor, now: datetime) -> None:
    journey = a_journey().trigger("client_added", where="client.status == 'booked'").email("welcome")
    published = journey.publish(vendor, now=now)

    booked = a_couple(vendor, now=now)
    a_couple(vendor, now=now, status="lead")

    assert [booked.id] == list(Instance.objects.filter(journey=published).values_list("client_id", flat=True))


def test_a_date_starts_its_journey_once_on_its_day(vendor: Vendor, now: datetime) -> None:
    journey = a_journey().trigger("date_based", anchor="wedding", offset="-7d", at="10:00").email("week")
    published = journey.publish(vendor, now=now)
    near = a_couple(vendor, now=now, wedding_in=timedelta(days=10))
    a_couple(vendor, now=now, wedding_in=timedelta(days=40))
    a_couple(vendor, now=now, wedding_in=timedelta(days=3))
    follow_dates(now=now)

    made = [follow_dates(now=now + timedelta(days=days)) for days in range(6)]

    assert 1 == sum(made)
    assert [near.id] == [one.client_id for one in Instance.objects.filter(journey=published)]


def test_a_beat_that_was_away_catches_up(vendor: Vendor, now: datetime) -> None:
    journey = a_journey().trigger("date_based", anchor="wedding", offset="-7d", at="10:00").email("week")
    published = journey.publish(vendor, now=now)
    a_couple(vendor, now=now, wedding_in=timedelta(days=10))
    follow_dates(now=now)

    follow_dates(now=now + timedelta(days=6))

    assert 1 == Instance.objects.filter(journey=published).count()


def test_variables_are_asked_for_and_checked(vendor: Vendor, couple: Client, now: datetime) -> None:
    journey = (
        a_journey().trigger("payment_received").variable("album").email("hi", body="{{ variables.album }}")
    )
    journey.publish(vendor, now=now)

    missing = receive(vendor, couple, now=now)
    given = receive(
        vendor,
        couple,
        now=now,
        event_id="evt-2",
        payload={"amount": 1, "variables": {"album": "the green one"}},
    )

    assert ["missing_variable"] == [one["outcome"] for one in missing.outcomes]
    assert ["started"] == [one["outcome"] for one in given.outcomes]

"""How much a request asks of the database and of Redis, however many rows there are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import override_settings

from engine.api.serializers.running import EventDetail
from engine.api.views.events import EVENT
from engine.models import Instance, TriggerEvent
from journeys import clock
from journeys.models import ApiKey, Journey, Vendor
from journeys.services.api_keys import api_key_revoke
from tests.builders import a_couple, a_journey
from tests.drive import run_until_idle
from tests.functional.api.calling import WRITTEN, Caller

INSTANCES = "/api/journey-engine/instances"
EVENTS = "/api/journeys/trigger"


@pytest.fixture
def now(db: None) -> datetime:
    return clock.now()


@pytest.fixture
def journey(vendor: Vendor, now: datetime) -> Journey:
    return a_journey().email("hello").wait("pause", for_="3d").email("more").publish(vendor, now=now)


@pytest.fixture
def started(api: Caller, journey: Journey, now: datetime) -> list[str]:
    """Start three couples, and have their first steps carried out."""
    ids = []
    for _ in range(3):
        couple = a_couple(api.vendor, now=now)
        answer = api.post(INSTANCES, {"journey_id": journey.public_id, "client_id": couple.public_id})
        ids.append(answer.json()["id"])
    run_until_idle(clock.now())
    return ids


def event(couple: Any, number: int) -> dict[str, Any]:
    return {
        "type": "payment_received",
        "event_id": f"e{number}",
        "client_id": couple.public_id,
        "topic": "deposit",
        "payload": {"amount": 600},
    }


def test_list_of_instances_takes_four_statements(
    api: Caller, started: list[str], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(4):  # the key with its vendor, the clock, the instances, where they stand
        rows = api.get(INSTANCES).json()["results"]

    assert [row["id"] for row in rows] == started[::-1]
    assert [[place["node_name"] for place in row["schedules"]] for row in rows] == [["pause"]] * 3


def test_reading_an_instance_takes_five_statements(
    api: Caller, started: list[str], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(5):  # key, clock, instance, where it stands, executions
        api.get(f"{INSTANCES}/{started[0]}")


def test_instance_says_the_same_in_the_list_and_alone(api: Caller, started: list[str]) -> None:
    listed = api.get(INSTANCES).json()["results"][-1]
    alone = api.get(f"{INSTANCES}/{started[0]}").json()

    assert list(alone)[: len(listed)] == list(listed)
    assert {name: alone[name] for name in listed} == listed
    instance = Instance.objects.get(public_id=started[0])
    assert alone["client_name"] == instance.client.display_name
    assert alone["started_at"] == instance.started_at.isoformat().replace("+00:00", "Z")
    assert alone["wedding_id"] == instance.wedding.public_id  # type: ignore[union-attr]
    assert (alone["trigger_event_id"], alone["finished_at"], alone["variables"]) == (None, None, {})


def test_event_takes_few_statements_where_it_starts_nothing(
    api: Caller, journey: Journey, now: datetime, django_assert_max_num_queries: Any
) -> None:
    couple = a_couple(api.vendor, now=now)
    api.post(EVENTS, event(couple, 1))

    with django_assert_max_num_queries(14):
        answer = api.post(EVENTS, event(couple, 2))

    assert answer.status_code == 201


def test_list_of_events_takes_three_statements_and_says_what_each_says_alone(
    api: Caller, now: datetime, django_assert_num_queries: Any
) -> None:
    for number in range(3):
        api.post(EVENTS, event(a_couple(api.vendor, now=now), number))

    with django_assert_num_queries(3):
        rows = api.get(EVENTS).json()["results"]

    stored = TriggerEvent.objects.order_by("-id").select_related("client")
    assert rows == [dict(EventDetail(one).data) for one in stored]
    assert [EVENT.write(row) for row in EVENT.of(stored)] == rows


def test_revoked_key_stops_at_once_for_reading_and_writing(
    api: Caller, started: list[str], now: datetime
) -> None:
    couple = a_couple(api.vendor, now=now)
    asked = [
        lambda: api.get(INSTANCES),
        lambda: api.get(f"{INSTANCES}/{started[0]}"),
        lambda: api.post(EVENTS, event(couple, 1)),
    ]
    assert [ask().status_code for ask in asked] == [200, 200, 201]

    api_key_revoke(key=ApiKey.objects.get(), now=WRITTEN, actor="test")

    assert [ask().status_code for ask in asked] == [401, 401, 401]


def test_key_of_one_vendor_does_not_open_the_other(api: Caller, stranger: Caller, started: list[str]) -> None:
    assert stranger.get(INSTANCES).json()["results"] == []
    assert stranger.get(f"{INSTANCES}/{started[0]}").status_code == 404
    assert api.get(f"{INSTANCES}/{started[0]}").status_code == 200


def _counters(vendor: Vendor) -> list[bytes]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        return sorted(client.scan_iter(f"api-rate:{{{vendor.public_id}}}:*"))


def test_counter_of_a_minute_goes_away_by_itself(api: Caller) -> None:
    api.get("/api/tasks")

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        left = [client.ttl(name) for name in _counters(api.vendor)]
    assert len(left) == 1
    assert 0 < left[0] <= 120


@override_settings(API_RATE_PER_MINUTE=5)
def test_minute_before_counts_for_what_is_still_inside_the_last_sixty_seconds(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime.fromisoformat("2027-04-14T09:00:15Z")
    monkeypatch.setattr(clock, "now", lambda: moment)
    before = int(moment.timestamp()) // 60 - 1
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.set(f"api-rate:{{{api.vendor.public_id}}}:{before}", 4, ex=60)

    # Three quarters of the minute before count: three of its four.
    answers = [api.get("/api/tasks").status_code for _ in range(3)]

    assert answers == [200, 200, 429]

"""Messages in doubt and alerts through the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from channels.models import Message
from engine.models import Schedule
from engine.services.instances import instance_start
from journeys import clock
from journeys.models import Client
from monitoring.models import Alert
from monitoring.services.alerts import Trouble, report
from tests.builders import ACTOR, a_journey
from tests.drive import run_until_idle
from tests.functional.api.calling import Caller

MESSAGES = "/api/journey-engine/messages"
ALERTS = "/api/journey-engine/alerts"


@pytest.fixture
def doubtful(api: Caller, couple: Client) -> Message:
    """A message in doubt whose step waits for the answer."""
    now = clock.now()
    journey = a_journey().email("hello").wait(for_="30d").publish(api.vendor, now=now)
    instance_start(vendor=api.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    run_until_idle(now)
    message = Message.objects.order_by("id").first()
    assert message is not None
    Message.objects.exclude(pk=message.pk).delete()
    Message.objects.update(status="in_doubt", in_doubt_since=now, settled_at=None, settled_by="")
    Schedule.objects.update(node_id="hello", meant=None)
    return message


def test_messages_in_doubt_are_listed_with_what_happens_next(api: Caller, doubtful: Message) -> None:
    (row,) = api.get(f"{MESSAGES}/in-doubt").json()["results"]

    assert (row["id"], row["status"], row["channel"]) == (doubtful.public_id, "in_doubt", "email")
    assert row["decides"] == "provider"
    assert row["outlook"].startswith("The provider is asked again")
    assert row["can_resend"] is True
    assert row["next_at"]
    assert api.get(f"{MESSAGES}/in-doubt?status=unknown").json()["results"] == []
    assert len(api.get(f"{MESSAGES}/in-doubt?channel=email").json()["results"]) == 1


@pytest.mark.parametrize(("word", "status"), [("sent", "accepted"), ("not sent", "retry")])
def test_person_settles_a_message_in_doubt(api: Caller, doubtful: Message, word: str, status: str) -> None:
    sent = word == "sent"
    answer = api.post(f"{MESSAGES}/{doubtful.public_id}/settle", {"sent": sent})

    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert answer.json()["settled_by"] == "person"
    again = api.post(f"{MESSAGES}/{doubtful.public_id}/settle", {"sent": sent})
    assert (again.status_code, again.json()["code"]) == (409, "settled")


@pytest.mark.parametrize("body", [{}, {"sent": "yes"}, {"sent": 1}, {"sent": None}, {"was": True}])
def test_word_that_can_not_be_read_changes_nothing(
    api: Caller, doubtful: Message, body: dict[str, Any]
) -> None:
    assert api.post(f"{MESSAGES}/{doubtful.public_id}/settle", body).status_code == 400
    doubtful.refresh_from_db()
    assert doubtful.status == "in_doubt"


def test_same_request_with_a_key_settles_once(api: Caller, doubtful: Message) -> None:
    path = f"{MESSAGES}/{doubtful.public_id}/settle"
    answers = [
        api.call("POST", path, {"sent": True}, **{"Idempotency-Key": "one"}).status_code for _ in range(2)
    ]

    assert answers == [200, 200]


def test_figures_count_what_is_in_doubt_now(api: Caller, doubtful: Message, stranger: Caller) -> None:
    assert api.get("/api/journey-engine/metrics").json()["doubts"] == {"in_doubt": 1, "unknown": 0}
    assert stranger.get("/api/journey-engine/metrics").json()["doubts"] == {"in_doubt": 0, "unknown": 0}


@pytest.fixture
def alert(api: Caller) -> Alert:
    trouble = Trouble(
        key="leak", level=Alert.Level.CRITICAL, title="It leaks.", detail="A bucket.", vendor_id=api.vendor.pk
    )
    report(source="pipe", troubles=[trouble], now=clock.now())
    return Alert.objects.get()


def test_alerts_are_listed_and_taken_up(api: Caller, alert: Alert) -> None:
    (row,) = api.get(f"{ALERTS}?status=open&level=critical").json()["results"]
    assert (row["id"], row["title"], row["acknowledged_at"]) == (alert.public_id, "It leaks.", None)

    taken = api.post(f"{ALERTS}/{alert.public_id}/acknowledge").json()
    assert taken["acknowledged_by"].startswith("key:")
    assert api.get(f"{ALERTS}?status=resolved").json()["results"] == []


def test_alert_that_is_mended_can_not_be_taken_up(api: Caller, alert: Alert) -> None:
    report(source="pipe", troubles=[], now=clock.now())

    answer = api.post(f"{ALERTS}/{alert.public_id}/acknowledge")
    assert (answer.status_code, answer.json()["code"]) == (409, "resolved")


def test_alerts_of_the_system_and_suspicions_are_not_a_vendors(api: Caller) -> None:
    now = clock.now()
    report(source="roof", troubles=[Trouble("roof", Alert.Level.WARNING, "It creaks.", "")], now=now)
    report(
        source="door",
        troubles=[
            Trouble(
                "door", Alert.Level.WARNING, "It may creak.", "", vendor_id=api.vendor.pk,
                patience=timedelta(minutes=1),
            )
        ],
        now=now,
    )  # fmt: skip

    assert api.get(ALERTS).json()["results"] == []

"""Messages through the REST API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from channels.contract import DeliveryReport, ReportKind
from channels.models import Message
from channels.services import sending
from channels.services.callbacks import receive
from tests.builders import a_couple, a_vendor
from tests.fakes.messages import a_spec
from tests.functional.api.calling import Caller, make_caller

LIST = "/api/journey-engine/messages"


@pytest.fixture(autouse=True)
def _plenty(settings: Any) -> None:
    settings.API_RATE_PER_MINUTE = 100_000
    settings.WHITENOISE_AUTOREFRESH = True
    settings.SENDGRID_API_KEY = settings.TWILIO_ACCOUNT_SID = settings.SMTP_URL = ""


@pytest.fixture
def api(db: None, now: datetime) -> Caller:
    return make_caller(a_vendor(now=now))


@pytest.fixture
def message(api: Caller, now: datetime) -> Message:
    spec = a_spec(api.vendor, a_couple(api.vendor, now=now))
    return sending.prepare(spec=spec, fence=1, now=now)


def test_list_shows_what_became_of_messages(api: Caller, message: Message):
    answer = api.call("GET", LIST).json()

    (row,) = answer["results"]
    assert (row["id"], row["status"], row["delivery"], row["address"]) == (
        message.public_id, "sending", "", "ana@example.com",
    )  # fmt: skip
    assert row["client_id"] == message.client.public_id
    assert "text" not in row
    assert answer["next"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("channel=email", 1),
        ("channel=sms", 0),
        ("status=sending", 1),
        ("status=accepted", 0),
        ("delivery=delivered", 0),
        ("instance_id=ins_1", 1),
        ("instance_id=ins_2", 0),
        ("client_id=cli_nobody", 0),
    ],
)
def test_list_is_filtered(api: Caller, message: Message, query: str, found: int):
    assert len(api.call("GET", f"{LIST}/?{query}").json()["results"]) == found


def test_unknown_filter_is_refused(api: Caller):
    assert api.call("GET", f"{LIST}?color=red").status_code == 400
    assert api.call("GET", f"{LIST}?status=lost").status_code == 400


def test_one_message_has_its_text_and_what_was_heard(api: Caller, message: Message, now):
    report = DeliveryReport("sink", "e1", message.public_id, ReportKind.DELIVERED, now)
    receive(provider="sink", reports=[report], now=now)

    found = api.call("GET", f"{LIST}/{message.public_id}").json()

    assert (found["text"], found["html"]) == ("Dear Ana", "<p>Dear Ana</p>")
    assert [event["kind"] for event in found["events"]] == ["delivered"]


def test_stranger_sees_nothing(message: Message, now):
    stranger = make_caller(a_vendor(name="Somebody Else", now=now))

    assert stranger.call("GET", LIST).json()["results"] == []
    assert stranger.call("GET", f"{LIST}/{message.public_id}").status_code == 404

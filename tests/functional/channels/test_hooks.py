"""Call-backs from the network to the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client as Http

from channels.links import callback_url
from channels.models import Message, Suppression
from channels.services import sending
from tests.builders import a_couple, a_vendor
from tests.fakes.callbacks import SendGridSigner, sendgrid_event, sign_twilio
from tests.fakes.messages import a_spec

TOKEN = "twilio-token"


@pytest.fixture(autouse=True)
def _providers(settings: Any) -> None:
    settings.PUBLIC_URL = "https://journeys.example.com"
    settings.SENDGRID_API_KEY = "SG.x"
    settings.WHITENOISE_AUTOREFRESH = True
    settings.TWILIO_ACCOUNT_SID = "AC0"
    settings.TWILIO_AUTH_TOKEN = TOKEN


@pytest.fixture
def signer(settings: Any) -> SendGridSigner:
    signer = SendGridSigner()
    settings.SENDGRID_WEBHOOK_KEY = signer.public_key
    return signer


def a_message(now: datetime, **changes: Any) -> Message:
    vendor = a_vendor(now=now)
    return sending.prepare(spec=a_spec(vendor, a_couple(vendor, now=now), **changes), fence=1, now=now)


@pytest.mark.django_db
@pytest.mark.parametrize("slash", ["", "/"])
def test_sendgrid_settles_a_message_before_its_answer_is_recorded(now, signer: SendGridSigner, slash: str):
    message = a_message(now)
    headers, body = signer.sign([sendgrid_event("processed", message_id=message.public_id, event_id="e1")])

    answer = Http().post("/hooks/sendgrid" + slash, body, content_type="application/json", headers=headers)

    message.refresh_from_db()
    assert (answer.status_code, message.status, message.settled_by) == (204, "accepted", "callback")


@pytest.mark.django_db
def test_twilio_reports_about_the_message_in_its_address(now):
    message = a_message(now, channel="sms")
    url = callback_url("twilio", message.public_id)
    headers, body = sign_twilio(url, {"MessageSid": "SM1", "MessageStatus": "delivered"}, token=TOKEN)

    answer = Http(enforce_csrf_checks=True).post(
        url.removeprefix("https://journeys.example.com"),
        body,
        content_type="application/x-www-form-urlencoded",
        headers=headers,
    )

    message.refresh_from_db()
    assert (answer.status_code, message.status, message.delivery) == (204, "accepted", "delivered")


@pytest.mark.django_db
def test_stop_by_text_is_heard(now):
    a_message(now, channel="sms")
    form = {"MessageSid": "SM7", "From": "+351912345678", "Body": "Stop"}
    headers, body = sign_twilio("https://journeys.example.com/hooks/twilio", form, token=TOKEN)

    answer = Http().post(
        "/hooks/twilio", body, content_type="application/x-www-form-urlencoded", headers=headers
    )

    assert answer.status_code == 204
    assert Suppression.objects.get().reason == "stop"


@pytest.mark.django_db
def test_forged_call_changes_nothing(now, signer: SendGridSigner):
    message = a_message(now)
    _, body = signer.sign([sendgrid_event("delivered", message_id=message.public_id, event_id="e1")])

    answer = Http().post("/hooks/sendgrid", body, content_type="application/json")

    message.refresh_from_db()
    assert (answer.status_code, answer.content, message.status) == (403, b"", "sending")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("post", "/hooks/pigeon", 404),
        ("get", "/hooks/sendgrid", 405),
        ("post", "/hooks/sink", 403),
        ("post", "/hooks/smtp", 403),
    ],
)
def test_other_calls_are_refused(method: str, path: str, status: int):
    assert getattr(Http(), method)(path).status_code == status

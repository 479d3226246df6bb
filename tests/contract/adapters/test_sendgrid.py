"""SendGrid, answer by answer and event by event."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from channels.adapters.sendgrid import EVENTS, _wait, payload
from channels.contract import CallbackRefused, LookUpState, ReportKind, Verdict
from journeys.language.errors import ErrorClass
from tests.fakes import documents
from tests.fakes.callbacks import SendGridSigner, sendgrid_event
from tests.fakes.provider import FakeProvider

from .conftest import Bench

URL = "https://journeys.example.com/hooks/sendgrid"


@pytest.fixture
def signer(settings) -> SendGridSigner:
    signer = SendGridSigner()
    settings.SENDGRID_WEBHOOK_KEY = signer.public_key
    return signer


@pytest.mark.skipif(not documents.available(), reason="The providers' documents are not beside the checkout.")
@pytest.mark.parametrize(
    "changes", [{}, {"html": "", "reply_to": "", "unsubscribe_url": None, "recipient_name": ""}]
)
def test_request_fits_the_documents_of_sendgrid(sendgrid: Bench, changes: dict):
    assert documents.faults_of_sendgrid_mail(payload(replace(sendgrid.message, **changes))) == []


def test_request_carries_our_id_and_nothing_personal_beside_it(sendgrid: Bench, provider: FakeProvider):
    sendgrid.adapter.send(sendgrid.message)

    sent = json.loads(provider.requests[-1][3])

    assert sent["personalizations"][0]["custom_args"] == {"message_id": "msg_2345"}
    assert sent["from"] == {"email": "hello@luz.example.com", "name": "Luz & Linho"}
    assert sent["reply_to"] == {"email": "ola@luz.example.com"}
    assert sent["headers"]["List-Unsubscribe"] == f"<{sendgrid.message.unsubscribe_url}>"
    assert sent["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert [part["type"] for part in sent["content"]] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("status", "verdict", "error_class"),
    [
        (400, Verdict.REJECTED, ErrorClass.PERMANENT),
        (401, Verdict.RETRY, ErrorClass.ACCOUNT),
        (403, Verdict.RETRY, ErrorClass.ACCOUNT),
        (404, Verdict.RETRY, ErrorClass.ACCOUNT),
        (405, Verdict.RETRY, ErrorClass.ACCOUNT),
        (406, Verdict.RETRY, ErrorClass.ACCOUNT),
        (413, Verdict.REJECTED, ErrorClass.PERMANENT),
        (415, Verdict.RETRY, ErrorClass.ACCOUNT),
        (451, Verdict.RETRY, ErrorClass.ACCOUNT),
        (429, Verdict.RETRY, ErrorClass.TRANSIENT),
        (418, Verdict.RETRY, ErrorClass.TRANSIENT),
        (302, Verdict.IN_DOUBT, None),
        (204, Verdict.IN_DOUBT, None),
        (500, Verdict.IN_DOUBT, None),
        (502, Verdict.IN_DOUBT, None),
        (503, Verdict.IN_DOUBT, None),
        (504, Verdict.IN_DOUBT, None),
    ],
)
def test_status_has_its_verdict(
    sendgrid: Bench, status: int, verdict: Verdict, error_class: ErrorClass | None
):
    sendgrid.fail("reject", status=status)

    result = sendgrid.adapter.send(sendgrid.message)

    assert (result.verdict, result.error_class) == (verdict, error_class)


def test_mistake_in_the_address_concerns_this_couple_only(sendgrid: Bench):
    sendgrid.fail("reject", status=400, field="personalizations.0.to.0.email")

    result = sendgrid.adapter.send(sendgrid.message)

    assert (result.verdict, result.error_class, result.suppress) == (
        Verdict.REJECTED,
        ErrorClass.USER,
        "invalid",
    )


def test_retry_after_is_believed_within_reason(sendgrid: Bench):
    sendgrid.fail("429", retry_after=7)
    sendgrid.fail("429", retry_after=99_999_999)

    assert sendgrid.adapter.send(sendgrid.message).retry_after == timedelta(seconds=7)
    assert sendgrid.adapter.send(sendgrid.message).retry_after == timedelta(hours=6)


def test_retry_after_may_be_a_date(sendgrid: Bench, now):
    sendgrid.fail("429", retry_after=format_datetime(now + timedelta(seconds=90), usegmt=True))
    sendgrid.fail("5xx", status=503, retry_after=format_datetime(now - timedelta(hours=1), usegmt=True))

    assert sendgrid.adapter.send(sendgrid.message).retry_after == timedelta(seconds=90)
    assert sendgrid.adapter.send(sendgrid.message).retry_after == timedelta()


@pytest.mark.parametrize(
    ("said", "verdict", "error_class"),
    [
        ("Your account has been suspended", Verdict.RETRY, ErrorClass.ACCOUNT),
        ("Throttled: too many requests", Verdict.RETRY, ErrorClass.TRANSIENT),
        ("The recipient mailbox does not exist", Verdict.REJECTED, ErrorClass.USER),
        ("I am a teapot", Verdict.RETRY, ErrorClass.TRANSIENT),
    ],
)
def test_status_that_is_in_no_table_is_judged_by_its_words(
    sendgrid: Bench, said: str, verdict: Verdict, error_class: ErrorClass
):
    sendgrid.fail("reject", status=418, said=said)

    result = sendgrid.adapter.send(sendgrid.message)

    assert (result.verdict, result.error_class, result.suppress) == (verdict, error_class, "")
    assert said not in result.reason


def test_account_without_email_activity_can_not_be_asked(sendgrid: Bench, now):
    sendgrid.fail("no_look_up")

    assert sendgrid.adapter.look_up(sendgrid.message, since=now).state == LookUpState.UNSUPPORTED


@pytest.mark.parametrize("fault", ["5xx", "429", "close"])
def test_trouble_during_a_look_up_proves_nothing(sendgrid: Bench, now, fault: str):
    sendgrid.fail(fault, on="look_up")

    assert sendgrid.adapter.look_up(sendgrid.message, since=now).state == LookUpState.UNREACHABLE


def test_events_are_read_in_our_words(sendgrid: Bench, signer: SendGridSigner, now):
    words = [*EVENTS, "group_resubscribe"]
    events = [sendgrid_event(word, message_id="msg_2345", event_id=f"e{word}") for word in words]
    headers, body = signer.sign(events)

    reports = sendgrid.adapter.parse_callback(headers=headers, body=body, url=URL, now=now)

    assert [report.kind for report in reports] == [*EVENTS.values(), ReportKind.OTHER]
    assert {report.message_id for report in reports} == {"msg_2345"}
    assert reports[0].event_key == "eprocessed"
    assert reports[0].occurred_at == datetime.fromtimestamp(1_807_693_200, UTC)


@pytest.mark.parametrize(
    ("event", "suppress"),
    [
        ({"event": "bounce", "type": "bounce"}, "bounced"),
        ({"event": "bounce", "type": "blocked"}, ""),
        ({"event": "spamreport"}, "complained"),
        ({"event": "unsubscribe"}, "unsubscribed"),
        ({"event": "group_unsubscribe"}, "unsubscribed"),
        ({"event": "dropped", "reason": "Bounced Address"}, "bounced"),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, "unsubscribed"),
        ({"event": "dropped", "reason": "Spam Reporting Address"}, "complained"),
        ({"event": "dropped", "reason": "Invalid SMTPAPI header"}, "invalid"),
        ({"event": "dropped", "reason": "Recipient List over Package Quota"}, ""),
        ({"event": "delivered"}, ""),
    ],
)
def test_event_says_whether_the_address_is_left_alone(
    sendgrid: Bench, signer: SendGridSigner, now, event: dict, suppress: str
):
    headers, body = signer.sign([{**sendgrid_event("x", message_id="msg_2345", event_id="e1"), **event}])

    (report,) = sendgrid.adapter.parse_callback(headers=headers, body=body, url=URL, now=now)

    assert report.suppress == suppress


def test_events_of_somebody_else_are_left_out(sendgrid: Bench, signer: SendGridSigner, now):
    headers, body = signer.sign([{"event": "open", "sg_event_id": "x"}, "text", None, {"message_id": 7}])

    assert sendgrid.adapter.parse_callback(headers=headers, body=body, url=URL, now=now) == []


def test_changed_body_is_refused(sendgrid: Bench, signer: SendGridSigner, now):
    headers, body = signer.sign([sendgrid_event("open", message_id="msg_2345", event_id="e1")])

    with pytest.raises(CallbackRefused):
        sendgrid.adapter.parse_callback(headers=headers, body=body + b" ", url=URL, now=now)


def test_signature_of_another_key_is_refused(sendgrid: Bench, signer: SendGridSigner, now):
    headers, body = SendGridSigner().sign([])

    with pytest.raises(CallbackRefused):
        sendgrid.adapter.parse_callback(headers=headers, body=body, url=URL, now=now)


@pytest.mark.parametrize("content", [b"{", b"{}", b'"x"', b"\xff"])
def test_signed_nonsense_is_refused(
    sendgrid: Bench, signer: SendGridSigner, now, content: bytes, monkeypatch
):
    monkeypatch.setattr("tests.fakes.callbacks.json.dumps", lambda _events: content.decode("latin-1"))
    headers, body = signer.sign([])

    with pytest.raises(CallbackRefused):
        sendgrid.adapter.parse_callback(headers=headers, body=body, url=URL, now=now)


@pytest.mark.parametrize("key", ["", "not base64", "AAAA"])
def test_nothing_is_believed_without_a_key(sendgrid: Bench, signer: SendGridSigner, settings, now, key: str):
    headers, body = signer.sign([])
    settings.SENDGRID_WEBHOOK_KEY = key

    with pytest.raises(CallbackRefused, match="SENDGRID_WEBHOOK_KEY"):
        sendgrid.adapter.parse_callback(headers=headers, body=body, url=URL, now=now)


def test_reset_time_of_the_rate_limit_is_read(now):
    reset = str(int(now.timestamp()) + 42)

    assert _wait({"x-ratelimit-reset": reset}, now) == timedelta(seconds=42)
    assert _wait({"x-ratelimit-reset": "1"}, now) == timedelta()
    assert _wait({"x-ratelimit-reset": "soon"}, now) is None


def test_answer_of_a_look_up_that_can_not_be_read_proves_nothing(sendgrid: Bench, now):
    sendgrid.fail("reject", on="look_up", status=200)

    assert sendgrid.adapter.look_up(sendgrid.message, since=now).state == LookUpState.UNREACHABLE

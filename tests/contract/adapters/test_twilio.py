"""Twilio, code by code and state by state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from channels.adapters.twilio import MEANINGS, STATES
from channels.contract import CallbackRefused, LookUpState, ReportKind, Sign, Verdict
from journeys.language.errors import ErrorClass
from tests.fakes import documents
from tests.fakes.callbacks import sign_twilio
from tests.fakes.provider import TWILIO_TOKEN, FakeProvider

from .conftest import Bench

INBOUND = "https://journeys.example.com/hooks/twilio"


def form_of(request: tuple) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request[3].decode()).items()}


@pytest.mark.parametrize("sender", ["+351910000000", "MG" + "0" * 32])
def test_request_fits_the_documents_of_twilio(twilio: Bench, provider: FakeProvider, sender: str):
    if not documents.available():
        pytest.skip("The providers' documents are not beside the checkout.")
    twilio.adapter.send(replace(twilio.message, sender=sender))

    assert documents.faults_of_twilio_message(form_of(provider.requests[-1])) == []


def test_request_names_the_message_in_its_callback(twilio: Bench, provider: FakeProvider):
    twilio.adapter.send(twilio.message)

    assert form_of(provider.requests[-1]) == {
        "To": "+351912345678",
        "From": "+351910000000",
        "Body": "Dear Ana, até já",
        "StatusCallback": twilio.message.callback_url,
    }


#: code → (class, what it says about the account, why the number is left alone, how long it surely lasts).
TABLE: dict[int, tuple[ErrorClass, Sign, str, timedelta | None]] = {
    20003: (ErrorClass.ACCOUNT, Sign.BROKEN, "", None),
    20005: (ErrorClass.ACCOUNT, Sign.BROKEN, "", None),
    20404: (ErrorClass.ACCOUNT, Sign.BROKEN, "", None),
    20429: (ErrorClass.TRANSIENT, Sign.TROUBLE, "", None),
    21211: (ErrorClass.USER, Sign.WELL, "invalid", None),
    21212: (ErrorClass.ACCOUNT, Sign.BROKEN, "", None),
    21408: (ErrorClass.PERMANENT, Sign.MISFIT, "", None),
    21602: (ErrorClass.PERMANENT, Sign.WELL, "", None),
    21606: (ErrorClass.ACCOUNT, Sign.BROKEN, "", None),
    21608: (ErrorClass.PERMANENT, Sign.MISFIT, "", None),
    21610: (ErrorClass.USER, Sign.WELL, "stop", None),
    21611: (ErrorClass.TRANSIENT, Sign.TROUBLE, "", timedelta(minutes=10)),
    21612: (ErrorClass.USER, Sign.MISFIT, "", None),
    21614: (ErrorClass.USER, Sign.WELL, "invalid", None),
    21617: (ErrorClass.PERMANENT, Sign.WELL, "", None),
    21635: (ErrorClass.USER, Sign.WELL, "invalid", None),
    21730: (ErrorClass.TRANSIENT, Sign.TROUBLE, "", timedelta(minutes=5)),
    30001: (ErrorClass.TRANSIENT, Sign.TROUBLE, "", timedelta(minutes=1)),
    30002: (ErrorClass.ACCOUNT, Sign.BROKEN, "", None),
    30003: (ErrorClass.TRANSIENT, Sign.WELL, "", timedelta(minutes=30)),
    30004: (ErrorClass.USER, Sign.WELL, "", None),
    30005: (ErrorClass.USER, Sign.WELL, "invalid", None),
    30006: (ErrorClass.USER, Sign.WELL, "invalid", None),
    30007: (ErrorClass.PERMANENT, Sign.MISFIT, "", None),
    30008: (ErrorClass.TRANSIENT, Sign.WELL, "", timedelta(minutes=30)),
    30022: (ErrorClass.TRANSIENT, Sign.TROUBLE, "", timedelta(minutes=1)),
    30034: (ErrorClass.PERMANENT, Sign.MISFIT, "", None),
    63017: (ErrorClass.TRANSIENT, Sign.TROUBLE, "", timedelta(minutes=1)),
    63038: (ErrorClass.ACCOUNT, Sign.BROKEN, "", timedelta(hours=1)),
}


def test_table_names_every_code():
    assert sorted(TABLE) == sorted(MEANINGS)


@pytest.mark.parametrize("code", sorted(TABLE))
def test_code_has_its_verdict(twilio: Bench, code: int):
    twilio.fail("reject", status=400, code=code)

    result = twilio.adapter.send(twilio.message)

    error_class, sign, suppress, delay = TABLE[code]
    waits = error_class in {ErrorClass.TRANSIENT, ErrorClass.ACCOUNT}
    assert (result.verdict, result.code) == (
        Verdict.RETRY if waits else Verdict.REJECTED,
        f"twilio_{code}",
    )
    assert (result.error_class, result.sign, result.suppress) == (error_class, sign, suppress)
    assert result.retry_after == delay
    assert twilio.taken() == 0


def test_longer_wait_counts_where_both_code_and_answer_ask_for_one(twilio: Bench):
    twilio.fail("reject", status=429, code=21611, retry_after=5)
    twilio.fail("reject", status=429, code=21611, retry_after=3000)

    assert twilio.adapter.send(twilio.message).retry_after == timedelta(minutes=10)
    assert twilio.adapter.send(twilio.message).retry_after == timedelta(minutes=50)


@pytest.mark.parametrize(
    ("said", "verdict", "error_class"),
    [
        ("The 'From' number +1555 is not a valid phone number", Verdict.RETRY, ErrorClass.ACCOUNT),
        ("Authentication failed for this account", Verdict.RETRY, ErrorClass.ACCOUNT),
        ("Invalid 'To' phone number", Verdict.REJECTED, ErrorClass.USER),
        ("Rate limit exceeded", Verdict.RETRY, ErrorClass.TRANSIENT),
        ("The text is too long", Verdict.REJECTED, ErrorClass.PERMANENT),
        ("Something happened", Verdict.RETRY, ErrorClass.TRANSIENT),
    ],
)
def test_code_that_is_in_no_table_is_judged_by_its_words(
    twilio: Bench, said: str, verdict: Verdict, error_class: ErrorClass
):
    twilio.fail("reject", status=400, code=99_999, said=said)

    result = twilio.adapter.send(twilio.message)

    assert (result.verdict, result.error_class, result.code) == (verdict, error_class, "twilio_99999")
    assert said not in result.reason


@pytest.mark.parametrize(
    ("status", "verdict", "error_class"),
    [
        (401, Verdict.RETRY, ErrorClass.ACCOUNT),
        (403, Verdict.RETRY, ErrorClass.ACCOUNT),
        (404, Verdict.RETRY, ErrorClass.ACCOUNT),
        (429, Verdict.RETRY, ErrorClass.TRANSIENT),
        (400, Verdict.RETRY, ErrorClass.TRANSIENT),
        (302, Verdict.IN_DOUBT, None),
        (500, Verdict.IN_DOUBT, None),
        (502, Verdict.IN_DOUBT, None),
        (503, Verdict.IN_DOUBT, None),
    ],
)
def test_status_without_a_code_has_its_verdict(
    twilio: Bench, status: int, verdict: Verdict, error_class: ErrorClass | None
):
    twilio.fail("reject", status=status)

    result = twilio.adapter.send(twilio.message)

    assert (result.verdict, result.error_class) == (verdict, error_class)


def test_retry_after_is_read(twilio: Bench):
    twilio.fail("429", retry_after=11)

    assert twilio.adapter.send(twilio.message).retry_after == timedelta(seconds=11)


@pytest.mark.parametrize("setting", ["TWILIO_AUTH_TOKEN"])
def test_missing_token_is_for_a_person(twilio: Bench, settings, setting: str):
    setattr(settings, setting, "")

    result = twilio.adapter.send(twilio.message)

    assert (result.verdict, result.error_class) == (Verdict.RETRY, ErrorClass.ACCOUNT)
    assert twilio.taken() == 0


def test_look_up_gives_every_text_that_fits(twilio: Bench, now):
    for _ in range(2):
        twilio.adapter.send(twilio.message)

    answer = twilio.adapter.look_up(twilio.message, since=now - timedelta(minutes=5))

    assert answer.state == LookUpState.FOUND
    assert len(set(answer.provider_ids)) == 2


def test_look_up_leaves_out_what_is_older(twilio: Bench, now):
    twilio.adapter.send(twilio.message)

    answer = twilio.adapter.look_up(twilio.message, since=now + timedelta(seconds=1))

    assert answer.state == LookUpState.ABSENT


@pytest.mark.parametrize("fault", ["5xx", "429", "close"])
def test_trouble_during_a_look_up_proves_nothing(twilio: Bench, now, fault: str):
    twilio.fail(fault, on="look_up")

    assert twilio.adapter.look_up(twilio.message, since=now).state == LookUpState.UNREACHABLE


@pytest.mark.parametrize(("state", "kind"), sorted(STATES.items()))
def test_state_is_read_in_our_words(twilio: Bench, now, state: str, kind: ReportKind):
    url = twilio.message.callback_url
    headers, body = sign_twilio(url, {"MessageSid": "SM1", "MessageStatus": state}, token=TWILIO_TOKEN)

    (report,) = twilio.adapter.parse_callback(headers=headers, body=body, url=url, now=now)

    assert (report.message_id, report.kind, report.event_key) == ("msg_2345", kind, f"SM1:{state}")


def test_state_with_an_error_code_leaves_the_number_alone(twilio: Bench, now):
    url = twilio.message.callback_url
    form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30006"}
    headers, body = sign_twilio(url, form, token=TWILIO_TOKEN)

    (report,) = twilio.adapter.parse_callback(headers=headers, body=body, url=url, now=now)

    assert report.suppress == "invalid"


@pytest.mark.parametrize(
    ("form", "kind", "suppress"),
    [
        ({"Body": "STOP"}, ReportKind.UNSUBSCRIBED, "stop"),
        ({"Body": " stop. "}, ReportKind.UNSUBSCRIBED, "stop"),
        ({"Body": "Hello", "OptOutType": "STOP"}, ReportKind.UNSUBSCRIBED, "stop"),
        ({"Body": "start"}, ReportKind.RESUBSCRIBED, ""),
        ({"Body": "We will stop by at nine"}, ReportKind.ANSWERED, ""),
        ({"Body": ""}, ReportKind.ANSWERED, ""),
    ],
)
def test_answer_of_a_person_is_heard(twilio: Bench, now, form: dict, kind: ReportKind, suppress: str):
    headers, body = sign_twilio(
        INBOUND, {"MessageSid": "SM9", "From": "+351912345678", **form}, token=TWILIO_TOKEN
    )

    (report,) = twilio.adapter.parse_callback(headers=headers, body=body, url=INBOUND, now=now)

    assert (report.message_id, report.kind, report.suppress) == (None, kind, suppress)
    assert (report.channel, report.address) == ("sms", "+351912345678")


@pytest.mark.parametrize(
    "break_it",
    [
        lambda headers, body, url: ({}, body, url),
        lambda headers, body, url: ({"X-Twilio-Signature": "AAAA"}, body, url),
        lambda headers, body, url: ({"X-Twilio-Signature": "é"}, body, url),
        lambda headers, body, url: (headers, body + b"&More=1", url),
        lambda headers, body, url: (headers, body, url + "x"),
        lambda headers, body, url: (headers, b"\xff\xfe", url),
        lambda headers, body, url: (headers, b"&".join(b"a%d=1" % index for index in range(300)), url),
    ],
)
def test_call_that_is_not_twilios_is_refused(twilio: Bench, now, break_it):
    url = twilio.message.callback_url
    headers, body = sign_twilio(url, {"MessageSid": "SM1", "MessageStatus": "sent"}, token=TWILIO_TOKEN)
    headers, body, url = break_it(headers, body, url)

    with pytest.raises(CallbackRefused):
        twilio.adapter.parse_callback(headers=headers, body=body, url=url, now=now)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        (INBOUND + "/msg_2345.forged", {"MessageSid": "SM1", "MessageStatus": "sent"}),
        (INBOUND, {"MessageSid": "SM1"}),
        (INBOUND, {"From": "+351912345678"}),
    ],
)
def test_genuine_call_that_says_nothing_is_refused(twilio: Bench, now, url: str, form: dict):
    headers, body = sign_twilio(url, form, token=TWILIO_TOKEN)

    with pytest.raises(CallbackRefused):
        twilio.adapter.parse_callback(headers=headers, body=body, url=url, now=now)


def test_nothing_is_believed_without_a_token(twilio: Bench, settings, now):
    headers, body = sign_twilio(INBOUND, {"MessageSid": "SM1", "From": "+351912345678"}, token=TWILIO_TOKEN)
    settings.TWILIO_AUTH_TOKEN = ""

    with pytest.raises(CallbackRefused, match="TWILIO_AUTH_TOKEN"):
        twilio.adapter.parse_callback(headers=headers, body=body, url=INBOUND, now=now)

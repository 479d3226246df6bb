"""The ledger: every way into a status and out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from channels.adapters.sink import Sink
from channels.contract import LookUp, LookUpState, SendResult, Verdict
from channels.links import UNSUBSCRIBE_MARK, unsubscribe_url
from channels.models import Message, SinkMessage, Suppression
from channels.services import sending
from channels.services.suppression import suppress
from journeys.language.errors import ErrorClass
from tests.builders import a_couple, a_vendor
from tests.fakes.messages import ANA, a_spec
from tests.racing import together

Status = Message.Status
ACCEPTED = SendResult(Verdict.ACCEPTED, provider_id="p1")
RETRY = SendResult(Verdict.RETRY, error_class=ErrorClass.TRANSIENT, code="http_429", reason="Slower.")
REJECTED = SendResult(Verdict.REJECTED, error_class=ErrorClass.USER, code="x_1", reason="No.")
IN_DOUBT = SendResult(Verdict.IN_DOUBT, code="no_answer", reason="Nobody knows.")


def record(message: Message, result: SendResult, *, now: datetime, fence: int = 1) -> Message:
    return sending.record(message_id=message.pk, fence=fence, result=result, now=now)


def answering(monkeypatch: pytest.MonkeyPatch, answer: LookUp) -> None:
    monkeypatch.setattr(Sink, "look_up", lambda _self, _message, *, since: answer)


# Preparing


def test_new_message_is_written_before_it_is_sent(spec: sending.MessageSpec, now):
    message = sending.prepare(spec=spec, fence=7, now=now)

    stored = Message.objects.get()
    assert message == stored
    assert (stored.status, stored.fence, stored.sending_at, stored.provider) == (
        Status.SENDING,
        7,
        now,
        "sink",
    )
    assert (stored.address, stored.body_text, stored.recipient_name) == (
        "ana@example.com",
        "Dear Ana",
        "Ana Alves",
    )
    assert not SinkMessage.objects.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recipient": replace(ANA, email_allowed=False)}, "does not want to get email"),
        ({"recipient": replace(ANA, email="")}, "no email address is known for partner 1"),
        ({"channel": "sms", "recipient": replace(ANA, sms_allowed=False)}, "does not want to get texts"),
        ({"channel": "sms", "recipient": replace(ANA, phone="")}, "no phone number is known for partner 1"),
    ],
)
def test_message_that_must_not_go_out_is_withheld(spec: sending.MessageSpec, now, changes: dict, reason: str):
    message = sending.prepare(spec=replace(spec, **changes), fence=1, now=now)

    assert message.status == Status.WITHHELD
    assert reason in message.reason


def test_suppressed_address_is_not_written_to(spec: sending.MessageSpec, now):
    suppress(vendor_id=spec.vendor.pk, channel="email", address="Ana@Example.com", reason="bounced", now=now)

    message = sending.prepare(spec=spec, fence=1, now=now)

    assert (message.status, message.reason) == (
        Status.WITHHELD,
        "Not sent: the email address must not be written to (bounced).",
    )


def test_suppression_of_one_vendor_or_channel_says_nothing_about_another(spec: sending.MessageSpec, now):
    other = a_vendor(name="Other", now=now)
    suppress(vendor_id=other.pk, channel="email", address="ana@example.com", reason="bounced", now=now)
    suppress(vendor_id=spec.vendor.pk, channel="sms", address="+351912345678", reason="stop", now=now)

    assert sending.prepare(spec=spec, fence=1, now=now).status == Status.SENDING


def test_reason_that_nobody_knows_is_refused(vendor, now):
    with pytest.raises(ValueError, match="by_hand"):
        suppress(vendor_id=vendor.pk, channel="email", address="ana@example.com", reason="mood", now=now)


def test_second_preparation_of_a_message_under_way_puts_it_in_doubt(spec, message: Message, now):
    later = now + timedelta(seconds=20)

    again = sending.prepare(spec=spec, fence=2, now=later)

    assert (again.pk, again.status, again.in_doubt_since) == (message.pk, Status.IN_DOUBT, later)
    assert Message.objects.count() == 1


def test_older_owner_may_not_touch_the_message(spec, now):
    sending.prepare(spec=spec, fence=5, now=now)

    with pytest.raises(sending.StaleFence), transaction.atomic():
        sending.prepare(spec=spec, fence=4, now=now)

    assert Message.objects.get().status == Status.SENDING


def test_message_to_be_tried_again_is_taken_over_with_what_is_known_now(spec, message: Message, now):
    record(message, RETRY, now=now)
    corrected = replace(spec, text="Dear Ana, again", recipient=replace(ANA, email="new@example.com"))

    again = sending.prepare(spec=corrected, fence=2, now=now + timedelta(minutes=1))

    assert (again.pk, again.status, again.attempt, again.fence) == (message.pk, Status.SENDING, 2, 2)
    assert (again.body_text, again.address, again.error_code) == ("Dear Ana, again", "new@example.com", "")


def test_consent_is_checked_again_at_every_attempt(spec, message: Message, now):
    record(message, RETRY, now=now)
    suppress(
        vendor_id=spec.vendor.pk, channel="email", address="ana@example.com", reason="unsubscribed", now=now
    )

    assert sending.prepare(spec=spec, fence=2, now=now).status == Status.WITHHELD


@pytest.mark.parametrize(
    "status", [Status.ACCEPTED, Status.REJECTED, Status.WITHHELD, Status.UNKNOWN, Status.IN_DOUBT]
)
def test_settled_message_is_returned_untouched(spec, message: Message, now, status: str):
    Message.objects.filter(pk=message.pk).update(status=status, in_doubt_since=now)

    again = sending.prepare(spec=replace(spec, text="Other"), fence=2, now=now)

    assert (again.status, again.body_text, again.attempt, again.fence) == (status, "Dear Ana", 1, 1)


def test_way_out_of_marketing_names_this_message(spec, now):
    offer = replace(
        spec, purpose="marketing", html=f'<a href="{UNSUBSCRIBE_MARK}">x</a>', text=UNSUBSCRIBE_MARK
    )

    message = sending.prepare(spec=offer, fence=1, now=now)

    link = unsubscribe_url(message.public_id)
    assert (message.body_html, message.body_text) == (f'<a href="{link}">x</a>', link)
    assert sending.outbound(message).unsubscribe_url == link


# Handing over and recording


def test_message_is_handed_over_and_recorded(message: Message, now):
    result = sending.hand_over(message)
    settled = record(message, result, now=now)

    assert (settled.status, settled.settled_by, settled.settled_at) == (Status.ACCEPTED, "response", now)
    assert settled.provider_id == SinkMessage.objects.get().public_id


@pytest.mark.django_db(transaction=True)
def test_provider_is_never_called_inside_a_transaction(now):
    vendor = a_vendor(now=now)
    message = sending.prepare(spec=a_spec(vendor, a_couple(vendor, now=now)), fence=1, now=now)

    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        sending.hand_over(message)

    assert not SinkMessage.objects.exists()


def test_message_that_is_somebody_elses_now_is_not_sent(spec, message: Message, now):
    sending.prepare(spec=spec, fence=2, now=now)

    result = sending.hand_over(message)

    assert (result.verdict, result.code) == (Verdict.RETRY, "superseded")
    assert not SinkMessage.objects.exists()


@pytest.mark.parametrize(
    ("result", "status", "error_class", "code"),
    [
        (ACCEPTED, Status.ACCEPTED, "", ""),
        (RETRY, Status.RETRY, "transient", "http_429"),
        (REJECTED, Status.REJECTED, "user", "x_1"),
        (IN_DOUBT, Status.IN_DOUBT, "", "no_answer"),
    ],
)
def test_verdict_becomes_a_status(
    message: Message, now, *, result: SendResult, status: str, error_class: str, code: str
):
    stored = record(message, result, now=now)

    assert (stored.status, stored.error_class, stored.error_code) == (status, error_class, code)


def test_result_with_another_fence_changes_nothing(message: Message, now):
    assert record(message, ACCEPTED, fence=2, now=now).status == Status.SENDING


def test_answer_that_comes_after_the_lease_ended_still_settles_the_doubt(spec, message: Message, now):
    sending.prepare(spec=spec, fence=2, now=now)

    assert record(message, ACCEPTED, fence=1, now=now).status == Status.ACCEPTED


def test_second_result_changes_nothing(message: Message, now):
    record(message, ACCEPTED, now=now)

    again = record(message, REJECTED, now=now + timedelta(seconds=1))

    assert (again.status, again.settled_at) == (Status.ACCEPTED, now)


def test_refusal_that_names_the_address_suppresses_it(message: Message, now):
    record(message, replace(REJECTED, suppress="invalid"), now=now)

    assert Suppression.objects.get().reason == "invalid"


# Doubt


@pytest.fixture
def doubtful(message: Message, now) -> Message:
    return record(message, IN_DOUBT, now=now)


def test_message_that_the_provider_has_is_accepted_together(doubtful: Message, now, monkeypatch):
    answering(monkeypatch, LookUp(LookUpState.FOUND, ("p9",)))

    settled = sending.settle_in_doubt(message=doubtful, now=now)

    assert (settled.status, settled.settled_by, settled.provider_id) == (Status.ACCEPTED, "lookup", "p9")


@pytest.mark.parametrize(
    ("seconds", "status"), [(0, Status.IN_DOUBT), (119, Status.IN_DOUBT), (120, Status.RETRY)]
)
def test_absence_counts_only_after_the_grace(doubtful: Message, now, monkeypatch, seconds: int, status: str):
    answering(monkeypatch, LookUp(LookUpState.ABSENT))

    assert sending.settle_in_doubt(message=doubtful, now=now + timedelta(seconds=seconds)).status == status


@pytest.mark.parametrize("state", [LookUpState.UNSUPPORTED, LookUpState.UNREACHABLE])
def test_provider_that_can_not_say_leaves_the_doubt(doubtful: Message, now, monkeypatch, state: LookUpState):
    answering(monkeypatch, LookUp(state))

    assert sending.settle_in_doubt(message=doubtful, now=now + timedelta(days=1)).status == Status.IN_DOUBT


def test_same_words_to_the_same_number_before_are_not_this_message(spec, doubtful: Message, now, monkeypatch):
    earlier = sending.prepare(spec=replace(spec, key="earlier"), fence=1, now=now)
    record(earlier, replace(ACCEPTED, provider_id="p1"), now=now)
    answering(monkeypatch, LookUp(LookUpState.FOUND, ("p1",)))
    later = now + timedelta(minutes=3)

    assert sending.settle_in_doubt(message=doubtful, now=later).status == Status.RETRY


def test_settled_message_is_not_looked_up(message: Message, now, monkeypatch):
    answering(monkeypatch, LookUp(LookUpState.ABSENT))
    accepted = record(message, ACCEPTED, now=now)

    assert sending.settle_in_doubt(message=accepted, now=now + timedelta(days=1)).status == Status.ACCEPTED


@pytest.mark.parametrize(("seconds", "expired"), [(899, False), (900, True)])
def test_doubt_has_a_limit(doubtful: Message, now, *, seconds: int, expired: bool):
    assert sending.doubt_expired(message=doubtful, now=now + timedelta(seconds=seconds)) is expired


def test_settled_message_has_no_doubt(message: Message, now):
    assert not sending.doubt_expired(message=message, now=now + timedelta(days=1))


@pytest.mark.parametrize(
    ("policy", "status"),
    [("ticket", Status.UNKNOWN), ("resend", Status.RETRY), ("assume_sent", Status.ACCEPTED)],
)
def test_policy_settles_the_doubt(doubtful: Message, now, policy: Any, status: str):
    settled = sending.settle_by_policy(message_id=doubtful.pk, policy=policy, now=now)

    assert (settled.status, settled.settled_by) == (status, "policy")


def test_policy_does_not_touch_a_settled_message(message: Message, now):
    record(message, ACCEPTED, now=now)

    assert sending.settle_by_policy(message_id=message.pk, policy="resend", now=now).status == Status.ACCEPTED


@pytest.mark.parametrize(
    ("status", "sent", "expected"),
    [
        (Status.UNKNOWN, True, Status.ACCEPTED),
        (Status.UNKNOWN, False, Status.RETRY),
        (Status.IN_DOUBT, True, Status.ACCEPTED),
        (Status.IN_DOUBT, False, Status.RETRY),
        (Status.REJECTED, False, Status.RETRY),
        (Status.WITHHELD, False, Status.RETRY),
        (Status.REJECTED, True, Status.REJECTED),
        (Status.ACCEPTED, False, Status.ACCEPTED),
        (Status.SENDING, False, Status.SENDING),
    ],
)
def test_person_decides_only_what_is_open(message: Message, now, *, status: str, sent: bool, expected: str):
    Message.objects.filter(pk=message.pk).update(status=status, in_doubt_since=now)

    assert sending.settle_by_person(message_id=message.pk, sent=sent, now=now).status == expected


def test_sender_is_ours_and_answers_go_to_the_vendor(message: Message, settings):
    settings.EMAIL_FROM = "journeys@example.com"

    sent = sending.outbound(message)

    assert (sent.sender, sent.sender_name, sent.reply_to) == (
        "journeys@example.com", "Luz & Linho", "ola@luz.example.com",
    )  # fmt: skip


# Races


@pytest.mark.django_db(transaction=True)
def test_only_one_of_many_owners_sends(now):
    vendor = a_vendor(now=now)
    spec = a_spec(vendor, a_couple(vendor, now=now))

    def send(fence: int) -> Callable[[], Verdict | None]:
        def work() -> Verdict | None:
            with transaction.atomic():
                message = sending.prepare(spec=spec, fence=fence, now=now)
            if message.status != Status.SENDING or message.fence != fence:
                return None
            return sending.hand_over(message).verdict

        return work

    results = together(*(send(fence) for fence in range(1, 9)), refusals=sending.StaleFence)

    assert results.count(Verdict.ACCEPTED) <= 1
    assert SinkMessage.objects.count() <= 1
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", range(5))
def test_answer_and_settlement_at_once_leave_one_truth(now, monkeypatch, _round: int):
    vendor = a_vendor(now=now)
    spec = a_spec(vendor, a_couple(vendor, now=now))
    message = sending.prepare(spec=spec, fence=1, now=now)
    sending.prepare(spec=spec, fence=2, now=now)
    answering(monkeypatch, LookUp(LookUpState.ABSENT))
    later = now + timedelta(minutes=3)

    together(
        lambda: record(message, ACCEPTED, now=later),
        lambda: sending.settle_in_doubt(message=Message.objects.get(), now=later),
    )

    stored = Message.objects.get()
    assert (stored.status, stored.settled_by) in {(Status.ACCEPTED, "response"), (Status.RETRY, "lookup")}

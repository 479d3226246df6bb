"""Letters about meetings: each once, whatever dies on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from channels.adapters.sink import Sink
from channels.contract import SendResult, Verdict
from channels.models import Message
from channels.services import sending
from engine.models import Meeting, MeetingNotice, MeetingType
from engine.services import notices
from engine.services.meetings import Wishes, meeting_book, meeting_cancel
from journeys.language.errors import ErrorClass
from journeys.models import Client, Task, Vendor
from tests.builders import ACTOR
from tests.meets import a_booking, a_call, send_letters

State = MeetingNotice.State
#: 15 April 2027, 10:00 in Lisbon (summer time, UTC+1).
TEN = datetime(2027, 4, 15, 9, 0, tzinfo=UTC)


@pytest.fixture
def call(vendor: Vendor, now: datetime) -> MeetingType:
    return a_call(vendor, now=now)


def answering(monkeypatch: pytest.MonkeyPatch, *results: SendResult) -> list[str]:
    """Let the sink give these answers, and the last one for good; return the keys that it was called with."""
    called: list[str] = []

    def send(_self: Sink, message: Any) -> SendResult:
        called.append(message.key)
        return results[min(len(called), len(results)) - 1]

    monkeypatch.setattr(Sink, "send", send)
    return called


ACCEPTED = SendResult(Verdict.ACCEPTED, provider_id="p")
SLOWER = SendResult(Verdict.RETRY, error_class=ErrorClass.TRANSIENT, code="http_429", reason="Slower.")
NO = SendResult(Verdict.REJECTED, error_class=ErrorClass.USER, code="x", reason="The address is not valid.")
NOBODY_KNOWS = SendResult(Verdict.IN_DOUBT, code="no_answer", reason="Nobody knows.")


def only_to_ines(call: MeetingType, couple: Client, now: datetime) -> Meeting:
    """Book with one letter of interest: the vendor's own has gone out."""
    meeting: Meeting = a_booking(call, couple, TEN, now=now, roles=("partner_1",), reminders=())
    MeetingNotice.objects.filter(role="vendor").update(state=State.SENT)
    return meeting


def test_a_letter_is_sent_once_however_often_it_is_rung_for(
    call: MeetingType, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = answering(monkeypatch, ACCEPTED)
    only_to_ines(call, couple, now)

    places = notices.dispatch(now=now)

    assert [] == notices.dispatch(now=now)
    assert 1 == notices.carry_out(places=places, now=now)
    assert 0 == notices.carry_out(places=places, now=now)
    assert 1 == len(called)


def test_a_letter_that_was_not_taken_is_tried_again_and_then_given_to_a_person(
    call: MeetingType, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = answering(monkeypatch, SLOWER)
    only_to_ines(call, couple, now)

    for hour in range(10):
        send_letters(now + timedelta(hours=hour))

    assert notices.RETRIES.max_attempts == len(called)
    assert State.FAILED == MeetingNotice.objects.get(role="partner_1").state
    assert "Tell partner 1 about the meeting: Final call" == Task.objects.get().title


def test_a_refused_letter_becomes_a_task(
    call: MeetingType, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, NO)
    only_to_ines(call, couple, now)
    send_letters(now)

    assert "The address is not valid." in Task.objects.get().note


def test_a_letter_in_doubt_is_looked_into_before_it_is_sent_again(
    call: MeetingType, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = answering(monkeypatch, NOBODY_KNOWS, ACCEPTED)
    only_to_ines(call, couple, now)
    send_letters(now)
    notice = MeetingNotice.objects.get(role="partner_1")
    assert (State.WAITING, now + timedelta(seconds=30)) == (notice.state, notice.due_at)
    assert Message.Status.IN_DOUBT == Message.objects.get(public_id=notice.message_ref).status

    # The sink's own list says that it does not have it, which counts when the grace is over.
    for minutes in (1, 30, 60):
        send_letters(now + timedelta(minutes=minutes))

    notice.refresh_from_db()
    assert State.SENT == notice.state
    assert 2 == len(called)


def test_who_was_overtaken_while_the_provider_was_asked_settles_nothing(
    call: MeetingType, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, NOBODY_KNOWS)
    only_to_ines(call, couple, now)
    send_letters(now)

    def overtaken(*, message: Message, now: datetime) -> Message:
        MeetingNotice.objects.filter(role="partner_1").update(fence=F("fence") + 1)
        return message

    monkeypatch.setattr(sending, "settle_in_doubt", overtaken)
    monkeypatch.setattr(sending, "doubt_expired", lambda **_kwargs: True)
    send_letters(now + timedelta(hours=1))

    notice = MeetingNotice.objects.get(role="partner_1")
    message = Message.objects.get(public_id=notice.message_ref)
    assert (Message.Status.IN_DOUBT, "") == (message.status, message.settled_by)


def test_a_worker_that_dies_leaves_its_letter_to_the_next(
    call: MeetingType, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = answering(monkeypatch, ACCEPTED)
    only_to_ines(call, couple, now)
    ((notice_id, fence),) = notices.dispatch(now=now)
    held = notices._claim(notice_id, fence)
    assert held is not None

    MeetingNotice.objects.filter(pk=notice_id).update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))
    send_letters(now)

    assert State.SENT == MeetingNotice.objects.get(pk=notice_id).state
    notices._send(held, now=now)
    assert 1 == len(called)


def test_a_letter_that_a_change_has_overtaken_is_dropped(
    call: MeetingType, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = answering(monkeypatch, SLOWER, ACCEPTED)
    meeting = only_to_ines(call, couple, now)
    send_letters(now)
    meeting_cancel(meeting=meeting, now=now, actor=ACTOR)
    send_letters(now + timedelta(hours=1))

    states = {one.kind: one.state for one in MeetingNotice.objects.filter(role="partner_1")}
    assert {"invitation": State.DROPPED, "cancellation": State.SENT} == states
    assert 3 == len(called)


def test_the_role_that_nobody_has_any_more_gets_nothing(
    call: MeetingType, couple: Client, now: datetime
) -> None:
    meeting_book(
        meeting_type=call,
        client=couple,
        starts_at=TEN,
        wishes=Wishes(roles=("partner_2",), reminders=()),
        now=now,
        actor=ACTOR,
    )
    couple.weddings.get().stakeholders.filter(role="partner_2").delete()
    send_letters(now)

    notice = MeetingNotice.objects.get(role="partner_2")
    assert (State.DROPPED, "Nobody has this role any more.") == (notice.state, notice.reason)

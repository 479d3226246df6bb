"""Letters about meetings and the circuit of their provider."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from channels.models import Circuit, Message
from engine.models import MeetingNotice
from journeys.models import Client, Task, Vendor
from tests.fakes.provider import SENDGRID_KEY, FakeProvider
from tests.meets import a_booking, a_call, send_letters

#: 15 April 2027, 10:00 in Lisbon (summer time, UTC+1).
TEN = datetime(2027, 4, 15, 9, 0, tzinfo=UTC)


def book(vendor: Vendor, couple: Client, now: datetime) -> None:
    a_booking(a_call(vendor, now=now), couple, TEN, now=now, roles=("partner_1",), reminders=())


def test_letters_wait_for_a_key_that_is_mended(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider, settings: Any
) -> None:
    settings.SENDGRID_API_KEY = "SG.wrong"
    book(vendor, couple, now)
    send_letters(now)
    for minutes in range(1, 60):
        send_letters(now + timedelta(minutes=minutes))
    assert {(one.state, one.attempt) for one in MeetingNotice.objects.all()} == {("waiting", 0)}
    assert {one.reason[:20] for one in MeetingNotice.objects.all()} == {"Waits for SendGrid: "}

    settings.SENDGRID_API_KEY = SENDGRID_KEY
    for minutes in range(60, 120, 5):
        send_letters(now + timedelta(minutes=minutes))

    assert {one.state for one in MeetingNotice.objects.all()} == {"sent"}
    assert len(provider.accepted()) == Message.objects.count() == MeetingNotice.objects.count()
    assert Circuit.objects.get().state == "closed"
    assert not Task.objects.exists()


def test_letters_that_wait_for_too_long_are_told_by_a_person(
    vendor: Vendor, couple: Client, now: datetime, provider: FakeProvider, settings: Any
) -> None:
    settings.SENDGRID_API_KEY, settings.CIRCUIT_GIVE_UP_HOURS = "SG.wrong", 2
    book(vendor, couple, now)
    send_letters(now)

    for minutes in range(30, 180, 15):
        send_letters(now + timedelta(minutes=minutes))

    assert {one.state for one in MeetingNotice.objects.all()} == {"failed"}
    assert "Waits for SendGrid" in Task.objects.get().note
    assert provider.accepted() == []

"""Two at once: one time, one asking, one friend, one letter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.models import SinkMessage
from engine.models import Ask, Instance, Meeting, MeetingNotice, MeetingType, ReferralLead, ReferralLink
from engine.places import Place
from engine.referral_links import links_of
from engine.services import meetings, notices
from engine.services.asking import ask_note
from engine.services.instances import instance_start
from engine.services.meetings import Wishes, meeting_book, meeting_cancel, meeting_move
from engine.services.referrals import Inquiry, inquiry_receive
from journeys.errors import Conflict
from journeys.models import Client, Vendor
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, a_couple, a_journey
from tests.meets import a_booking, a_call
from tests.racing import together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(90)]

#: 15 April 2027, 10:00 in Lisbon.
TEN = datetime(2027, 4, 15, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_bells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody rings: the tests turn the outbox by hand."""
    monkeypatch.setattr(notices, "_ring", lambda _places: None)


@pytest.fixture
def call(vendor: Vendor, now: datetime) -> MeetingType:
    return a_call(vendor, now=now)


def kinds(results: list[Any]) -> list[str]:
    return sorted(type(one).__name__ for one in results)


def an_ask(couple: Client, *, now: datetime) -> Ask:
    journey = a_journey().email("hello").publish(couple.vendor, now=now)
    instance: Instance = instance_start(
        vendor=couple.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    ask = ask_note(place=Place(instance.public_id, "call", "", 1), kind="meeting", reminder=0, now=now)
    assert ask is not None
    return ask


def test_one_of_many_couples_gets_the_time(call: MeetingType, vendor: Vendor, now: datetime) -> None:
    couples = [a_couple(vendor, now=now) for _ in range(4)]

    results = together(
        *[lambda one=one: a_booking(call, one, TEN, now=now) for one in couples], refusals=Conflict
    )

    assert ["Conflict", "Conflict", "Conflict", "Meeting"] == kinds(results)
    assert {"slot_taken"} == {one.code for one in results if isinstance(one, Conflict)}
    assert 1 == Meeting.objects.count()


def test_the_constraint_holds_where_nobody_waits_for_anybody(
    call: MeetingType, vendor: Vendor, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meetings, "_one_at_a_time", lambda _kind: None)
    couples = [a_couple(vendor, now=now) for _ in range(3)]

    results = together(
        *[lambda one=one: a_booking(call, one, TEN, now=now) for one in couples], refusals=Conflict
    )

    assert ["Conflict", "Conflict", "Meeting"] == kinds(results)


def test_a_double_click_books_once(call: MeetingType, couple: Client, now: datetime) -> None:
    ask = an_ask(couple, now=now)

    def book(hour: int = 0) -> Meeting:
        return meeting_book(
            meeting_type=call,
            client=couple,
            ask=ask,
            starts_at=TEN + timedelta(hours=hour),
            wishes=Wishes(),
            now=now,
            actor=ACTOR,
        )

    first, second = together(book, book)
    assert first == second
    assert 1 == Meeting.objects.count()
    assert 3 == MeetingNotice.objects.filter(kind="invitation").count()
    with pytest.raises(Conflict) as refused:
        book(1)
    assert "already_booked" == refused.value.code


def test_two_meetings_may_not_change_places_into_a_knot(
    call: MeetingType, vendor: Vendor, couple: Client, now: datetime
) -> None:
    one = a_booking(call, couple, TEN, now=now)
    two = a_booking(call, a_couple(vendor, now=now), TEN + timedelta(minutes=30), now=now)

    results = together(
        lambda: meeting_move(meeting=one, starts_at=two.starts_at, now=now, actor=ACTOR),
        lambda: meeting_move(meeting=two, starts_at=one.starts_at, now=now, actor=ACTOR),
        refusals=Conflict,
    )

    assert ["Conflict", "Conflict"] == kinds(results)


def test_a_meeting_is_moved_or_cancelled_while_the_wedding_moves(
    call: MeetingType, couple: Client, now: datetime
) -> None:
    meeting = a_booking(call, couple, TEN, now=now, anchor="final_call")
    wedding = couple.weddings.get()
    assert wedding.date is not None

    together(
        lambda: meeting_move(meeting=meeting, starts_at=TEN + timedelta(days=1), now=now, actor=ACTOR),
        lambda: wedding_move(wedding=wedding, date=wedding.date + timedelta(days=7), now=now, actor=ACTOR),
        lambda: meeting_cancel(meeting=meeting, now=now, actor=ACTOR),
        refusals=Conflict,
    )

    meeting.refresh_from_db()
    assert Meeting.Status.CANCELLED == meeting.status
    assert not wedding.anchors.filter(name="final_call").exists()


def test_two_workers_send_a_letter_once(call: MeetingType, couple: Client, now: datetime) -> None:
    a_booking(call, couple, TEN, now=now, roles=("partner_1",), reminders=())
    MeetingNotice.objects.update(state="waiting", lease_until=None, due_at=now)
    places = notices.dispatch(now=now)

    together(*[lambda: notices.carry_out(places=places, now=now) for _ in range(3)])

    assert 2 == SinkMessage.objects.count()
    assert {"sent"} == set(MeetingNotice.objects.values_list("state", flat=True))


def test_a_friend_who_presses_twice_is_one_friend(vendor: Vendor, couple: Client, now: datetime) -> None:
    link = links_of({couple.pk: vendor.pk}, now=now)[couple.pk]
    inquiry = Inquiry(name="Rita Sol", email="rita@example.com", agrees=True)

    results = together(*[lambda: inquiry_receive(link=link, inquiry=inquiry, now=now) for _ in range(3)])

    assert 1 == len(set(results))
    assert 1 == ReferralLead.objects.count()
    assert 2 == Client.objects.count()


def test_a_couple_has_one_link_however_many_ask(vendor: Vendor, couple: Client, now: datetime) -> None:
    results = together(*[lambda: links_of({couple.pk: vendor.pk}, now=now)[couple.pk].code for _ in range(4)])

    assert 1 == len(set(results))
    assert 1 == ReferralLink.objects.count()

"""Meetings: booked once, moved, cancelled, and told to everybody."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from channels.models import SinkMessage
from engine.models import Meeting, MeetingNotice, MeetingType, TriggerEvent
from engine.services import notices
from engine.services.free_times import free_times
from engine.services.meeting_types import meeting_type_change, meeting_type_remove
from engine.services.meetings import meeting_cancel, meeting_missed, meeting_move
from journeys.errors import Conflict, Invalid
from journeys.models import Client, Vendor, WeddingAnchor
from journeys.services.vendors import vendor_change_settings
from journeys.services.weddings import wedding_cancel
from tests.builders import ACTOR, a_couple, a_vendor
from tests.meets import a_booking, a_call, calendar_of_mail, send_letters

State = MeetingNotice.State
#: 15 April 2027, 10:00 in Lisbon (summer time, UTC+1).
TEN = datetime(2027, 4, 15, 9, 0, tzinfo=UTC)


@pytest.fixture
def call(vendor: Vendor, now: datetime) -> MeetingType:
    return a_call(vendor, now=now)


def letters() -> list[tuple[str, str, str]]:
    rows = MeetingNotice.objects.order_by("due_at", "id")
    return [(row.kind, row.role, row.state) for row in rows]


def files_of(message: SinkMessage) -> dict[str, list[str]]:
    (file,) = message.attachments or []
    assert file["content_type"] == "text/calendar"
    return calendar_of_mail(b64decode(file["content"]))


def to_ines() -> list[SinkMessage]:
    return [one for one in SinkMessage.objects.order_by("id") if one.address.startswith("ines")]


def test_a_booking_takes_the_time_and_tells_everybody(
    call: MeetingType, couple: Client, vendor: Vendor, now: datetime
) -> None:
    meeting = a_booking(call, couple, TEN, now=now, anchor="final_call", message="We bring; the, dog")

    assert 3 == send_letters(now)
    assert [
        ("invitation", "partner_1", "sent"),
        ("invitation", "partner_2", "sent"),
        ("invitation", "vendor", "sent"),
    ] == letters()[:3]
    assert (meeting.starts_at, meeting.ends_at) == (TEN, TEN + timedelta(minutes=30))
    assert TEN not in free_times(call, now=now)
    anchor = WeddingAnchor.objects.get(name="final_call")
    assert (date(2027, 4, 15), "10:00", "Europe/Lisbon") == (
        anchor.date,
        f"{anchor.time:%H:%M}",
        anchor.time_zone,
    )
    event = TriggerEvent.objects.get(type="meeting_booked")
    assert ("final-call", couple.pk) == (event.topic, event.client_id)
    (letter,) = to_ines()
    assert "Final call: Thursday 15 April 2027, 10:00" == letter.subject
    assert "By phone" in letter.body_text
    assert "Lisbon" in letter.body_text
    theirs = next(one for one in SinkMessage.objects.all() if one.address == vendor.email)
    assert "We bring; the, dog" in theirs.body_text


def test_the_invitation_can_be_read_back(call: MeetingType, couple: Client, now: datetime) -> None:
    meeting = a_booking(call, couple, TEN, now=now, message="Ring twice")
    send_letters(now)

    found = files_of(to_ines()[0])

    assert ["REQUEST"] == found["METHOD"]
    assert [meeting.uid] == found["UID"]
    assert ["0"] == found["SEQUENCE"]
    assert ["20270415T090000Z"] == found["DTSTART"]
    assert ["20270415T093000Z"] == found["DTEND"]
    assert ["Final call: Luz & Linho"] == found["SUMMARY"]
    assert ["mailto:ola@luz.example.com"] == found["ORGANIZER"]
    assert 2 == len(found["ATTENDEE"])
    assert "DESCRIPTION" not in found
    (vendors,) = [files_of(one) for one in SinkMessage.objects.all() if one.address == "ola@luz.example.com"]
    assert (["PUBLISH"], ["Final call: Inês & Tomás"], ["Ring twice"]) == (
        vendors["METHOD"],
        vendors["SUMMARY"],
        vendors["DESCRIPTION"],
    )


def test_a_move_keeps_the_entry_and_raises_its_number(
    call: MeetingType, couple: Client, now: datetime
) -> None:
    meeting = a_booking(call, couple, TEN, now=now, anchor="final_call", reminders=("2h",))
    send_letters(now)
    later = now + timedelta(hours=1)

    moved = meeting_move(meeting=meeting, starts_at=TEN + timedelta(days=1, hours=1), now=later, actor=ACTOR)
    meeting_move(meeting=moved, starts_at=TEN + timedelta(days=1, hours=1), now=later, actor=ACTOR)
    send_letters(later)

    assert (TEN + timedelta(days=1, hours=1), 1) == (moved.starts_at, moved.sequence)
    found = files_of(to_ines()[-1])
    assert ([meeting.uid], ["1"], ["REQUEST"], ["20270416T100000Z"]) == (
        found["UID"],
        found["SEQUENCE"],
        found["METHOD"],
        found["DTSTART"],
    )
    assert date(2027, 4, 16) == WeddingAnchor.objects.get(name="final_call").date
    assert TEN in free_times(call, now=now)
    dropped = MeetingNotice.objects.filter(kind="reminder", sequence=0)
    assert {State.DROPPED} == set(dropped.values_list("state", flat=True))


def test_a_cancellation_takes_everything_back(call: MeetingType, couple: Client, now: datetime) -> None:
    meeting = a_booking(call, couple, TEN, now=now, anchor="final_call")
    send_letters(now)

    cancelled = meeting_cancel(meeting=meeting, now=now + timedelta(hours=1), actor=ACTOR)
    meeting_cancel(meeting=cancelled, now=now + timedelta(hours=2), actor=ACTOR)
    send_letters(now + timedelta(hours=2))

    found = files_of(to_ines()[-1])
    assert (["CANCEL"], [meeting.uid], ["1"], ["CANCELLED"]) == (
        found["METHOD"],
        found["UID"],
        found["SEQUENCE"],
        found["STATUS"],
    )
    assert not WeddingAnchor.objects.filter(name="final_call").exists()
    assert TEN in free_times(call, now=now)
    assert 1 == TriggerEvent.objects.filter(type="meeting_cancelled").count()
    assert 0 == send_letters(TEN)


def test_a_reminder_goes_out_before_the_meeting(call: MeetingType, couple: Client, now: datetime) -> None:
    far = TEN + timedelta(days=3)
    a_booking(call, couple, far, now=now, reminders=("1d", "2h"), roles=("partner_1",))
    send_letters(now)

    assert 0 == send_letters(far - timedelta(days=1, minutes=1))
    assert 1 == send_letters(far - timedelta(days=1))
    assert 1 == send_letters(far - timedelta(hours=2))
    assert "Soon: Final call, Sunday 18 April 2027, 10:00" == to_ines()[-1].subject
    assert to_ines()[-1].attachments is None


def test_reminders_that_have_passed_already_are_left_out(
    call: MeetingType, couple: Client, now: datetime
) -> None:
    a_booking(call, couple, TEN, now=now, reminders=("1w", "2h"), roles=("partner_1",))

    assert ["2h"] == list(MeetingNotice.objects.filter(kind="reminder").values_list("offset", flat=True))


def test_a_reminder_waits_for_the_sending_hours_where_it_can(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    vendor_change_settings(vendor=vendor, sending_hours={"every": ["08:00", "20:00"]}, now=now, actor=ACTOR)
    call = a_call(vendor, now=now)
    a_booking(call, couple, TEN, now=now, reminders=("11h",), roles=("partner_1",))
    send_letters(now)

    # Eleven hours before ten is eleven at night.
    assert 1 == send_letters(TEN - timedelta(hours=11))
    assert 1 == len(to_ines())
    assert datetime(2027, 4, 15, 7, 0, tzinfo=UTC) == MeetingNotice.objects.get(kind="reminder").due_at
    assert 1 == send_letters(datetime(2027, 4, 15, 7, 0, tzinfo=UTC))
    assert 2 == len(to_ines())


def test_a_text_reminds_where_texts_are_wanted(call: MeetingType, couple: Client, now: datetime) -> None:
    a_booking(call, couple, TEN, now=now, reminders=("2h",), roles=("partner_1",), channel="sms")
    send_letters(now)
    send_letters(TEN - timedelta(hours=2))

    text = SinkMessage.objects.get(channel="sms")
    assert "Soon: Final call, Thursday 15 April 2027, 10:00 (Lisbon). By phone. Luz & Linho" == text.body_text


def test_a_text_does_not_wake_anybody_up(vendor: Vendor, couple: Client, now: datetime) -> None:
    Vendor.objects.update(contact_rules={})
    call = a_call(Vendor.objects.get(), now=now, hours={"every": ["07:00", "12:00"]})
    a_booking(call, couple, TEN, now=now, reminders=("3h",), roles=("partner_1",), channel="sms")
    send_letters(now)

    # Seven in the morning is within the quiet hours that texts have by default, from 21:00 to 08:00.
    send_letters(TEN - timedelta(hours=3))
    assert not SinkMessage.objects.filter(channel="sms").exists()
    send_letters(TEN - timedelta(hours=2))
    assert SinkMessage.objects.filter(channel="sms").exists()


def test_a_reminder_that_can_not_wait_goes_out_all_the_same(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    Vendor.objects.update(contact_rules={})
    call = a_call(Vendor.objects.get(), now=now, hours={"every": ["07:00", "12:00"]})
    a_booking(
        call,
        couple,
        TEN - timedelta(hours=3),
        now=now,
        reminders=("2h",),
        roles=("partner_1",),
        channel="sms",
    )
    send_letters(now)
    send_letters(TEN - timedelta(hours=5))

    assert SinkMessage.objects.filter(channel="sms").exists()


@pytest.mark.parametrize(
    ("locale", "subject"),
    [
        ("pt-BR", "Final call: quinta-feira, 15 de abril de 2027, 10:00"),
        ("de", "Final call: Donnerstag, 15. April 2027, 10:00"),
        ("fr", "Final call : jeudi 15 avril 2027, 10:00"),
        ("xx", "Final call: Thursday 15 April 2027, 10:00"),
    ],
)
def test_letters_speak_the_language_of_their_reader(
    vendor: Vendor, now: datetime, locale: str, subject: str
) -> None:
    couple = a_couple(vendor, now=now, locale=locale)
    a_booking(a_call(vendor, now=now), couple, TEN, now=now, roles=("partner_1",))
    send_letters(now)

    assert subject == to_ines()[0].subject


def test_two_couples_do_not_get_one_time(
    call: MeetingType, vendor: Vendor, couple: Client, now: datetime
) -> None:
    a_booking(call, couple, TEN, now=now)

    with pytest.raises(Conflict, match="just been taken"):
        a_booking(call, a_couple(vendor, now=now), TEN, now=now)
    with pytest.raises(Conflict, match="just been taken"):
        a_booking(call, a_couple(vendor, now=now), TEN + timedelta(minutes=15), now=now, any_hour=True)


def test_the_database_itself_refuses_two_meetings_at_one_time(
    call: MeetingType, couple: Client, now: datetime
) -> None:
    meeting = a_booking(call, couple, TEN, now=now)
    meeting.pk, meeting.public_id = None, ""
    meeting.blocks = DateTimeTZRange(TEN + timedelta(minutes=29), TEN + timedelta(hours=2), "[)")

    with pytest.raises(IntegrityError, match="meeting_one_at_a_time"), transaction.atomic():
        meeting.save(force_insert=True)


def test_vendors_do_not_stand_in_each_others_way(call: MeetingType, couple: Client, now: datetime) -> None:
    a_booking(call, couple, TEN, now=now)
    other = a_vendor(name="Another", now=now)

    assert a_booking(a_call(other, now=now), a_couple(other, now=now), TEN, now=now)


def test_days_of_weddings_are_kept_free(vendor: Vendor, call: MeetingType, now: datetime) -> None:
    a_couple(vendor, now=now, wedding_in=timedelta(days=3))
    open_day = meeting_type_change(
        meeting_type=a_call(vendor, key="open", now=now), blocks_weddings=False, now=now, actor=ACTOR
    )
    day = date(2027, 4, 17)

    assert [] == free_times(call, now=now, since=day, until=day)
    assert 6 == len(free_times(open_day, now=now, since=day, until=day))


def test_the_vendors_free_days_are_kept_free(vendor: Vendor, call: MeetingType, now: datetime) -> None:
    vendor.contact_rules = {"blackout": {"days": [{"from": "2027-04-16", "until": "2027-04-17"}]}}
    vendor.save(update_fields=["contact_rules"])
    call.refresh_from_db()

    times = free_times(call, now=now, since=date(2027, 4, 15), until=date(2027, 4, 18))

    assert {date(2027, 4, 15), date(2027, 4, 18)} == {moment.date() for moment in times}


def test_holidays_and_closed_days_are_kept_free(vendor: Vendor, now: datetime) -> None:
    # 25 April is a holiday in Portugal.
    kind = a_call(vendor, now=now, blocks_holidays=True, closed_days=["2027-04-26"])

    assert [] == free_times(kind, now=now, since=date(2027, 4, 25), until=date(2027, 4, 26))
    assert 6 == len(free_times(kind, now=now, since=date(2027, 4, 27), until=date(2027, 4, 27)))


@pytest.mark.parametrize(
    ("starts_at", "wishes", "error", "code"),
    [
        (TEN + timedelta(minutes=7), {}, Conflict, "slot_taken"),
        (TEN + timedelta(days=100), {}, Conflict, "slot_taken"),
        (TEN - timedelta(days=2), {"any_hour": True}, Invalid, "in_the_past"),
        (TEN, {"reminders": ("-1d",)}, Invalid, "bad_reminder"),
        (TEN, {"reminders": ("soon",)}, Invalid, "bad_reminder"),
        (TEN, {"time_zone": "Mars/North"}, Invalid, "bad_time_zone"),
        (TEN, {"anchor": "wedding"}, Invalid, "bad_anchor"),
    ],
)
def test_what_can_not_be_booked_is_refused_whole(
    call: MeetingType,
    couple: Client,
    now: datetime,
    starts_at: datetime,
    wishes: dict[str, Any],
    error: type[Conflict | Invalid],
    code: str,
) -> None:
    with pytest.raises(error) as refused:
        a_booking(call, couple, starts_at, now=now, **wishes)

    assert code == refused.value.code
    assert not Meeting.objects.exists()
    assert not MeetingNotice.objects.exists()


def test_meetings_of_a_cancelled_wedding_are_cancelled_and_none_is_booked(
    call: MeetingType, couple: Client, now: datetime
) -> None:
    meeting = a_booking(call, couple, TEN, now=now, anchor="final_call")
    send_letters(now)

    wedding_cancel(wedding=couple.weddings.get(), now=now, actor=ACTOR)

    meeting.refresh_from_db()
    assert Meeting.Status.CANCELLED == meeting.status
    with pytest.raises(Conflict) as refused:
        a_booking(call, couple, TEN, now=now)
    assert "wedding_cancelled" == refused.value.code


def test_only_what_has_begun_is_missed(call: MeetingType, couple: Client, now: datetime) -> None:
    meeting = a_booking(call, couple, TEN, now=now)

    with pytest.raises(Conflict, match="not begun"):
        meeting_missed(meeting=meeting, now=now, actor=ACTOR)
    missed = meeting_missed(meeting=meeting, now=TEN + timedelta(hours=1), actor=ACTOR)
    assert Meeting.Status.MISSED == missed.status
    with pytest.raises(Conflict, match="missed"):
        meeting_move(meeting=missed, starts_at=TEN + timedelta(days=1), now=TEN, actor=ACTOR)


def test_a_booked_kind_of_meeting_is_switched_off_and_not_removed(
    call: MeetingType, couple: Client, now: datetime
) -> None:
    a_booking(call, couple, TEN, now=now)

    with pytest.raises(Conflict, match="switch it off"):
        meeting_type_remove(meeting_type=call, now=now, actor=ACTOR)
    meeting_type_change(meeting_type=call, is_active=False, now=now, actor=ACTOR)
    with pytest.raises(Conflict, match="not offered"):
        a_booking(call, couple, TEN + timedelta(days=1), now=now)


def test_a_fault_of_our_own_is_tried_again_and_then_a_person_is_told(
    call: MeetingType, couple: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = a_booking(call, couple, TEN, now=now)

    def broken(*_args: Any) -> None:
        raise TypeError("not of this world")

    monkeypatch.setattr(notices, "spec_of", broken)
    for _ in range(20):
        send_letters(now)
        now += timedelta(minutes=40)

    rows = MeetingNotice.objects.filter(meeting=meeting, kind="invitation")
    assert set(rows.values_list("state", flat=True)) == {"failed"}
    assert set(rows.values_list("attempt", flat=True)) == {notices.RETRIES.max_attempts}
    assert "Tell partner 1 about the meeting: Final call" in {task.title for task in couple.tasks.all()}

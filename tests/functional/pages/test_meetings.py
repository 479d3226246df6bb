"""The page of a meeting: times to choose from, on a phone, by somebody who is not logged in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client as Browser

from channels.models import SinkMessage
from engine.models import Ask, Instance, Meeting, MeetingType, Schedule
from engine.services.instances import instance_cancel, instance_start
from engine.services.meeting_types import meeting_type_change
from journeys import clock
from journeys.models import Client, Vendor
from journeys.services.weddings import wedding_cancel
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle
from tests.meets import a_booking, a_call, calendar_of_mail, send_letters

#: 15 April 2027, 10:00 in Lisbon.
TEN = datetime(2027, 4, 15, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_that_time(settings: Any, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    settings.SENDGRID_API_KEY = settings.SMTP_URL = settings.TWILIO_ACCOUNT_SID = ""
    settings.WHITENOISE_AUTOREFRESH = True
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.fixture
def vendor(db: None, now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)


@pytest.fixture
def call(vendor: Vendor, now: datetime) -> MeetingType:
    return a_call(vendor, now=now, note="Have your *list* at hand.")


@pytest.fixture
def instance(call: MeetingType, couple: Client, now: datetime) -> Instance:
    journey = (
        a_journey()
        .step(
            "call",
            "meeting",
            to=["partner_1"],
            subject="When?",
            body="{{ link }}",
            meeting="final-call",
            anchor="final_call",
        )
        .publish(call.vendor, now=now)
    )
    started = instance_start(
        vendor=call.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return started


@pytest.fixture
def address(instance: Instance) -> str:
    """The address in the letter."""
    found = re.search(r"https?://\S+/m/\S+", SinkMessage.objects.get().body_text)
    assert found
    return urlsplit(found[0]).path


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_the_page_offers_times_and_says_whose_clock_they_are_on(address: str) -> None:
    answer = Browser().get(address)

    said = text_of(answer)
    assert 200 == answer.status_code
    assert "Final call 30 minutes. By phone Have your list at hand. Times are in Lisbon." in said
    assert "Thursday 15 April 09:00 09:30 10:00 10:30 11:00 11:30" in said
    assert "Later times" in said
    assert TEN.isoformat() in answer.content.decode()
    assert ("same-origin", "noindex") == (answer["Referrer-Policy"], answer["X-Robots-Tag"])
    assert "no-store" in answer["Cache-Control"]
    assert Ask.objects.get().opened_at is not None


def test_a_letters_address_holds_nothing_personal(address: str, couple: Client) -> None:
    for word in ("ines", "Inês", "@", couple.public_id):
        assert word not in address


def test_a_time_that_is_pressed_is_booked_and_shown(address: str, instance: Instance, now: datetime) -> None:
    browser = Browser()

    answer = browser.post(address, {"start": TEN.isoformat(), "message": "At last", "action": "book"})
    again = browser.post(address, {"start": TEN.isoformat(), "action": "book"})

    assert (303, 303) == (answer.status_code, again.status_code)
    meeting = Meeting.objects.get()
    assert (TEN, "At last", "page:partner_1") == (
        meeting.starts_at,
        meeting.message,
        f"page:{meeting.roles[0]}",
    )
    said = text_of(browser.get(address))
    assert "It is booked" in said
    assert "Thursday 15 April 2027, 10:00 to 10:30 in Lisbon" in said
    run_until_idle(now)
    assert not Schedule.objects.filter(instance=instance).exists()
    send_letters(now)
    assert any(
        "It is booked" in one.body_text and "/m/" in one.body_text for one in SinkMessage.objects.all()
    )


def test_a_meeting_is_moved_and_cancelled_on_the_page(address: str, now: datetime) -> None:
    browser = Browser()
    browser.post(address, {"start": TEN.isoformat(), "action": "book"})

    assert "Keep the meeting as it is" in text_of(browser.get(f"{address}?move=1"))
    browser.post(address, {"start": (TEN + timedelta(days=1)).isoformat(), "action": "move"})
    assert "Friday 16 April 2027" in text_of(browser.get(address))
    assert "Cancel this meeting?" in text_of(browser.get(f"{address}?cancel=1"))
    browser.post(address, {"action": "cancel"})

    assert Meeting.Status.CANCELLED == Meeting.objects.get().status
    said = text_of(browser.get(address))
    assert "The meeting is cancelled. You can choose another time." in said
    browser.post(address, {"start": TEN.isoformat(), "action": "book"})
    assert 2 == Meeting.objects.count()


def test_a_time_that_somebody_else_has_taken_is_said_and_others_are_offered(
    address: str, call: MeetingType, vendor: Vendor, now: datetime
) -> None:
    browser = Browser()
    browser.get(address)
    a_booking(call, a_couple(vendor, now=now), TEN, now=now)

    answer = browser.post(address, {"start": TEN.isoformat(), "action": "book"})

    assert 409 == answer.status_code
    assert "This time has just been taken: choose another one." in text_of(answer)
    assert "Thursday 15 April 09:00 09:30 10:30" in text_of(answer)


@pytest.mark.parametrize(
    "start", ["", "soon", "2027-04-15T10:00:00", "9999-12-31T23:59:59+00:00", "2027-04-15T09:07:00+00:00"]
)
def test_what_is_no_free_time_books_nothing(address: str, start: str) -> None:
    answer = Browser().post(address, {"start": start, "action": "book"})

    assert answer.status_code in {400, 409}
    assert not Meeting.objects.exists()


def test_times_are_shown_where_the_couple_is_with_the_vendors_beside_them(
    call: MeetingType, vendor: Vendor, couple: Client, address: str
) -> None:
    Client.objects.filter(pk=couple.pk).update(time_zone="Pacific/Auckland")

    said = text_of(Browser().get(address))

    # Nine to noon in Lisbon is 20:00 to 23:00 in Auckland (UTC+12 from 4 April).
    assert "Times are in Auckland. Smaller: the time in Lisbon, where Luz & Linho is." in said
    assert "Thursday 15 April 20:00 09:00 20:30 09:30" in said
    there = text_of(Browser().get(f"{address}?zone=Europe/Lisbon"))
    assert "Times are in Lisbon." in there
    assert "Times are in Auckland." in text_of(Browser().get(f"{address}?zone=Mars/North"))


def test_days_are_the_couples_own_on_the_other_side_of_the_date_line(
    vendor: Vendor, couple: Client, address: str
) -> None:
    Client.objects.filter(pk=couple.pk).update(time_zone="Pacific/Honolulu")

    said = text_of(Browser().get(address))

    # Nine in Lisbon (08:00 UTC) is ten in the evening of the day before in Honolulu; it is Tuesday night there now.
    assert "Tuesday 13 April 23:00 Wednesday 14 April, 10:00 23:30 Wednesday 14 April, 10:30" in said
    assert "Wednesday 14 April 00:00 11:00 00:30 11:30 22:00 Thursday 15 April, 09:00" in said


def test_the_day_the_clocks_change_offers_the_right_times(
    vendor: Vendor, now: datetime, address: str
) -> None:
    kind = vendor.meeting_types.get()
    meeting_type_change(meeting_type=kind, horizon_days=250, blocks_weddings=False, now=now, actor=ACTOR)

    # 31 October 2027: Lisbon goes back to UTC+0 at two in the morning.
    page = Browser().get(f"{address}?from=2027-10-31").content.decode()

    assert "2027-10-31T09:00:00+00:00" in page
    assert "2027-10-30T08:00:00+00:00" not in page
    assert "Sunday 31 October" in page


def test_the_meeting_can_be_put_into_a_calendar_by_hand(address: str) -> None:
    browser = Browser()
    assert 404 == browser.get(f"{address}/meeting.ics").status_code
    browser.post(address, {"start": TEN.isoformat(), "action": "book"})

    answer = browser.get(f"{address}/meeting.ics")

    assert "text/calendar; charset=utf-8" == answer["Content-Type"]
    found = calendar_of_mail(answer.content)
    assert (["PUBLISH"], ["20270415T090000Z"]) == (found["METHOD"], found["DTSTART"])


def test_nothing_can_be_booked_when_the_journey_or_the_wedding_is_called_off(
    address: str, instance: Instance, couple: Client, now: datetime
) -> None:
    wedding_cancel(wedding=couple.weddings.get(), now=now, actor=ACTOR)
    instance.refresh_from_db()
    if instance.status == Instance.Status.ACTIVE:
        instance_cancel(instance=instance, now=now, actor=ACTOR)

    answer = Browser().get(address)
    refused = Browser().post(address, {"start": TEN.isoformat(), "action": "book"})

    assert "Nothing can be booked here any more." in text_of(answer)
    assert 409 == refused.status_code
    assert not Meeting.objects.exists()


def test_a_meeting_that_is_switched_off_is_offered_no_more(
    address: str, call: MeetingType, now: datetime
) -> None:
    meeting_type_change(meeting_type=call, is_active=False, now=now, actor=ACTOR)

    assert "Nothing can be booked here any more." in text_of(Browser().get(address))


@pytest.mark.parametrize("token", ["x", "aW5z.forged", "a" * 3000])
def test_a_link_of_somebody_else_leads_nowhere(db: None, token: str) -> None:
    for answer in (Browser().get(f"/m/{token}"), Browser().post(f"/m/{token}", {"start": TEN.isoformat()})):
        assert 404 == answer.status_code
        assert "This link does not work" in text_of(answer)


def test_a_reviews_link_opens_no_meeting(address: str) -> None:
    assert 404 == Browser().get(address.replace("/m/", "/r/")).status_code


def test_another_site_can_not_book(address: str) -> None:
    answer = Browser(enforce_csrf_checks=True).post(address, {"start": TEN.isoformat(), "action": "book"})

    assert 403 == answer.status_code
    assert not Meeting.objects.exists()


def test_who_presses_too_often_is_asked_to_wait(address: str) -> None:
    browser = Browser()
    statuses = {browser.post(address, {"start": "", "action": "book"}).status_code for _ in range(65)}

    assert {400, 429} == statuses

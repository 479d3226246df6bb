"""Steps that ask for a meeting: who is asked, how often, and when the couple goes on; what is not published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.models import SinkMessage
from engine.models import (
    Ask,
    Instance,
    InterventionTicket,
    Meeting,
    NodeExecution,
)
from engine.services.meetings import Wishes, meeting_book, meeting_cancel, meeting_missed
from journeys.language.errors import DefinitionInvalid
from journeys.models import Client, Vendor
from journeys.services.weddings import wedding_cancel
from tests.builders import ACTOR, JourneyBuilder, a_journey
from tests.drive import run_until_idle
from tests.meets import a_call, friends, history, review, stands_at, start, subjects

DAY = timedelta(days=1)
#: 15 April 2027, 10:00 in Lisbon.
TEN = datetime(2027, 4, 15, 9, 0, tzinfo=UTC)
ASKS = {"meeting": "final-call", "to": ["partner_1"], "subject": "When?", "body": "Choose: {{ link }}"}


def meeting(*, timeout: str = "", **settings: Any) -> JourneyBuilder:
    ends = {"timeout": {"kind": "duration", "for": timeout}} if timeout else {}
    builder = a_journey().step("call", "meeting", **{**ASKS, **ends, **settings})
    if ends and settings.get("wait_for") != "nothing":
        builder.edges.append({"from": "call", "port": "timeout", "to": "end"})
    return builder.email("after")


def book(instance: Instance, starts_at: datetime, *, now: datetime) -> Meeting:
    ask = Ask.objects.get(instance=instance)
    return meeting_book(
        meeting_type=instance.vendor.meeting_types.get(),
        client=instance.client,
        ask=ask,
        starts_at=starts_at,
        wishes=Wishes(roles=("partner_1",)),
        now=now,
        actor=ACTOR,
    )


# Meetings


def test_a_meeting_is_asked_for_once_and_the_couple_goes_on_when_it_is_booked(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    a_call(vendor, now=now)
    instance = start(meeting(), vendor, couple, now=now)
    run_until_idle(now + DAY)

    assert ["When?"] == subjects()
    assert "/m/" in SinkMessage.objects.get().body_text
    assert ["call"] == stands_at(instance)
    ask = Ask.objects.get()
    assert ("meeting", now, 0) == (ask.kind, ask.asked_at, ask.reminders)

    book(instance, TEN, now=now)
    run_until_idle(now + DAY)

    assert ["When?", "About after"] == subjects()
    done = NodeExecution.objects.get(instance=instance, node_id="call", status="succeeded")
    assert ("final-call", TEN.isoformat()) == (done.output["meeting"], done.output["starts_at"])


def test_a_step_may_wait_until_the_meeting_is_held(vendor: Vendor, couple: Client, now: datetime) -> None:
    a_call(vendor, now=now)
    instance = start(meeting(wait_for="held", timeout="2d"), vendor, couple, now=now)
    book(instance, TEN + 5 * DAY, now=now)

    run_until_idle(now + 3 * DAY)
    assert ["call"] == stands_at(instance)
    run_until_idle(TEN + 5 * DAY + timedelta(minutes=30))

    assert [("succeeded", "next")] == history(instance, "call")
    assert ["When?", "About after"] == subjects()


def test_a_missed_meeting_does_not_hold_the_couple(vendor: Vendor, couple: Client, now: datetime) -> None:
    a_call(vendor, now=now)
    instance = start(meeting(wait_for="held"), vendor, couple, now=now)
    booked = book(instance, TEN, now=now)
    meeting_missed(meeting=booked, now=TEN + timedelta(minutes=5), actor=ACTOR)

    run_until_idle(TEN + timedelta(minutes=5))

    done = NodeExecution.objects.get(instance=instance, node_id="call", status="succeeded")
    assert "missed" == done.output["status"]


def test_who_does_not_choose_is_reminded_and_then_left_alone(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    a_call(vendor, now=now)
    builder = meeting(timeout="10d", remind=["3d", "7d"], reminder_subject="Still?")
    instance = start(builder, vendor, couple, now=now)

    for day in range(10):
        run_until_idle(now + day * DAY)
    assert ["When?", "Still?", "Still?"] == subjects()
    assert 2 == Ask.objects.get().reminders

    run_until_idle(now + 10 * DAY)
    assert [("succeeded", "timeout")] == history(instance, "call")
    assert ["When?", "Still?", "Still?"] == subjects()


def test_reminders_that_were_missed_come_as_one(vendor: Vendor, couple: Client, now: datetime) -> None:
    a_call(vendor, now=now)
    start(meeting(remind=["3d", "7d"], reminder_subject="Still?"), vendor, couple, now=now)

    run_until_idle(now + 30 * DAY)

    assert ["When?", "Still?"] == subjects()
    assert 2 == Ask.objects.get().reminders


def test_a_cancelled_meeting_is_waited_for_again(vendor: Vendor, couple: Client, now: datetime) -> None:
    a_call(vendor, now=now)
    instance = start(meeting(wait_for="held"), vendor, couple, now=now)
    booked = book(instance, TEN, now=now)
    run_until_idle(now)
    meeting_cancel(meeting=booked, now=now, actor=ACTOR)

    run_until_idle(TEN + DAY)
    assert ["call"] == stands_at(instance)
    book(instance, TEN + 3 * DAY, now=TEN + DAY)
    run_until_idle(TEN + 4 * DAY)

    assert [("succeeded", "next")] == history(instance, "call")


def test_a_step_that_waits_for_nothing_goes_on_at_once(vendor: Vendor, couple: Client, now: datetime) -> None:
    a_call(vendor, now=now)
    start(meeting(wait_for="nothing"), vendor, couple, now=now)

    assert ["When?", "About after"] == subjects()


def test_a_meeting_that_is_not_offered_is_for_a_person(vendor: Vendor, couple: Client, now: datetime) -> None:
    start(meeting(), vendor, couple, now=now)

    assert "no_such_meeting" == InterventionTicket.objects.get().code
    assert [] == subjects()


def test_nobody_is_asked_to_a_meeting_about_a_cancelled_wedding(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    a_call(vendor, now=now)
    wedding_cancel(wedding=couple.weddings.get(), now=now, actor=ACTOR)
    instance = start(meeting(), vendor, couple, now=now)

    assert [("skipped", "next")] == history(instance, "call")
    assert ["About after"] == subjects()


def test_a_second_round_asks_anew(vendor: Vendor, couple: Client, now: datetime) -> None:
    a_call(vendor, now=now)
    builder = meeting()
    builder.step("again", "jump", at_most=1)
    builder.edges.append({"from": "again", "port": "back", "to": "call"})
    instance = start(builder, vendor, couple, now=now)
    book(instance, TEN, now=now)
    run_until_idle(now)

    assert ["When?", "About after", "When?"] == subjects()
    assert 2 == Ask.objects.filter(instance=instance).count()


# What is checked when a journey is published


@pytest.mark.parametrize(
    ("builder", "said"),
    [
        (meeting(body="Choose a time"), "link"),
        (meeting(subject=""), "subject"),
        (meeting(anchor="wedding"), "own date"),
        (meeting(meeting="Final Call"), "meeting"),
        (review(remind=["3d", "7d"]), "remind"),
        (review(reminder_body="Still waiting"), "link"),
        (friends(body="Pass on {{ link }}"), "referrals.link"),
        (meeting(wait_for="nothing", remind=["3d"]), "waits"),
        (review(wait=False, remind=["3d"]), "waits"),
        (friends(remind=["3d"]), "waits"),
    ],
)
def test_a_letter_that_leads_nowhere_is_not_published(
    vendor: Vendor, now: datetime, builder: JourneyBuilder, said: str
) -> None:
    with pytest.raises(DefinitionInvalid, match=said):
        builder.publish(vendor, now=now)


@pytest.mark.parametrize("booked", [False, True])
def test_conditions_read_what_became_of_an_asking(
    vendor: Vendor, couple: Client, now: datetime, *, booked: bool
) -> None:
    a_call(vendor, now=now)
    builder = meeting(wait_for="nothing").wait("pause", for_="1d")
    builder.condition("is_booked", 'meetings.call.status == "booked" && referrals.leads == 0', no="end")
    instance = start(builder.email("booked"), vendor, couple, now=now)
    if booked:
        book(instance, TEN + DAY, now=now)
    run_until_idle(now + DAY)

    assert booked == ("About booked" in subjects())

"""Steps that ask for a review and for a recommendation: who is asked, when, how often, and when it stops."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from channels.models import SinkMessage
from engine.models import Ask, InterventionTicket, NodeExecution, ReferralLink, Review
from engine.services.referrals import Inquiry, inquiry_receive
from engine.services.reviews import review_done, review_of
from engine.services.triggering import event_receive
from journeys.models import Client, Vendor
from journeys.services.weddings import wedding_cancel, wedding_move
from tests.builders import ACTOR
from tests.drive import run_until_idle
from tests.meets import friends, history, review, review_pages, stands_at, start, subjects

DAY = timedelta(days=1)


# Reviews


def over(couple: Client) -> datetime:
    """The first moment after the wedding day, in Lisbon."""
    day = couple.weddings.get().date
    assert day is not None
    return datetime(day.year, day.month, day.day, 0, 0, tzinfo=UTC) + DAY


def test_a_review_is_not_asked_for_before_the_day_is_over(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    review_pages(vendor, now=now)
    instance = start(review(), vendor, couple, now=now)

    run_until_idle(over(couple) - timedelta(hours=1))
    assert [] == subjects()
    assert ["review"] == stands_at(instance)

    run_until_idle(over(couple))
    assert ["How was it?"] == subjects()


def test_the_day_that_moves_moves_the_asking(vendor: Vendor, couple: Client, now: datetime) -> None:
    review_pages(vendor, now=now)
    start(review(), vendor, couple, now=now)
    first = over(couple)

    wedding_move(wedding=couple.weddings.get(), date=first.date() + 30 * DAY, now=now, actor=ACTOR)
    run_until_idle(first + 29 * DAY)
    assert [] == subjects()
    wedding_move(
        wedding=couple.weddings.get(), date=first.date() + 29 * DAY, now=first + 29 * DAY, actor=ACTOR
    )
    run_until_idle(first + 31 * DAY)
    assert ["How was it?"] == subjects()


def test_a_wedding_without_a_date_is_waited_for(vendor: Vendor, couple: Client, now: datetime) -> None:
    review_pages(vendor, now=now)
    wedding_move(wedding=couple.weddings.get(), date=None, now=now, actor=ACTOR)
    instance = start(review(), vendor, couple, now=now)
    run_until_idle(now + 3000 * DAY)
    assert [] == subjects()

    wedding_move(wedding=couple.weddings.get(), date=date(2036, 5, 1), now=now + 3000 * DAY, actor=ACTOR)
    run_until_idle(datetime(2036, 5, 2, 0, 0, tzinfo=UTC))
    assert ["How was it?"] == subjects()
    assert ["review"] == stands_at(instance)


def test_a_review_is_never_asked_for_when_the_wedding_is_cancelled(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    review_pages(vendor, now=now)
    wedding_cancel(wedding=couple.weddings.get(), now=now, actor=ACTOR)
    instance = start(review(), vendor, couple, now=now)
    run_until_idle(over(couple) + 30 * DAY)

    assert ["About after"] == subjects()
    (skipped,) = NodeExecution.objects.filter(instance=instance, node_id="review", status="skipped")
    assert "Skipped: the wedding is cancelled, so no review is asked for." == skipped.reason


@pytest.mark.parametrize("after_the_asking", [False, True])
def test_a_cancellation_stops_asking_and_reminding(
    vendor: Vendor, couple: Client, now: datetime, *, after_the_asking: bool
) -> None:
    review_pages(vendor, now=now)
    instance = start(review(), vendor, couple, now=now)
    at = over(couple)
    if after_the_asking:
        run_until_idle(at)
    wedding_cancel(wedding=couple.weddings.get(), now=at, actor=ACTOR)
    run_until_idle(at)
    run_until_idle(at + 60 * DAY)

    assert subjects().count("How was it?") == int(after_the_asking)
    assert "review" not in stands_at(instance)


def test_a_review_is_reminded_of_once(vendor: Vendor, couple: Client, now: datetime) -> None:
    review_pages(vendor, now=now)
    instance = start(review(timeout="30d", reminder_subject="A word?"), vendor, couple, now=now)
    at = over(couple)
    for day in range(30):
        run_until_idle(at + day * DAY)

    assert ["How was it?", "A word?"] == subjects()
    run_until_idle(at + 30 * DAY)
    assert [("succeeded", "timeout")] == history(instance, "review")


def test_a_review_that_is_written_stops_everything(vendor: Vendor, couple: Client, now: datetime) -> None:
    review_pages(vendor, now=now)
    instance = start(review(), vendor, couple, now=now)
    at = over(couple)
    run_until_idle(at)
    found = review_of(ask=Ask.objects.get(), now=at)
    review_done(review=found, source=Review.Source.PAGE, now=at, actor=ACTOR)
    review_done(review=found, source=Review.Source.PAGE, now=at, actor=ACTOR)
    run_until_idle(at)
    run_until_idle(at + 60 * DAY)

    assert ["How was it?", "About after"] == subjects()
    assert [("succeeded", "next")] == history(instance, "review")


def test_a_review_that_another_system_reports_stops_it_too(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    review_pages(vendor, now=now)
    start(review(), vendor, couple, now=now)
    at = over(couple)
    run_until_idle(at)
    event_receive(
        vendor=vendor,
        type="review_received",
        event_id="google-1",
        client=couple,
        topic="google",
        payload={"rating": 5},
        now=at + DAY,
        actor=ACTOR,
    )
    run_until_idle(at + 60 * DAY)

    assert ["How was it?", "About after"] == subjects()


def test_who_has_written_already_is_not_asked(vendor: Vendor, couple: Client, now: datetime) -> None:
    review_pages(vendor, now=now)
    event_receive(
        vendor=vendor,
        type="review_received",
        event_id="google-1",
        client=couple,
        topic="google",
        payload={},
        now=now,
        actor=ACTOR,
    )
    instance = start(review(), vendor, couple, now=now)

    assert [("skipped", "next")] == history(instance, "review")


def test_a_vendor_without_a_review_page_is_told(vendor: Vendor, couple: Client, now: datetime) -> None:
    start(review(), vendor, couple, now=now)
    run_until_idle(over(couple))

    assert "no_review_links" == InterventionTicket.objects.get().code


# Referrals


def test_a_couple_gets_its_own_link_and_goes_on(vendor: Vendor, couple: Client, now: datetime) -> None:
    start(friends(), vendor, couple, now=now)

    link = ReferralLink.objects.get()
    assert ["Your link", "About after"] == subjects()
    first = SinkMessage.objects.order_by("id")[0]
    assert f"/with/{link.code}" in first.body_text
    assert 10 == len(link.code)


def test_a_step_waits_for_a_friend_and_thanks(vendor: Vendor, couple: Client, now: datetime) -> None:
    instance = start(friends(wait=True, timeout="60d"), vendor, couple, now=now)
    run_until_idle(now + DAY)
    assert ["Your link"] == subjects()

    inquiry = Inquiry(name="Rita Sol", email="rita@example.com", date="2028-06-10", agrees=True)
    link = ReferralLink.objects.get()
    lead = inquiry_receive(link=link, inquiry=inquiry, now=now + DAY)
    assert lead == inquiry_receive(link=link, inquiry=inquiry, now=now + DAY)
    run_until_idle(now + DAY)

    assert ["Your link", "About after"] == subjects()
    assert [("succeeded", "next")] == history(instance, "friends")
    assert lead is not None
    assert ("lead", "Rita Sol", ["referral"], date(2028, 6, 10)) == (
        lead.client.status,
        lead.client.display_name,
        [tag.name for tag in lead.client.tags.all()],
        lead.client.weddings.get().date,
    )
    assert {"source": "referral", "referred_by": couple.public_id} == lead.client.fields


def test_a_couple_without_friends_is_left_alone_in_the_end(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    instance = start(friends(wait=True, timeout="60d", remind=["14d"]), vendor, couple, now=now)
    for day in range(0, 61, 5):
        run_until_idle(now + day * DAY)

    assert ["Your link", "Your link"] == subjects()
    assert [("succeeded", "timeout")] == history(instance, "friends")


def test_nobody_is_asked_for_a_recommendation_close_to_the_day(
    vendor: Vendor, couple: Client, now: datetime
) -> None:
    day = over(couple) - DAY
    start(friends(), vendor, couple, now=day - 2 * DAY)
    assert [] == subjects()

    run_until_idle(over(couple) + DAY)
    assert ["Your link", "About after"] == subjects()

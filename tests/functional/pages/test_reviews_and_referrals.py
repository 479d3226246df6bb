"""The pages behind a review's link and behind a couple's own link."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client as Browser

from engine.links import link_for
from engine.models import (
    Ask,
    Instance,
    ReferralLead,
    ReferralLink,
    Review,
    TriggerEvent,
)
from engine.places import Place
from engine.referral_links import links_of
from engine.services.instances import instance_start
from engine.services.referrals import referral_link_switch, referral_words_set
from journeys import clock
from journeys.errors import Invalid
from journeys.models import Client, Task, Vendor
from journeys.services.weddings import wedding_cancel
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.meets import review_pages

GOOD = {"name": "Rita Sol", "email": "Rita@Example.com", "date": "2028-06-10", "agrees": "yes"}


@pytest.fixture(autouse=True)
def _at_that_time(settings: Any, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    settings.WHITENOISE_AUTOREFRESH = True
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.fixture
def vendor(db: None, now: datetime) -> Vendor:
    return review_pages(a_vendor(now=now), now=now)


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)


@pytest.fixture
def address(couple: Client, now: datetime) -> str:
    """The address in partner 1's letter."""
    journey = (
        a_journey()
        .step("review", "review", subject="How was it?", body="{{ link }}")
        .publish(couple.vendor, now=now)
    )
    instance: Instance = instance_start(
        vendor=couple.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    place = Place(instance.public_id, "review", "", 1)
    return "/r/" + link_for(kind="review", place=place, role="partner_1").rpartition("/")[2]


@pytest.fixture
def own(couple: Client, now: datetime) -> str:
    """The couple's own link."""
    return f"/with/{links_of({couple.pk: couple.vendor_id}, now=now)[couple.pk].code}"


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


# Reviews


def test_everybody_is_shown_where_to_write(address: str) -> None:
    answer = Browser().get(address)

    assert "Write on Google Write on The Knot" in text_of(answer)
    assert f'href="{address}/google"' in answer.content.decode()
    assert "noindex" == answer["X-Robots-Tag"]
    review = Review.objects.get()
    assert (0, None) == (review.clicks, review.done_at)
    assert Ask.objects.get().opened_at is not None


@pytest.mark.parametrize("rating", ["1", "5"])
def test_a_rating_never_decides_who_is_shown_the_sites(address: str, rating: str) -> None:
    browser = Browser()
    browser.post(address, {"action": "feedback", "rating": rating, "feedback": "The dancing began late."})

    said = text_of(browser.get(address))

    review = Review.objects.get()
    assert (int(rating), "The dancing began late.") == (review.rating, review.feedback)
    assert "Write on Google Write on The Knot" in said
    assert "Luz & Linho has your words." in said


def test_going_on_to_a_site_is_remembered(address: str) -> None:
    answer = Browser().get(f"{address}/google")

    assert (302, "https://g.page/r/luz") == (answer.status_code, answer["Location"])
    assert "no-referrer" == answer["Referrer-Policy"]
    review = Review.objects.get()
    assert (1, "google", None) == (review.clicks, review.site, review.done_at)


def test_a_site_that_the_vendor_does_not_have_leads_nowhere(address: str) -> None:
    assert 404 == Browser().get(f"{address}/yelp").status_code
    assert 0 == Review.objects.filter(clicks__gt=0).count()


def test_a_look_ahead_counts_nothing(address: str) -> None:
    assert "https://g.page/r/luz" == Browser().head(f"{address}/google")["Location"]
    assert not Review.objects.exists()


def test_what_is_written_is_said_once_and_can_be_taken_back(address: str, couple: Client) -> None:
    browser = Browser()
    browser.get(f"{address}/google")
    for _ in range(2):
        assert 303 == browser.post(address, {"action": "done"}).status_code

    review, event = Review.objects.get(), TriggerEvent.objects.get(type="review_received")
    assert ("page", "google", couple.pk) == (review.done_by, event.topic, event.client_id)
    assert "You have written a review." in text_of(browser.get(address))
    browser.post(address, {"action": "undo"})
    assert Review.objects.get().done_at is None


def test_an_empty_word_in_private_is_not_sent(address: str) -> None:
    answer = Browser().post(address, {"action": "feedback", "rating": "9", "feedback": "  "})

    assert 400 == answer.status_code
    assert "Write something, or choose how it was." in text_of(answer)


def test_a_cancelled_wedding_closes_the_page(address: str, couple: Client, now: datetime) -> None:
    wedding_cancel(wedding=couple.weddings.get(), now=now, actor=ACTOR)
    browser = Browser()

    for answer in (browser.get(address), browser.post(address, {"action": "done"})):
        assert "Nothing is needed from you" in text_of(answer)
    assert 404 == browser.get(f"{address}/google").status_code
    assert not Review.objects.exists()


@pytest.mark.parametrize("token", ["x", "aW5z.forged"])
def test_a_forged_link_leads_nowhere(db: None, token: str) -> None:
    for answer in (Browser().get(f"/r/{token}"), Browser().get(f"/r/{token}/google")):
        assert 404 == answer.status_code
        assert "This link does not work" in text_of(answer)


def test_another_site_can_not_say_it(address: str) -> None:
    assert 403 == Browser(enforce_csrf_checks=True).post(address, {"action": "done"}).status_code


@pytest.mark.parametrize(
    "url",
    [
        "http://g.page/r/luz",
        "javascript:alert(1)",
        "https://user:pass@evil.example.com",
        "https://localhost",
        "//evil.example.com",
        "https://a b.example.com",
        "",
    ],
)
def test_only_whole_safe_addresses_are_kept(vendor: Vendor, now: datetime, url: str) -> None:
    from engine.review_sites import review_links
    from engine.services.reviews import review_links_set

    with pytest.raises(Invalid) as refused:
        review_links_set(vendor=vendor, links={"google": url}, now=now, actor=ACTOR)
    assert "google" in refused.value.details
    vendor.settings = {"review_links": {"google": url, "theknot": "https://www.theknot.com/luz"}}
    assert {"theknot": "https://www.theknot.com/luz"} == review_links(vendor)


# Referrals


def test_the_own_link_opens_the_vendors_page_and_counts(own: str, vendor: Vendor, now: datetime) -> None:
    words = {"title": "From <friends>", "text": "We take **six** weddings a year."}
    referral_words_set(vendor=vendor, words=words, now=now, actor=ACTOR)

    page = Browser().get(own).content.decode()

    assert "From &lt;friends&gt;" in page
    assert "<strong>six</strong>" in page
    assert "may keep what I write here and answer me by e-mail" in page
    assert 1 == ReferralLink.objects.get().visits


def test_a_friend_becomes_a_lead_with_what_they_agreed_to(own: str, couple: Client) -> None:
    answer = Browser().post(own, {**GOOD, "message": "In the garden?"})

    assert (303, f"{own}?sent=1") == (answer.status_code, answer["Location"])
    lead = ReferralLead.objects.get()
    assert ("lead", "Rita", "Sol", "rita@example.com") == (
        lead.client.status,
        lead.client.first_name,
        lead.client.last_name,
        lead.client.email,
    )
    assert "Luz & Linho may keep what I write here" in lead.consent
    assert "In the garden?" == (lead.client.fields or {})["message"]
    event = TriggerEvent.objects.get(type="referral_received")
    assert (couple.pk, lead.client.public_id) == (event.client_id, (event.payload or {})["client"])
    assert TriggerEvent.objects.filter(type="client_added", client=lead.client).exists()
    assert "We have your message" in text_of(Browser().get(f"{own}?sent=1"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": " "}, "Write your name."),
        ({"email": "rita at example"}, "can not be read"),
        ({"email": ""}, "Write your e-mail address"),
        ({"date": "2020-01-01"}, "Choose a day that is ahead"),
        ({"date": "2999-01-01"}, "Choose a day that is ahead"),
        ({"date": "soon"}, "Choose a day that is ahead"),
        ({"agrees": ""}, "Without this nobody may write back"),
        ({"message": "x" * 2001}, "at most 2000"),
    ],
)
def test_what_is_missing_is_said_at_its_field_and_nothing_typed_is_lost(
    own: str, wrong: dict[str, str], said: str
) -> None:
    answer = Browser().post(own, {**GOOD, **wrong})

    assert 400 == answer.status_code
    assert said in text_of(answer)
    assert "Rita@Example.com" in answer.content.decode() or "email" in wrong
    assert not ReferralLead.objects.exists()


def test_a_day_is_not_needed(own: str) -> None:
    Browser().post(own, {**GOOD, "date": ""})

    assert not ReferralLead.objects.get().client.weddings.exists()


def test_the_page_does_not_tell_who_is_known(own: str, couple: Client, now: datetime) -> None:
    known = a_couple(couple.vendor, now=now)
    browser = Browser()

    answers = [
        browser.post(own, {**GOOD, "email": email})
        for email in ("rita@example.com", known.email, couple.email)
    ]

    assert [f"{own}?sent=1"] * 3 == [answer["Location"] for answer in answers]
    assert 1 == ReferralLead.objects.count()
    assert known == Task.objects.get().client


def test_a_program_that_fills_in_everything_gets_nowhere(own: str) -> None:
    answer = Browser().post(own, {**GOOD, "website": "https://spam.example.com"})

    assert 303 == answer.status_code
    assert not ReferralLead.objects.exists()


def test_a_link_that_is_switched_off_leads_nowhere(own: str, now: datetime) -> None:
    referral_link_switch(link=ReferralLink.objects.get(), is_active=False, now=now, actor=ACTOR)

    assert 404 == Browser().get(own).status_code
    assert 404 == Browser().post(own, GOOD).status_code


@pytest.mark.parametrize("code", ["2222222222", "short", "222222222O"])
def test_a_code_that_nobody_has_leads_nowhere(db: None, code: str) -> None:
    assert 404 == Browser().get(f"/with/{code}").status_code


def test_inquiries_are_limited(own: str) -> None:
    browser = Browser()
    statuses = [browser.post(own, {**GOOD, "name": ""}).status_code for _ in range(12)]

    assert [400] * 10 + [429] * 2 == statuses


def test_another_site_can_not_write(own: str) -> None:
    assert 403 == Browser(enforce_csrf_checks=True).post(own, GOOD).status_code


def test_a_link_stays_the_same(couple: Client, own: str, now: datetime) -> None:
    later = links_of({couple.pk: couple.vendor_id}, now=now + timedelta(days=400))

    assert own.endswith(later[couple.pk].code)

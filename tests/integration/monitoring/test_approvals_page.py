"""The inbox of messages that wait for a yes."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from channels.models import SinkMessage
from engine.models import Approval
from engine.services.instances import instance_start
from journeys import clock
from journeys.models import Vendor
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle
from tests.functional.api.waiting import an_approval
from tests.integration.monitoring.conftest import a_person

LIST = "/journey-monitor/approvals/"


@pytest.fixture
def approval(vendor: Vendor, now: datetime) -> Approval:
    return an_approval(
        vendor, now=now, to=["couple"], body="Dear **{{ recipient.first_name }}**, <b>hello</b>"
    )


def page(browser: Browser, path: str = LIST) -> str:
    response = browser.get(path)
    assert 200 == response.status_code
    return response.content.decode()


def test_the_inbox_says_what_waits_and_shows_the_letter(browser: Browser, approval: Approval) -> None:
    text = page(browser)

    assert "1 message waits for your yes." in text
    assert "Dear <strong>Inês</strong>, &lt;b&gt;hello&lt;/b&gt;" in text
    assert "If nobody decides by then, it is not sent and you are reminded." in text
    assert 'value="approve:' + approval.public_id in text
    assert " style=" not in text


def test_an_empty_inbox_says_what_will_be_there(browser: Browser) -> None:
    assert "Nothing waits for your yes." in page(browser)
    assert "Nothing decided yet" in page(browser, f"{LIST}?status=decided")


def test_words_are_changed_in_place_and_approved(browser: Browser, approval: Approval, now: datetime) -> None:
    path = f"{LIST}{approval.public_id}/decide"
    words = {"subject:partner_1": "The light", "body:partner_1": "First line\r\n\r\nSecond line"}

    kept = browser.post(path, {"do": "save", **words})
    assert f"{LIST}{approval.public_id}/" == kept["Location"]
    text = page(browser, kept["Location"])
    assert "Your words are kept." in text
    assert "Changed by you." in text
    browser.post(path, {"do": "approve", **words, "body:partner_2": "Tomás, hello"})
    run_until_idle(clock.now())

    first, second = SinkMessage.objects.order_by("id")
    assert ("The light", "About note") == (first.subject, second.subject)
    assert "First line\n\nSecond line" in first.body_text
    assert second.body_text.startswith("Tomás, hello")
    assert "Approved" in page(browser, f"{LIST}?status=decided")


def test_many_are_decided_with_one_press(
    browser: Browser, vendor: Vendor, approval: Approval, now: datetime
) -> None:
    other = an_approval(vendor, now=now)

    browser.post(f"{LIST}act", {"do": "approve", "ids": [approval.public_id]})
    browser.post(f"{LIST}act", {"one": f"reject:{other.public_id}"})

    assert "Held back 1 message." in page(browser)
    assert {"approved", "rejected"} == set(Approval.objects.values_list("status", flat=True))
    assert "Nothing was chosen" in page(browser, browser.post(f"{LIST}act", {"do": "approve"})["Location"])


def test_what_is_settled_says_so(browser: Browser, approval: Approval) -> None:
    path = f"{LIST}{approval.public_id}/"
    browser.post(f"{path}decide", {"do": "reject"})

    answer = browser.get(path)
    assert LIST == answer["Location"]
    assert "settled already: held back" in page(browser)
    browser.post(f"{path}decide", {"do": "approve"})
    assert "settled already" in page(browser)


def test_unreadable_words_are_said_and_nothing_is_sent(browser: Browser, approval: Approval) -> None:
    browser.post(f"{LIST}{approval.public_id}/decide", {"do": "approve", "body:partner_1": " "})

    assert "The letter is empty" in page(browser)
    approval.refresh_from_db()
    assert "pending" == approval.status


def test_viewers_read_and_others_see_nothing(vendor: Vendor, approval: Approval, now: datetime) -> None:
    viewer, stranger = Browser(), Browser()
    viewer.force_login(a_person(vendor, "viewer", now=now))
    other = a_vendor(name="Somebody Else", now=now)
    stranger.force_login(a_person(other, "editor", now=now))
    decide = f"{LIST}{approval.public_id}/decide"

    assert "About note" in page(viewer)
    assert "Hold back" not in page(viewer)
    assert 403 == viewer.post(decide, {"do": "approve"}).status_code
    assert "Nothing waits for your yes." in page(stranger)
    assert 404 == stranger.get(f"{LIST}{approval.public_id}/").status_code
    assert 404 == stranger.post(decide, {"do": "approve"}).status_code
    assert 404 == stranger.post(decide, {"do": "shred"}).status_code


def test_a_text_is_shown_as_text(browser: Browser, vendor: Vendor, now: datetime) -> None:
    rule = {"mode": "always", "expires": "2d"}
    journey = a_journey().sms("text", body="1 < 2\n\n*Hello*", approval=rule).publish(vendor, now=now)
    couple = a_couple(vendor, now=now)
    instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    run_until_idle(clock.now())

    assert "<p>1 &lt; 2</p>\n\n<p>*Hello*</p>" in page(browser)


def test_the_next_days_are_read_in_one_sitting(browser: Browser, vendor: Vendor, now: datetime) -> None:
    when = {"kind": "anchor", "offset": "-197d", "at": "09:00"}
    rule = {"mode": "always", "expires": "2d"}
    journey = a_journey().email("note", when=when, approval=rule).publish(vendor, now=now)
    couple = a_couple(vendor, now=now)
    instance_start(vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    run_until_idle(clock.now())
    assert "Nothing waits for your yes." in page(browser)

    browser.post(f"{LIST}ahead")

    text = page(browser)
    assert "1 message of the next 7 days added." in text
    assert "once you approve" in text
    browser.post(f"{LIST}ahead")
    assert "Nothing more is due soon." in page(browser)


def test_approvals_are_decided_in_the_admin_too(vendor: Vendor, approval: Approval, now: datetime) -> None:
    browser = Browser()
    browser.force_login(User.objects.create_superuser("root", password="a long password"))
    path = "/admin/engine/approval/"

    browser.post(path, {"action": "approve", "_selected_action": [approval.pk]})
    shown = browser.get(f"{path}{approval.pk}/change/").content.decode()

    approval.refresh_from_db()
    assert "approved" == approval.status
    assert "Dear" not in shown

"""The pages of a journey's versions: what changed, publishing with a choice, and taking it back."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from engine.models import Changeover
from journeys.services.journeys import journey_change_draft
from tests.builders import ACTOR, a_journey, a_vendor
from tests.integration.monitoring.conftest import a_person


@pytest.fixture
def edited(journey, now):
    """The journey with a draft that waits until two months before."""
    definition = (
        a_journey()
        .email("welcome")
        .wait_for_date("month_before", "-60d")
        .sms("checklist")
        .email("thanks")
        .definition()
    )
    return journey_change_draft(
        journey=journey, definition=definition, expected_revision=1, now=now, actor=ACTOR
    )


def address(journey, rest: str = "versions") -> str:
    return f"/journey-monitor/journeys/{journey.public_id}/{rest}"


def text(answer) -> str:
    assert 200 == answer.status_code
    return " ".join(answer.content.decode().split())


def test_the_page_says_what_the_draft_would_change(browser, edited, instance):
    page = text(browser.get(address(edited)))

    assert "The draft says something new." in page
    assert "Adds the step “thanks” (e-mail)." in page
    assert (
        "“month_before” is due 60 days before the wedding at 09:00 instead of 30 days before the wedding"
        in page
    )
    assert "Publish the draft" in page


def test_a_draft_that_says_nothing_new_has_nothing_to_publish(browser, journey):
    page = text(browser.get(address(journey)))

    assert "The draft says what is published." in page
    assert "Publish the draft" not in page


def test_a_draft_with_problems_names_them_and_is_not_published(browser, journey, now):
    definition = a_journey().email("welcome", body="Dear {{ client.nme }}").definition()
    journey_change_draft(journey=journey, definition=definition, expected_revision=1, now=now, actor=ACTOR)

    assert "client.nme does not exist" in text(browser.get(address(journey)))
    answer = browser.post(address(journey, "publish"), {"inside": "stay"}, follow=True)
    assert "It can not be published." in text(answer)
    assert 1 == journey.versions.count()


def test_the_preview_shows_who_will_stand_where(browser, edited, instance):
    page = text(browser.get(address(edited, "publish?inside=move")))

    assert "1 can go on in the new one" in page
    assert "Publish and move 1 couple" in page
    assert "month_before" in page
    assert 1 == edited.versions.count()


def test_publishing_moves_those_inside_and_undoing_moves_them_back(browser, owner, edited, instance):
    page = text(browser.post(address(edited, "publish"), {"inside": "move"}, follow=True))
    instance.refresh_from_db()
    assert "Published version 2: 1 couple moved." in page
    assert 2 == instance.version.number

    changeover = Changeover.objects.get()
    undone = browser.post(address(edited, f"changeovers/{changeover.public_id}/undo"), follow=True)
    instance.refresh_from_db()
    assert "1 couple moved, taken back, 1 with it." in text(undone)
    assert 1 == instance.version.number


def test_pins_are_shown_and_taken_out(browser, edited, instance):
    browser.post(address(edited, "publish"), {"inside": "only_new"})
    assert "1 couple is pinned to its version" in text(browser.get(address(edited)))

    page = text(browser.post(address(edited, "unpin"), follow=True))
    instance.refresh_from_db()
    assert "1 couple follows the next publishing" in page
    assert not instance.pinned


def test_an_older_version_is_published_again(browser, edited, instance):
    browser.post(address(edited, "publish"), {"inside": "stay"})
    assert "Publish version 1 again" in text(browser.get(address(edited, "publish?version=1")))

    page = text(browser.post(address(edited, "publish"), {"version": "1", "replace_draft": "1"}, follow=True))

    assert "says what version 1 said" in page
    assert "The draft says what is published." in page


def test_those_inside_are_moved_later(browser, edited, instance):
    browser.post(address(edited, "publish"), {"inside": "stay"})
    assert "Move 1 couple" in text(browser.get(address(edited, "publish?version=2&deed=move")))

    browser.post(address(edited, "publish"), {"version": "2", "deed": "move"})

    instance.refresh_from_db()
    assert 2 == instance.version.number


@pytest.mark.parametrize(
    "query", ["inside=leave", "deed=burn", "version=x", "deed=move", "version=9999999999"]
)
def test_what_is_not_offered_is_not_found(browser, journey, query):
    assert 404 == browser.get(address(journey, f"publish?{query}")).status_code


def test_a_version_that_is_not_there_is_said(browser, journey):
    answer = browser.get(address(journey, "publish?version=7"), follow=True)

    assert "This journey has no version 7." in text(answer)


def test_a_viewer_looks_and_changes_nothing(vendor, edited, now):
    viewer = Browser()
    viewer.force_login(a_person(vendor, "viewer", now=now))

    assert "Publish the draft" not in text(viewer.get(address(edited)))
    assert 403 == viewer.post(address(edited, "publish"), {"inside": "move"}).status_code
    assert 403 == viewer.post(address(edited, "unpin")).status_code


def test_another_vendor_s_versions_are_not_found(browser, now):
    other = a_journey().publish(a_vendor(now=now, name="Somebody Else"), now=now)

    assert 404 == browser.get(address(other)).status_code
    assert 404 == browser.post(address(other, "publish")).status_code
    assert 404 == browser.post(address(other, "changeovers/chg_1/undo")).status_code

"""The pages of a journey's versions in a real browser."""

from __future__ import annotations

import pytest

from journeys.services.journeys import journey_change_draft
from tests.builders import ACTOR, a_journey
from tests.e2e.test_monitor import FAULTS

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.stack]


@pytest.fixture
def versions(page, world) -> str:
    """The address of the versions of a journey whose draft says something new."""
    definition = (
        a_journey()
        .email("welcome", body="Dear {{ recipient.first_name }},\n\nthank you.")
        .wait_for_date("month_before", "-45d")
        .sms("checklist")
        .wait_for_date("week_after", "7d")
        .email("review")
        .definition()
    )
    journey_change_draft(
        journey=world.journey, definition=definition, expected_revision=1, now=world.now, actor=ACTOR
    )
    return f"{world.base}/journey-monitor/journeys/{world.journey.public_id}/versions"


def test_a_draft_is_published_with_a_look_at_who_moves_and_taken_back(page, world, versions):
    page.goto(versions)
    assert page.get_by_text("is due 45 days before the wedding").is_visible()
    page.get_by_role("link", name="Publish the draft").click()
    page.get_by_role("link", name="They move").click()
    page.get_by_text("Who stands where").wait_for()

    page.get_by_role("button", name="Publish and move 3 couples").click()
    page.get_by_text("Published version 2: 3 couples moved.").wait_for()

    page.get_by_role("button", name="Undo").click()
    page.get_by_text("3 couples moved, taken back, 3 with it.").wait_for()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_have_names_for_everything_and_fit_the_screen(page, world, versions, width):
    page.set_viewport_size({"width": width, "height": 900})
    publish = versions.replace("/versions", "/publish")
    for address in (versions, f"{publish}?inside=move", f"{publish}?inside=only_new", f"{publish}?version=1"):
        page.goto(address)
        assert [] == page.evaluate(FAULTS), address
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address

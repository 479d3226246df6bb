"""The inbox of approvals in a real browser, wide and on a phone."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from engine.models import Approval
from tests.functional.api.waiting import an_approval

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.slow]

LETTER = """Dear {{ recipient.first_name }},

I was at the Quinta yesterday at seven in the evening. The half hour before sunset is the one we want.

Warmly,
Mafalda"""


@pytest.fixture
def waiting(world: SimpleNamespace) -> list[Approval]:
    texts = {"subject": "A note about the light", "body": LETTER, "to": ["couple"]}
    return [an_approval(world.vendor, now=world.now, **texts) for _ in range(3)]


def picture(page: Any, name: str) -> None:
    """Keep a picture where somebody asks for pictures."""
    if folder := os.environ.get("E2E_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def no_sideways(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_letter_is_edited_in_place_and_approved(
    page: Any, world: SimpleNamespace, waiting: list[Approval]
) -> None:
    page.goto(f"{world.base}/journey-monitor/approvals/")
    assert page.get_by_text("3 messages wait for your yes.").is_visible()
    assert no_sideways(page)
    picture(page, "approvals-wide")

    page.locator("summary", has_text="Edit").first.click()
    page.get_by_label("Subject").first.fill("The light")
    picture(page, "approvals-edit")
    page.get_by_role("button", name="Approve", exact=True).last.click()

    page.get_by_text("Approved. It goes out as soon as the rules let it.").wait_for()
    page.get_by_text("2 messages wait for your yes.").wait_for()


def test_on_a_phone_the_list_and_the_letter_are_two_pages(
    page: Any, world: SimpleNamespace, waiting: list[Approval]
) -> None:
    page.set_viewport_size({"width": 375, "height": 780})
    page.goto(f"{world.base}/journey-monitor/approvals/")
    assert no_sideways(page)
    assert not page.get_by_role("heading", name="A note about the light").is_visible()
    picture(page, "approvals-phone")

    page.get_by_role("link", name="Read", exact=True).first.click()
    page.get_by_role("heading", name="A note about the light").wait_for()
    assert no_sideways(page)
    picture(page, "approvals-phone-letter")
    page.get_by_role("button", name="Hold back").last.click()

    page.get_by_text("Held back. The journey goes on without it.").wait_for()

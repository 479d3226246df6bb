"""Meetings, reviews and referrals in the admin: looked at, and worked with the same services."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser

from engine.models import Meeting, MeetingType, ReferralLink, Review
from engine.services.instances import instance_start
from journeys import clock
from journeys.models import Client, Vendor
from tests.builders import ACTOR, a_journey
from tests.meets import meets_ids

PAGES = ("meetingtype", "meeting", "ask", "review", "referrallink", "referrallead")


@pytest.fixture
def browser(
    vendor: Vendor, couple: Client, now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Browser:
    settings.WHITENOISE_AUTOREFRESH = True
    monkeypatch.setattr(clock, "now", lambda: now)
    journey = a_journey().email("hello").publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    meets_ids(instance, now=now)
    found = Browser()
    found.force_login(get_user_model().objects.create_superuser("root"))
    return found


def act(browser: Browser, page: str, action: str, row: Any) -> str:
    answer = browser.post(
        f"/admin/engine/{page}/", {"action": action, "_selected_action": [row.pk]}, follow=True
    )
    assert 200 == answer.status_code
    return answer.content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_every_list_and_every_row_can_be_looked_at(browser: Browser, page: str) -> None:
    assert 200 == browser.get(f"/admin/engine/{page}/").status_code
    assert 403 == browser.get(f"/admin/engine/{page}/add/").status_code
    model = {"meetingtype": MeetingType, "meeting": Meeting, "review": Review}.get(page)
    if model is not None:
        assert 200 == browser.get(f"/admin/engine/{page}/{model.objects.get().pk}/change/").status_code


def test_deeds_go_through_the_services(browser: Browser) -> None:
    assert "1 switched off" in act(browser, "meetingtype", "switch_off", MeetingType.objects.get())
    assert not MeetingType.objects.get().is_active
    assert "1 switched on" in act(browser, "meetingtype", "switch_on", MeetingType.objects.get())
    assert "not begun yet" in act(browser, "meeting", "missed", Meeting.objects.get())
    assert "1 cancelled" in act(browser, "meeting", "cancel", Meeting.objects.get())
    assert Meeting.Status.CANCELLED == Meeting.objects.get().status
    assert "1 marked as written" in act(browser, "review", "written", Review.objects.get())
    assert Review.objects.get().done_at is not None
    assert "1 switched off" in act(browser, "referrallink", "switch_off", ReferralLink.objects.get())
    assert "1 switched on" in act(browser, "referrallink", "switch_on", ReferralLink.objects.get())

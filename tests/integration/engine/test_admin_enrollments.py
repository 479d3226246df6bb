"""Enrollments in the admin: looked at, held and ended by the same services."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser

from engine.models import Enrollment
from journeys import clock
from journeys.models import AuditRecord, Client, Vendor
from tests.builders import a_journey
from tests.enrollments import an_enrollment

PAGE = "/admin/engine/enrollment/"


@pytest.fixture
def run(vendor: Vendor, couple: Client, now: datetime) -> Enrollment:
    journey = a_journey().wait("rest", for_="1d").publish(vendor, now=now)
    return an_enrollment(journey, now=now)


@pytest.fixture
def browser(now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Browser:
    settings.WHITENOISE_AUTOREFRESH = True
    monkeypatch.setattr(clock, "now", lambda: now)
    found = Browser()
    found.force_login(get_user_model().objects.create_superuser("root"))
    return found


def act(browser: Browser, action: str, run: Enrollment) -> str:
    answer = browser.post(PAGE, {"action": action, "_selected_action": [run.pk]}, follow=True)
    assert 200 == answer.status_code
    return answer.content.decode()


def test_an_enrollment_is_looked_at(run: Enrollment, browser: Browser) -> None:
    assert run.public_id in browser.get(PAGE).content.decode()
    assert 200 == browser.get(f"{PAGE}{run.pk}/change/").status_code
    assert 403 == browser.get(f"{PAGE}add/").status_code


def test_an_enrollment_is_paused_resumed_and_cancelled(run: Enrollment, browser: Browser) -> None:
    said = [act(browser, deed, run) for deed in ("pause", "resume", "cancel", "resume")]

    assert "1 cancelled." in said[2]
    assert "has ended" in said[3]
    run.refresh_from_db()
    assert "cancelled" == run.state
    deeds = AuditRecord.objects.filter(object_id=run.public_id, actor__startswith="user:").order_by("id")
    assert ["enrollment.paused", "enrollment.resumed", "enrollment.cancelled"] == list(
        deeds.values_list("action", flat=True)
    )

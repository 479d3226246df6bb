"""The page of the forecast."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client as Browser

from engine.models import Instance
from journeys.models import Journey, Vendor
from monitoring.forecast.turns import one_at_a_time
from tests.builders import a_couple, a_journey, a_vendor
from tests.drive import enter, run_until_idle

PAGE = "/journey-monitor/forecast/"

pytestmark = pytest.mark.django_db


def inside(vendor: Vendor, days: int, couples: int, *, now: datetime) -> Journey:
    journey = a_journey().wait("rest", for_=f"{days}d").publish(vendor, now=now)
    for _ in range(couples):
        enter(journey, a_couple(vendor, now=now, wedding_in=timedelta(days=days)), now=now)
    run_until_idle(now)
    return journey


def test_the_page_says_first_how_much_is_coming(browser: Browser, vendor: Vendor, now: datetime) -> None:
    inside(vendor, 10, 3, now=now)
    inside(a_vendor(now=now, name="Somebody Else"), 5, 7, now=now)

    page = browser.get(PAGE).content.decode()

    assert "6 steps are expected in the next 60 days." in page
    assert "with 6 steps and 3 weddings." in page
    assert 'aria-label="Steps expected on each of 60 days. Highest 6."' in page
    assert "1 of 5" in page
    assert '<a href="/journey-monitor/forecast/" aria-current="page">Forecast</a>' in page


def test_a_longer_span_is_a_click_away_and_a_wrong_one_is_the_usual_one(
    browser: Browser, vendor: Vendor, now: datetime
) -> None:
    inside(vendor, 100, 1, now=now)

    assert "2 steps are expected in the next 180 days." in browser.get(f"{PAGE}?days=180").content.decode()
    for asked in ("30", "7000", "many"):
        page = browser.get(f"{PAGE}?days={asked}").content.decode()
        assert f"No step is expected in the next {30 if asked == '30' else 60} days." in page
        assert "Nothing ahead" in page


def test_what_is_left_out_is_named(browser: Browser, instance: Instance, now: datetime) -> None:
    Instance.objects.filter(id=instance.id).update(status=Instance.Status.PAUSED)

    assert "Not in it: 1 passage is paused." in browser.get(PAGE).content.decode()


def test_a_page_that_is_asked_for_twice_waits_for_the_first(browser: Browser, vendor: Vendor) -> None:
    with one_at_a_time(vendor):
        assert "The forecast is being made." in browser.get(PAGE).content.decode()

    assert "Nothing ahead" in browser.get(PAGE).content.decode()


def test_nobody_sees_it_without_logging_in(db: None) -> None:
    assert Browser().get(PAGE).status_code == 302

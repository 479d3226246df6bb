"""Pages that look ahead and say why."""

from __future__ import annotations

from datetime import timedelta

from django.test import Client as Browser

from engine.models import Instance, NodeExecution
from engine.services.instances import instance_start
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle
from tests.integration.monitoring.test_pages import text_of


def test_a_journey_shows_what_it_would_do(browser, journey):
    text = text_of(browser.get(f"/journey-monitor/journeys/{journey.public_id}/ahead?date=2030-06-12"))

    assert "2 messages to Ana & Tom." in text.replace("&amp;", "&")
    assert "About welcome" in text
    assert "30 days to go" in text or "30 days before" in text
    assert 0 == Instance.objects.count() == NodeExecution.objects.count()


def test_every_way_is_drawn_with_what_leads_to_it(browser, vendor, now):
    journey = a_journey().condition("paid", "payments.total > 0.0").email("thanks").publish(vendor, now=now)

    text = text_of(browser.get(f"/journey-monitor/journeys/{journey.public_id}/ahead?ways=every"))

    assert "paid: yes" in text
    assert "paid: no" in text
    assert "The likely way" in text


def test_an_unreadable_date_is_said_and_not_an_error(browser, journey):
    response = browser.get(f"/journey-monitor/journeys/{journey.public_id}/ahead?date=soon")

    assert 200 == response.status_code
    assert "A date can not be read" in text_of(response)


def test_a_draft_is_looked_at_before_it_is_published(browser, vendor, now):
    journey = a_journey().email("new").publish(vendor, now=now)

    assert 200 == browser.get(f"/journey-monitor/journeys/{journey.public_id}/ahead?draft=1").status_code


def test_a_couples_time_line_leads_to_why(browser, couple, instance):
    page = browser.get(f"/journey-monitor/couples/{couple.public_id}/").content.decode()
    why = f"/journey-monitor/instances/{instance.public_id}/why?step=welcome"

    assert why in page
    text = text_of(browser.get(why))
    assert "Begun by hand." in text
    assert "Sink took the message to partner 1." in text


def test_why_shows_the_values_a_condition_read(browser, vendor, now):
    journey = a_journey().condition("paid", "client.status == 'lead'").email("x").publish(vendor, now=now)
    couple = a_couple(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)

    text = text_of(browser.get(f"/journey-monitor/instances/{instance.public_id}/why"))

    assert "led to no." in text
    assert "client.status booked" in text


def test_what_is_ahead_is_explained_too(browser, instance, now):
    text = text_of(browser.get(f"/journey-monitor/instances/{instance.public_id}/why"))

    assert "It hangs on the wedding" in text
    assert "30 days before" in text
    assert "checklist Planned" in text


def test_pages_of_another_vendor_are_not_found(browser, now):
    other = a_vendor(now=now, name="Somebody Else")
    journey = a_journey().email("x").publish(other, now=now)
    couple = a_couple(other, now=now, wedding_in=timedelta(days=9))
    instance = instance_start(
        vendor=other, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )

    assert 404 == browser.get(f"/journey-monitor/journeys/{journey.public_id}/ahead").status_code
    assert 404 == browser.get(f"/journey-monitor/instances/{instance.public_id}/why").status_code
    assert 302 == Browser().get(f"/journey-monitor/journeys/{journey.public_id}/ahead").status_code

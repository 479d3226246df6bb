"""What people do on the pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client as Browser

from engine.models import Instance, InterventionTicket, Schedule
from engine.services.instances import instance_start
from journeys.models import AuditRecord
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import enter, run_until_idle
from tests.integration.monitoring.conftest import a_person

ACT = "/journey-monitor/instances/act"


def test_row_is_paused_and_resumed_by_its_own_button(browser, owner, instance):
    answer = browser.post(ACT, {"one": f"pause:{instance.public_id}", "next": "/journey-monitor/couples/"})
    instance.refresh_from_db()
    assert ("/journey-monitor/couples/", "paused") == (answer["Location"], instance.status)
    assert AuditRecord.objects.filter(actor=f"user:{owner.pk}", action="instance.paused").exists()

    browser.post(ACT, {"one": f"resume:{instance.public_id}"})
    instance.refresh_from_db()
    assert "active" == instance.status


def test_chosen_rows_are_paused_together(browser, vendor, journey, instance, now):
    other = instance_start(
        vendor=vendor, journey=journey, client=a_couple(vendor, now=now), variables={}, now=now, actor=ACTOR
    )
    browser.post(ACT, {"do": "pause", "ids": [instance.public_id, other.public_id]})
    assert 2 == Instance.objects.filter(status="paused").count()


def test_stopping_is_asked_for_first(browser, instance):
    asked = browser.post(ACT, {"one": f"cancel:{instance.public_id}"})
    assert "Stop 1 journey?" in asked.content.decode()
    instance.refresh_from_db()
    assert "active" == instance.status

    browser.post(ACT, {"do": "cancel", "ids": [instance.public_id], "confirmed": "1"})
    instance.refresh_from_db()
    assert "cancelled" == instance.status


def test_stopping_many_takes_their_number_typed(browser, vendor, journey, now):
    ids = [enter(journey, a_couple(vendor, now=now), now=now).public_id for _ in range(11)]
    wrong = browser.post(ACT, {"do": "cancel", "ids": ids, "confirmed": "1", "number": "10"})
    assert "The number is another one" in wrong.content.decode()
    assert 0 == Instance.objects.filter(status="cancelled").count()

    browser.post(ACT, {"do": "cancel", "ids": ids, "confirmed": "1", "number": "11"})
    assert 11 == Instance.objects.filter(status="cancelled").count()


def test_nothing_chosen_changes_nothing_and_says_so(browser, instance):
    answer = browser.post(ACT, {"do": "pause"}, follow=True)
    assert "Nothing was chosen" in answer.content.decode()


def test_refusal_of_the_engine_is_shown_as_its_sentence(browser, instance):
    answer = browser.post(ACT, {"one": f"retry:{instance.public_id}"}, follow=True)
    assert "Nothing of this journey has failed" in answer.content.decode()


def test_instance_of_another_vendor_is_left_alone(browser, now):
    other = a_vendor(now=now, name="Other")
    theirs = instance_start(
        vendor=other,
        journey=a_journey().email("hello").publish(other, now=now),
        client=a_couple(other, now=now),
        variables={},
        now=now,
        actor=ACTOR,
    )
    browser.post(ACT, {"one": f"pause:{theirs.public_id}"})
    theirs.refresh_from_db()
    assert "active" == theirs.status


def test_viewer_is_refused(vendor, instance, now):
    browser = Browser()
    browser.force_login(a_person(vendor, "viewer", now=now))
    assert 403 == browser.post(ACT, {"one": f"pause:{instance.public_id}"}).status_code


def test_form_without_its_token_is_refused(owner, instance):
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(owner)
    assert 403 == browser.post(ACT, {"one": f"pause:{instance.public_id}"}).status_code


@pytest.mark.parametrize("wanted", ["https://evil.example.com/", "//evil.example.com", "javascript:alert(1)"])
def test_form_never_leads_away_from_here(browser, instance, wanted):
    answer = browser.post(ACT, {"one": f"pause:{instance.public_id}", "next": wanted})
    assert "/journey-monitor/instances/" == answer["Location"]


def test_move_is_shown_before_it_is_made(browser, couple, instance):
    place = Schedule.objects.get(instance=instance)
    wedding = couple.weddings.get()
    later = (wedding.date + timedelta(days=7)).isoformat()
    page = f"/journey-monitor/couples/{couple.public_id}/move"
    form = {"date": later, "time": "16:00", "time_zone": "Europe/Lisbon"}

    shown = browser.post(page, form).content.decode()
    wedding.refresh_from_db()
    assert "1 step moves with it" in shown
    assert later != wedding.date.isoformat()
    assert place.due_at == Schedule.objects.get(pk=place.pk).due_at

    browser.post(page, {**form, "confirmed": "1"})
    wedding.refresh_from_db()
    assert later == wedding.date.isoformat()
    assert place.due_at < Schedule.objects.get(pk=place.pk).due_at


def test_date_that_is_taken_away_parks_what_hangs_on_it(browser, couple, instance):
    page = f"/journey-monitor/couples/{couple.public_id}/move"
    shown = browser.post(page, {"date": "", "time": "", "time_zone": ""}).content.decode()
    assert "1 will wait for a date" in shown
    browser.post(page, {"date": "", "time": "", "time_zone": "", "confirmed": "1"})
    assert Schedule.State.PARKED == Schedule.objects.get(instance=instance).state


@pytest.mark.parametrize(
    "form",
    [
        {"date": "32 June", "time": "", "time_zone": ""},
        {"date": "2027-06-12", "time": "25:00", "time_zone": ""},
        {"date": "2027-06-12", "time": "15:30", "time_zone": "Europe/Nowhere"},
    ],
)
def test_move_that_can_not_be_read_changes_nothing(browser, couple, instance, form):
    before = couple.weddings.get().date
    answer = browser.post(
        f"/journey-monitor/couples/{couple.public_id}/move", {**form, "confirmed": "1"}, follow=True
    )
    assert 'class="note danger"' in answer.content.decode()
    assert before == couple.weddings.get().date


@pytest.fixture
def ticket(vendor, now):
    """A step that failed because the couple has no phone number."""
    journey = (
        a_journey().sms("checklist", to=["planner"]).email("after").publish(vendor, now=now, name="Texts")
    )
    client = a_couple(vendor, now=now)
    instance_start(vendor=vendor, journey=journey, client=client, variables={}, now=now, actor=ACTOR)
    run_until_idle(now)
    return InterventionTicket.objects.get()


def test_ticket_is_named_on_every_page_and_listed(browser, ticket):
    page = browser.get("/journey-monitor/tickets/").content.decode()
    assert ticket.summary.replace("'", "&#x27;") in page
    assert "one step that needs a person" in browser.get("/journey-monitor/").content.decode()


def test_ticket_is_skipped_and_the_journey_goes_on(browser, ticket):
    browser.post(f"/journey-monitor/tickets/{ticket.public_id}/skip")
    ticket.refresh_from_db()
    assert ("resolved", "skip") == (ticket.status, ticket.resolution)


def test_ticket_is_tried_again(browser, ticket):
    browser.post(f"/journey-monitor/tickets/{ticket.public_id}/retry")
    ticket.refresh_from_db()
    assert "resolved" == ticket.status


def test_ticket_that_stops_a_journey_asks_first(browser, ticket):
    page = f"/journey-monitor/tickets/{ticket.public_id}/cancel"
    assert "Stop 1 journey?" in browser.post(page).content.decode()
    browser.post(page, {"confirmed": "1"})
    assert "cancelled" == Instance.objects.get(ticket_lines__ticket=ticket).status


def test_time_line_offers_what_can_be_done_about_a_ticket(browser, ticket):
    client_id = ticket.lines.get().instance.client.public_id
    page = browser.get(f"/journey-monitor/couples/{client_id}/").content.decode()
    assert f"/journey-monitor/tickets/{ticket.lines.get().public_id}/skip" in page
    assert "one step needs you" in page

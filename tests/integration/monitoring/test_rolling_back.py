"""Going back to a step on the pages: looked at first, then made."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from channels.models import SinkMessage
from engine.models import Instance, RollBack, Schedule
from engine.services.instances import instance_start
from journeys.models import AuditRecord
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle
from tests.integration.monitoring.conftest import a_person

MANY = "/journey-monitor/instances/roll-back"


@pytest.fixture
def page(instance):
    return f"/journey-monitor/instances/{instance.public_id}/roll-back"


def test_couple_page_leads_to_the_steps_that_were_reached(browser, couple, instance, page):
    linked = browser.get(f"/journey-monitor/couples/{couple.public_id}/").content.decode()
    shown = browser.get(page).content.decode()

    assert page in linked
    assert "Choose the step to go on from." in shown
    assert '<option value="welcome"' in shown
    assert '<option value="checklist"' not in shown


def test_going_back_is_shown_before_it_is_made(browser, owner, couple, instance, page, now):
    form = {"node_id": "welcome", "messages": "keep", "due": "now"}

    shown = browser.post(page, form).content.decode()
    assert "Nothing has changed yet." in shown
    assert "1 has gone out already" in shown
    assert "does not go out again" in shown
    assert not RollBack.objects.exists()

    made = browser.post(page, {**form, "number": "1", "confirmed": "1"}, follow=True).content.decode()
    assert "Photography goes on from welcome." in made
    assert [("welcome", 2)] == list(Schedule.objects.values_list("node_id", "visit"))
    assert AuditRecord.objects.filter(actor=f"user:{owner.pk}", action="instance.rolled_back").exists()
    run_until_idle(now)
    assert 1 == SinkMessage.objects.count()

    # The same button pressed once more, by whoever has the page still open.
    browser.post(page, {**form, "number": "1", "confirmed": "1"})
    assert 1 == RollBack.objects.count()


@pytest.mark.parametrize("node_id", ["", "checklist", "nowhere"])
def test_step_that_can_not_be_gone_back_to_is_refused_in_words(browser, instance, page, node_id):
    shown = browser.post(page, {"node_id": node_id}).content.decode()

    assert "Nothing was changed." in shown
    assert not RollBack.objects.exists()


def test_chosen_couples_of_one_journey_go_back_together(browser, vendor, journey, instance, now):
    other = instance_start(
        vendor=vendor, journey=journey, client=a_couple(vendor, now=now), variables={}, now=now, actor=ACTOR
    )
    ids = [instance.public_id, other.public_id]

    asked = browser.post(MANY, {"ids": ids}).content.decode()
    assert "Go back to a step in 2 journeys?" in asked
    done = browser.post(MANY, {"ids": ids, "node_id": "welcome", "confirmed": "1"}, follow=True)

    assert "Went back in 1 journey." in done.content.decode()
    assert "has not been at welcome yet" in done.content.decode()
    assert 1 == RollBack.objects.count()


def test_couples_of_several_journeys_are_not_mixed(browser, vendor, instance, couple, now):
    other = a_journey().wait("rest", for_="3d").publish(vendor, now=now, name="Album")
    beside = instance_start(vendor=vendor, journey=other, client=couple, variables={}, now=now, actor=ACTOR)

    answer = browser.post(MANY, {"ids": [instance.public_id, beside.public_id]}, follow=True)

    assert "Choose couples of one journey" in answer.content.decode()


def test_everybody_in_a_journey_is_paused_and_resumed(browser, vendor, journey, instance, now):
    instance_start(
        vendor=vendor, journey=journey, client=a_couple(vendor, now=now), variables={}, now=now, actor=ACTOR
    )
    act = "/journey-monitor/instances/act"

    shown = browser.get(f"/journey-monitor/journeys/{journey.public_id}/").content.decode()
    assert "Pause all" in shown
    browser.post(act, {"do": "pause", "journey": journey.public_id})
    assert 2 == Instance.objects.filter(status="paused").count()
    browser.post(act, {"do": "resume", "journey": journey.public_id})
    assert 2 == Instance.objects.filter(status="active").count()


def test_instance_of_another_vendor_is_not_found(browser, now):
    other = a_vendor(now=now, name="Other")
    theirs = instance_start(
        vendor=other,
        journey=a_journey().email("hello").publish(other, now=now),
        client=a_couple(other, now=now),
        variables={},
        now=now,
        actor=ACTOR,
    )

    assert 404 == browser.get(f"/journey-monitor/instances/{theirs.public_id}/roll-back").status_code
    browser.post(MANY, {"ids": [theirs.public_id], "node_id": "start", "confirmed": "1"})
    assert not RollBack.objects.exists()


def test_viewer_is_refused(vendor, instance, page, now):
    viewer = Browser()
    viewer.force_login(a_person(vendor, "viewer", now=now))

    assert 403 == viewer.get(page).status_code
    assert 403 == viewer.post(page, {"node_id": "welcome", "confirmed": "1"}).status_code
    assert not RollBack.objects.exists()

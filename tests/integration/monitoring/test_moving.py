"""Moving a wedding, cancelling it and taking it back on the pages, and the plan of a late start."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client as Browser

from engine.models import Instance, LatePlan, NodeExecution, WeddingMove
from engine.services.instances import instance_start
from journeys.services.weddings import wedding_move
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle
from tests.integration.monitoring.conftest import a_person


@pytest.fixture
def page(couple) -> str:
    return f"/journey-monitor/couples/{couple.public_id}"


def test_past_step_is_chosen_for_on_the_page(browser, couple, instance, page, now):
    soon = (now + timedelta(days=20)).date().isoformat()
    shown = browser.post(f"{page}/move", {"date": soon, "time": "", "time_zone": ""}).content.decode()
    assert "1 is past at the new date" in shown
    field = f"choice:{instance.public_id}:month_before"
    assert f'name="{field}"' in shown
    assert "1 has gone out already" in shown

    browser.post(f"{page}/move", {"date": soon, "time": "", "time_zone": "", "confirmed": "1", field: "send"})
    run_until_idle(now)

    assert "succeeded" == NodeExecution.objects.get(node_id="month_before").status


def test_move_is_taken_back_after_a_look(browser, couple, instance, page, now):
    wedding = couple.weddings.get()
    was = wedding.date
    wedding_move(wedding=wedding, date=was + timedelta(days=7), now=now, actor=ACTOR)
    move = WeddingMove.objects.get()
    assert "Take it back" in browser.get(f"{page}/").content.decode()

    shown = browser.post(f"{page}/move/undo", {"move": move.public_id}).content.decode()
    wedding.refresh_from_db()
    assert "Take the change back" in shown
    assert was != wedding.date

    browser.post(f"{page}/move/undo", {"move": move.public_id, "confirmed": "1"})
    wedding.refresh_from_db()
    assert was == wedding.date


def test_wedding_is_cancelled_after_a_look(browser, couple, instance, page):
    shown = browser.post(f"{page}/cancel", {}).content.decode()
    instance.refresh_from_db()
    assert "1 journey ends with it" in shown
    assert "active" == instance.status

    browser.post(f"{page}/cancel", {"confirmed": "1"})
    instance.refresh_from_db()
    assert ("cancelled", "wedding_cancelled") == (instance.status, instance.result)
    assert "Take it back" not in browser.get(f"{page}/").content.decode()


def test_viewer_changes_no_date(browser, couple, instance, page, vendor, now):
    browser.force_login(a_person(vendor, "viewer", now=now))

    for deed in ("move", "move/undo", "cancel"):
        assert 403 == browser.post(f"{page}/{deed}", {"confirmed": "1"}).status_code
    assert not WeddingMove.objects.exists()


@pytest.fixture
def late(vendor, now) -> Instance:
    builder = a_journey().email("list", when={"kind": "anchor", "offset": "-90d"}, late={"rule": "send"})
    definition = {**builder.definition(), "late_start": {"show_plan": True}}
    builder.definition = lambda: definition
    couple = a_couple(vendor, now=now, wedding_in=timedelta(days=40))
    return instance_start(
        vendor=vendor,
        journey=builder.publish(vendor, now=now),
        client=couple,
        variables={},
        now=now,
        actor=ACTOR,
    )


def test_plan_of_a_late_start_is_named_shown_and_confirmed(browser, late):
    couple = browser.get(f"/journey-monitor/couples/{late.client.public_id}/").content.decode()
    address = f"/journey-monitor/instances/{late.public_id}/plan"
    assert address in couple
    shown = browser.get(address).content.decode()
    assert "Nothing goes out before you say yes." in shown

    browser.post(f"{address}/confirm", {"choice:list": "skip"})

    late.refresh_from_db()
    assert ("active", {"list": "skip"}) == (late.status, late.decisions)
    assert "confirmed" == LatePlan.objects.get().status
    assert "Begin as planned" not in browser.get(address).content.decode()


@pytest.fixture
def other_browser(now) -> Browser:
    other = a_vendor(now=now, name="Somebody else")
    browser = Browser()
    browser.force_login(a_person(other, "editor", now=now))
    return browser


def test_plan_of_another_vendors_couple_is_not_there(browser, late, other_browser):
    assert 404 == other_browser.get(f"/journey-monitor/instances/{late.public_id}/plan").status_code
    assert 404 == other_browser.post(f"/journey-monitor/instances/{late.public_id}/plan/confirm").status_code

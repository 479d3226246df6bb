"""Instances in the admin: one deed for many, and rolling back with a form between."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from engine.models import Instance, RollBack, Schedule
from engine.services.instances import instance_start
from journeys.models import AuditRecord, Vendor
from tests.builders import ACTOR, a_couple, a_journey
from tests.drive import enter, run_until_idle

PAGE = "/admin/engine/instance/"


@pytest.fixture
def admin(db: None) -> Browser:
    browser = Browser()
    browser.force_login(User.objects.create_superuser("root@example.com", password="a long password"))
    return browser


@pytest.fixture
def started(vendor: Vendor, now: datetime) -> list[Instance]:
    journey = a_journey().email("hello").wait("rest", for_="3d").publish(vendor, now=now)
    found = [enter(journey, a_couple(vendor, now=now), now=now) for _ in range(2)]
    run_until_idle(now)
    return found


def act(admin: Browser, action: str, instances: list[Instance], **more: str) -> str:
    form = {"action": action, "_selected_action": [one.pk for one in instances], **more}
    return admin.post(PAGE, form, follow=True).content.decode()


def test_chosen_instances_are_paused_resumed_and_cancelled(admin: Browser, started: list[Instance]) -> None:
    assert "2 paused." in act(admin, "pause", started)
    assert {"paused"} == set(Instance.objects.values_list("status", flat=True))
    assert "2 resumed." in act(admin, "resume", started)
    assert "2 times: Nothing of this journey has failed" in act(admin, "retry", started)
    assert "1 cancelled." in act(admin, "cancel", started[:1])
    assert "there is nothing to pause" in act(admin, "pause", started)


def test_rolling_back_asks_for_the_step_first(admin: Browser, started: list[Instance]) -> None:
    asked = act(admin, "roll_back", started)
    assert '<option value="hello">' in asked
    assert not RollBack.objects.exists()

    form = {"roll": "1", "node_id": "hello", "messages": "keep", "due": "now", "reason": "Wrong album."}
    assert "2 rolled back." in act(admin, "roll_back", started, **form)

    assert {("hello", 2)} == set(Schedule.objects.values_list("node_id", "visit"))
    actor = AuditRecord.objects.filter(action="instance.rolled_back").values_list("actor", flat=True)[0]
    assert actor.startswith("user:")
    assert (
        "Wrong album."
        in admin.get(f"/admin/engine/rollback/{RollBack.objects.all()[0].pk}/change/").content.decode()
    )


def test_instances_of_two_journeys_are_not_rolled_back_together(
    admin: Browser, started: list[Instance], vendor: Vendor, now: datetime
) -> None:
    other = instance_start(
        vendor=vendor,
        journey=a_journey().wait("rest", for_="9d").publish(vendor, now=now, name="Other"),
        client=a_couple(vendor, now=now),
        variables={},
        now=now,
        actor=ACTOR,
    )

    assert "Choose instances of one journey" in act(admin, "roll_back", [*started, other])

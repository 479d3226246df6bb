"""The page of tasks, and what pressing its buttons does."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client as Browser

from engine.models import Instance
from engine.services.instances import instance_start
from journeys.models import Client, Task, Vendor
from journeys.services.tasks import task_add
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle
from tests.integration.monitoring.conftest import a_person

LIST = "/journey-monitor/tasks/"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiting(vendor: Vendor, couple: Client, now: datetime) -> Instance:
    builder = a_journey().step("call", "task", title="Offer the album", choices=["buys", "thinks_about_it"])
    builder._open = [("call", "buys"), ("call", "thinks_about_it")]
    journey = builder.publish(vendor, now=now, name="Albums")
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return instance


def test_what_is_to_be_done_is_listed_with_its_choices(
    browser: Browser, waiting: Instance, vendor: Vendor, couple: Client, now: datetime
) -> None:
    del waiting
    yesterday = (now - timedelta(days=2)).date()
    task_add(client=couple, title="Send the invoice", due_on=yesterday, now=now, actor=ACTOR)
    stranger = a_vendor(now=now, name="Somebody Else")
    task_add(client=a_couple(stranger, now=now), title="Not yours", now=now, actor=ACTOR)

    page = browser.get(LIST).content.decode()

    assert "2 tasks to do." in page
    for words in ("Offer the album", "Albums", "Thinks about it", "Send the invoice", "Overdue", "Done:"):
        assert words in page
    assert "Not yours" not in page
    assert page.index("Send the invoice") < page.index("Offer the album")


def test_a_choice_finishes_the_task_and_the_journey_goes_on(
    browser: Browser, waiting: Instance, now: datetime
) -> None:
    task = Task.objects.get()

    refused = browser.post(f"{LIST}{task.public_id}/done", follow=True).content.decode()
    assert "Choose how the task came out" in refused
    said = browser.post(f"{LIST}{task.public_id}/done", {"choice": "buys"}, follow=True).content.decode()
    run_until_idle(now)

    assert "What waited for it goes on." in said
    assert "Offer the album" not in said
    assert "Offer the album" in browser.get(f"{LIST}?status=done").content.decode()
    waiting.refresh_from_db()
    assert Instance.Status.COMPLETED == waiting.status


def test_a_viewer_reads_and_does_nothing(waiting: Instance, vendor: Vendor, now: datetime) -> None:
    del waiting
    task, viewer = Task.objects.get(), Browser()
    viewer.force_login(a_person(vendor, "viewer", now=now))

    assert "Thinks about it" not in viewer.get(LIST).content.decode()
    assert 403 == viewer.post(f"{LIST}{task.public_id}/done", {"choice": "buys"}).status_code


def test_a_task_of_somebody_else_is_not_found(browser: Browser, now: datetime) -> None:
    stranger = a_vendor(now=now, name="Somebody Else")
    task = task_add(client=a_couple(stranger, now=now), title="Not yours", now=now, actor=ACTOR)

    assert 404 == browser.post(f"{LIST}{task.public_id}/done").status_code
    task.refresh_from_db()
    assert task.done_at is None


def test_a_list_with_nothing_in_it_says_so(browser: Browser) -> None:
    assert "No task waits for you." in browser.get(LIST).content.decode()
    assert "Nothing done yet" in browser.get(f"{LIST}?status=done").content.decode()

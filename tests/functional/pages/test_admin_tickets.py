"""Tickets in the admin: worked with all their steps or one by one, and audited."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser

from engine.models import Instance, InterventionTicket, TicketLine
from engine.services.instances import instance_start
from journeys.models import AuditRecord, Client, Vendor
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle
from tests.tickets import EXPIRED, parked_steps, stop

TICKETS = "/admin/engine/interventionticket/"
LINES = "/admin/engine/ticketline/"


@pytest.fixture
def vendor(db: None, now: datetime, settings: Any) -> Vendor:
    settings.WHITENOISE_AUTOREFRESH = True
    return a_vendor(now=now)


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)


@pytest.fixture
def browser(vendor: Vendor) -> Browser:
    user = get_user_model().objects.create_superuser("root", password="journeys-2027")
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def ticket(vendor: Vendor, couple: Client, now: datetime) -> InterventionTicket:
    journey = a_journey().email("hello").publish(vendor, now=now)
    stop(parked_steps(journey, couple, 3, now=now), EXPIRED, now=now)
    return InterventionTicket.objects.get()


def do(browser: Browser, path: str, action: str, *keys: int, **more: Any) -> str:
    form = {"action": action, "_selected_action": [str(key) for key in keys], **more}
    return browser.post(path, form, follow=True).content.decode()


def test_tickets_are_listed_with_their_steps(browser: Browser, ticket: InterventionTicket) -> None:
    assert "3 of 3" in browser.get(TICKETS).content.decode()
    assert EXPIRED.summary in browser.get(f"{TICKETS}{ticket.pk}/change/").content.decode()
    assert 200 == browser.get(LINES).status_code


@pytest.mark.parametrize(
    ("action", "said", "status"),
    [
        ("retry", "3 tried again", "active"),
        ("skip", "3 skipped", "active"),
        ("cancel", "3 ended", "cancelled"),
    ],
)
def test_all_steps_of_a_ticket_are_worked(
    browser: Browser, ticket: InterventionTicket, action: str, said: str, status: str
) -> None:
    page = do(browser, TICKETS, action, ticket.pk)

    ticket.refresh_from_db()
    assert said in page
    assert ("resolved", action) == (ticket.status, ticket.resolution)
    assert ticket.resolved_by.startswith("user:")
    assert {status} == set(Instance.objects.values_list("status", flat=True))
    assert AuditRecord.objects.filter(action="ticket.worked", object_id=ticket.public_id).exists()


@pytest.mark.parametrize(
    ("action", "said"), [("resend", "Retry it instead."), ("mark_sent", "Retry or skip it instead.")]
)
def test_what_can_not_be_done_is_said(
    browser: Browser, ticket: InterventionTicket, action: str, said: str
) -> None:
    assert said in do(browser, TICKETS, action, ticket.pk)

    ticket.refresh_from_db()
    assert "open" == ticket.status


def test_single_steps_are_worked(browser: Browser, ticket: InterventionTicket) -> None:
    first, second, third = ticket.lines.order_by("id")

    page = do(browser, LINES, "skip", first.pk, third.pk)

    assert "2 skipped" in page
    assert [second] == list(TicketLine.objects.filter(status="open"))


def test_a_ticket_is_taken_and_given_back(browser: Browser, ticket: InterventionTicket) -> None:
    do(browser, TICKETS, "take", ticket.pk)
    ticket.refresh_from_db()
    assert "root" == ticket.assignee.get_username()  # type: ignore[union-attr]

    do(browser, TICKETS, "give_back", ticket.pk)
    ticket.refresh_from_db()
    assert ticket.assignee is None


def test_data_is_put_right_in_between(
    browser: Browser, vendor: Vendor, couple: Client, now: datetime
) -> None:
    body = "About {{ variables.album }}"
    journey = a_journey().variable("album").email("hello", body=body).publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={"album": ""}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    ticket = InterventionTicket.objects.get()

    asked = do(browser, TICKETS, "edit_and_retry", ticket.pk)
    empty = do(browser, TICKETS, "edit_and_retry", ticket.pk, correct="1")
    wrong = do(browser, TICKETS, "edit_and_retry", ticket.pk, correct="1", variables_json="[1]")
    ticket.refresh_from_db()
    assert ("open", True) == (ticket.status, 'name="correct"' in asked)
    assert "Say what is to be put right." in empty
    assert "Write an object" in wrong

    done = do(
        browser,
        TICKETS,
        "edit_and_retry",
        ticket.pk,
        correct="1",
        variables_json='{"album": "the green one"}',
    )

    instance.refresh_from_db()
    ticket.refresh_from_db()
    assert "1 put right and tried again" in done
    assert ("resolved", "edit", {"album": "the green one"}) == (
        ticket.status,
        ticket.resolution,
        instance.variables,
    )

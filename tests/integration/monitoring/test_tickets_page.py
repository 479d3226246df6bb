"""The tickets' pages: one reason with all its steps, and what can be done about it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from channels.contract import SendResult, Verdict
from channels.services import sending
from engine.models import Instance, InterventionTicket
from engine.services.instances import instance_start
from journeys.language.errors import ErrorClass
from tests.builders import ACTOR, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle
from tests.tickets import EXPIRED, parked_steps, stop

LIST = "/journey-monitor/tickets/"


@pytest.fixture
def hello(vendor, now):
    return a_journey().email("hello").publish(vendor, now=now, name="Greeting")


@pytest.fixture
def ticket(hello, vendor, now):
    """One cause that has stopped twelve passages of a couple."""
    stop(parked_steps(hello, a_couple(vendor, now=now), 12, now=now), EXPIRED, now=now)
    return InterventionTicket.objects.get()


def test_one_reason_is_one_row(browser, ticket):
    page = browser.get(LIST).content.decode()

    assert "12 steps need a person, for 1 reason." in page
    assert page.count(EXPIRED.summary) >= 1
    assert f"{LIST}{ticket.public_id}/retry" in page
    assert "Try all again" in page
    assert "12 steps that need a person" in browser.get("/journey-monitor/").content.decode()


def test_its_page_lists_the_steps_with_their_own_deeds(browser, ticket):
    page = browser.get(f"{LIST}{ticket.public_id}/").content.decode()

    assert "12 steps, one reason" in page
    for line in ticket.lines.all():
        assert f"{LIST}{line.public_id}/skip" in page


def test_all_steps_are_tried_again(browser, ticket):
    answer = browser.post(f"{LIST}{ticket.public_id}/retry", follow=True)

    ticket.refresh_from_db()
    assert "12 steps are being tried again." in answer.content.decode()
    assert ("resolved", "retry") == (ticket.status, ticket.resolution)


def test_one_step_is_skipped_and_the_others_stay(browser, ticket):
    line = ticket.lines.order_by("id")[0]

    browser.post(f"{LIST}{line.public_id}/skip")

    line.refresh_from_db()
    ticket.refresh_from_db()
    assert ("skip", "open", 11) == (
        line.resolution,
        ticket.status,
        ticket.lines.filter(status="open").count(),
    )


def test_many_journeys_are_stopped_when_their_number_is_typed(browser, ticket):
    path = f"{LIST}{ticket.public_id}/cancel"

    asked = browser.post(path).content.decode()
    assert "Stop 12 journeys?" in asked
    assert "Type 12 to stop them" in asked
    browser.post(path, {"confirmed": "1"})
    browser.post(path, {"confirmed": "1", "number": "11"})
    assert {"active"} == set(Instance.objects.values_list("status", flat=True))
    browser.post(path, {"confirmed": "1", "number": "12"})

    assert {"cancelled"} == set(Instance.objects.values_list("status", flat=True))


def test_a_ticket_is_taken_and_given_back(browser, ticket):
    page = f"{LIST}{ticket.public_id}/"

    browser.post(f"{page}take", {"next": page})
    ticket.refresh_from_db()
    assert ticket.assignee is not None
    assert "Give it back" in browser.get(page).content.decode()
    browser.post(f"{page}give-back", {"next": page})

    ticket.refresh_from_db()
    assert ticket.assignee is None


def test_wrong_data_is_put_right_on_the_page(browser, hello, vendor, now, monkeypatch):
    refused = SendResult(Verdict.REJECTED, error_class=ErrorClass.USER, code="21211", reason="Not valid.")
    couple = a_couple(vendor, now=now)
    with monkeypatch.context() as patched:
        patched.setattr(sending, "hand_over", lambda _message: refused)
        instance_start(vendor=vendor, journey=hello, client=couple, variables={}, now=now, actor=ACTOR)
        run_until_idle(now)
    ticket = InterventionTicket.objects.get()
    page = f"{LIST}{ticket.public_id}/"
    assert "Save and try again" in browser.get(page).content.decode()

    answer = browser.post(
        f"{page}edit", {"email": "right@example.com", "field": "album", "value": "green"}, follow=True
    )

    couple.refresh_from_db()
    ticket.refresh_from_db()
    assert ("right@example.com", {"album": "green"}) == (couple.email, couple.fields)
    assert ("resolved", "edit") == (ticket.status, ticket.resolution)
    assert "It is put right, and the step is being tried again." in answer.content.decode()


def test_doubt_is_settled_by_who_knows(browser, hello, vendor, now, monkeypatch):
    doubt = SendResult(Verdict.IN_DOUBT, code="timeout", reason="It did not answer.")
    monkeypatch.setattr(sending, "hand_over", lambda _message: doubt)
    monkeypatch.setattr(sending, "settle_in_doubt", lambda message, now: message)
    monkeypatch.setattr(sending, "doubt_expired", lambda message, now: True)
    couple = a_couple(vendor, now=now)
    instance_start(vendor=vendor, journey=hello, client=couple, variables={}, now=now, actor=ACTOR)
    for minutes in range(3):
        run_until_idle(now + timedelta(minutes=minutes))
    ticket = InterventionTicket.objects.get(code="in_doubt")
    page = browser.get(LIST).content.decode()
    assert "It went out" in page
    assert "Try again" not in page

    browser.post(f"{LIST}{ticket.public_id}/mark-sent")

    ticket.refresh_from_db()
    assert ("resolved", "mark_sent") == (ticket.status, ticket.resolution)


@pytest.mark.parametrize("path", ["/", "/retry", "/edit", "/take"])
def test_tickets_of_others_are_not_there(browser, now, path):
    other = a_vendor(now=now, name="Another")
    journey = a_journey().email("hello").publish(other, now=now)
    stop(parked_steps(journey, a_couple(other, now=now), 1, now=now), EXPIRED, now=now)
    ticket = InterventionTicket.objects.get()

    page = f"{LIST}{ticket.public_id}{path}"

    assert 404 == (browser.get(page) if path == "/" else browser.post(page)).status_code
    ticket.refresh_from_db()
    assert ("open", None) == (ticket.status, ticket.assignee)
